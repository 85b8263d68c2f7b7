import { usageFailure } from './failure.ts';

export interface TypedMoney {
  readonly amount: string;
  readonly currency: string;
}

/** `'20 USD'` as it was typed. Throws a usage failure naming `source`; what is too much, too fine or no currency is told by the server. */
export function parseMoney(text: string, source: string): TypedMoney {
  const [, amount, currency] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]{3})\s*$/.exec(text) ?? [];
  if (amount === undefined || currency === undefined) {
    throw usageFailure(`${source}: expected a positive amount and a currency such as "5.00 USD", not "${text}"`);
  }
  return { amount, currency: currency.toUpperCase() };
}
