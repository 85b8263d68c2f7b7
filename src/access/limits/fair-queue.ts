import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { LimitSet, LimitSets } from './limit-set.ts';
import { type LimitLease, type LimitRequest, type RateLimiter, unlimited } from './rate-limiter.ts';

/** What is freed by another replica is found by asking again. */
const askAgainMsMax = 250;

export interface QueueSettings {
  /** Longest wait before the refusal. */
  readonly waitMs: number;
  /** Most that may wait of one key. */
  readonly length: number;
}

interface Waiter {
  readonly request: LimitRequest;
  readonly set: LimitSet;
  readonly signal: AbortSignal;
  /** What it would have been told at once. */
  refusal: Fault | undefined;
  /** Ends its wait, once. */
  leave(outcome: LimitLease | Fault): void;
  readonly hasLeft: boolean;
}

/**
 * Has calls wait a while instead of refusing them. Keys take turns, so that one that sends much does not keep the others from
 * their part; within a key the first comes first. Who could have what somebody waits for already, waits behind.
 */
export class FairQueue implements RateLimiter {
  readonly #inner: RateLimiter;
  readonly #sets: LimitSets;
  readonly #settings: QueueSettings;
  readonly #clock: Clock;
  /** Those who wait, by key, in the order of turns. */
  readonly #lines = new Map<string, Waiter[]>();
  /** How many wait for each counter. */
  readonly #wanted = new Map<string, number>();
  #pumping = false;
  #pumpAgain = false;
  #stopTimer: () => void = () => {};
  /** When to ask again; Infinity: nothing is planned. */
  #dueMs = Infinity;

  constructor(inner: RateLimiter, sets: LimitSets, settings: QueueSettings, clock: Clock) {
    this.#inner = inner;
    this.#sets = sets;
    this.#settings = settings;
    this.#clock = clock;
  }

  take(request: LimitRequest, signal: AbortSignal): LimitLease | Promise<LimitLease> {
    const set = this.#sets.of(request.caller, request.modelId);
    if (set === undefined) return unlimited;
    if (set.some(({ id }) => this.#wanted.has(id))) return this.#wait(request, set, signal, undefined);
    let taken: LimitLease | Promise<LimitLease>;
    try {
      taken = this.#inner.take(request, signal);
    } catch (thrown) {
      return this.#wait(request, set, signal, refusalIn(thrown));
    }
    if (!(taken instanceof Promise)) return this.#telling(taken);
    return taken.then(
      (lease) => this.#telling(lease),
      (thrown: unknown) => this.#wait(request, set, signal, refusalIn(thrown)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopTimer();
    for (const line of [...this.#lines.values()]) for (const waiter of [...line]) waiter.leave(new Fault('shutting_down'));
    await this.#inner[Symbol.asyncDispose]();
  }

  #wait(request: LimitRequest, set: LimitSet, signal: AbortSignal, refusal: Fault | undefined): Promise<LimitLease> {
    const key = request.caller.keyId;
    const line = this.#lines.get(key) ?? [];
    const isFirst = line.length === 0;
    if (line.length >= this.#settings.length) return Promise.reject(refusal ?? line[0]?.refusal ?? new Fault('rate_limited', { retryAfterMs: askAgainMsMax }));
    if (signal.aborted) return Promise.reject(new Fault('caller_gone'));
    const { promise, resolve, reject } = Promise.withResolvers<LimitLease>();
    const waiter: Waiter & { hasLeft: boolean } = {
      request, set, signal, refusal, hasLeft: false,
      leave: (outcome) => {
        if (waiter.hasLeft) return;
        waiter.hasLeft = true;
        stopWait();
        signal.removeEventListener('abort', onAbort);
        this.#remove(key, waiter);
        if (outcome instanceof Fault) reject(outcome);
        else resolve(this.#telling(outcome));
      },
    };
    const onAbort = (): void => waiter.leave(new Fault('caller_gone'));
    const stopWait = this.#clock.after(this.#settings.waitMs, () => waiter.leave(waiter.refusal ?? new Fault('rate_limited')));
    signal.addEventListener('abort', onAbort);
    line.push(waiter);
    this.#lines.set(key, line);
    for (const { id } of set) this.#wanted.set(id, (this.#wanted.get(id) ?? 0) + 1);
    this.#askLater(refusal?.retryAfterMs);
    // Who comes behind others of its key need not ask: they have.
    if (refusal === undefined && isFirst) this.#pump();
    return promise;
  }

  #remove(key: string, waiter: Waiter): void {
    const line = this.#lines.get(key) ?? [];
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) this.#lines.delete(key);
    for (const { id } of waiter.set) {
      const others = (this.#wanted.get(id) ?? 1) - 1;
      if (others === 0) this.#wanted.delete(id);
      else this.#wanted.set(id, others);
    }
  }

  /** A lease at whose end those who wait are asked. */
  #telling(lease: LimitLease): LimitLease {
    return {
      standing: lease.standing,
      settle: (tokens) => {
        lease.settle(tokens);
        this.#pump();
      },
      cancel: () => {
        lease.cancel();
        this.#pump();
      },
    };
  }

  /** Gives every key a turn, again and again, until a whole round lets nobody in. */
  #pump(): void {
    if (this.#lines.size === 0) return;
    this.#pumpAgain = true;
    if (!this.#pumping) void this.#rounds();
  }

  async #rounds(): Promise<void> {
    let soonestMs: number | undefined;
    this.#pumping = true;
    while (this.#pumpAgain) {
      this.#pumpAgain = false;
      soonestMs = undefined;
      for (const key of [...this.#lines.keys()]) {
        const waiter = this.#lines.get(key)?.[0];
        if (waiter === undefined) continue;
        const outcome = await this.#try(waiter);
        if (outcome instanceof Fault) {
          soonestMs = Math.min(soonestMs ?? Infinity, outcome.retryAfterMs ?? Infinity);
          continue;
        }
        this.#pumpAgain = true;
        // Its next turn is after all the others'.
        const line = this.#lines.get(key);
        if (line === undefined) continue;
        this.#lines.delete(key);
        this.#lines.set(key, line);
      }
    }
    this.#pumping = false;
    if (soonestMs !== undefined) this.#askLater(soonestMs);
  }

  /** Tries for a waiter, which leaves if that settles it; the refusal if it goes on waiting. */
  async #try(waiter: Waiter): Promise<'left' | Fault> {
    try {
      const lease = await this.#inner.take(waiter.request, waiter.signal);
      if (waiter.hasLeft) lease.cancel();
      else waiter.leave(lease);
      return 'left';
    } catch (thrown) {
      const fault = thrown instanceof Fault ? thrown : new Fault('internal', { cause: thrown });
      if (fault.code !== 'rate_limited' || !fault.retryable) {
        waiter.leave(fault);
        return 'left';
      }
      waiter.refusal = fault;
      return fault;
    }
  }

  #askLater(waitMs: number | undefined): void {
    const delayMs = Math.min(waitMs ?? askAgainMsMax, askAgainMsMax);
    const dueMs = this.#clock.monotonicMs() + delayMs;
    if (dueMs >= this.#dueMs) return;
    this.#stopTimer();
    this.#dueMs = dueMs;
    this.#stopTimer = this.#clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      this.#pump();
    });
  }
}

/** The refusal that is worth waiting for; any other is thrown on. */
function refusalIn(thrown: unknown): Fault {
  if (thrown instanceof Fault && thrown.code === 'rate_limited' && thrown.retryable) return thrown;
  throw thrown;
}
