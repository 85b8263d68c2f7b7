import { type LimitCounter, type LimitKind, needOf, windowShapes } from './limit-counter.ts';
import type { LimitSet } from './limit-set.ts';
import { couldPass, longerMet, type Met, type Reading, slotWaitMs, type Verdict } from './verdict.ts';
import { WindowCounter } from './window-counter.ts';

/** How long to wait when this replica's share is too small for the request: until the shared counters may be back. */
const shareWaitMs = 5_000;

/** What a window holds: bucket numbers and amounts, flat. */
export interface CountedWindow {
  readonly id: string;
  readonly kind: LimitKind;
  readonly entries: readonly number[];
}

/** Counters in memory. Every act is one synchronous step. The caller brings the time; it must not go back. */
export class LocalCounters {
  readonly #windows = new Map<string, { readonly kind: LimitKind; readonly counter: WindowCounter }>();
  /** Open requests by counter id; never zero. */
  readonly #open = new Map<string, number>();

  /** Takes from all counters of `set`, or from none. `limitOf` gives what may be taken of each at the moment. */
  take(set: LimitSet, tokens: number, nowMs: number, limitOf: (counter: LimitCounter) => number): Verdict {
    let met: Met | undefined;
    set.forEach((counter, index) => {
      const found = this.#meets(counter, index, tokens, nowMs, limitOf(counter));
      if (found !== undefined) met = longerMet(met, found);
    });
    if (met === undefined) this.add(set, tokens, nowMs);
    return { atMs: nowMs, readings: set.map((counter) => this.#reading(counter, nowMs)), met };
  }

  /** Counts a request that was let in at `atMs`, here or elsewhere. */
  add(set: LimitSet, tokens: number, atMs: number): void {
    for (const counter of set) {
      const window = this.#window(counter);
      if (window === undefined) this.#open.set(counter.id, (this.#open.get(counter.id) ?? 0) + 1);
      else window.add(atMs, needOf(counter.kind, tokens));
    }
  }

  /** Corrects what a request that was let in at `atMs` has taken of the windows. Does nothing where that has expired. */
  correct(set: LimitSet, atMs: number, requestsDelta: number, tokensDelta: number): void {
    for (const { id, kind } of set) {
      const delta = kind === 'rpm' ? requestsDelta : tokensDelta;
      if (delta !== 0) this.#windows.get(id)?.counter.correct(atMs, delta);
    }
  }

  /** Frees the slots of a request. */
  free(set: LimitSet): void {
    for (const { id, kind } of set) {
      const open = kind === 'concurrency' ? this.#open.get(id) : undefined;
      if (open === undefined) continue;
      if (open > 1) this.#open.set(id, open - 1);
      else this.#open.delete(id);
    }
  }

  /** Drops the windows that hold nothing any more. */
  sweep(nowMs: number): void {
    for (const [id, { counter }] of this.#windows) if (counter.isEmpty(nowMs)) this.#windows.delete(id);
  }

  /** Counters that are kept in memory. */
  get size(): number {
    return this.#windows.size + this.#open.size;
  }

  /** All windows that hold something at `nowMs`. */
  windows(nowMs: number): readonly CountedWindow[] {
    return [...this.#windows]
      .filter(([, { counter }]) => !counter.isEmpty(nowMs))
      .map(([id, { kind, counter }]) => ({ id, kind, entries: counter.entries(nowMs) }));
  }

  /** Open requests by the ids of their counters. */
  open(): ReadonlyMap<string, number> {
    return this.#open;
  }

  /** Forgets everything. */
  clear(): void {
    this.#windows.clear();
    this.#open.clear();
  }

  #meets(counter: LimitCounter, index: number, tokens: number, nowMs: number, inForce: number): Met | undefined {
    const { kind, limit } = counter;
    const window = this.#windows.get(counter.id)?.counter;
    const count = kind === 'concurrency' ? (this.#open.get(counter.id) ?? 0) : (window?.sum(nowMs) ?? 0);
    const excess = count + needOf(kind, tokens) - inForce;
    if (excess <= 0) return undefined;
    if (!couldPass(kind, limit, tokens)) return { index, count, waitMs: undefined };
    if (!couldPass(kind, inForce, tokens)) return { index, count, waitMs: shareWaitMs };
    return { index, count, waitMs: window?.waitMs(nowMs, excess) ?? slotWaitMs };
  }

  #reading({ id, kind }: LimitCounter, nowMs: number): Reading {
    if (kind === 'concurrency') return { count: this.#open.get(id) ?? 0, resetMs: 0 };
    const counter = this.#windows.get(id)?.counter;
    return counter === undefined ? { count: 0, resetMs: 0 } : { count: counter.sum(nowMs), resetMs: counter.resetMs(nowMs) };
  }

  /** Undefined for slots. */
  #window({ id, kind }: LimitCounter): WindowCounter | undefined {
    const known = this.#windows.get(id);
    if (known !== undefined) return known.counter;
    const shape = windowShapes[kind];
    if (shape === undefined) return undefined;
    const counter = new WindowCounter(shape);
    this.#windows.set(id, { kind, counter });
    return counter;
  }
}
