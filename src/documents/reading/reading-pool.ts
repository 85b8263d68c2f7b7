import type { Clock } from '../../base/clock.ts';
import { ReadingProcess } from './reading-process.ts';

export interface ReadingPoolDeps {
  /** Program and arguments of a process. */
  readonly command: readonly [string, ...string[]];
  readonly spares: number;
  readonly clock: Clock;
}

/** Without a document for so long, nothing is kept ready any more: some 50 MB each. */
const idleMsMax = 10 * 60_000;

/** Keeps reading processes ready. The first document waits for the first of them; servers that read none start none. */
export class ReadingPool implements AsyncDisposable {
  readonly #deps: ReadingPoolDeps;
  readonly #spares: ReadingProcess[] = [];
  readonly #alive = new Set<ReadingProcess>();
  #cancelIdle: () => void = () => undefined;
  #disposed = false;

  constructor(deps: ReadingPoolDeps) {
    this.#deps = deps;
  }

  /** All that have been started and are not given back, spares included. */
  get alive(): ReadonlySet<ReadingProcess> {
    return this.#alive;
  }

  /** A process that waits for its document. Throws when none can be started; the caller gives it back. */
  async take(): Promise<ReadingProcess> {
    if (this.#disposed) throw new Error('the pool is closed');
    const taken = this.#spares.shift() ?? this.#start();
    this.#refill();
    try {
      await taken.ready;
      return taken;
    } catch (thrown) {
      await this.giveBack(taken);
      if (this.#disposed) throw thrown;
      // A spare may have died of old age, or of somebody's hand; one more try tells whether any can be started.
      const other = this.#start();
      await other.ready.catch(async () => {
        await this.giveBack(other);
        throw thrown;
      });
      return other;
    }
  }

  /** Ends a process that has been taken. */
  async giveBack(taken: ReadingProcess): Promise<void> {
    await taken.end();
    this.#alive.delete(taken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#cancelIdle();
    this.#spares.length = 0;
    await Promise.all([...this.#alive].map((one) => this.giveBack(one)));
  }

  #start(): ReadingProcess {
    const started = new ReadingProcess(this.#deps.command, this.#deps.clock);
    this.#alive.add(started);
    return started;
  }

  #refill(): void {
    if (this.#disposed) return;
    while (this.#spares.length < this.#deps.spares) this.#spares.push(this.#start());
    this.#cancelIdle();
    this.#cancelIdle = this.#deps.clock.after(idleMsMax, () => {
      for (const spare of this.#spares.splice(0)) void this.giveBack(spare);
    });
  }
}
