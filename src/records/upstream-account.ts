import type { Currency, Nanos } from '../base/money.ts';

/** What the operator's account at an upstream can be asked about money; compose hands in what `upstreams/` makes of it. */
export interface UpstreamAccount {
  /** What is left in the account. Absent: the upstream does not tell. */
  readonly balance?: {
    readonly currency: Currency;
    /** Rejects with a fault of the upstream's. */
    read(signal: AbortSignal): Promise<Nanos>;
  };
  /** What single replies cost. Absent: the upstream does not tell. */
  readonly replies?: {
    readonly currency: Currency;
    /** By the upstream's own id of the reply; undefined: it knows none. Rejects with a fault of the upstream's. */
    cost(replyId: string, signal: AbortSignal): Promise<Nanos | undefined>;
  };
}
