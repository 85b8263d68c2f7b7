import type { Clock } from './clock.ts';

export interface RecurringTaskOptions {
  readonly clock: Clock;
  /** From the end of one run to the beginning of the next; a function is asked each time. */
  readonly everyMs: number | (() => number);
  /** The first run is at the making, in place of `everyMs` after it. */
  readonly atOnce?: boolean;
  /** `signal` aborts when the task is disposed of: a run that takes long should end then, and may throw. */
  run(signal: AbortSignal): Promise<void>;
  /** A run that fails is not repeated before its time. */
  onFailure(cause: unknown): void;
}

/** Runs something again and again, never twice at a time. */
export class RecurringTask implements AsyncDisposable {
  readonly #options: RecurringTaskOptions;
  #cancel: () => void = () => undefined;
  #underWay: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();

  constructor(options: RecurringTaskOptions) {
    this.#options = options;
    if (options.atOnce === true) this.#underWay = this.#run();
    else this.#later();
  }

  /** Starts no further run, and waits for the one that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#cancel();
    await this.#underWay;
  }

  #later(): void {
    if (this.#closing.signal.aborted) return;
    const { clock, everyMs } = this.#options;
    this.#cancel = clock.after(typeof everyMs === 'number' ? everyMs : everyMs(), () => {
      this.#underWay = this.#run();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    try {
      await this.#options.run(signal);
    } catch (thrown) {
      if (!signal.aborted) this.#options.onFailure(thrown);
    }
    this.#later();
  }
}
