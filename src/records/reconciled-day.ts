import { type Currency, divideHalfEven, formatDecimal, type Nanos } from '../base/money.ts';
import type { BalanceMoves, UnplacedMove } from './balance-moves.ts';
import type { DaySpan, OwnCost } from './figures-store.ts';
import type { ComparedCalls, FigureSource, UpstreamFigure } from './upstream-figure.ts';
import { type UtcDay, utcDayOf } from './utc-day.ts';

/** One day and currency, by our records and by one source of the upstream's. */
export interface ReconciledDay {
  readonly day: UtcDay;
  readonly currency: Currency;
  /** Undefined: there is no figure of the upstream's. */
  readonly source?: FigureSource;
  /** Of the whole day; for single calls, of those. Undefined: nothing is recorded. */
  readonly ownNanos?: Nanos;
  readonly theirNanos?: Nanos;
  /** Theirs less ours, when both are there. */
  readonly driftNanos?: Nanos;
  /** Of ours, with two decimals; undefined when ours is zero. */
  readonly driftPercent?: string;
  readonly compared?: ComparedCalls;
  /** Calls of that day whose cost we do not know; they are in no sum. */
  readonly unpricedCount: number;
  /** For `balance`: how much of the day lies between snapshots. */
  readonly coveredMs?: number;
  /** For `balance`: what was paid in; as much as was spent meanwhile is missing in both this and theirs. */
  readonly toppedUpNanos?: Nanos;
}

/** The sums over the days of which both sides are there. */
export interface ReconciledTotal {
  readonly source: FigureSource;
  readonly currency: Currency;
  readonly days: number;
  readonly ownNanos: Nanos;
  readonly theirNanos: Nanos;
  readonly driftNanos: Nanos;
  readonly driftPercent?: string;
}

export interface ReconciledSpan {
  /** In order of days, currencies and sources. */
  readonly days: readonly ReconciledDay[];
  readonly totals: readonly ReconciledTotal[];
  /** Changes of the balance that belong to no one day. */
  readonly unplaced: readonly UnplacedMove[];
}

export interface BothSides {
  readonly own: readonly OwnCost[];
  /** In order of days, currencies and sources. */
  readonly figures: readonly UpstreamFigure[];
  readonly moves: BalanceMoves;
}

/** Lays both sides beside each other. What stands on one side only is there too, with the other one missing. */
export function reconcile(span: DaySpan, { own, figures, moves }: BothSides): ReconciledSpan {
  const ownByDay = new Map<string, Nanos>();
  const unpriced = new Map<UtcDay, number>();
  for (const { day, costState, currency, costNanos, count } of own) {
    if (costState === 'unpriced' || costState === 'unknown') unpriced.set(day, (unpriced.get(day) ?? 0) + count);
    if (costState !== 'priced' || currency === null) continue;
    const name = nameOf(day, currency);
    ownByDay.set(name, (ownByDay.get(name) ?? 0n) + costNanos);
  }
  const told = new Set(figures.map(({ day, currency }) => nameOf(day, currency)));
  const days: ReconciledDay[] = figures.map((figure) => ({
    ...bothOf(figure, ownByDay.get(nameOf(figure.day, figure.currency))),
    ...balanceFacts(figure, moves),
    unpricedCount: unpriced.get(figure.day) ?? 0,
  }));
  for (const [name, ownNanos] of ownByDay) {
    if (told.has(name)) continue;
    const [day, currency] = partsOf(name);
    days.push({ day, currency, ownNanos, unpricedCount: unpriced.get(day) ?? 0 });
  }
  days.sort((one, other) => one.day - other.day || compareText(one.currency, other.currency) || compareText(one.source ?? '', other.source ?? ''));
  const unplaced = moves.unplaced.filter(({ fromMs, toMs }) => utcDayOf(toMs) >= span.fromDay && utcDayOf(fromMs) < span.toDay);
  return { days, totals: totalsOf(days), unplaced };
}

function bothOf({ day, currency, source, amountNanos, compared }: UpstreamFigure, wholeDayNanos: Nanos | undefined): Omit<ReconciledDay, 'unpricedCount'> {
  const ownNanos = compared === undefined ? wholeDayNanos : compared.ownNanos;
  return {
    day,
    currency,
    source,
    theirNanos: amountNanos,
    ...(compared === undefined ? {} : { compared }),
    ...(ownNanos === undefined ? {} : { ownNanos, ...driftOf(ownNanos, amountNanos) }),
  };
}

function driftOf(ownNanos: Nanos, theirNanos: Nanos): { driftNanos: Nanos; driftPercent?: string } {
  const driftNanos = theirNanos - ownNanos;
  return ownNanos <= 0n ? { driftNanos } : { driftNanos, driftPercent: formatDecimal(divideHalfEven(driftNanos * 10_000n, ownNanos), 2) };
}

function balanceFacts({ source, day, currency }: UpstreamFigure, moves: BalanceMoves): Pick<ReconciledDay, 'coveredMs' | 'toppedUpNanos'> {
  const found = source === 'balance' ? moves.days.find((one) => one.day === day && one.currency === currency) : undefined;
  if (found === undefined) return {};
  return { coveredMs: found.coveredMs, ...(found.roseNanos === 0n ? {} : { toppedUpNanos: found.roseNanos }) };
}

function totalsOf(days: readonly ReconciledDay[]): readonly ReconciledTotal[] {
  const groups = Map.groupBy(days, ({ source = '', currency }) => `${source} ${currency}`);
  return [...groups.values()].flatMap((group): ReconciledTotal[] => {
    const source = group[0]?.source;
    const currency = group[0]?.currency;
    const both = group.filter(({ driftNanos }) => driftNanos !== undefined);
    if (source === undefined || currency === undefined || both.length === 0) return [];
    const ownNanos = both.reduce((sum, one) => sum + (one.ownNanos ?? 0n), 0n);
    const theirNanos = both.reduce((sum, one) => sum + (one.theirNanos ?? 0n), 0n);
    return [{ source, currency, days: both.length, ownNanos, theirNanos, ...driftOf(ownNanos, theirNanos) }];
  });
}

function nameOf(day: UtcDay, currency: Currency): string {
  return `${day} ${currency}`;
}

function partsOf(name: string): [UtcDay, Currency] {
  const [day = '', currency = ''] = name.split(' ');
  return [Number(day), currency];
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
