import { divideHalfEven, type Nanos } from './money.ts';

const shortest = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/**
 * A JSON number that stands for an amount of money, as nano-units. It is taken from its shortest decimal form, which is
 * what the sender wrote: `49.58` is 49.58 and not 49.579999…. What is finer than a nano-unit is rounded half-even.
 * Throws RangeError for what is no finite number, or more than can be stored (63 bits).
 */
export function nanosOfNumber(value: number): Nanos {
  const match = shortest.exec(String(value));
  if (match === null) throw new RangeError(`not an amount: ${value}`);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const scale = Number(exponent) - fraction.length + 9;
  const nanos = scale >= 0 ? digits * 10n ** BigInt(scale) : divideHalfEven(digits, 10n ** BigInt(-scale));
  if (nanos >= 2n ** 63n) throw new RangeError(`more than can be stored: ${value}`);
  return sign === '-' ? -nanos : nanos;
}
