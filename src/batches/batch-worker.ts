import { Fault } from '../base/fault.ts';
import type { BatchId, TenantId } from '../base/id.ts';
import { type Log, stackOf } from '../base/log.ts';
import type { ClaimedJob, JobStore } from '../jobs/job-store.ts';
import { jobLeaseMs, JobWatch } from '../jobs/job-watch.ts';
import type { Database } from '../storage/database.ts';
import { type BatchJobKind, batchJobKindNames, batchJobKinds, batchJobOf, stoppedTopic } from './batch-job.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { ByteBudget } from './byte-budget.ts';
import { ChunkRun, type ChunkScene } from './chunk-run.ts';
import { EndRun } from './end-run.ts';
import { HandoverRun } from './handover-run.ts';
import { UnheardLines } from './unheard-lines.ts';
import { runValidation } from './validate-run.ts';

export interface BatchWorkerParts extends Omit<ChunkScene, 'unheard' | 'loading'> {
  readonly deps: BatchesDeps & { readonly jobs: JobStore; readonly database: Pick<Database, 'onAnnouncement'> };
  readonly log: Pick<Log, 'write'>;
  /** Runs something that is ended, and waited for, when the house closes. */
  exchange<Result>(abort: AbortController, task: () => Promise<Result>): Promise<Result>;
  /** Chunks that a server runs at once; each has its lines in memory. One more is run of a tenant that has none. */
  readonly chunksMax: number;
}

/** A job being done here. */
interface Run {
  readonly claim: ClaimedJob;
  readonly abort: AbortController;
  /** Of a chunk. */
  readonly chunk?: ChunkRun;
  /** The batch that a vendor makes, or is asked about. */
  readonly handed?: BatchId;
}

/** How many jobs of each kind a server does at once, beside chunks. */
const validationsMax = 2;
const handoversMax = 4;
const endsMax = 2;
/** Of the input, in the hands of its chunks. Parsed, it takes some times as much memory. */
const loadedBytesMax = 32 * 1024 * 1024;

/** Takes up what batches have to be done, as much as it may, and tells the others that it lives. */
export class BatchWorker implements AsyncDisposable {
  readonly #parts: BatchWorkerParts;
  readonly #owner: string;
  readonly #unheard = new UnheardLines();
  readonly #loading = new ByteBudget(loadedBytesMax);
  readonly #runs = new Map<BatchJobKind, Set<Run>>(batchJobKindNames.map((kind) => [kind, new Set()]));
  readonly #watch: JobWatch;

