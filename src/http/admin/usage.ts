import type { ApiKey } from '../../../contract/key.ts';
import type { UsageRow, UsageTotals } from '../../../contract/usage-report.ts';
import { Fault } from '../../base/fault.ts';
import { formatNanos } from '../../base/money.ts';
import type { RecordsStore } from '../../records/records-store.ts';
import type { CurrencyAmounts, UsageTotal } from '../../records/usage-total.ts';
import { utcDayText } from '../../records/utc-day.ts';
import type { AdminHandlers } from './admin-handlers.ts';

/** How far a time can go in JavaScript; stands for "no end". */
const endOfTimeMs = 8.64e15;

/** Totals of what was used. `listKeys` gives the labels, for reports by key. */
export function usageHandlers(
  records: Pick<RecordsStore, 'usageTotals'>,
  listKeys: () => Promise<readonly ApiKey[]>,
): Pick<AdminHandlers, 'usage'> {
  return {
    async usage({ from, to, by }) {
      const fromMs = from === undefined ? undefined : Date.parse(from);
      const toMs = to === undefined ? undefined : Date.parse(to);
      if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
        throw new Fault('invalid_request', { message: 'Invalid request: "from" must be before "to"', field: 'from' });
      }
      const totals = await records.usageTotals({ fromMs: fromMs ?? 0, toMs: toMs ?? endOfTimeMs, groupBy: by });
      const byKey = by === 'key' || by === 'key-model';
      const keys = new Map(byKey ? (await listKeys()).map((key) => [key.id, key]) : []);
      return {
        from: toInstant(fromMs),
        to: toInstant(toMs),
        by,
        rows: totals.map((total) => toRow(total, by === 'upstream', keys)),
        total: toTotals(totals),
      };
    },
  };
}

function toInstant(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

function toRow(total: UsageTotal, byUpstream: boolean, keys: ReadonlyMap<string, ApiKey>): UsageRow {
  const { day, tenantId, keyId, modelId, upstreamId } = total;
  const key = keyId === undefined ? undefined : keys.get(keyId);
  return {
    ...toTotals([total]),
    ...(day === undefined ? {} : { day: utcDayText(day) }),
    ...(tenantId === undefined ? {} : { tenant: tenantId }),
    ...(keyId === undefined ? {} : { key: { id: keyId, label: key?.label ?? null, mode: key?.mode ?? null } }),
    ...(modelId === undefined ? {} : { model: modelId }),
    ...(byUpstream ? { upstream: upstreamId ?? null } : {}),
  };
}

/** One total over all of `parts`. */
function toTotals(parts: readonly UsageTotal[]): UsageTotals {
  const sum = (count: (part: UsageTotal) => number): number => parts.reduce((so, part) => so + count(part), 0);
  const partial = sum((part) => part.generations.partial);
  const failed = sum((part) => part.generations.failed);
  const unknown = sum((part) => part.generations.unknown);
  return {
    generations: partial + failed + unknown + sum((part) => part.generations.complete),
    partial,
    failed,
    unknown,
    flagged: sum((part) => part.flaggedCount),
    free: sum((part) => part.freeCount),
    unpriced: sum((part) => part.unpricedCount),
    estimated: sum((part) => part.estimatedCount),
    unmeasured: sum((part) => part.unmeasuredCount),
    tokens: {
      inputUncached: sum((part) => part.tokens.inputUncached),
      cacheRead: sum((part) => part.tokens.cacheRead),
      cacheWrite: sum((part) => part.tokens.cacheWrite),
      cacheWrite1h: sum((part) => part.tokens.cacheWrite1h),
      output: sum((part) => part.tokens.output),
      reasoning: sum((part) => part.tokens.reasoning),
    },
    webSearches: sum((part) => part.webSearchCount),
    storage: {
      tokenSeconds: sum((part) => part.storage.tokenSeconds),
      unpricedTokenSeconds: sum((part) => part.storage.unpricedTokenSeconds),
    },
    costs: toCosts(parts.flatMap((part) => part.amounts)),
  };
}

/** Amounts by currency, in alphabetical order; different currencies are never added up. */
function toCosts(amounts: readonly CurrencyAmounts[]): UsageTotals['costs'] {
  const byCurrency = Map.groupBy(amounts, (one) => one.currency);
  const totals = [...byCurrency].map(([currency, same]) => {
    const sum = (pick: (one: CurrencyAmounts) => bigint): string => formatNanos(same.reduce((so, one) => so + pick(one), 0n));
    return {
      currency,
      charged: sum((one) => one.chargedNanos),
      storage: sum((one) => one.storageNanos),
      cost: sum((one) => one.costNanos),
      free: sum((one) => one.freeNanos),
      cacheSaved: sum((one) => one.cacheSavedNanos),
      loss: sum((one) => one.lossNanos),
      margin: marginOf(same),
    };
  });
  return totals.sort((one, other) => (one.currency < other.currency ? -1 : 1));
}

/** The margin over all of them; null when that of one is unknown, or none has any. */
function marginOf(same: readonly CurrencyAmounts[]): string | null {
  const told = same.map((one) => one.margin).filter((margin) => margin !== 'none');
  const known = told.filter((margin) => margin !== 'unknown');
  return told.length === 0 || known.length < told.length ? null : formatNanos(known.reduce((so, margin) => so + margin, 0n));
}
