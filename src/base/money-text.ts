import { isCurrency } from './currency.ts';
import { type Money, parseDecimal } from './money.ts';

const positiveDecimal = /^\d{1,9}(?:\.\d{1,9})?$/;

/**
 * Money as a person states it: `'1.00 USD'`, a positive amount and a currency. The amount is below a billion, so that sums of many
 * fit into 64 bits of nanos. Throws RangeError that says what is wrong with it.
 */
export function parseMoney(text: string): Money {
  const [amount = '', currency, ...rest] = text.trim().split(/\s+/);
  if (currency === undefined || rest.length > 0) throw new RangeError(`expected an amount and a currency such as "1.00 USD", not "${text.slice(0, 40)}"`);
  const amountNanos = positiveDecimal.test(amount) ? parseDecimal(amount, 9) : 0n;
  if (amountNanos === 0n) {
    throw new RangeError(`expected a positive amount such as 5.00, with at most 9 digits before the point and 9 after it, not "${amount.slice(0, 40)}"`);
  }
  if (!isCurrency(currency)) throw new RangeError(`expected a currency of ISO 4217 such as USD or CNY, not "${currency}"`);
  return { amountNanos, currency };
}
