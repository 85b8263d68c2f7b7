import type { ReconciledDay as ShownDay } from '../../../contract/reconciliation.ts';
import { Fault } from '../../base/fault.ts';
import { formatNanos } from '../../base/money.ts';
import type { ReconciledDay } from '../../records/reconciled-day.ts';
import type { Reconciliation } from '../../records/reconciliation.ts';
import type { UpstreamFigure } from '../../records/upstream-figure.ts';
import { parseUtcDay, type UtcDay, utcDayText } from '../../records/utc-day.ts';
import type { AdminHandlers } from './admin-handlers.ts';

/** Days end somewhere: past every date that the contract lets in. */
const endOfDays = 100_000_000;

type Handlers = Pick<AdminHandlers, 'importFigures' | 'fetchFigures' | 'reconciliation'>;

/** Upstreams' own figures: taken in from a file, asked for, and beside ours. */
export function reconciliationHandlers(reconciliation: Pick<Reconciliation, 'importCsv' | 'fetch' | 'show'>): Handlers {
  return {
    async importFigures({ upstream, csv }) {
      return { figures: (await reconciliation.importCsv(upstream, csv)).map(toFigure) };
    },
    async fetchFigures({ upstream, day, limit }) {
      const { source, figures, balance, missing } = await fetched(reconciliation.fetch(upstream, { day: day === undefined ? undefined : dayOf(day, 'day'), limit }));
      return {
        source,
        figures: figures.map(toFigure),
        balance: balance === undefined ? null : { amount: formatNanos(balance.amountNanos), currency: balance.currency },
        missing: [...missing],
      };
    },
    async reconciliation({ upstream, from, to }) {
      const fromDay = from === undefined ? 0 : dayOf(from, 'from');
      const toDay = to === undefined ? endOfDays : dayOf(to, 'to');
      if (fromDay >= toDay) throw new Fault('invalid_request', { message: 'Invalid request: "from" must be before "to"', field: 'from' });
      const { days, totals, unplaced } = await reconciliation.show(upstream, { fromDay, toDay });
      return {
        upstream,
        from: from ?? null,
        to: to ?? null,
        days: days.map(toDayShown),
        totals: totals.map(({ source, currency, days: count, ownNanos, theirNanos, driftNanos, driftPercent }) => ({
          source, currency, days: count, ours: formatNanos(ownNanos), theirs: formatNanos(theirNanos), drift: formatNanos(driftNanos), driftPercent: driftPercent ?? null,
        })),
        unplaced: unplaced.map(({ fromMs, toMs, currency, fellNanos }) => ({
          from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), currency, fell: formatNanos(fellNanos),
        })),
      };
    },
  };
}

/** Whatever the upstream did wrong has one code here; its text says what it was. */
async function fetched<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking;
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.blame !== 'upstream') throw thrown;
    throw new Fault('upstream_failed', { message: thrown.message, cause: thrown });
  }
}

/** A day that was asked for: one that cannot be read must not turn into another, or into all of them. */
function dayOf(text: string, field: string): UtcDay {
  const day = parseUtcDay(text);
  if (day === undefined) throw new Fault('invalid_request', { message: `Invalid request: expected a day such as 2026-01-31, not "${text.slice(0, 40)}"`, field });
  return day;
}

function toFigure({ day, currency, amountNanos }: UpstreamFigure): { day: string; currency: string; amount: string } {
  return { day: utcDayText(day), currency, amount: formatNanos(amountNanos) };
}

function toDayShown(one: ReconciledDay): ShownDay {
  const text = (nanos: bigint | undefined): string | null => (nanos === undefined ? null : formatNanos(nanos));
  return {
    day: utcDayText(one.day),
    currency: one.currency,
    source: one.source ?? null,
    ours: text(one.ownNanos),
    theirs: text(one.theirNanos),
    drift: text(one.driftNanos),
    driftPercent: one.driftPercent ?? null,
    compared: one.compared === undefined ? null : { calls: one.compared.count, missing: one.compared.missingCount },
    coveredHours: one.coveredMs === undefined ? null : Math.min(24, Math.round(one.coveredMs / 360_000) / 10),
    toppedUp: text(one.toppedUpNanos),
    unpriced: one.unpricedCount,
  };
}
