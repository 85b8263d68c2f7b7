import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StorageRate, storageMsFor, storageNanos, storageNanosBetween } from './storage-rating.ts';

const hourMs = 3_600_000;
/** Ark's (seed: volcengine-ark.zh). */
const ark: StorageRate = { tokens: 1_000_000, ratePerHour: '0.017', adjustBasisPoints: 0n, exchangeRate: '1' };

const anyRate = fc.record({
  tokens: fc.integer({ min: 0, max: 10_000_000 }),
  ratePerHour: fc.oneof(fc.constantFrom('0.017', '0.0083', '300', '0', '0.000001', '999999999.999999'), fc.integer({ min: 0, max: 999_999 }).map((n) => `0.${String(n).padStart(6, '0')}`)),
  adjustBasisPoints: fc.bigInt({ min: -9_999n, max: 100_000n }),
  exchangeRate: fc.constantFrom('1', '0.140252454417952315', '7.13', '151.37', '0.000000000000000001'),
});

describe('storageNanos', () => {
  it('is tokens times hours at the rate of the row', () => {
    expect(storageNanos(ark, hourMs)).toBe(17_000_000n);
    expect(storageNanos({ ...ark, tokens: 1 }, hourMs)).toBe(17n);
    expect(storageNanos({ ...ark, tokens: 256 }, 3 * 24 * hourMs)).toBe(313_344n);
    expect(storageNanos(ark, 0)).toBe(0n);
  });

  it('states what Moonshot asked for its caches of moonshot-v1: 5 yuan per 1M tokens and minute', () => {
    expect(storageNanos({ ...ark, ratePerHour: '300' }, 60_000)).toBe(5_000_000_000n);
  });

  it('applies percentage and exchange rate before the one rounding', () => {
    expect(storageNanos({ ...ark, adjustBasisPoints: 2_500n, exchangeRate: '0.14' }, hourMs)).toBe(2_975_000n);
  });

  it('rounds half to even', () => {
    // One token at 0.001 for half an hour and at 0.003: half a nano-unit, and one and a half.
    expect(storageNanos({ ...ark, tokens: 1, ratePerHour: '0.001' }, hourMs / 2)).toBe(0n);
    expect(storageNanos({ ...ark, tokens: 1, ratePerHour: '0.003' }, hourMs / 2)).toBe(2n);
  });

  it('refuses less than nothing', () => {
    expect(() => storageNanos({ ...ark, tokens: -1 }, 1)).toThrow(RangeError);
    expect(() => storageNanos(ark, -1)).toThrow(RangeError);
    expect(() => storageNanos(ark, 0.5)).toThrow(RangeError);
  });

  it('comes to the same however it is cut into pieces, none of them negative', () => {
    fc.assert(
      fc.property(anyRate, fc.array(fc.integer({ min: 0, max: 7 * 24 * hourMs }), { minLength: 2, maxLength: 20 }), (rate, times) => {
        const ordered = times.toSorted((one, other) => one - other);
        let paid = 0n;
        let fromMs = 0;
        for (const toMs of ordered) {
          const piece = storageNanosBetween(rate, fromMs, toMs);
          expect(piece >= 0n).toBe(true);
          paid += piece;
          fromMs = toMs;
        }
        expect(paid).toBe(storageNanos(rate, fromMs));
      }),
    );
  });
});

describe('storageMsFor', () => {
  it('is the last moment at which no more than the amount is due', () => {
    expect(storageMsFor(ark, 17_000_000n)).toBe(hourMs);
    expect(storageMsFor({ ...ark, ratePerHour: '0' }, 1n)).toBeUndefined();
    expect(storageMsFor({ ...ark, tokens: 0 }, 1n)).toBeUndefined();
  });
});
