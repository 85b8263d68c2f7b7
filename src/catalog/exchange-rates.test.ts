import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExchangeRate, type RateSource, statedRateSchema } from './exchange-rate.ts';
import { ExchangeRates, type RatePolicy } from './exchange-rates.ts';

const at = (day: string): number => Date.parse(day);
const row = (from: string, to: string, rate: string, validFrom = '2026-10-30', source: RateSource = 'config'): ExchangeRate => ({ from, to, rate, validFrom, source });
const flag: RatePolicy = { staleDays: 7, staleRates: 'flag' };
const ratesOf = (...rows: readonly ExchangeRate[]): ExchangeRates => new ExchangeRates(flag, rows);
const nowMs = at('2026-11-01');

describe('convert', () => {
  it('leaves an amount of the same currency alone, without any rate', () => {
    expect(ratesOf().convert(5n, 'USD', 'USD', nowMs)).toEqual({ amountNanos: 5n, rate: '1', validFrom: '2026-11-01', source: 'same', stale: false });
  });

  it('goes by a row, by a row turned round, or by way of a third currency, and says so', () => {
    const rates = ratesOf(row('EUR', 'USD', '1.25', '2026-10-30', 'ecb'), row('USD', 'RUB', '80', '2026-10-31', 'cbr'));
    expect(rates.convert(1_000n, 'EUR', 'USD', nowMs)).toEqual({ amountNanos: 1_250n, rate: '1.25', validFrom: '2026-10-30', source: 'ecb', stale: false });
    expect(rates.convert(1_000n, 'USD', 'EUR', nowMs)).toEqual({ amountNanos: 800n, rate: '0.8', validFrom: '2026-10-30', source: 'ecb', stale: false });
    expect(rates.convert(1_000n, 'EUR', 'RUB', nowMs)).toEqual({ amountNanos: 100_000n, rate: '100', validFrom: '2026-10-30', source: 'ecb+cbr', stale: false });
    expect(rates.convert(1_000n, 'RUB', 'EUR', nowMs)).toMatchObject({ amountNanos: 10n, rate: '0.01', source: 'cbr+ecb' });
  });

  it('knows no way over two others, and none where there is no row', () => {
    const rates = ratesOf(row('USD', 'EUR', '1'), row('EUR', 'PLN', '4'), row('PLN', 'CZK', '6'));
    expect(rates.convert(1n, 'USD', 'PLN', nowMs)).toMatchObject({ amountNanos: 4n });
    expect(rates.convert(1n, 'USD', 'CZK', nowMs)).toBeUndefined();
    expect(rates.convert(1n, 'USD', 'CNY', nowMs)).toBeUndefined();
  });

  it('rounds half-even once, and up for what is held back', () => {
    const rates = ratesOf(row('USD', 'EUR', '0.5'), row('EUR', 'PLN', '0.3'));
    expect([1n, 2n, 3n, 5n, -3n].map((nanos) => rates.convert(nanos, 'USD', 'EUR', nowMs)?.amountNanos)).toEqual([0n, 1n, 2n, 2n, -2n]);
    expect([0n, 1n, 2n, 3n].map((nanos) => rates.convertUp(nanos, 'USD', 'EUR', nowMs)?.amountNanos)).toEqual([0n, 1n, 1n, 2n]);
    // 10 USD are 1.5 PLN; by way of a rounded 5 EUR as well, but 3 USD are 0.45, not 0.3 × 2.
    expect([10n, 3n].map((nanos) => rates.convert(nanos, 'USD', 'PLN', nowMs)?.amountNanos)).toEqual([2n, 0n]);
    expect(rates.convertUp(3n, 'USD', 'PLN', nowMs)?.amountNanos).toBe(1n);
  });

  it('takes the newest row that is not younger than the moment, the same day from its first moment on', () => {
    const rates = ratesOf(row('USD', 'CNY', '7', '2026-10-01'), row('USD', 'CNY', '8', '2026-10-30'), row('USD', 'CNY', '9', '2026-11-02'));
    const at3 = ['2026-09-30T23:59:59.999Z', '2026-10-01', '2026-10-29T23:59:59.999Z', '2026-10-30', '2026-11-01T23:59:59.999Z', '2026-11-02'];
    expect(at3.map((day) => rates.convert(1n, 'USD', 'CNY', at(day))?.amountNanos)).toEqual([undefined, 7n, 7n, 8n, 8n, 9n]);
    // Asked again in another order: what was found for one day is no answer for another.
    expect(rates.convert(1n, 'USD', 'CNY', at('2026-10-05'))?.amountNanos).toBe(7n);
  });

  it('prefers the newer of the two ways round, and of one day the more trusted source', () => {
    const turned = ratesOf(row('USD', 'EUR', '0.5', '2026-10-29'), row('EUR', 'USD', '4', '2026-10-30'));
    expect(turned.convert(100n, 'USD', 'EUR', nowMs)).toMatchObject({ amountNanos: 25n, validFrom: '2026-10-30' });
    const both = ratesOf(row('EUR', 'USD', '4'), row('USD', 'EUR', '0.5'));
    expect(both.convert(100n, 'USD', 'EUR', nowMs)?.amountNanos).toBe(50n);
    const trusted = ratesOf(row('USD', 'EUR', '1', '2026-10-30', 'file'), row('USD', 'EUR', '2', '2026-10-30', 'config'));
    trusted.setStored([row('USD', 'EUR', '3', '2026-10-30', 'ecb'), row('USD', 'EUR', '4', '2026-10-29', 'import')]);
    expect(trusted.convert(1n, 'USD', 'EUR', nowMs)).toMatchObject({ amountNanos: 2n, source: 'config' });
  });

  it('goes by way of the currency whose rates are freshest', () => {
    const rates = ratesOf(row('CNY', 'EUR', '1', '2026-10-01'), row('EUR', 'PLN', '2', '2026-10-31'), row('CNY', 'USD', '3', '2026-10-20'), row('USD', 'PLN', '4', '2026-10-30'));
    expect(rates.convert(1n, 'CNY', 'PLN', nowMs)).toMatchObject({ amountNanos: 12n, validFrom: '2026-10-20' });
    const even = ratesOf(row('CNY', 'USD', '3'), row('USD', 'PLN', '4'), row('CNY', 'EUR', '1'), row('EUR', 'PLN', '2'));
    expect(even.convert(1n, 'CNY', 'PLN', nowMs)?.amountNanos).toBe(2n);
  });

  it('marks a stale rate, or refuses it', () => {
    const rows = [row('USD', 'EUR', '0.9', '2026-10-20')];
    const day = 86_400_000;
    const lastMs = at('2026-10-20') + 7 * day;
    expect(ratesOf(...rows).convert(10n, 'USD', 'EUR', lastMs)).toMatchObject({ stale: false });
    expect(ratesOf(...rows).convert(10n, 'USD', 'EUR', lastMs + 1)).toMatchObject({ amountNanos: 9n, stale: true });
    const strict = new ExchangeRates({ staleDays: 7, staleRates: 'refuse' }, rows);
    expect(strict.convert(10n, 'USD', 'EUR', lastMs)).toMatchObject({ amountNanos: 9n });
    expect(strict.convert(10n, 'USD', 'EUR', lastMs + 1)).toBeUndefined();
    expect(strict.convertUp(10n, 'EUR', 'USD', lastMs + 1)).toBeUndefined();
  });

  it('takes up the rows of the database in place of those before', () => {
    const rates = ratesOf(row('USD', 'EUR', '1'));
    expect(rates.convert(1n, 'USD', 'PLN', nowMs)).toBeUndefined();
    rates.setStored([row('USD', 'PLN', '4', '2026-10-30', 'import')]);
    expect(rates.convert(1n, 'USD', 'PLN', nowMs)?.amountNanos).toBe(4n);
    rates.setStored([]);
    expect(rates.convert(1n, 'USD', 'PLN', nowMs)).toBeUndefined();
    expect(rates.convert(1n, 'USD', 'EUR', nowMs)?.amountNanos).toBe(1n);
  });

  const anyRate = fc.tuple(fc.nat({ max: 9_999 }), fc.integer({ min: 1, max: 999_999 })).map(([whole, part]) => `${whole}.${String(part).padStart(6, '0')}`);
  const nanos = fc.bigInt({ min: 0n, max: 10n ** 24n });

  it('law: the rounded amount is within half a nano-unit of the exact one, the one held back no less and less than one more', () => {
    fc.assert(
      fc.property(anyRate, anyRate, nanos, (one, two, amount) => {
        const rates = ratesOf(row('USD', 'EUR', one), row('PLN', 'EUR', two));
        const [numerator, denominator] = [BigInt(one.replace('.', '')), BigInt(two.replace('.', ''))];
        const near = rates.convert(amount, 'USD', 'PLN', nowMs)?.amountNanos ?? -1n;
        const up = rates.convertUp(amount, 'USD', 'PLN', nowMs)?.amountNanos ?? -1n;
        const off = 2n * (near * denominator - amount * numerator);
        expect(off <= denominator && -off <= denominator).toBe(true);
        expect(up * denominator >= amount * numerator && (up - 1n) * denominator < amount * numerator).toBe(true);
      }),
    );
  });

  it('law: the rate that is told gives the amount again, to a billionth of a billionth', () => {
    fc.assert(
      fc.property(anyRate, fc.bigInt({ min: 0n, max: 10n ** 15n }), (stated, amount) => {
        const rates = ratesOf(row('USD', 'EUR', stated));
        const back = rates.convert(amount, 'EUR', 'USD', nowMs);
        const [whole = '', part = ''] = (back?.rate ?? '').split('.');
        const told = BigInt(whole + part.padEnd(18, '0'));
        const again = (amount * told) / 10n ** 18n;
        const gap = again - (back?.amountNanos ?? -1n);
        expect(gap <= 1n && gap >= -1n).toBe(true);
      }),
    );
  });
});

