import type { Currency } from '../base/money.ts';

/**
 * In `upstreamModel`: send the id that the caller wrote (less the variant). For self-hosted upstreams that would not
 * say what they serve. No vendor's id begins with an asterisk.
 */
export const asCallerNamed = '*as-caller-named';

/** A model at an upstream, at a price. Context, limits and retirement belong here: they differ from place to place. */
export interface Offer {
  readonly modelId: string;
  /** Configured id of the upstream. */
  readonly upstreamId: string;
  /** The model's id as that upstream spells it, or `asCallerNamed`. */
  readonly upstreamModel: string;
  readonly contextTokens: number;
  /** The window is a guess (a self-hosted model that we know nothing of); no prompt is refused for it. */
  readonly contextAssumed?: boolean;
  readonly outputTokensMax: number;
  /** Output limit that the upstream applies when none is sent, thinking included. */
  readonly outputTokensDefault?: number;
  /** Newest last. Empty: the offer is unpriced, which is a state and not a price of zero. */
  readonly prices: readonly Price[];
  /** ISO date from which the vendor no longer serves it. Never refuses a call: such an offer is tried last. */
  readonly retiresOn?: string;
  readonly limits?: { readonly rpm?: number; readonly tpm?: number; readonly concurrency?: number };
}

/** Decimal strings per 1M tokens. A missing rate is unknown, not zero. */
export interface Price {
  /** Id of this row, stored with each cost: `moonshot/kimi-k2/2025-07-11`. */
  readonly id: string;
  /** ISO date; the row applies from its first moment, UTC. */
  readonly validFrom: string;
  readonly currency: Currency;
  readonly input: string;
  readonly cacheRead?: string;
  readonly cacheWrite?: string;
  readonly output: string;
  readonly batchInput?: string;
  readonly batchCacheRead?: string;
  readonly batchOutput?: string;
  /** Per 1M tokens and hour. */
  readonly cacheStoragePerHour?: string;
  /** Where the figure comes from. */
  readonly source?: string;
}
