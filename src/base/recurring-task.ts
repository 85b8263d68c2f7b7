import type { Clock } from './clock.ts';

export interface RecurringTaskOptions {
  readonly clock: Clock;
  /** From the end of one run to the beginning of the next. */
  readonly everyMs: number;
  run(): Promise<void>;
  /** A run that fails is not repeated before its time. */
  onFailure(cause: unknown): void;
}

/** Runs something again and again, never twice at a time. The first run is `everyMs` after the making. */
export class RecurringTask implements AsyncDisposable {
  readonly #options: RecurringTaskOptions;
  #cancel: () => void = () => undefined;
  #underWay: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RecurringTaskOptions) {
    this.#options = options;
    this.#later();
  }

  /** Starts no further run, and waits for the one that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#underWay;
  }

  #later(): void {
    if (this.#closed) return;
    this.#cancel = this.#options.clock.after(this.#options.everyMs, () => {
      this.#underWay = this.#run();
    });
  }

  async #run(): Promise<void> {
    try {
      await this.#options.run();
    } catch (thrown) {
      this.#options.onFailure(thrown);
    }
    this.#later();
  }
}
