import { parseDecimal, type Picos } from '../base/money.ts';
import type { Price, Rates } from './offer.ts';
import { isWithin, toUtcSpan, type UtcSpan } from './price-window.ts';

/** What tokens are charged as. */
export type Bucket = 'input' | 'cacheRead' | 'cacheWrite' | 'cacheWrite1h' | 'output';

export type RateName = keyof Rates;

/** One rate of a row: pico-units per token are millionths per 1M tokens, hence whole numbers. */
export interface BucketRate {
  /** Whose rate it is: the bucket's own, or the one that is charged in its place. */
  readonly name: RateName;
  /** As the row states it, per 1M tokens. */
  readonly text: string;
  readonly picos: Picos;
}

export type BucketRates = Readonly<Record<Bucket, BucketRate>>;

/** Under which of its rates a row is charged. */
export interface RatingTerms {
  /** When the request started, Unix time in milliseconds: decides over windows. */
  readonly atMs: number;
  /** A line of a batch. */
  readonly batch?: boolean;
}

/** The rates for prompts of more than `above` tokens. */
interface Tier {
  readonly above: number;
  readonly plain: BucketRates;
  readonly batch: BucketRates;
}

/** Tiers, smallest first; the first is for every prompt. */
type Card = readonly [Tier, ...Tier[]];

interface CompiledPrice {
  readonly validFromMs: number;
  readonly card: Card;
  readonly windows: readonly { readonly span: UtcSpan; readonly card: Card }[];
  /** By the call; undefined: not stated. */
  readonly webSearch: Picos | undefined;
}

const compiled = new WeakMap<Price, CompiledPrice>();

/** Parsed once per row: rating happens on every request. Throws RangeError for rates that are no decimals. */
export function compilePrice(price: Price): CompiledPrice {
  const known = compiled.get(price);
  if (known !== undefined) return known;
  const { webSearch } = price.perCall ?? {};
  const fresh: CompiledPrice = {
    validFromMs: Date.parse(price.validFrom),
    card: cardOf(price),
    windows: (price.windows ?? []).map((window) => ({ span: toUtcSpan(window), card: cardOf(window) })),
    webSearch: webSearch === undefined ? undefined : parseDecimal(webSearch, 12),
  };
  compiled.set(price, fresh);
  return fresh;
}

/** The rates that a prompt of `promptTokens` is charged at. Without `terms`: the row's plain ones, whatever windows it has. */
export function ratesFor(price: CompiledPrice, promptTokens: number, terms: RatingTerms | undefined): BucketRates {
  const card = cardAt(price, terms);
  let tier = card[0];
  for (let index = 1; index < card.length; index += 1) {
    const next = card[index];
    if (next === undefined || promptTokens <= next.above) break;
    tier = next;
  }
  return terms?.batch === true ? tier.batch : tier.plain;
}

/** The rates that prompts of up to `promptTokensMax` tokens can be charged at, each with the longest prompt that it is for. */
export function reachableRates(
  price: CompiledPrice,
  promptTokensMax: number,
  terms: RatingTerms,
): readonly { readonly rates: BucketRates; readonly promptTokensMax: number }[] {
  const card = cardAt(price, terms);
  const reachable = card.filter((tier, index) => index === 0 || tier.above < promptTokensMax);
  return reachable.map((tier, index) => ({
    rates: terms.batch === true ? tier.batch : tier.plain,
    promptTokensMax: Math.min(promptTokensMax, card[index + 1]?.above ?? promptTokensMax),
  }));
}

function cardAt({ windows, card }: CompiledPrice, terms: RatingTerms | undefined): Card {
  if (windows.length === 0 || terms === undefined) return card;
  return windows.find(({ span }) => isWithin(span, terms.atMs))?.card ?? card;
}

function cardOf(stated: Rates & { readonly tiers?: readonly (Rates & { readonly promptTokensAbove: number })[] }): Card {
  const tier = (rates: Rates, above: number): Tier => ({ above, plain: chosen(rates, plainChain), batch: chosen(rates, batchChain) });
  return [tier(stated, 0), ...(stated.tiers ?? []).map((each) => tier(each, each.promptTokensAbove))];
}

/**
 * For each bucket the rates that may be charged, the first that is stated. Where a row states no rate of a bucket's own, no
 * discount is known, so none is given: a cache costs what fresh input does, and an hour in it what five minutes do. Nothing
 * is free by omission.
 */
type Chain = Readonly<Record<Bucket, readonly RateName[]>>;

const plainChain: Chain = {
  input: ['input'],
  cacheRead: ['cacheRead', 'input'],
  cacheWrite: ['cacheWrite', 'input'],
  cacheWrite1h: ['cacheWrite1h', 'cacheWrite', 'input'],
  output: ['output'],
};

const batchChain: Chain = {
  input: ['batchInput', 'input'],
  cacheRead: ['batchCacheRead', 'cacheRead', 'batchInput', 'input'],
  cacheWrite: ['cacheWrite', 'batchInput', 'input'],
  cacheWrite1h: ['cacheWrite1h', 'cacheWrite', 'batchInput', 'input'],
  output: ['batchOutput', 'output'],
};

function chosen(rates: Rates, chain: Chain): BucketRates {
  const rate = (bucket: Bucket): BucketRate => {
    for (const name of chain[bucket]) {
      const text = rates[name];
      if (text !== undefined) return { name, text, picos: parseDecimal(text, 6) };
    }
    throw new RangeError(`a price row without a rate for ${bucket}`);
  };
  return {
    input: rate('input'),
    cacheRead: rate('cacheRead'),
    cacheWrite: rate('cacheWrite'),
    cacheWrite1h: rate('cacheWrite1h'),
    output: rate('output'),
  };
}
