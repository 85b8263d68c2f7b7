import { LRUCache } from 'lru-cache';
import type { BatchId } from '../base/id.ts';

/**
 * So often an upstream may fail at a line while nothing passes there, before that counts against the line: some fail each time at what they
 * are asked, and a batch whose last line is such a one is not to wait for the end of its window. With a minute between them, a quarter of an hour.
 */
const timesMax = 20;
const linesMax = 10_000;

/** How often upstreams have failed at lines while they failed at all others too. It outlives the runs of the lines' chunks, not the server. */
export class UnheardLines {
  readonly #times = new LRUCache<string, number>({ max: linesMax });

  add(batchId: BatchId, line: number): void {
    const name = nameOf(batchId, line);
    this.#times.set(name, (this.#times.get(name) ?? 0) + 1);
  }

  /** Whether it was so often that it may as well be the line. */
  isOften(batchId: BatchId, line: number): boolean {
    return (this.#times.get(nameOf(batchId, line)) ?? 0) >= timesMax;
  }
}

function nameOf(batchId: BatchId, line: number): string {
  return `${batchId} ${line}`;
}
