import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatNanos } from './money.ts';
import { nanosOfNumber } from './number-nanos.ts';

it.each([
  [49.58, 49_580_000_000n], [0.1, 100_000_000n], [3, 3_000_000_000n], [-0, 0n], [-1.25, -1_250_000_000n], [1e-7, 100n], [1.5e-9, 2n], [2.5e-9, 2n],
  [0.00012345678949, 123_457n], [5e-324, 0n], [1e9, 10n ** 18n],
])('reads %d as the decimal that it is written as', (value, nanos) => {
  expect(nanosOfNumber(value)).toBe(nanos);
});

it.each([Number.NaN, Infinity, -Infinity, 1e10, 1e21, 1.7e308])('refuses %d', (value) => {
  expect(() => nanosOfNumber(value)).toThrow(RangeError);
});

it('is exact for every amount that JSON can carry', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n }), (nanos) => {
      expect(nanosOfNumber(Number(formatNanos(nanos)))).toBe(nanos);
    }),
  );
});
