import { isCurrency } from '../../base/currency.ts';
import { Fault } from '../../base/fault.ts';
import { type Currency, type Money, parseDecimal } from '../../base/money.ts';

/** Money of a request, whose amount the contract has checked. Throws `invalid_request` for an unknown currency; `prefix` is the path of what holds it. */
export function moneyOf({ amount, currency }: { readonly amount: string; readonly currency: string }, prefix = ''): Money {
  return { amountNanos: parseDecimal(amount, 9), currency: knownCurrency(currency, `${prefix}currency`) };
}

/** `code`, if it is a currency. Throws `invalid_request` naming `field`. */
export function knownCurrency(code: string, field: string): Currency {
  if (isCurrency(code)) return code;
  throw new Fault('invalid_request', { message: `Invalid request: "${code}" is no currency of ISO 4217, such as USD or CNY`, field });
}
