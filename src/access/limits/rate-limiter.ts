import type { LimitStanding } from '../../base/limit-standing.ts';
import type { Caller } from '../caller.ts';

/** A call that wants to be let in. */
export interface LimitRequest {
  readonly caller: Caller;
  /** Canonical id. */
  readonly modelId: string;
  /** The most that it may use: upper estimate of the prompt, and the output limit. */
  readonly tokens: number;
}

/** What a call has taken from its limits. To be ended once, by `settle` or by `cancel`; more often does no harm. */
export interface LimitLease {
  /** For the x-ratelimit headers; undefined when no limit of requests or tokens holds. */
  readonly standing: LimitStanding | undefined;
  /** The call has ended and used so many tokens: corrects what was counted, and frees its slot. */
  settle(tokens: number): void;
  /** The call was never made: gives everything back, the request too. */
  cancel(): void;
}

/** Lets calls in as far as the limits of their key, tenant and model allow. */
export interface RateLimiter extends AsyncDisposable {
  /**
   * Takes from every limit that holds for the call, or from none. Throws a `rate_limited` fault that names the limit that was
   * met, `caller_gone` when `signal` aborts while it waits, and `storage_unavailable` when nobody can tell what is left.
   */
  take(request: LimitRequest, signal: AbortSignal): LimitLease | Promise<LimitLease>;
}

/** The lease of a call that nothing limits. */
export const unlimited: LimitLease = {
  standing: undefined,
  settle() {},
  cancel() {},
};
