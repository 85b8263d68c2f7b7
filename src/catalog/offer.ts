import type { Currency } from '../base/money.ts';
import type { DailySpan } from './price-window.ts';

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
  /** The id to send to the upstream's endpoint for calls of batches; absent: it has none that we may use. */
  readonly batchModel?: string;
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
export interface Rates {
  readonly input: string;
  readonly cacheRead?: string;
  /** Kept for five minutes. */
  readonly cacheWrite?: string;
  readonly cacheWrite1h?: string;
  readonly output: string;
  readonly batchInput?: string;
  readonly batchCacheRead?: string;
  readonly batchOutput?: string;
}

/** Rates for prompts of more than `promptTokensAbove` tokens; the whole request is charged at them. */
export interface PriceTier extends Rates {
  readonly promptTokensAbove: number;
}

/** Rates of a span of every day, judged by when the request starts. They stand in place of the row's, tiers included. */
export interface PriceWindow extends Rates, DailySpan {
  readonly tiers?: readonly PriceTier[];
}

/** What is charged by the call, in whole units of the currency. */
export interface PerCall {
  readonly webSearch?: string;
}

/** A row of the price book. */
export interface Price extends Rates {
  /** Id of this row, stored with each cost: `moonshot/kimi-k2/2025-07-11`. */
  readonly id: string;
  /** ISO date; the row applies from its first moment, UTC. */
  readonly validFrom: string;
  readonly currency: Currency;
  /** Per 1M tokens and hour. */
  readonly cacheStoragePerHour?: string;
  readonly perCall?: PerCall;
  /** Smallest first. */
  readonly tiers?: readonly PriceTier[];
  /** None overlap. */
  readonly windows?: readonly PriceWindow[];
  /** Where the figure comes from. */
  readonly source?: string;
}
