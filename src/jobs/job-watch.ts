import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { type Log, stackOf } from '../base/log.ts';
import { RecurringTask } from '../base/recurring-task.ts';
import type { Database } from '../storage/database.ts';

/** How long a server counts as alive after it last said so: then others take over what it had begun. */
export const jobLeaseMs = 20_000;
const renewMs = 5_000;
/** How often a server looks for what others have enqueued, or left behind. Its own it takes up at once. */
const lookMs = 1_000;

export interface JobWatchParts {
  readonly clock: Clock;
  readonly log: Pick<Log, 'write'>;
  readonly database: Pick<Database, 'onAnnouncement'>;
  /** Takes up what there is and there is room for; true: there may be more. */
  take(): Promise<boolean>;
  /** Says that the jobs under way here are not abandoned. */
  renew(): Promise<void>;
  /** What others announce, and what to do then; what is not heard must be found out at the next renewal. */
  readonly topic: string;
  onHeard(payload: string): void;
  /** For the log, when jobs could not be looked after. */
  readonly failureText: string;
}

/** Looks for jobs, at once when asked and else from time to time, one look at a time, and renews the leases of those under way. */
export class JobWatch implements AsyncDisposable {
  readonly #parts: JobWatchParts;
  #endHearing: () => void = () => undefined;
  #lookingTask: RecurringTask | undefined;
  #renewingTask: RecurringTask | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopped = false;

  constructor(parts: JobWatchParts) {
    this.#parts = parts;
  }

  /** True from `stop` on: nothing is taken up any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Begins to look, and to hear. */
  start(): void {
    const { clock, log, database, topic, failureText } = this.#parts;
    const onFailure = (cause: unknown): void => {
      if (cause instanceof Fault && cause.code === 'storage_unavailable') return;
      const stack = stackOf(cause);
      log.write('warn', failureText, stack === undefined ? {} : { stack });
    };
    this.#endHearing = database.onAnnouncement((announcement) => {
      if (announcement.kind === 'heard' && announcement.topic === topic) this.#parts.onHeard(announcement.payload);
    });
    this.#lookingTask = new RecurringTask({ clock, everyMs: lookMs, atOnce: true, run: () => this.look(), onFailure });
    this.#renewingTask = new RecurringTask({ clock, everyMs: renewMs, run: () => this.#parts.renew(), onFailure });
  }

  /** Looks no more; what is under way stays ours until this is disposed of. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lookingTask?.[Symbol.asyncDispose]();
    // Who asked for that look is told; nothing has been taken up.
    await this.#looking?.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#endHearing();
    await this.#renewingTask?.[Symbol.asyncDispose]();
  }

  /** Looks whether there is something to take up now. */
  look(): Promise<void> {
    this.#lookAgain = true;
    this.#looking ??= this.#lookWhileAsked().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      const more = await this.#parts.take();
      this.#lookAgain ||= more;
    }
  }
}
