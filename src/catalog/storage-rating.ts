import { type Currency, divideHalfEven, type Nanos, parseDecimal } from '../base/money.ts';

/** At what tokens are kept in a cache: everything that decides over the amount but the time. It stays the same while a cache lives. */
export interface StorageRate {
  /** Tokens that are kept. */
  readonly tokens: number;
  /** As the price row states it: per 1M tokens and hour. */
  readonly ratePerHour: string;
  /** Hundredths of a percent on top of it; negative: a discount. */
  readonly adjustBasisPoints: bigint;
  /** What one unit of the rate's currency is worth in that of the amount: decimal, at most eighteen places; `1`: they are the same. */
  readonly exchangeRate: string;
}

/** What a row asks for storage, before it is known how many tokens there are. */
export interface StoragePrice {
  readonly ratePerHour: string;
  readonly currency: Currency;
  readonly priceId: string;
}

const hourMs = 3_600_000n;
const exchangeDigits = 18;
/** Parts of a nano-unit in a product of rate, milliseconds, basis points and exchange rate. */
const partsPerNano = 1000n * hourMs * 10_000n * 10n ** BigInt(exchangeDigits);

/**
 * What `rate` comes to from the moment that a cache is there until `elapsedMs` later: exact, and rounded once, half-even.
 * Throws RangeError for a rate that is no decimal, and for tokens or times that are no non-negative integers.
 */
export function storageNanos(rate: StorageRate, elapsedMs: number): Nanos {
  if (rate.tokens < 0 || elapsedMs < 0) throw new RangeError('storage of less than nothing');
  return divideHalfEven(partsPerMs(rate) * BigInt(elapsedMs), partsPerNano);
}

/**
 * What is still to be paid at `toMs` when everything up to `fromMs` has been: both from the moment that the cache is there. The sum
 * of any row of such pieces is the whole, since each is the difference of two roundings and not a rounding of its own: how often, and
 * when, a cache is billed makes no difference. Throws as `storageNanos` does.
 */
export function storageNanosBetween(rate: StorageRate, fromMs: number, toMs: number): Nanos {
  return storageNanos(rate, toMs) - storageNanos(rate, fromMs);
}

/** After how many milliseconds `rate` comes to `amount`, rounded down; undefined: never, since it is nothing. */
export function storageMsFor(rate: StorageRate, amount: Nanos): number | undefined {
  const perMs = partsPerMs(rate);
  return perMs === 0n ? undefined : Number((amount * partsPerNano) / perMs);
}

/** Pico-units per token and hour are millionths per 1M tokens and hour, hence whole numbers. */
function partsPerMs({ tokens, ratePerHour, adjustBasisPoints, exchangeRate }: StorageRate): bigint {
  return BigInt(tokens) * parseDecimal(ratePerHour, 6) * (10_000n + adjustBasisPoints) * parseDecimal(exchangeRate, exchangeDigits);
}
