/** How much of one limit is left. */
export interface LimitLevel {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until all of it is there again, if nothing more is taken. */
  readonly resetMs: number;
}

/** Where a caller stands with the limits that hold for a call: of those of each kind, the one with the least left. */
export interface LimitStanding {
  readonly requests?: LimitLevel;
  readonly tokens?: LimitLevel;
}
