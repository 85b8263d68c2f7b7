import { z } from 'zod';
import { amount, currency, positiveAmount } from './amount.ts';

const limit = z.int('expected a whole number, 1 or more').min(1, 'expected a whole number, 1 or more');

/** Rates to keep to, in a request. What is left out is not limited. */
export const rateLimitsInput = z
  .strictObject({
    /** Requests in any 60 seconds. */
    rpm: limit.optional(),
    /** Tokens in any 60 seconds. */
    tpm: limit.optional(),
    /** Tokens in any 24 hours. */
    tpd: limit.optional(),
    /** Requests at one time. */
    concurrency: limit.optional(),
  })
  .refine((rates) => Object.values(rates).some((rate) => rate !== undefined), 'expected at least one of rpm, tpm, tpd and concurrency');

/** Days and months are those of UTC. */
export const spendPeriod = z.enum(['day', 'month', 'total']);

const modelName = z.string().min(1).max(200);

/** The fields by which a key or a tenant is given limits when it is made. */
export const limitFields = {
  /** Name of a preset; what `limits` and `modelLimits` say goes before it. */
  limitPreset: z.string().min(1).max(100).optional(),
  /** Over all models together. */
  limits: rateLimitsInput.optional(),
  /** By a name of the model; beside what holds over all. */
  modelLimits: z
    .record(modelName, rateLimitsInput)
    .refine((models) => Object.keys(models).length <= 200, 'expected at most 200 models')
    .optional(),
  /** What may be spent; each must hold. */
  budgets: z
    .array(
      z.strictObject({
        amount: positiveAmount,
        currency,
        period: spendPeriod.default('total'),
        /** The one model that it is about; absent: all. */
        model: modelName.optional(),
      }),
    )
    .min(1)
    .max(20)
    .optional(),
};

const shownLimit = z.int().nullable();

/** null: not limited. */
export const rateLimits = z.object({ rpm: shownLimit, tpm: shownLimit, tpd: shownLimit, concurrency: shownLimit });

export type RateLimits = z.infer<typeof rateLimits>;

/** Over all models together, and by canonical model id. */
export const limitPolicy = z.object({ all: rateLimits, models: z.record(z.string(), rateLimits) });

export type LimitPolicy = z.infer<typeof limitPolicy>;

export const budget = z.object({
  period: spendPeriod,
  amount,
  currency,
  /** Canonical id of the one model that it is about; null: all. */
  model: z.string().nullable(),
});

export type Budget = z.infer<typeof budget>;

/** How far a budget has been used in the period that is now. One that nothing was spent of yet is not listed. */
export const spending = budget.extend({
  /** `day/2026-11-27`, `month/2026-11` or `total`. */
  during: z.string(),
  spent: amount,
  /** For calls under way. */
  held: amount,
  /** After both. */
  left: amount,
});

export type Spending = z.infer<typeof spending>;
