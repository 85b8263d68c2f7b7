import type { Picos } from '../base/money.ts';
import type { Price } from './offer.ts';
import { type BucketRates, compilePrice, type RatingTerms, reachableRates } from './price-card.ts';

/** What a request can come to at most. */
export interface UsageBounds extends RatingTerms {
  /** No fewer than the prompt has. */
  readonly promptTokensMax: number;
  /** Of one choice. */
  readonly outputTokensMax: number;
  readonly choiceCount: number;
  /** How many web searches it may make; absent: none. */
  readonly webSearchesMax?: number;
}

/**
 * The most that any usage within `bounds` can cost at `price`: `rate` gives no more, however the prompt is split between fresh
 * and cached tokens. Not rounded yet. A web search that the row has no price for adds nothing, here as there.
 * Throws RangeError for bounds that are no non-negative integers.
 */
export function costCeiling(price: Price, bounds: UsageBounds): Picos {
  const row = compilePrice(price);
  const output = count(bounds.outputTokensMax) * count(bounds.choiceCount);
  count(bounds.promptTokensMax);
  let most = 0n;
  for (const { rates, promptTokensMax } of reachableRates(row, bounds.promptTokensMax, bounds)) {
    const tier = BigInt(promptTokensMax) * dearestInput(rates) + output * rates.output.picos;
    if (tier > most) most = tier;
  }
  return most + count(bounds.webSearchesMax ?? 0) * (row.webSearch ?? 0n);
}

function dearestInput({ input, cacheRead, cacheWrite, cacheWrite1h }: BucketRates): Picos {
  let most = input.picos;
  for (const { picos } of [cacheRead, cacheWrite, cacheWrite1h]) if (picos > most) most = picos;
  return most;
}

function count(tokens: number): bigint {
  if (tokens < 0) throw new RangeError('a negative bound');
  return BigInt(tokens);
}
