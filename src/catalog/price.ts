import type { Currency, Nanos, Picos } from '../base/money.ts';
import { divideHalfEven, formatDecimal, parseDecimal, toNanos } from '../base/money.ts';
import { promptTokens, type Usage } from '../dialogue/usage.ts';
import type { Offer, PerCall, Price } from './offer.ts';
import { type Bucket, type BucketRate, compilePrice, type RateName, type RatingTerms, ratesFor } from './price-card.ts';

/** What the tokens of one bucket cost; exact. */
export interface CostLine {
  readonly bucket: Bucket;
  readonly tokens: number;
  /** The rate charged, as the price row states it. */
  readonly ratePerMillion: string;
  /** Whose rate that is. Not the bucket's own where the row states none for it: then that of fresh input, or the next nearest. */
  readonly chargedAs: RateName;
  readonly amountPicos: Picos;
}

/** Something charged by the call. */
export type Extra = keyof PerCall;

export interface ExtraLine {
  readonly extra: Extra;
  readonly calls: number;
  /** As the price row states it, in whole units. */
  readonly ratePerCall: string;
  readonly amountPicos: Picos;
}

export interface Cost {
  /** Sum of the lines, rounded once, half-even. */
  readonly amountNanos: Nanos;
  /** Sum of the lines, exact. */
  readonly amountPicos: Picos;
  readonly currency: Currency;
  /** The price row that was used. */
  readonly priceId: string;
  /** Only buckets that hold tokens. */
  readonly lines: readonly CostLine[];
  /** Absent: nothing was used that is charged by the call. */
  readonly extras?: readonly ExtraLine[];
  /** Used, but the row does not say what it costs, so that it is in no sum. Unknown is not zero. Absent: there is none. */
  readonly unpricedExtras?: readonly Extra[];
}

/** The newest price row in force at `nowMs`; undefined: the offer is unpriced then, which is not a price of zero. */
export function priceAt(offer: Offer, nowMs: number): Price | undefined {
  return newestAt(offer.prices, nowMs);
}

/** The newest of `prices`, oldest first, in force at `nowMs`. */
export function newestAt(prices: readonly Price[], nowMs: number): Price | undefined {
  for (let index = prices.length - 1; index >= 0; index -= 1) {
    const price = prices[index];
    if (price !== undefined && compilePrice(price).validFromMs <= nowMs) return price;
  }
  return undefined;
}

/**
 * What `usage` costs at `price`. The whole of it is charged at the tier that its prompt falls in, and in the window in which
 * the request started. Tokens read from or written to a cache are charged at the rate of fresh input where the row states none
 * of their own: no discount is known, so none is given, and they are never free by omission. Without `terms` no window counts.
 * Throws RangeError for counts that are no non-negative integers, and for rates that are no decimals.
 */
export function rate(usage: Usage, price: Price, terms?: RatingTerms): Cost {
  const row = compilePrice(price);
  const rates = ratesFor(row, promptTokens(usage), terms);
  const { cacheWrite1h = 0, webSearches = 0 } = usage;
  const lines: CostLine[] = [];
  let amountPicos = 0n;
  const add = (bucket: Bucket, tokens: number, charged: BucketRate): void => {
    if (tokens === 0) return;
    if (tokens < 0) throw new RangeError(`negative number of tokens in bucket ${bucket}`);
    const line = BigInt(tokens) * charged.picos;
    amountPicos += line;
    lines.push({ bucket, tokens, ratePerMillion: charged.text, chargedAs: charged.name, amountPicos: line });
  };
  add('input', usage.inputUncached, rates.input);
  add('cacheRead', usage.cacheRead, rates.cacheRead);
  add('cacheWrite', usage.cacheWrite - cacheWrite1h, rates.cacheWrite);
  add('cacheWrite1h', cacheWrite1h, rates.cacheWrite1h);
  add('output', usage.output, rates.output);
  const known = { currency: price.currency, priceId: price.id, lines };
  if (webSearches === 0) return { amountNanos: toNanos(amountPicos), amountPicos, ...known };
  const search = searchLine(webSearches, price, row.webSearch);
  if (search === undefined) return { amountNanos: toNanos(amountPicos), amountPicos, ...known, unpricedExtras: ['webSearch'] };
  amountPicos += search.amountPicos;
  return { amountNanos: toNanos(amountPicos), amountPicos, ...known, extras: [search] };
}

function searchLine(calls: number, price: Price, picos: Picos | undefined): ExtraLine | undefined {
  if (calls < 0) throw new RangeError('negative number of web searches');
  const ratePerCall = price.perCall?.webSearch;
  if (picos === undefined || ratePerCall === undefined) return undefined;
  return { extra: 'webSearch', calls, ratePerCall, amountPicos: BigInt(calls) * picos };
}

/**
 * How much more `usage` would have cost, had nothing been read from a cache but all of it fresh, rounded half-even. Negative
 * when the row asks more for cached tokens than for fresh ones; zero when it states no rate for them.
 */
export function cacheSavings(usage: Usage, price: Price, terms?: RatingTerms): Nanos {
  const rates = ratesFor(compilePrice(price), promptTokens(usage), terms);
  return toNanos(BigInt(usage.cacheRead) * (rates.input.picos - rates.cacheRead.picos));
}

/** How much less than the official rate an offer asks, in percent with up to two decimals. Negative: it asks more. */
export interface Discount {
  readonly input?: string;
  readonly output?: string;
  /** Only when both rows state the rate. */
  readonly cacheRead?: string;
}

/**
 * `offer` against `official`, whatever the sign: a vendor's word for its price is not asked. Undefined when the
 * currencies differ; a rate is left out when the official one is zero.
 */
export function discount(offer: Price, official: Price): Discount | undefined {
  if (offer.currency !== official.currency) return undefined;
  const input = percentBelow(offer.input, official.input);
  const output = percentBelow(offer.output, official.output);
  const cacheRead = percentBelow(offer.cacheRead, official.cacheRead);
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(cacheRead === undefined ? {} : { cacheRead }),
  };
}

function percentBelow(asked: string | undefined, official: string | undefined): string | undefined {
  if (asked === undefined || official === undefined) return undefined;
  const officialPicos = parseRate(official);
  if (officialPicos === 0n) return undefined;
  return formatDecimal(divideHalfEven((officialPicos - parseRate(asked)) * 10_000n, officialPicos), 2);
}

function parseRate(ratePerMillion: string): Picos {
  return parseDecimal(ratePerMillion, 6);
}
