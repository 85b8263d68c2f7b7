import type { Clock } from './clock.ts';

export interface RecurringOptions {
  readonly clock: Clock;
  /** Milliseconds from the end of one run to the begin of the next. Asked after each run. */
  readonly delayMs: () => number;
  /** `signal` aborts when no more is wanted; the run should then end soon, and may throw. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Told of each run that failed while it was wanted; the next one takes place all the same. */
  readonly onFailure: (thrown: unknown) => void;
}

/** Something that is done at the start and then from time to time, one run at a time. Disposing of it waits for a run that is under way. */
export class Recurring implements AsyncDisposable {
  readonly #options: RecurringOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: RecurringOptions) {
    this.#options = options;
  }

  /** Begins the first run and returns at once. */
  start(): void {
    this.#running = this.#turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#cancel?.();
    await this.#running;
  }

  async #turn(): Promise<void> {
    const { clock, delayMs, run, onFailure } = this.#options;
    const { signal } = this.#closing;
    try {
      await run(signal);
    } catch (thrown) {
      if (!signal.aborted) onFailure(thrown);
    }
    if (!signal.aborted) this.#cancel = clock.after(delayMs(), () => this.start());
  }
}

/** Resolves after `delayMs`, or as soon as `signal` aborts. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener('abort', end);
  });
}
