import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant } from './instant.ts';
import { keyMode } from './key.ts';

const count = z.int().nonnegative();

/**
 * `complete`: ended as it should. `partial`: cut after it began. `failed`: nothing was delivered. `unknown`: nobody knows, since
 * the server that served it died.
 */
export const generationState = z.enum(['complete', 'partial', 'failed', 'unknown']);

/** One generation as it was recorded. Holds no prompt and no answer. */
export const generation = z.object({
  id: z.string(),
  tenantId: z.string(),
  keyId: z.string(),
  mode: keyMode,
  surface: z.string(),
  /** The batch that it was a line of. */
  batchId: z.string().nullable(),
  requestedModel: z.string(),
  model: z.string(),
  /** null: none was reached. */
  upstream: z.string().nullable(),
  upstreamModel: z.string().nullable(),
  /** The upstream's own id of the reply. */
  upstreamReplyId: z.string().nullable(),
  streamed: z.boolean(),
  state: generationState,
  finishReason: z.string().nullable(),
  /** Why it is partial or failed. */
  errorCode: z.string().nullable(),
  cancelled: z.boolean(),
  /** How many upstreams were tried. */
  attempts: count,
  /** null: nothing was used. `reasoning` is part of `output`; null: the upstream did not say. */
  tokens: z
    .object({
      inputUncached: count,
      cacheRead: count,
      cacheWrite: count,
      /** Part of `cacheWrite`. */
      cacheWrite1h: count,
      output: count,
      reasoning: count.nullable(),
      /** Counted by us because the upstream sent no usable count. */
      estimated: z.boolean(),
    })
    .nullable(),
  /** Web searches that the vendor ran. */
  webSearches: count,
  /** What the upstream charges. */
  cost: z.object({
    /** `priced`: at the row named. `free`: metered, never charged. `unpriced`: no price, which is not zero. `none`: nothing was delivered. `unknown`: its server died. */
    state: z.enum(['priced', 'unpriced', 'free', 'none', 'unknown']),
    amount: amount.nullable(),
    currency: currency.nullable(),
    /** Id of the price row that was applied. */
    priceId: z.string().nullable(),
  }),
  /** What the caller pays; null: nothing was charged. */
  charge: z
    .object({
      amount,
      currency,
      /** Which rule made the price. */
      rule: z.string().nullable(),
      /** How many units of this currency one unit of the cost's was taken for, and from which day that rate is. null: nothing was converted. */
      exchangeRate: z.string().nullable(),
      exchangeRateFrom: z.string().nullable(),
      /** What cached tokens saved. */
      cacheSaved: amount,
      /** What the price exceeded the reservation by; it is not in `amount`. */
      loss: amount,
    })
    .nullable(),
  /** What was remarkable about it, each in one word. */
  flags: z.array(z.string()),
  startedAt: instant,
  firstEventAfterMs: z.number().nonnegative().nullable(),
  durationMs: z.number().nonnegative(),
});

export type Generation = z.infer<typeof generation>;

export const generationsRequest = z.strictObject({
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(50),
  /** Only those before the generation of this id, the `next` of an earlier answer. */
  before: z.string().min(1).max(200).optional(),
  /** Only those of this tenant, by id or name; of this key, by id; of this model; of this state. */
  tenant: z.string().min(1).max(200).optional(),
  key: z.string().min(1).max(200).optional(),
  model: z.string().min(1).max(200).optional(),
  state: generationState.optional(),
});

export const generationsResponse = z.object({
  /** Newest first. */
  generations: z.array(generation),
  /** What to send as `before` for those that follow; null: there are no more. */
  next: z.string().nullable(),
});
