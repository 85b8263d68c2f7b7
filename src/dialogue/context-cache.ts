/** The beginning of a conversation that an upstream has been told to hold. */
export interface HeldContext {
  readonly upstreamId: string;
  /** The upstream's own name for it: the id of the response that it made. */
  readonly handle: string;
  /** How many of the request's messages, from the first on, it holds. */
  readonly messageCount: number;
}

/**
 * Explicit context caching, as Ark has it. The request's messages are always all of them: what no upstream holds, or holds no more, is
 * sent again.
 */
export interface ContextCache {
  /** Newest first; may be empty. */
  readonly held: readonly HeldContext[];
  /** Hold this turn too: until when (unix seconds). Absent: read only. */
  readonly keepUntilS?: number;
  /** Only hold the messages, and answer nothing. A place that holds nothing by name does nothing then, and uses no tokens. */
  readonly prefixOnly?: true;
}
