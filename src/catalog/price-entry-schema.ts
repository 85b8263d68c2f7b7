import { z } from 'zod';
import { isCurrency } from '../base/currency.ts';
import { overlapOf } from './price-window.ts';

const words = z.string().min(1).max(2000);

/**
 * A rate per 1M tokens, quoted. Six decimal places make a whole number of pico-units per token, so that rating is exact.
 */
const rate = z
  .string({ error: 'quote a price, so that it stays a decimal: "0.60"' })
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'a decimal number from 0 to 999999999 with at most six decimal places, such as "0.60"');

/** A code of ISO 4217. */
export const currencyCode = z
  .string()
  .regex(/^[A-Z]{3}$/, 'an ISO 4217 code in capitals, such as USD')
  .refine(isCurrency, { error: ({ input }) => `"${String(input)}" is no currency; expected an ISO 4217 code such as USD` });

const rateFields = {
  input: rate,
  cacheRead: rate.exactOptional(),
  /** Kept for five minutes. */
  cacheWrite: rate.exactOptional(),
  cacheWrite1h: rate.exactOptional(),
  output: rate,
  batchInput: rate.exactOptional(),
  batchCacheRead: rate.exactOptional(),
  batchOutput: rate.exactOptional(),
};

const tierSchema = z.strictObject({
  /** The tier is for prompts of more tokens than this, up to the next tier. The whole request is charged at it. */
  promptTokensAbove: z.int().min(1).max(1_000_000_000),
  ...rateFields,
});

const tiersSchema = z
  .array(tierSchema)
  .min(1)
  .superRefine((tiers, context) => {
    for (const [index, tier] of tiers.entries()) {
      const before = tiers[index - 1];
      if (before === undefined || tier.promptTokensAbove > before.promptTokensAbove) continue;
      context.addIssue({ code: 'custom', path: [index, 'promptTokensAbove'], message: `tiers must rise: ${tier.promptTokensAbove} comes after ${before.promptTokensAbove}` });
    }
  });

const windowSchema = z
  .strictObject({
    /** Hours and minutes at `utcOffset`; the moment itself is in the window. */
    from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "00:30"'),
    /** No longer in the window; earlier than `from`: on the next day. */
    to: z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time of day such as "08:30"'),
    utcOffset: z.string().regex(/^[+-](0\d|1[0-4]):[0-5]\d$/, 'hours and minutes from UTC such as "+08:00"'),
    ...rateFields,
    tiers: tiersSchema.exactOptional(),
  })
  .refine(({ from, to }) => from !== to, { error: '"from" and "to" are the same; a price for the whole day belongs into the row itself', path: ['to'] });

const windowsSchema = z
  .array(windowSchema)
  .min(1)
  .superRefine((windows, context) => {
    const overlap = overlapOf(windows);
    if (overlap === undefined) return;
    context.addIssue({ code: 'custom', path: [overlap.index, 'from'], message: `overlaps window ${overlap.earlier + 1} of the same row; each moment must have one price` });
  });

/** A row of prices, in the catalog, in a configuration's catalog, or of a sell rule. */
export const priceEntrySchema = z.strictObject({
  /** Derived from upstream, model, list and day when absent. */
  id: words.exactOptional(),
  /** Name of one of the upstream's price lists; absent: on all of them. */
  list: words.exactOptional(),
  /** Absent: always. */
  validFrom: z.iso.date().exactOptional(),
  currency: currencyCode,
  ...rateFields,
  cacheStoragePerHour: rate.exactOptional(),
  /** In whole units of the currency, by the call. */
  perCall: z.strictObject({ webSearch: rate.exactOptional() }).exactOptional(),
  /** For prompts beyond a size; smallest first. */
  tiers: tiersSchema.exactOptional(),
  /** Peak or off-peak rates, in place of the row's own, tiers included, while the request starts within one. */
  windows: windowsSchema.exactOptional(),
  source: words.exactOptional(),
});

export type PriceEntry = z.output<typeof priceEntrySchema>;
