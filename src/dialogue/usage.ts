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
  /** What is odd about the counts; absent: nothing. */
  readonly flags?: readonly UsageFlag[];
}

/** Every word for what may be odd about counts. */
export const usageFlags = [
  /** The upstream's counts cannot be true (negative, more cached than prompted …); those here are ours. */
  'rejected',
  /** Billed as stated, although the stated total is not the sum of its parts. */
  'total-differs',
  /** Billed as stated, although two places state the cached tokens differently; the larger figure counts. */
  'cache-differs',
  /** Billed as stated, although no prompt has no tokens. */
  'prompt-empty',
  /** Billed as stated, although the output is longer than the limit that was sent. */
  'output-over-limit',
] as const;

export type UsageFlag = (typeof usageFlags)[number];

/** Tokens of the prompt, however they were read. */
export function promptTokens(usage: Usage): number {
  return usage.inputUncached + usage.cacheRead + usage.cacheWrite;
}

/** Prompt and output together. */
export function totalTokens(usage: Usage): number {
  return promptTokens(usage) + usage.output;
}

/** `usage` with one more flag. */
export function withFlag(usage: Usage, flag: UsageFlag): Usage {
  if (usage.flags?.includes(flag) === true) return usage;
  return { ...usage, flags: [...(usage.flags ?? []), flag] };
}

/**
 * `usage`, flagged when its output is longer than was allowed: `outputTokensMax` tokens a choice, as sent upstream;
 * undefined: no limit was sent. It is billed all the same. A limit may be overrun by the token that ends the text, so that
 * one token a choice is no surprise.
 */
export function checkedAgainstLimit(usage: Usage, outputTokensMax: number | undefined, choiceCount: number): Usage {
  const over = outputTokensMax !== undefined && usage.output > (outputTokensMax + 1) * choiceCount;
  return over ? withFlag(usage, 'output-over-limit') : usage;
}
