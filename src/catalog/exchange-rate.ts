import { z } from 'zod';
import type { Currency } from '../base/money.ts';
import { currencyCode } from './price-entry-schema.ts';

/** Where a rate was learnt, the most trusted last: of two that hold from the same day, that of the later word counts. */
export const rateSources = ['cbr', 'ecb', 'import', 'file', 'config'] as const;

export type RateSource = (typeof rateSources)[number];

/** What one unit of `from` is worth in `to`, from a day on until a newer row. */
export interface ExchangeRate {
  readonly from: Currency;
  readonly to: Currency;
  /** Decimal, above zero, at most twelve digits before the point and twelve after it. */
  readonly rate: string;
  /** ISO date; holds from its first moment, UTC. */
  readonly validFrom: string;
  readonly source: RateSource;
}

/** A rate as people write it: in the configuration, and by line in a CSV file. */
export const statedRateSchema = z
  .strictObject({
    from: currencyCode,
    to: currencyCode,
    rate: z
      .string({ error: 'quote a rate, so that it stays a decimal: "1.0867"' })
      .regex(/^\d{1,12}(\.\d{1,12})?$/, 'a decimal number above zero with at most twelve places before the point and twelve after it, such as "1.0867"')
      .refine((text) => /[1-9]/.test(text), { error: 'a rate of zero would make everything free; expected a number above zero' })
      .describe('What one unit of from is worth in to.'),
    date: z.iso.date({ error: 'expected a date such as 2026-10-30' }).describe('Holds from this day on, UTC.'),
  })
  .refine(({ from, to }) => from !== to, { error: 'a currency has no rate to itself', path: ['to'] });

export type StatedRate = z.output<typeof statedRateSchema>;

/** `stated` with its source. */
export function toExchangeRate({ from, to, rate, date }: StatedRate, source: RateSource): ExchangeRate {
  return { from, to, rate, validFrom: date, source };
}

/** The first of `earlier` that states the same pair for the same day; undefined: none does. */
export function sameDayIndex(row: StatedRate, earlier: readonly StatedRate[]): number | undefined {
  const index = earlier.findIndex((one) => one.from === row.from && one.to === row.to && one.date === row.date);
  return index < 0 ? undefined : index;
}
