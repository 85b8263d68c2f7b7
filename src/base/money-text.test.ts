import { describe, expect, it } from 'vitest';
import { isCurrency } from './currency.ts';
import { parseMoney } from './money-text.ts';

describe('parseMoney', () => {
  it.each([
    ['5 USD', 5_000_000_000n],
    [' 5.00  USD ', 5_000_000_000n],
    ['0.000000001 USD', 1n],
    ['999999999.999999999 USD', 999_999_999_999_999_999n],
  ])('%s is %s nanos', (text, amountNanos) => {
    expect(parseMoney(text)).toEqual({ amountNanos, currency: 'USD' });
  });

  it.each(['0', '0.00', '-5', '+5', 'NaN', 'Infinity', '1e3', '5,00', '5.', '.5', '0x10', '1000000000', '0.0000000001', '1'.repeat(19)])('refuses %s of anything', (amount) => {
    expect(() => parseMoney(`${amount} USD`)).toThrow(/expected a positive amount such as 5\.00/);
  });

  it.each([
    ['5', /an amount and a currency/],
    ['', /an amount and a currency/],
    ['5 USD now', /an amount and a currency/],
    ['5 XXQ', /a currency of ISO 4217.*not "XXQ"/],
    ['5 usd', /a currency of ISO 4217/],
    ['USD 5', /positive amount/],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseMoney(text)).toThrow(message);
  });
});

it('a currency is a code of ISO 4217 in capitals', () => {
  for (const code of ['USD', 'CNY', 'RUB', 'EUR', 'PLN']) expect(isCurrency(code), code).toBe(true);
  for (const code of ['XXQ', 'usd', 'US', 'USDT', '', 'BTC', '__proto__']) expect(isCurrency(code), code).toBe(false);
});
