import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant } from './instant.ts';

/** Per 1M tokens; null: the row states none. */
const rates = {
  input: amount,
  cacheRead: amount.nullable(),
  cacheWrite: amount.nullable(),
  cacheWrite1h: amount.nullable(),
  output: amount,
  batchInput: amount.nullable(),
  batchCacheRead: amount.nullable(),
  batchOutput: amount.nullable(),
};

const tier = z.object({ promptTokensAbove: z.int().positive(), ...rates });

/** The exchange rate by which amounts were turned into another currency. */
export const exchange = z.object({
  rate: z.string(),
  validFrom: z.iso.date(),
  source: z.string(),
  stale: z.boolean(),
});

/** A price row as it is charged now, rates to nine places. */
export const shownPrice = z.object({
  priceId: z.string(),
  validFrom: z.iso.date(),
  /** What the row is stated in. */
  statedIn: currency,
  /** What its rates are shown in: what was asked for, or `statedIn` when no exchange rate leads there. */
  currency,
  /** null: nothing was converted. */
  exchange: exchange.nullable(),
  ...rates,
  /** Per 1M tokens and hour. */
  cacheStoragePerHour: amount.nullable(),
  /** By the call. */
  webSearch: amount.nullable(),
  tiers: z.array(tier),
  windows: z.array(z.object({ from: z.string(), to: z.string(), utcOffset: z.string(), ...rates, tiers: z.array(tier) })),
});

export type ShownPrice = z.infer<typeof shownPrice>;

/** A model at an upstream: what it costs the operator, and what callers are asked for. */
export const offerPrice = z.object({
  model: z.string(),
  upstream: z.string(),
  /** null: unpriced, which is not free. */
  cost: shownPrice.nullable(),
  sell: shownPrice
    .extend({
      /** The rule that says so; null: none does. */
      rule: z.string().nullable(),
      /** Already in the rates; "0": none. */
      percent: z.string(),
    })
    .nullable(),
});

export type OfferPrice = z.infer<typeof offerPrice>;

export const pricesRequest = z.strictObject({
  /** Any name of a model; absent: all. */
  model: z.string().min(1).max(200).optional(),
  /** What to show prices in; absent: what the configuration says, else each in its own. */
  currency: currency.optional(),
  /** For whom the sell side is: name or id of a tenant, id of a key. Absent: anybody. */
  tenant: z.string().min(1).max(200).optional(),
  key: z.string().min(1).max(200).optional(),
});

export const pricesResponse = z.object({ at: instant, prices: z.array(offerPrice) });

export type PricesReport = z.infer<typeof pricesResponse>;
