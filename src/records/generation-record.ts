import type { BatchId, GenerationId, TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
import type { Usage } from '../dialogue/usage.ts';

/**
 * `complete`: ended as the protocol ends. `partial`: cut after the first event. `failed`: nothing was delivered.
 * `unknown`: nobody knows how it ended, since the server that served it died.
 */
export type GenerationState = 'complete' | 'partial' | 'failed' | 'unknown';

/**
 * Of the cost side, what the upstream charges the operator. `priced`: at the row named. `unpriced`: no row existed; the
 * cost is unknown, not zero. `free`: metered, never charged. `none`: nothing was delivered, so there is nothing to charge.
 * `unknown`: nobody can say what was used, since the server that served it died.
 */
export type CostState = 'priced' | 'unpriced' | 'free' | 'none' | 'unknown';

/** One generation: what was asked of whom, what it used, what it cost, how it ended. Holds no prompt and no answer. */
export interface GenerationRecord {
  readonly id: GenerationId;
  readonly tenantId: TenantId;
  readonly keyId: string;
  readonly mode: 'live' | 'test';
  readonly surface: string;
  /** The batch that it was a line of. */
  readonly batchId?: BatchId;
  /** As the caller named it. */
  readonly requestedModel: string;
  readonly modelId: string;
  /** Undefined when no upstream was reached. */
  readonly upstreamId?: string;
  readonly upstreamModel?: string;
  /** The upstream's own id of the reply. */
  readonly upstreamReplyId?: string;
  readonly streamed: boolean;
  readonly state: GenerationState;
  /** Of the first choice; undefined when none ended. */
  readonly finishReason?: string;
  /** Fault code, for partial and failed ones. */
  readonly faultCode?: string;
  readonly cancelled: boolean;
  /** How many upstreams were tried. */
  readonly attempts: number;
  readonly usage?: Usage;
  readonly costState: CostState;
  /** What the upstream charges for it at the price row; for `free` ones, what it would have. */
  readonly costNanos?: Nanos;
  /** Of the cost. */
  readonly currency?: Currency;
  readonly priceId?: string;
  /** What the caller pays, at most what was reserved; always together with its currency. Undefined: nothing was charged. */
  readonly chargeNanos?: Nanos;
  readonly chargeCurrency?: Currency;
  /** Which rule made the price that the caller pays. */
  readonly chargeRule?: string;
  /** How many units of `chargeCurrency` one unit of `currency` was taken for, as decimal text. Undefined: nothing was converted. */
  readonly exchangeRate?: string;
  /** ISO date of the exchange rate's row. */
  readonly exchangeRateFrom?: string;
  /** What the actual price exceeded the reservation by, in `chargeCurrency`: not charged, the operator's loss. */
  readonly lossNanos?: Nanos;
  /** What the caller saved by tokens that were read from a cache, in `chargeCurrency`. */
  readonly cacheSavedNanos?: Nanos;
  /** What was remarkable about it, each in one word without blanks; never empty. */
  readonly flags?: readonly string[];
  readonly startedMs: number;
  /** From admission to the first event. */
  readonly firstEventAfterMs?: number;
  /** From admission to the end. */
  readonly durationMs: number;
}
