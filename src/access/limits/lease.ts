import type { LimitStanding } from '../../base/limit-standing.ts';
import type { LimitSet } from './limit-set.ts';
import type { LimitLease } from './rate-limiter.ts';

/** What a request has taken, to be corrected where it was taken. */
export interface Grant {
  readonly set: LimitSet;
  readonly tokens: number;
  /** By the counters' clock. */
  readonly atMs: number;
}

/** Told once, at the end of a lease: what to change of what was counted, and that its slots are free. */
export type EndGrant = (grant: Grant, requestsDelta: number, tokensDelta: number) => void;

/** The lease of a call that was counted. */
export class CountedLease implements LimitLease {
  readonly standing: LimitStanding | undefined;
  readonly #grant: Grant;
  #end: EndGrant | undefined;

  constructor(grant: Grant, standing: LimitStanding | undefined, end: EndGrant) {
    this.#grant = grant;
    this.standing = standing;
    this.#end = end;
  }

  settle(tokens: number): void {
    // An upstream's usage that is no count leaves what was reserved.
    const used = Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : this.#grant.tokens;
    this.#finish(0, used - this.#grant.tokens);
  }

  cancel(): void {
    this.#finish(-1, -this.#grant.tokens);
  }

  #finish(requestsDelta: number, tokensDelta: number): void {
    const end = this.#end;
    this.#end = undefined;
    end?.(this.#grant, requestsDelta, tokensDelta);
  }
}
