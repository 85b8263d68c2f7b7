import type { MetLimit } from '../../base/fault.ts';

export type LimitKind = MetLimit['kind'];

/** One limit that holds for a call, and the counter that it is held by. */
export interface LimitCounter {
  /** The same for every call, and in every replica, that the limit is shared by. */
  readonly id: string;
  readonly kind: LimitKind;
  readonly limit: number;
  /** Whose limit it is. `server`: of a model, over all tenants. */
  readonly scope: 'key' | 'tenant' | 'server';
  /** The one model that it is about; undefined: all. */
  readonly modelId: string | undefined;
}

/** How long what was taken counts, and how finely its time is noted, in milliseconds. */
export interface WindowShape {
  readonly windowMs: number;
  readonly bucketMs: number;
}

const minute: WindowShape = { windowMs: 60_000, bucketMs: 100 };
const day: WindowShape = { windowMs: 86_400_000, bucketMs: 300_000 };

/** The window of each kind; slots have none: they are taken until they are freed. */
export const windowShapes: Readonly<Record<LimitKind, WindowShape | undefined>> = {
  rpm: minute,
  tpm: minute,
  tpd: day,
  concurrency: undefined,
};

/** What a request of `tokens` takes from a counter of that kind. */
export function needOf(kind: LimitKind, tokens: number): number {
  return kind === 'tpm' || kind === 'tpd' ? tokens : 1;
}

/** A number of tokens as counters can take it: whole, not negative; what is no number is more than any limit. */
export function wholeTokens(tokens: number): number {
  return Number.isFinite(tokens) ? Math.max(0, Math.ceil(tokens)) : Infinity;
}
