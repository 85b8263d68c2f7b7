/**
 * Tokens of one generation, in buckets that do not overlap: what was read fresh, read from a cache, written to one, and
 * written out. Vendors' totals overlap in different ways; the codec at the upstream's edge takes them apart.
 */
export interface Usage {
  readonly inputUncached: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Of `cacheWrite`, those that are kept for an hour, which may cost more; absent: none. */
  readonly cacheWrite1h?: number;
  /** All generated tokens, thinking included. */
  readonly output: number;
  /** Of `output`, those spent on thinking; undefined when the upstream does not say. */
  readonly reasoning?: number;
  /** Web searches that the vendor ran and charges by the call; absent: none. */
  readonly webSearches?: number;
  /** Counted by us because the upstream sent none, or sent nonsense. Unknown is not zero. */
  readonly estimated: boolean;
}

/** Tokens of the prompt, however they were read. */
export function promptTokens(usage: Usage): number {
  return usage.inputUncached + usage.cacheRead + usage.cacheWrite;
}

/** Prompt and output together. */
export function totalTokens(usage: Usage): number {
  return promptTokens(usage) + usage.output;
}