describe('rows', () => {
  it('are listed newest first, with the one in force for its pair', () => {
    const rates = ratesOf(row('USD', 'EUR', '1', '2026-10-01'), row('USD', 'EUR', '3', '2026-11-02'), row('USD', 'EUR', '2', '2026-10-30'));
    expect(rates.rows().map((one) => [one.rate, rates.isInForce(one, nowMs), rates.isStale(one, nowMs)])).toEqual([
      ['3', false, false],
      ['2', true, false],
      ['1', false, true],
    ]);
  });
});

describe('a stated rate', () => {
  const stated = { from: 'EUR', to: 'USD', rate: '1.0867', date: '2026-10-30' };

  it.each([
    ['zero', { rate: '0' }, 'rate'],
    ['zero with places', { rate: '0.000' }, 'rate'],
    ['a sign', { rate: '-1' }, 'rate'],
    ['30 digits', { rate: '1'.repeat(30) }, 'rate'],
    ['30 places', { rate: `0.${'1'.repeat(30)}` }, 'rate'],
    ['a float', { rate: 1.0867 }, 'rate'],
    ['an exponent', { rate: '1e2' }, 'rate'],
    ['an unknown currency', { from: 'XXQ' }, 'from'],
    ['a rate to itself', { to: 'EUR' }, 'to'],
    ['a day that is none', { date: '2026-02-30' }, 'date'],
    ['a moment', { date: '2026-10-30T00:00:00Z' }, 'date'],
  ])('may not have %s', (_what, change, path) => {
    const { error } = statedRateSchema.safeParse({ ...stated, ...change });
    expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });

  it('may have twelve digits on either side', () => {
    expect(statedRateSchema.safeParse({ ...stated, rate: '999999999999.000000000001' }).success).toBe(true);
  });
});
