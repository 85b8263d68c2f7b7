import type { Currency, Nanos } from '../base/money.ts';

/** Rates that must not be exceeded; absent: not limited. */
export interface RateLimits {
  /** Requests in any 60 seconds. */
  readonly rpm?: number;
  /** Tokens in any 60 seconds: prompt and output limit when the request comes, real usage once it is known. */
  readonly tpm?: number;
  /** Tokens in any 24 hours, counted likewise. */
  readonly tpd?: number;
  /** Requests at one time. */
  readonly concurrency?: number;
}

/** What holds for a key or a tenant: over all models together, and for single ones beside that. */
export interface LimitPolicy {
  readonly all?: RateLimits;
  /** By canonical model id. */
  readonly models?: Readonly<Record<string, RateLimits>>;
}

/** Days and months are those of UTC. */
export type SpendPeriod = 'day' | 'month' | 'total';

/** What may be spent in a period. Kept by the ledger, never by the rate counters. */
export interface SpendLimit {
  readonly period: SpendPeriod;
  readonly amountNanos: Nanos;
  readonly currency: Currency;
  /** Canonical id of the one model that it is about; absent: all. */
  readonly modelId?: string;
}

/** `policy` as it is stored. */
export function limitPolicyText(policy: LimitPolicy): string {
  return JSON.stringify(policy);
}

/** What `limitPolicyText` has written. */
export function parseLimitPolicy(text: string): LimitPolicy {
  return JSON.parse(text) as LimitPolicy;
}

/** `limits` as they are stored: JSON has no integers of any length, so that amounts are text. */
export function spendLimitsText(limits: readonly SpendLimit[]): string {
  return JSON.stringify(limits.map((limit) => ({ ...limit, amountNanos: String(limit.amountNanos) })));
}

/** What `spendLimitsText` has written. */
export function parseSpendLimits(text: string): readonly SpendLimit[] {
  const stored = JSON.parse(text) as readonly (Omit<SpendLimit, 'amountNanos'> & { readonly amountNanos: string })[];
  return stored.map((limit) => ({ ...limit, amountNanos: BigInt(limit.amountNanos) }));
}
