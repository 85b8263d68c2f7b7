import type { LimitStanding, LimitLevel } from '../../base/limit-standing.ts';
import { type LimitKind, needOf } from './limit-counter.ts';
import type { LimitSet } from './limit-set.ts';

/** A counter as it stands after a request was let in or refused. */
export interface Reading {
  readonly count: number;
  readonly resetMs: number;
}

/** The limit that a refused request met. */
export interface Met {
  /** Its place in the set. */
  readonly index: number;
  readonly count: number;
  /** Until it would pass, as far as one can tell; undefined: never. */
  readonly waitMs: number | undefined;
}

export type Verdict = {
  /** When it was let in, by the counters' clock. */
  readonly atMs: number;
  /** One for each counter of the set, in its order. */
  readonly readings: readonly Reading[];
  /** Undefined: it was let in. */
  readonly met: Met | undefined;
};

/** How long to wait for a slot: nobody knows when a call will end. Moonshot says 1 second (moonshot-api.md 3.2). */
export const slotWaitMs = 1_000;

/** Of two limits that are met, the one that is in the way for longer: after the other's wait the request would be refused again. */
export function longerMet(one: Met | undefined, other: Met): Met {
  return one === undefined || (one.waitMs !== undefined && (other.waitMs === undefined || other.waitMs > one.waitMs)) ? other : one;
}

/** Whether a request of `tokens` could pass a limit of `kind` if nothing else were counted. */
export function couldPass(kind: LimitKind, limit: number, tokens: number): boolean {
  return needOf(kind, tokens) <= limit;
}

/** The tightest limits of a set, for headers; `limitOf` gives what is in force of each at the moment. */
export function standingOf(set: LimitSet, readings: readonly Reading[], limitOf: (index: number) => number): LimitStanding | undefined {
  let requests: LimitLevel | undefined;
  let tokens: LimitLevel | undefined;
  set.forEach(({ kind }, index) => {
    const reading = readings[index];
    if (kind === 'concurrency' || reading === undefined) return;
    const limit = limitOf(index);
    const level = { limit, remaining: Math.max(0, limit - reading.count), resetMs: Math.ceil(reading.resetMs) };
    if (kind === 'rpm') requests = tighter(requests, level);
    else tokens = tighter(tokens, level);
  });
  if (requests === undefined && tokens === undefined) return undefined;
  return { ...(requests === undefined ? {} : { requests }), ...(tokens === undefined ? {} : { tokens }) };
}

function tighter(one: LimitLevel | undefined, other: LimitLevel): LimitLevel {
  return one === undefined || other.remaining < one.remaining ? other : one;
}
