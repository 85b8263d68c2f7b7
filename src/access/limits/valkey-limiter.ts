import { Fault } from '../../base/fault.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Caller } from '../caller.ts';
import { CountedLease, type EndGrant, type Grant } from './lease.ts';
import { wholeTokens } from './limit-counter.ts';
import { limitFault } from './limit-fault.ts';
import type { LimitSet, LimitSets } from './limit-set.ts';
import { LocalCounters } from './local-counters.ts';
import { type LimitLease, type LimitRequest, type RateLimiter, unlimited } from './rate-limiter.ts';
import { ReplicaMembership, type ReplicaTiming, replicaTiming } from './replica-membership.ts';
import { type Met, type Reading, standingOf } from './verdict.ts';

const sweepMs = 60_000;
const goneAgainMs = 1_000;
/** Corrections kept for when the counters are back. What is beyond leaves too much counted, never too little. */
const owedMax = 10_000;
const publishNumbersMax = 4_000;

export interface ValkeyLimiterParts {
  readonly sets: LimitSets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `redis://`, `rediss://`, `valkey://` or `valkeys://`. */
  readonly url: string;
  /** When the counters are gone: each replica keeps to its share of the limits, or limited calls are refused. */
  readonly whenGone: 'share' | 'refuse';
  readonly timing?: ReplicaTiming;
  /** Begins every key. */
  readonly prefix?: string;
}

interface Claim {
  readonly caller: Caller;
  readonly set: LimitSet;
  readonly tokens: number;
}

interface Owed {
  readonly grant: Grant;
  readonly requestsDelta: number;
  readonly tokensDelta: number;
}

/**
 * Exact limits for several processes that share a Valkey or Redis. What this replica has let in is counted here as well: so
 * that it can go on by itself when the counters are gone, and give back to them what they have lost or missed.
 */
export class ValkeyLimiter implements RateLimiter {
  readonly #parts: ValkeyLimiterParts;
  readonly #membership: ReplicaMembership;
  /** All that this replica has let in, in the counters' time. */
  readonly #counters = new LocalCounters();
  /** Of that, what the shared counters do not know. */
  readonly #unpublished = new LocalCounters();
  #owed: Owed[] = [];
  #stopSweep: () => void;

