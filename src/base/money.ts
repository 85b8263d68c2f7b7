/**
 * Money is integers. Prices are decimal strings per 1M tokens; price × tokens is exact in pico-units (1e-12); a request
 * is rounded once, half-even, to nano-units (1e-9), which is what gets stored and summed.
 */

/** 1e-9 of a currency unit. */
export type Nanos = bigint;
/** 1e-12 of a currency unit. */
export type Picos = bigint;

/** ISO 4217 code, upper case. */
export type Currency = string;

export interface Money {
  readonly amountNanos: Nanos;
  readonly currency: Currency;
}

const decimal = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?$/;

/**
 * A decimal string as an integer of 10^-`digits` units: `parseDecimal('0.60', 6)` is `600000n`.
 * Throws RangeError when it is no decimal number, or has more digits than can be kept exactly.
 */
export function parseDecimal(text: string, digits: number): bigint {
  const match = decimal.exec(text);
  if (match === null) throw new RangeError(`not a decimal number: "${text.slice(0, 40)}"`);
  const [, sign = '', whole = '0', fraction = ''] = match;
  const kept = fraction.replace(/0+$/, '');
  if (kept.length > digits) throw new RangeError(`more than ${digits} decimal places: "${text}"`);
  const value = BigInt(whole + kept.padEnd(digits, '0'));
  return sign === '-' ? -value : value;
}

/** An integer of 10^-`digits` units as the shortest exact decimal string: `formatDecimal(600000n, 6)` is `"0.6"`. */
export function formatDecimal(value: bigint, digits: number): string {
  const negative = value < 0n;
  const text = (negative ? -value : value).toString().padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  const fraction = text.slice(text.length - digits).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Nano-units as a decimal string of whole units: `formatNanos(1500000000n)` is `"1.5"`. */
export function formatNanos(amount: Nanos): string {
  return formatDecimal(amount, 9);
}

/** `value / divisor`, rounded to the nearest integer, ties to the even one. `divisor` must be positive. */
export function divideHalfEven(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  const remainder = value % divisor;
  const twice = 2n * (remainder < 0n ? -remainder : remainder);
  if (twice < divisor || (twice === divisor && quotient % 2n === 0n)) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

/** `value / divisor`, rounded up: for what is held back, which must never be too little. `divisor` must be positive. */
export function divideUp(value: bigint, divisor: bigint): bigint {
  return value > 0n ? (value + divisor - 1n) / divisor : value / divisor;
}

/** Pico-units rounded half-even to nano-units. */
export function toNanos(amount: Picos): Nanos {
  return divideHalfEven(amount, 1000n);
}
