import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant, instantInput } from './instant.ts';
import { keyMode } from './key.ts';

const count = z.int().nonnegative();

/** What the rows of a report are totals of. */
export const usageGrouping = z.enum(['key', 'model', 'upstream', 'day', 'tenant', 'key-model', 'day-model']);

export type UsageGrouping = z.infer<typeof usageGrouping>;

/** `from` is included, `to` is not. Neither may lie within a UTC day whose calls are no longer kept one by one. */
export const usageRequest = z.strictObject({
  from: instantInput.optional(),
  to: instantInput.optional(),
  by: usageGrouping.default('key-model'),
});

/** Tokens in buckets that do not overlap; `reasoning` is part of `output`, `cacheWrite1h` of `cacheWrite`. */
export const tokenTotals = z.object({
  inputUncached: count,
  cacheRead: count,
  cacheWrite: count,
  cacheWrite1h: count,
  output: count,
  reasoning: count,
});

/** One currency's sums. Amounts of different currencies are never added up. */
export const costTotals = z.object({
  currency,
  /** What callers pay: for calls, and for what is kept in context caches. */
  charged: amount,
  /** Of that, for what is kept in context caches. */
  storage: amount,
  /** What upstreams charge. */
  cost: amount,
  /** What calls and context caches would have cost that were metered and never charged. */
  free: amount,
  /** What callers saved by cached tokens. */
  cacheSaved: amount,
  /** What calls cost beyond what had been reserved for them, and storage that could not be paid for; it is in no charge. */
  loss: amount,
  /**
   * `charged` less what those same calls cost, costs in other currencies at the rate recorded with each call. null: nothing was
   * charged in this currency, or a cost is unknown or cannot be compared.
   */
  margin: amount.nullable(),
});

export const usageTotals = z.object({
  generations: count,
  /** Of these, those that were cut after they had begun. */
  partial: count,
  /** Of these, those that delivered nothing. */
  failed: count,
  /** Of these, those of whose outcome nothing is known, since their server died. */
  unknown: count,
  /** Of these, those that something was remarkable about; see `flags` of a generation. */
  flagged: count,
  /** Of these, those answered for nothing (the sandbox). */
  free: count,
  /** Of these, those whose cost is unknown because no price row existed. Their cost is in no sum. */
  unpriced: count,
  /** Of these, those whose tokens were counted by us because the upstream sent no usable count. */
  estimated: count,
  /** Of these, those of whose tokens nothing is known; they are in no sum. */
  unmeasured: count,
  tokens: tokenTotals,
  /** Web searches that vendors ran. */
  webSearches: count,
  /** Tokens in context caches, times the seconds that they were kept, by the UTC hours that begin in the time of the report. */
  storage: z.object({
    tokenSeconds: count,
    /** Of these, where the price says nothing of storage: what they cost is unknown, and in no sum. */
    unpricedTokenSeconds: count,
  }),
  /** In alphabetical order. */
  costs: z.array(costTotals),
});

export type UsageTotals = z.infer<typeof usageTotals>;

export const usageRow = usageTotals.extend({
  /** UTC day, present when the report is by day. */
  day: z.iso.date().optional(),
  /** Id of the tenant, present when the report is by tenant. */
  tenant: z.string().optional(),
  /** Present when the report is by key. */
  key: z.object({ id: z.string(), label: z.string().nullable(), mode: keyMode.nullable() }).optional(),
  /** Present when the report is by model. */
  model: z.string().optional(),
  /** Present when the report is by upstream; null: none was reached. */
  upstream: z.string().nullable().optional(),
});

export type UsageRow = z.infer<typeof usageRow>;

export const usageResponse = z.object({
  from: instant.nullable(),
  to: instant.nullable(),
  by: usageGrouping,
  rows: z.array(usageRow),
  total: usageTotals,
});

export type UsageReport = z.infer<typeof usageResponse>;
