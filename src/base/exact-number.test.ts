import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exactNumber } from './exact-number.ts';
import { parseDecimal } from './money.ts';

it.each<[bigint, string]>([
  [0n, '0'],
  [1n, '0.000000001'],
  [-2_500_000_000n, '-2.5'],
  // A double would make 12345678901.123457 of it.
  [12_345_678_901_123_456_789n, '12345678901.123456789'],
])('writes %d nanos as %s', (amount, text) => {
  expect(JSON.stringify({ amount: exactNumber(amount) })).toBe(`{"amount":${text}}`);
});

it('loses no digit of any amount', () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 59n), max: 2n ** 59n }), (amount) => {
    expect(parseDecimal(JSON.stringify(exactNumber(amount)), 9)).toBe(amount);
  }));
});