  constructor(parts: BatchWorkerParts) {
    this.#parts = parts;
    this.#owner = parts.deps.random.bytes(16).toString('hex');
    const { clock, database } = parts.deps;
    this.#watch = new JobWatch({
      clock, database, log: parts.log, topic: stoppedTopic, failureText: 'batches could not be looked after; it is tried again',
      take: () => this.#takeAll(), renew: () => this.#renew(), onHeard: (id) => this.stopBatch(id as BatchId),
    });
  }

  /** Begins to look for work. */
  start(): void {
    this.#watch.start();
  }

  /** Takes up no more, and begins no further line: what waits is for other servers, or for the next start. Lines that are under way go on. */
  async stop(): Promise<void> {
    // First, so that nothing is taken up meanwhile.
    const watched = this.#watch.stop();
    for (const { chunk } of this.#of('chunk')) chunk?.stop('closing');
    // Each of its steps can be broken off.
    for (const { abort } of this.#handed()) abort.abort(new Fault('shutting_down'));
    await watched;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#watch[Symbol.asyncDispose]();
    this.#parts.pool[Symbol.dispose]();
  }

  /** Looks whether there is something to take up now. */
  look(): Promise<void> {
    return this.#watch.look();
  }

  /** Begins no further line of a batch, if it is worked on here. */
  stopBatch(id: BatchId): void {
    for (const { chunk } of this.#of('chunk')) if (chunk?.job.batchId === id) chunk.stop('batch');
    // It is taken up again, and finds out.
    for (const { abort, handed } of this.#of('handover')) if (handed === id) abort.abort(new Fault('conflict'));
  }

  #handed(): readonly Run[] {
    return [...this.#of('handover'), ...this.#of('clear')];
  }

  #of(kind: BatchJobKind): Set<Run> {
    const runs = this.#runs.get(kind);
    if (runs === undefined) throw new Error(`there is no kind ${kind}`);
    return runs;
  }

  async #takeAll(): Promise<boolean> {
    await this.#take('end', endsMax, []);
    await this.#take('validate', validationsMax, []);
    if (this.#parts.deps.handover !== undefined) {
      await this.#take('handover', handoversMax, []);
      await this.#take('clear', handoversMax, []);
    }
    if (!this.#parts.pool.isOpen) return false;
    // Whose chunks are being run here already waits until the others have had their turn, and cannot have the last place, however long his chunks take.
    const { chunksMax } = this.#parts;
    const served = [...new Set([...this.#of('chunk')].map(({ claim }) => claim.tenantId))];
    if (served.length > 0) await this.#take('chunk', chunksMax + 1, served);
    await this.#take('chunk', chunksMax, []);
    return false;
  }

  async #take(kind: BatchJobKind, most: number, exceptTenants: readonly TenantId[]): Promise<void> {
    const { jobs, clock } = this.#parts.deps;
    const limit = most - this.#of(kind).size;
    if (limit <= 0 || this.#watch.stopped) return;
    const claims = await jobs.claim({ kind: batchJobKinds[kind], owner: this.#owner, nowMs: clock.nowMs(), leaseMs: jobLeaseMs, limit, exceptTenants });
    for (const claim of claims) this.#begin(kind, claim);
  }

  #begin(kind: BatchJobKind, claim: ClaimedJob): void {
    const abort = new AbortController();
    const chunk = kind === 'chunk' ? new ChunkRun({ ...this.#parts, unheard: this.#unheard, loading: this.#loading }, claim, abort) : undefined;
    const handed = kind === 'handover' || kind === 'clear' ? batchJobOf(claim).batchId : undefined;
    const run: Run = { claim, abort, ...(chunk === undefined ? {} : { chunk }), ...(handed === undefined ? {} : { handed }) };
    this.#of(kind).add(run);
    this.#parts
      .exchange(abort, () => this.#do(kind, run))
      .catch((thrown: unknown) => {
        const stack = stackOf(thrown);
        // Its lease ends, and it is taken up again.
        this.#parts.log.write('warn', 'a job of a batch could not be brought to its end; it is tried again', stack === undefined ? {} : { stack });
      })
      .finally(() => {
        this.#of(kind).delete(run);
        // There is room again, and the next chunk of its chain may be free.
        if (!this.#watch.stopped) this.look().catch(() => undefined);
      })
      .catch(() => undefined);
  }

  #do(kind: BatchJobKind, { claim, chunk, handed, abort }: Run): Promise<void> {
    const { deps } = this.#parts;
    if (chunk !== undefined) return chunk.run();
    if (handed !== undefined && deps.handover !== undefined) return new HandoverRun(deps, deps.handover, claim, abort.signal).run();
    return kind === 'end' ? new EndRun(deps, claim).run() : runValidation(deps, claim);
  }

  async #renew(): Promise<void> {
    const { jobs, store, clock } = this.#parts.deps;
    const runs = [...this.#runs.values()].flatMap((some) => [...some]);
    const kept = new Set(await jobs.renew(runs.map(({ claim }) => claim), clock.nowMs() + jobLeaseMs));
    for (const { claim, chunk, handed, abort } of runs) {
      if (kept.has(claim.id)) continue;
      chunk?.lose();
      if (handed !== undefined) abort.abort(new Fault('conflict'));
    }
    const batches = [...new Set([...this.#of('chunk')].flatMap(({ chunk }) => (chunk === undefined ? [] : [chunk.job.batchId])))];
    for (const id of await store.stoppedOf(batches, clock.nowMs())) this.stopBatch(id);
  }
}
