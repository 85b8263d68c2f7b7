import type { Currency, Nanos } from '../base/money.ts';

/** What one bucket of a reply's usage costs, rounded for itself: the lines may differ from the whole by a nano each. None is negative. */
export interface ReplyCostLine {
  /** `input`, `cacheRead`, `cacheWrite`, `output`, or what else a price has a rate for. */
  readonly bucket: string;
  readonly tokens: number;
  readonly amountNanos: Nanos;
}

/**
 * What a reply costs its caller, never what it costs the operator. `priced`: this is charged. `free`: nothing is charged, and this
 * is what it would have cost. `unpriced`: not known, which is not zero.
 */
export type ReplyCost =
  | {
      readonly state: 'priced' | 'free';
      readonly amountNanos: Nanos;
      readonly currency: Currency;
      readonly lines: readonly ReplyCostLine[];
    }
  | { readonly state: 'unpriced' };
