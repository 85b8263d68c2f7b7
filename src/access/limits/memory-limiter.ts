import type { Clock } from '../../base/clock.ts';
import { CountedLease, type EndGrant } from './lease.ts';
import { wholeTokens } from './limit-counter.ts';
import { limitFault } from './limit-fault.ts';
import type { LimitSets } from './limit-set.ts';
import { LocalCounters } from './local-counters.ts';
import { type LimitLease, type LimitRequest, type RateLimiter, unlimited } from './rate-limiter.ts';
import { standingOf } from './verdict.ts';

const sweepMs = 60_000;

/** Exact limits for one process. Takes are synchronous. */
export class MemoryLimiter implements RateLimiter {
  readonly #sets: LimitSets;
  readonly #clock: Clock;
  readonly #counters = new LocalCounters();
  readonly #end: EndGrant;
  #stopSweep: () => void;

  constructor(sets: LimitSets, clock: Clock) {
    this.#sets = sets;
    this.#clock = clock;
    this.#end = ({ set, atMs }, requestsDelta, tokensDelta) => {
      this.#counters.correct(set, atMs, requestsDelta, tokensDelta);
      this.#counters.free(set);
    };
    const sweep = (): void => {
      this.#counters.sweep(clock.monotonicMs());
      this.#stopSweep = clock.after(sweepMs, sweep);
    };
    this.#stopSweep = clock.after(sweepMs, sweep);
  }

  take(request: LimitRequest): LimitLease {
    const set = this.#sets.of(request.caller, request.modelId);
    if (set === undefined) return unlimited;
    const tokens = wholeTokens(request.tokens);
    const { atMs, readings, met } = this.#counters.take(set, tokens, this.#clock.monotonicMs(), ({ limit }) => limit);
    const standing = standingOf(set, readings, (index) => set[index]?.limit ?? 0);
    const counter = met === undefined ? undefined : set[met.index];
    if (met !== undefined && counter !== undefined) throw limitFault(request.caller, tokens, counter, met, standing);
    return new CountedLease({ set, tokens, atMs }, standing, this.#end);
  }

  /** Counters that are kept in memory; those of subjects that have been idle for a window are dropped. */
  get size(): number {
    return this.#counters.size;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopSweep();
    return Promise.resolve();
  }
}
