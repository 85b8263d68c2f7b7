import { z } from 'zod';
import { currency } from './amount.ts';

/** A dated exchange rate: one unit of `from` is worth `rate` of `to` from `validFrom` (UTC) on. */
export const exchangeRate = z.object({
  from: currency,
  to: currency,
  /** Decimal text, up to twelve places. */
  rate: z.string(),
  validFrom: z.iso.date(),
  /** `config`, `file`, `import`, `ecb` or `cbr`. */
  source: z.string(),
  /** Whether it is the one in force for its pair. */
  inForce: z.boolean(),
  /** Whether it is in force and older than `staleDays`. */
  stale: z.boolean(),
});

export type ExchangeRate = z.infer<typeof exchangeRate>;

export const ratesRequest = z.strictObject({
  /** All rows, those that newer ones have replaced included. */
  all: z.union([z.boolean(), z.stringbool()]).default(false),
});

export const ratesResponse = z.object({
  /** Newest first. */
  rates: z.array(exchangeRate),
  /** The feed that is switched on; null: none. */
  feed: z.string().nullable(),
  staleDays: z.int().positive(),
  staleRates: z.enum(['flag', 'refuse']),
});

export type RatesReport = z.infer<typeof ratesResponse>;

export const importRatesRequest = z.strictObject({
  /** A CSV file with the header `from,to,rate,date`. All of it is taken, or nothing. */
  csv: z.string().min(1).max(4_000_000),
});

export const importRatesResponse = z.object({
  /** Rows that are new. */
  stored: z.int().nonnegative(),
  /** Rows that were there already. */
  known: z.int().nonnegative(),
});