  constructor(parts: ValkeyLimiterParts) {
    const { clock, random, log, url, timing = replicaTiming, prefix = 'moongate:limits:' } = parts;
    this.#parts = parts;
    this.#membership = new ReplicaMembership({
      url, clock, random, log, timing, prefix,
      publish: (sameData) => this.#publish(sameData),
    });
    const sweep = (): void => {
      this.#counters.sweep(this.#membership.nowMs());
      this.#stopSweep = clock.after(sweepMs, sweep);
    };
    this.#stopSweep = clock.after(sweepMs, sweep);
  }

  /** Begins to connect, and waits for it for at most `limitMs`. */
  start(limitMs: number): Promise<void> {
    return this.#membership.start(limitMs);
  }

  /** The server has said that it does not take our password. */
  get isKeyRefused(): boolean {
    return this.#membership.isKeyRefused;
  }

  /** Whether the shared counters are in use at the moment. */
  get isShared(): boolean {
    return this.#membership.isUp;
  }

  take({ caller, modelId, tokens }: LimitRequest): LimitLease | Promise<LimitLease> {
    const set = this.#parts.sets.of(caller, modelId);
    if (set === undefined) return unlimited;
    const claim: Claim = { caller, set, tokens: wholeTokens(tokens) };
    return this.#membership.isUp ? this.#takeShared(claim, true) : this.#takeAlone(claim);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopSweep();
    await this.#membership.close();
  }

  async #takeShared(claim: Claim, again: boolean): Promise<LimitLease> {
    const { set, tokens } = claim;
    let answer: readonly unknown[] | undefined;
    try {
      answer = await this.#membership.ask({
        act: 'take',
        counters: set.map(({ id }) => id),
        args: [tokens, ...set.flatMap(({ kind, limit }) => [kind, limit])],
        // Nobody waits for it any more. Its slot is gone with the name that it was asked under.
        onLate: ([atMs, met]) => {
          if (met === 0) this.#sendEnd({ set, tokens, atMs: Number(atMs) }, -1, -tokens, false);
        },
      });
    } catch {
      return this.#takeAlone(claim);
    }
    if (answer !== undefined) return this.#judge(claim, answer.map(Number));
    const isIn = await this.#membership.entered();
    return isIn && again ? this.#takeShared(claim, false) : this.#takeAlone(claim);
  }

  #judge({ caller, set, tokens }: Claim, answer: readonly number[]): LimitLease {
    const [atMs = 0, place = 0, wait = 0, ...numbers] = answer;
    const readings: Reading[] = set.map((_counter, index) => ({ count: numbers[2 * index] ?? 0, resetMs: numbers[2 * index + 1] ?? 0 }));
    const standing = standingOf(set, readings, (index) => set[index]?.limit ?? 0);
    const counter = set[place - 1];
    if (counter !== undefined) {
      const met: Met = { index: place - 1, count: readings[place - 1]?.count ?? 0, waitMs: wait < 0 ? undefined : wait };
      throw limitFault(caller, tokens, counter, met, standing);
    }
    this.#counters.add(set, tokens, atMs);
    return new CountedLease({ set, tokens, atMs }, standing, this.#endShared);
  }

  /** Without the shared counters: by the stated policy. */
  #takeAlone({ caller, set, tokens }: Claim): LimitLease {
    const share = (limit: number): number | undefined => (this.#parts.whenGone === 'share' ? this.#membership.shareOf(limit) : undefined);
    if (share(0) === undefined) {
      throw new Fault('storage_unavailable', { message: 'the counters of the rate limits are not available; try again later', retryAfterMs: goneAgainMs });
    }
    const shareOf = (limit: number): number => share(limit) ?? 0;
    const { atMs, readings, met } = this.#counters.take(set, tokens, this.#membership.nowMs(), ({ limit }) => shareOf(limit));
    const standing = standingOf(set, readings, (index) => shareOf(set[index]?.limit ?? 0));
    const counter = met === undefined ? undefined : set[met.index];
    if (met !== undefined && counter !== undefined) throw limitFault(caller, tokens, counter, met, standing);
    this.#unpublished.add(set, tokens, atMs);
    return new CountedLease({ set, tokens, atMs }, standing, this.#endAlone);
  }

  /** The end of what the shared counters let in. */
  readonly #endShared: EndGrant = (grant, requestsDelta, tokensDelta) => {
    this.#endHere(grant, requestsDelta, tokensDelta);
    if (this.#membership.isUp) this.#sendEnd(grant, requestsDelta, tokensDelta, true);
    else if (this.#owed.length < owedMax) this.#owed.push({ grant, requestsDelta, tokensDelta });
  };

  /** The end of what was let in without them. When they are back, they have been told of it. */
  readonly #endAlone: EndGrant = (grant, requestsDelta, tokensDelta) => {
    this.#endHere(grant, requestsDelta, tokensDelta);
    if (this.#membership.isUp) this.#sendEnd(grant, requestsDelta, tokensDelta, true);
    else this.#unpublished.correct(grant.set, grant.atMs, requestsDelta, tokensDelta);
  };

  #endHere({ set, atMs }: Grant, requestsDelta: number, tokensDelta: number): void {
    this.#counters.correct(set, atMs, requestsDelta, tokensDelta);
    this.#counters.free(set);
  }

  #sendEnd(grant: Grant, requestsDelta: number, tokensDelta: number, free: boolean): void {
    // An answer that does not come leaves too much counted for a while; the slots are put right when we come in again.
    void this.#askEnd(grant, requestsDelta, tokensDelta, free).catch(() => {});
  }

  async #askEnd({ set, atMs }: Grant, requestsDelta: number, tokensDelta: number, free: boolean): Promise<void> {
    const changed = set.filter(({ kind }) => (kind === 'concurrency' ? free : (kind === 'rpm' ? requestsDelta : tokensDelta) !== 0));
    if (changed.length === 0) return;
    await this.#membership.ask({
      act: 'end',
      counters: changed.map(({ id }) => id),
      args: [this.#membership.era, atMs, requestsDelta, tokensDelta, free ? 1 : 0, ...changed.map(({ kind }) => kind)],
    });
  }

  /** All is sent at once, so that whatever is asked afterwards comes after it. */
  async #publish(sameData: boolean): Promise<void> {
    const nowMs = this.#membership.nowMs();
    const windows = (sameData ? this.#unpublished : this.#counters).windows(nowMs);
    this.#unpublished.clear();
    const owed = sameData ? this.#owed : [];
    this.#owed = [];
    const told = [
      ...windows.map(({ id, kind, entries }) => ({ id, numbers: [kind, entries.length, ...entries] })),
      ...[...this.#counters.open()].map(([id, open]) => ({ id, numbers: ['concurrency', 1, open] })),
    ];
    const answers = batches(told).map((batch) =>
      this.#membership.ask({ act: 'publish', counters: batch.map(({ id }) => id), args: batch.flatMap(({ numbers }) => numbers) }),
    );
    const corrections = owed.map(({ grant, requestsDelta, tokensDelta }) => this.#askEnd(grant, requestsDelta, tokensDelta, false));
    const known = await Promise.all(answers);
    await Promise.all(corrections);
    if (known.includes(undefined)) throw new Error('the limit counters have forgotten us again');
  }
}

interface Told {
  readonly id: string;
  readonly numbers: readonly (string | number)[];
}

/** As many at a time as one script may take without holding up the server. */
function batches(told: readonly Told[]): readonly (readonly Told[])[] {
  const all: Told[][] = [];
  let room = 0;
  for (const one of told) {
    if (room < one.numbers.length || all.length === 0) {
      all.push([]);
      room = publishNumbersMax;
    }
    all.at(-1)?.push(one);
    room -= one.numbers.length;
  }
  return all;
}
