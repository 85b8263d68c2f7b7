import type { Fault } from '../base/fault.ts';
import type { ModelRules } from '../dialogue/model-rules.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';

/** What a vendor takes in one batch of its own. */
export interface VendorBatchLimits {
  readonly linesMax: number;
  readonly bytesMax: number;
  /** Windows that it offers, in hours: one that ends sooner than the shortest cannot be had. */
  readonly windowHoursMin: number;
  readonly windowHoursMax: number;
}

/** One call of a batch, as that upstream is to make it. */
export interface VendorCall {
  readonly customId: string;
  /** Never streamed. */
  readonly request: DialogueRequest;
  /** The model's id as the upstream knows it. */
  readonly upstreamModel: string;
  readonly outputTokensMax?: number;
  readonly outputTokensDefault?: number;
  readonly modelRules?: ModelRules;
}

/** A call as a line of the vendor's file. */
export interface VendorLine {
  /** JSON, without a line's end. */
  readonly text: string;
  /** How much of the request this vendor cannot be told. */
  readonly lossCount: number;
}

/** A batch to be made by a vendor. */
export interface VendorOrder {
  /** Ours: names the batch at the vendor, so that it is found again. Letters, digits, `_` and `-`; never used for another order. */
  readonly reference: string;
  /** Of the file that `open` gives. */
  readonly bytes: number;
  /** The lines, from the beginning; may be asked for more than once. */
  open(): AsyncIterable<Uint8Array>;
  /** How long the vendor may take: a window that it offers. */
  readonly windowHours: number;
}

/**
 * `working`: not over yet, or in a state that we do not know. `failed`: the vendor took no line of it. Of the others, part may have been
 * done.
 */
export type VendorBatchState = 'working' | 'completed' | 'failed' | 'expired' | 'cancelled';

/** A batch at a vendor, as it was last seen. */
export interface VendorBatch {
  /** The vendor's own id. */
  readonly id: string;
  readonly state: VendorBatchState;
  /** As far as the vendor has counted. Undefined: it does not say. */
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number } | undefined;
  readonly inputFileId: string;
  readonly outputFileId: string | undefined;
  readonly errorFileId: string | undefined;
  /** Unix time; undefined: it does not say. */
  readonly createdMs: number | undefined;
}

/** What became of one call. */
export interface VendorResult {
  readonly customId: string;
  /** What the vendor did not do at all (its window was over, it was cancelled) is a fault that may be tried again. */
  readonly outcome: DialogueReply | Fault;
}

/**
 * An upstream that makes batches by itself. Every method rejects with a fault of the upstream's; whether it is worth trying again, the
 * fault says. Nothing is tried twice in here.
 */
export interface BatchVendor {
  readonly upstreamId: string;
  readonly limits: VendorBatchLimits;
  /** Throws a fault when the request cannot be said at all. */
  line(call: VendorCall): VendorLine;
  /**
   * Has a batch made, once per reference: one that an earlier try has made is found, be it that its reply was lost, and so is a file that was
   * sent and not used. Two that try at the same moment may both make one: `clear` is for that.
   */
  submit(order: VendorOrder, signal: AbortSignal): Promise<VendorBatch>;
  /** Undefined: the vendor knows no such batch, or no longer. */
  poll(id: string, signal: AbortSignal): Promise<VendorBatch | undefined>;
  /**
   * What has been done, in no particular order, read as it is asked for; may lack lines, and tell one twice. Lines that mean nothing are left
   * out.
   */
  results(batch: VendorBatch, signal: AbortSignal): AsyncIterable<VendorResult>;
  /** Asks the vendor to stop. Resolves with the batch as it then is; undefined: it knows none. */
  cancel(id: string, signal: AbortSignal): Promise<VendorBatch | undefined>;
  /**
   * Stops every batch of that reference but `keepId`, and removes what they wrote; without `keepId`, and once none is going on, what was sent as
   * well. Resolves with how many are still going on.
   */
  clear(reference: string, keepId: string | undefined, signal: AbortSignal): Promise<number>;
}
