/** Why a choice ended. `raw` is the upstream's own word when it is not one of ours, never lost. */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'error' | 'other';

export interface Finish {
  readonly reason: FinishReason;
  readonly raw?: string;
  /** The stop sequence that was met, where the upstream says which. */
  readonly stopSequence?: string;
}
