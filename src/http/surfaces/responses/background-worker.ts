import { Fault } from '../../../base/fault.ts';
import { stackOf } from '../../../base/log.ts';
import { RecurringTask } from '../../../base/recurring-task.ts';
import type { ClaimedJob, JobStore } from '../../../jobs/job-store.ts';
import type { Database } from '../../../storage/database.ts';
import { abandonedTopic, type BackgroundDeps, responseJobKind } from './background-job.ts';
import type { BackgroundRun } from './background-run.ts';

/** How long a server counts as alive after it last said so: then others take over what it had begun. */
const leaseMs = 20_000;
const renewMs = 5_000;
/** How often a server looks for what others have accepted, or left behind. Its own it takes up at once. */
const lookMs = 1_000;
/** How many responses a server makes at once; the others wait in the queue. */
const runsMax = 256;

/** One response being made. */
type Run = Pick<BackgroundRun, 'responseId' | 'run'>;

export interface WorkerDeps extends Pick<BackgroundDeps, 'clock' | 'random'> {
  readonly log: Pick<BackgroundDeps['log'], 'write'>;
  readonly exchanges: Pick<BackgroundDeps['exchanges'], 'run'>;
  readonly jobs: Pick<JobStore, 'claim' | 'renew'>;
  readonly database: Pick<Database, 'onAnnouncement'>;
  /** Throws when the job cannot be read. */
  runOf(claim: ClaimedJob, abort: AbortController, onKept: (responseId: string) => void): Run;
}

/** Takes up background responses that wait, as many as it may, and tells the others that it lives. */
export class BackgroundWorker implements AsyncDisposable {
  readonly #deps: WorkerDeps;
  readonly #owner: string;
  readonly #runs = new Map<AbortController, { readonly run: Run; readonly claim: ClaimedJob }>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #endHearing: () => void = () => undefined;
  #lookingTask: RecurringTask | undefined;
  #renewingTask: RecurringTask | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopped = false;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#owner = deps.random.bytes(16).toString('hex');
  }

  /** Begins to look for work. */
  start(): void {
    const { clock, log, database } = this.#deps;
    const onFailure = (cause: unknown): void => {
      if (cause instanceof Fault && cause.code === 'storage_unavailable') return;
      const stack = stackOf(cause);
      log.write('warn', 'background responses could not be looked after; it is tried again', stack === undefined ? {} : { stack });
    };
    // What is not heard is found out at the next renewal.
    this.#endHearing = database.onAnnouncement((announcement) => {
      if (announcement.kind === 'heard' && announcement.topic === abandonedTopic) this.abandon(announcement.payload);
    });
    this.#lookingTask = new RecurringTask({ clock, everyMs: lookMs, atOnce: true, run: () => this.look(), onFailure });
    this.#renewingTask = new RecurringTask({ clock, everyMs: renewMs, run: () => this.#renew(), onFailure });
  }

  /** Takes up no more: what waits is for other servers, or for the next start. What is under way goes on, and stays ours. */
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

  /** Calls `listener` whenever more of a response can be seen that is made here; returns what ends that. */
  onKept(responseId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(responseId) ?? new Set();
    this.#listeners.set(responseId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(responseId);
    };
  }

  /** Stops making a response, if it is made here: somebody has decided over it. */
  abandon(responseId: string): void {
    for (const [abort, { run }] of this.#runs) if (run.responseId === responseId) abort.abort();
    this.#tell(responseId);
  }

  async #lookWhileAsked(): Promise<void> {
    const { jobs, clock } = this.#deps;
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      const limit = runsMax - this.#runs.size;
      if (limit <= 0) return;
      const claims = await jobs.claim({ kind: responseJobKind, owner: this.#owner, nowMs: clock.nowMs(), leaseMs, limit });
      for (const claim of claims) this.#begin(claim);
      this.#lookAgain ||= claims.length === limit;
    }
  }

  #begin(claim: ClaimedJob): void {
    const { exchanges, log } = this.#deps;
    const abort = new AbortController();
    const ended = exchanges.run(abort, async () => {
      const run = this.#deps.runOf(claim, abort, (responseId) => this.#tell(responseId));
      this.#runs.set(abort, { run, claim });
      await run.run();
    });
    ended
      .catch((thrown: unknown) => {
        const stack = stackOf(thrown);
        // Its lease ends, and it is taken up again.
        log.write('warn', 'a background response could not be brought to its end', { ...(stack === undefined ? {} : { stack }) });
      })
      .finally(() => {
        this.#runs.delete(abort);
        // There is room again.
        if (!this.#stopped) this.look().catch(() => undefined);
      })
      .catch(() => undefined);
  }

  async #renew(): Promise<void> {
    const { jobs, clock } = this.#deps;
    const runs = [...this.#runs];
    const kept = new Set(await jobs.renew(runs.map(([, { claim }]) => claim), clock.nowMs() + leaseMs));
    for (const [abort, { claim }] of runs) if (!kept.has(claim.id)) abort.abort();
  }

  #tell(responseId: string): void {
    for (const listener of this.#listeners.get(responseId) ?? []) listener();
  }
}
