import { stackOf } from '../../../base/log.ts';
import type { ClaimedJob, JobStore } from '../../../jobs/job-store.ts';
import { jobLeaseMs, JobWatch } from '../../../jobs/job-watch.ts';
import type { Database } from '../../../storage/database.ts';
import { abandonedTopic, type BackgroundDeps, responseJobKind } from './background-job.ts';
import type { BackgroundRun } from './background-run.ts';

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
  readonly #watch: JobWatch;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#owner = deps.random.bytes(16).toString('hex');
    const { clock, log, database } = deps;
    this.#watch = new JobWatch({
      clock, log, database, topic: abandonedTopic, failureText: 'background responses could not be looked after; it is tried again',
      take: () => this.#take(), renew: () => this.#renew(), onHeard: (responseId) => this.abandon(responseId),
    });
  }

  /** Begins to look for work. */
  start(): void {
    this.#watch.start();
  }

  /** Takes up no more: what waits is for other servers, or for the next start. What is under way goes on, and stays ours. */
  stop(): Promise<void> {
    return this.#watch.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#watch[Symbol.asyncDispose]();
  }

  /** Looks whether there is something to take up now. */
  look(): Promise<void> {
    return this.#watch.look();
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

  async #take(): Promise<boolean> {
    const { jobs, clock } = this.#deps;
    const limit = runsMax - this.#runs.size;
    if (limit <= 0) return false;
    const claims = await jobs.claim({ kind: responseJobKind, owner: this.#owner, nowMs: clock.nowMs(), leaseMs: jobLeaseMs, limit });
    for (const claim of claims) this.#begin(claim);
    return claims.length === limit;
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
        if (!this.#watch.stopped) this.look().catch(() => undefined);
      })
      .catch(() => undefined);
  }

  async #renew(): Promise<void> {
    const { jobs, clock } = this.#deps;
    const runs = [...this.#runs];
    const kept = new Set(await jobs.renew(runs.map(([, { claim }]) => claim), clock.nowMs() + jobLeaseMs));
    for (const [abort, { claim }] of runs) if (!kept.has(claim.id)) abort.abort();
  }

  #tell(responseId: string): void {
    for (const listener of this.#listeners.get(responseId) ?? []) listener();
  }
}
