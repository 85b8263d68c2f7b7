import type { Currency, Nanos } from '../base/money.ts';
import { type UtcDay, utcDayOf } from './utc-day.ts';

/** What an account held at a moment. */
export interface BalanceSnapshot {
  readonly takenMs: number;
  readonly currency: Currency;
  readonly balanceNanos: Nanos;
}

/** What the snapshots tell of one day, in one currency. */
export interface BalanceDay {
  readonly day: UtcDay;
  readonly currency: Currency;
  /** What the balance fell by: what was spent. */
  readonly fellNanos: Nanos;
  /** What it rose by: money that was paid in, less what was spent between the same two snapshots. */
  readonly roseNanos: Nanos;
  /** How much of the day lies between snapshots, in milliseconds; nothing is told of the rest. */
  readonly coveredMs: number;
}

/** A change between two snapshots so far apart that it belongs to no one day. */
export interface UnplacedMove {
  readonly fromMs: number;
  readonly toMs: number;
  readonly currency: Currency;
  /** Below zero: it rose. */
  readonly fellNanos: Nanos;
}

export interface BalanceMoves {
  /** In order of days, then currencies. */
  readonly days: readonly BalanceDay[];
  readonly unplaced: readonly UnplacedMove[];
}

/**
 * Two snapshots on either side of a midnight are taken for one day's, if they are no further apart than a day and an hour:
 * that day which most of the time between them lies in. Watches look at midnight, so that there is next to nothing to misplace.
 */
export const placedMsMax = 25 * 3_600_000;

/** What happened between `snapshots`, which are in order of time. */
export function balanceMoves(snapshots: readonly BalanceSnapshot[]): BalanceMoves {
  const days = new Map<string, { -readonly [Field in keyof BalanceDay]: BalanceDay[Field] }>();
  const unplaced: UnplacedMove[] = [];
  const last = new Map<Currency, BalanceSnapshot>();
  for (const later of snapshots) {
    const { currency } = later;
    const earlier = last.get(currency);
    last.set(currency, later);
    if (earlier === undefined) continue;
    const fellNanos = earlier.balanceNanos - later.balanceNanos;
    const sameDay = utcDayOf(earlier.takenMs) === utcDayOf(later.takenMs);
    if (!sameDay && later.takenMs - earlier.takenMs > placedMsMax) {
      unplaced.push({ fromMs: earlier.takenMs, toMs: later.takenMs, currency, fellNanos });
      continue;
    }
    const day = utcDayOf((earlier.takenMs + later.takenMs) / 2);
    const known = days.get(`${day} ${currency}`) ?? { day, currency, fellNanos: 0n, roseNanos: 0n, coveredMs: 0 };
    if (fellNanos >= 0n) known.fellNanos += fellNanos;
    else known.roseNanos -= fellNanos;
    known.coveredMs += later.takenMs - earlier.takenMs;
    days.set(`${day} ${currency}`, known);
  }
  return { days: [...days.values()].sort((one, other) => one.day - other.day || (one.currency < other.currency ? -1 : 1)), unplaced };
}
