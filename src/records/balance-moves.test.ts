import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceMoves, type BalanceSnapshot } from './balance-moves.ts';
import { parseUtcDay } from './utc-day.ts';

const day = (text: string): number => parseUtcDay(text) ?? -1;
const snapshot = (at: string, balanceNanos: bigint, currency = 'USD'): BalanceSnapshot => ({ takenMs: Date.parse(at), currency, balanceNanos });

describe('balanceMoves', () => {
  it('takes falls for spending and tells what was paid in apart', () => {
    expect(
      balanceMoves([
        snapshot('2026-05-01T00:00:01Z', 100n), snapshot('2026-05-01T06:00:00Z', 90n), snapshot('2026-05-01T12:00:00Z', 140n), snapshot('2026-05-01T18:00:00Z', 135n),
        snapshot('2026-05-02T00:00:02Z', 135n), snapshot('2026-05-02T06:00:00Z', 130n),
      ]),
    ).toEqual({
      days: [
        { day: day('2026-05-01'), currency: 'USD', fellNanos: 15n, roseNanos: 50n, coveredMs: 86_401_000 },
        { day: day('2026-05-02'), currency: 'USD', fellNanos: 5n, roseNanos: 0n, coveredMs: 21_598_000 },
      ],
      unplaced: [],
    });
  });

  it('gives a change over midnight to the day that most of the time lies in', () => {
    const { days } = balanceMoves([snapshot('2026-05-01T20:00:00Z', 9n), snapshot('2026-05-02T03:59:00Z', 7n), snapshot('2026-05-03T04:00:00Z', 6n)]);
    expect(days.map((one) => [one.day, one.fellNanos])).toEqual([[day('2026-05-01'), 2n], [day('2026-05-02'), 1n]]);
  });

  it('gives a change over more than a day to no day', () => {
    expect(balanceMoves([snapshot('2026-05-01T10:00:00Z', 9n), snapshot('2026-05-02T11:00:01Z', 7n), snapshot('2026-05-09T10:00:00Z', 8n)])).toEqual({
      days: [],
      unplaced: [
        { fromMs: Date.parse('2026-05-01T10:00:00Z'), toMs: Date.parse('2026-05-02T11:00:01Z'), currency: 'USD', fellNanos: 2n },
        { fromMs: Date.parse('2026-05-02T11:00:01Z'), toMs: Date.parse('2026-05-09T10:00:00Z'), currency: 'USD', fellNanos: -1n },
      ],
    });
  });

  it('loses nothing: falls less rises are the difference of the first and the last snapshot, in each currency', () => {
    const some = fc.array(
      fc.record({ takenMs: fc.nat(20 * 86_400_000), currency: fc.constantFrom('USD', 'CNY'), balanceNanos: fc.bigInt({ min: -1000n, max: 1000n }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(some, (list) => {
        const snapshots = list.toSorted((one, other) => one.takenMs - other.takenMs);
        const { days, unplaced } = balanceMoves(snapshots);
        for (const currency of ['USD', 'CNY']) {
          const mine = snapshots.filter((one) => one.currency === currency);
          const placed = days.filter((one) => one.currency === currency).reduce((sum, one) => sum + one.fellNanos - one.roseNanos, 0n);
          const rest = unplaced.filter((one) => one.currency === currency).reduce((sum, one) => sum + one.fellNanos, 0n);
          expect(placed + rest).toBe((mine[0]?.balanceNanos ?? 0n) - (mine.at(-1)?.balanceNanos ?? 0n));
        }
      }),
    );
  });
});
