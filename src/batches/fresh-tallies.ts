import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import type { BatchId } from '../base/id.ts';
import { type BatchTally, emptyTally } from './batch.ts';
import type { OutcomeStore } from './outcome-store.ts';

/** Tallies are remembered for so many times as long as they took, but not for longer than the second figure: asking again and again takes a twentieth of the time at most. */
const rememberedTimes = 20;
const rememberedMsMax = 1_000;
const talliesMax = 1_000;

interface Remembered {
  readonly tally: BatchTally;
  readonly untilMs: number;
}

export interface FreshTalliesParts {
  readonly outcomes: Pick<OutcomeStore, 'tallies'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** What the lines of batches have come to, as of a moment ago: whoever waits for a batch asks often, and adding them up looks at each line. */
export class FreshTallies {
  readonly #parts: FreshTalliesParts;
  readonly #remembered = new LRUCache<BatchId, Remembered>({ max: talliesMax });

  constructor(parts: FreshTalliesParts) {
    this.#parts = parts;
  }

  /** One for each. Throws `storage_unavailable`. */
  async of(ids: readonly BatchId[]): Promise<ReadonlyMap<BatchId, BatchTally>> {
    const { outcomes, clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    const tallies = new Map<BatchId, BatchTally>();
    for (const id of ids) {
      const known = this.#remembered.get(id);
      if (known !== undefined && startedMs < known.untilMs) tallies.set(id, known.tally);
    }
    const asked = ids.filter((id) => !tallies.has(id));
    if (asked.length === 0) return tallies;
    const told = await outcomes.tallies(asked);
    const nowMs = clock.monotonicMs();
    const untilMs = nowMs + Math.min(rememberedMsMax, rememberedTimes * (nowMs - startedMs));
    for (const id of asked) {
      const tally = told.get(id) ?? emptyTally;
      this.#remembered.set(id, { tally, untilMs });
      tallies.set(id, tally);
    }
    return tallies;
  }
}
