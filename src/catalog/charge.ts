import { type Currency, divideHalfEven, divideUp, formatDecimal, type Nanos, parseDecimal } from '../base/money.ts';
import type { Usage } from '../dialogue/usage.ts';
import { costCeiling, type UsageBounds } from './cost-ceiling.ts';
import type { Price, Rates } from './offer.ts';
import type { RatingTerms } from './price-card.ts';
import { type Cost, rate } from './price.ts';

/** What a caller is asked for: a price row, and what is put on it or taken off. */
export interface SellPrice {
  readonly price: Price;
  /** Hundredths of a percent on top of the price; negative: a discount. Always above -10,000. */
  readonly adjustBasisPoints: bigint;
  /** The rule that says so; undefined: none does, and it is the offer's own price. */
  readonly ruleId: string | undefined;
}

/** What a caller is charged. */
export interface Charge {
  readonly amountNanos: Nanos;
  readonly currency: Currency;
  readonly priceId: string;
  readonly adjustBasisPoints: bigint;
  readonly ruleId: string | undefined;
  /** What it comes to before the adjustment, line by line. */
  readonly listed: Cost;
}

/** Parts of an adjusted pico-unit in a nano-unit. */
const partsPerNano = 10_000n * 1000n;

/**
 * What `usage` is charged at `sell`: the percentage is applied to the exact sum, which is then rounded once, half-even.
 * Throws as `rate` does.
 */
export function chargeOf(usage: Usage, sell: SellPrice, terms: RatingTerms): Charge {
  const listed = rate(usage, sell.price, terms);
  const { adjustBasisPoints, ruleId } = sell;
  const amountNanos = adjustBasisPoints === 0n ? listed.amountNanos : divideHalfEven(listed.amountPicos * (10_000n + adjustBasisPoints), partsPerNano);
  return { amountNanos, currency: listed.currency, priceId: listed.priceId, adjustBasisPoints, ruleId, listed };
}

/**
 * `sell` as a price row of its own, for the eye: its plain rates with the percentage applied, rounded to nine places. Charges are
 * worked out by `chargeOf`, which rounds nothing before the sum.
 */
export function askedPrice({ price, adjustBasisPoints }: SellPrice): Price {
  if (adjustBasisPoints === 0n) return price;
  const adjusted = { ...price } as { -readonly [Name in keyof Price]: Price[Name] };
  for (const name of rateNames) {
    const stated = price[name];
    if (stated !== undefined) adjusted[name] = formatDecimal(divideHalfEven(parseDecimal(stated, 9) * (10_000n + adjustBasisPoints), 10_000n), 9);
  }
  return adjusted;
}

const rateNames = [
  'input', 'cacheRead', 'cacheWrite', 'cacheWrite1h', 'output', 'batchInput', 'batchCacheRead', 'batchOutput', 'cacheStoragePerHour',
] as const satisfies readonly (keyof Rates | 'cacheStoragePerHour')[];

/** The most that any usage within `bounds` is charged at `sell`, rounded up. Throws as `costCeiling` does. */
export function chargeCeiling(sell: SellPrice, bounds: UsageBounds): Nanos {
  return divideUp(costCeiling(sell.price, bounds) * (10_000n + sell.adjustBasisPoints), partsPerNano);
}
