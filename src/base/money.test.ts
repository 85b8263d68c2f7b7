import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideHalfEven, divideUp, formatDecimal, formatNanos, parseDecimal, toNanos } from './money.ts';

describe('parseDecimal', () => {
  it.each([
    ['0.60', 6, 600000n],
    ['2.5', 6, 2500000n],
    ['0', 6, 0n],
    ['-1.25', 2, -125n],
    ['15.950000000', 2, 1595n],
  ])('reads %s with %i digits', (text, digits, expected) => {
    expect(parseDecimal(text, digits)).toBe(expected);
  });

  it.each(['', '.5', '1.', '1e3', '0x10', '1,5', ' 1', 'NaN', '1.1234567'])('refuses %j', (text) => {
    expect(() => parseDecimal(text, 6)).toThrow(RangeError);
  });

  it('is the inverse of formatDecimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), fc.integer({ min: 1, max: 12 }), (value, digits) => {
        expect(parseDecimal(formatDecimal(value, digits), digits)).toBe(value);
      }),
    );
  });
});

describe('divideHalfEven', () => {
  it.each([
    [5n, 10n, 0n],
    [15n, 10n, 2n],
    [25n, 10n, 2n],
    [-15n, 10n, -2n],
    [-25n, 10n, -2n],
    [26n, 10n, 3n],
    [-26n, 10n, -3n],
  ])('%s / %s = %s', (value, divisor, expected) => {
    expect(divideHalfEven(value, divisor)).toBe(expected);
  });

  it('is never off by more than half', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.bigInt({ min: 1n, max: 10n ** 6n }), (value, divisor) => {
        const twice = 2n * (divideHalfEven(value, divisor) * divisor - value);
        expect((twice < 0n ? -twice : twice) <= divisor).toBe(true);
      }),
    );
  });
});

describe('nanos', () => {
  it('are rounded from picos once, ties to even', () => {
    expect(toNanos(1500n)).toBe(2n);
    expect(toNanos(2500n)).toBe(2n);
  });

  it('are written without noise', () => {
    expect(formatNanos(1_500_000_000n)).toBe('1.5');
    expect(formatNanos(1n)).toBe('0.000000001');
    expect(formatNanos(0n)).toBe('0');
  });
});

describe('divideUp', () => {
  it.each([
    [0n, 5n, 0n],
    [1n, 5n, 1n],
    [5n, 5n, 1n],
    [6n, 5n, 2n],
    [-1n, 5n, 0n],
    [-5n, 5n, -1n],
    [-6n, 5n, -1n],
  ])('%i by %i is %i', (value, divisor, expected) => {
    expect(divideUp(value, divisor)).toBe(expected);
  });
});
