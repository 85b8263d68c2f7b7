import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import type { ClaimedJob } from '../jobs/job-store.ts';
import type { Batch, Chunk } from './batch.ts';
import { batchJob, type BatchJob, batchJobOf, endJobOf } from './batch-job.ts';
import type { BatchesDeps } from './batches-deps.ts';
import type { ByteBudget, TakenBytes } from './byte-budget.ts';
import { type CapacityPool, PoolPause } from './capacity-pool.ts';
import type { LineProtocol } from './line-protocol.ts';
import { runLine } from './line-run.ts';
import { type PlacedLine, readChunk } from './read-chunk.ts';
import { RunStopped } from './run-stopped.ts';
import { refusedLine, newLineIds } from './told-line.ts';
import { nextInLane } from './validate-run.ts';
import type { UnheardLines } from './unheard-lines.ts';
import { PrefixTurns, type WarmPrefixes } from './warm-prefixes.ts';

/** What the chunks of a server have in common. */
export interface ChunkScene {
  readonly deps: BatchesDeps;
  readonly pool: CapacityPool;
  readonly warm: WarmPrefixes;
  readonly unheard: UnheardLines;
  /** What chunks have in memory, in bytes of their files. */
  readonly loading: Pick<ByteBudget, 'take'>;
  /** The upstream that a model's calls of this caller go to first. */
  upstreamOf(caller: Caller, model: string): string;
}

/** One chunk of lines being run. Where it ends, the next one of its chain follows; at the end of the last chain, the batch is ended. */
export class ChunkRun {
  readonly job: BatchJob;
  readonly #scene: ChunkScene;
  readonly #claim: ClaimedJob;
  readonly #abort: AbortController;
  readonly #stop = new AbortController();

  /** `abort` ends the run with all that is under way. */
  constructor(scene: ChunkScene, claim: ClaimedJob, abort: AbortController) {
    this.#scene = scene;
    this.#claim = claim;
    this.#abort = abort;
    this.job = batchJobOf(claim);
    abort.signal.addEventListener('abort', () => this.#stop.abort(abort.signal.reason), { once: true });
  }

  /** No further line is begun; what is under way goes on. */
  stop(why: 'batch' | 'closing'): void {
    this.#stop.abort(new RunStopped(why));
  }

  /** Another has the job: nothing of this is wanted any more. The reason keeps what is under way from being taken for a caller's leaving, which costs. */
  lose(): void {
    this.#abort.abort(new Fault('conflict'));
  }

  /** Rejects with what keeps the end from being kept; then the chunk is taken up again, and what is done is not done again. */
  async run(): Promise<void> {
    const { store, files, clock } = this.#scene.deps;
    const { batchId, chunk: number = 0 } = this.job;
    const [batch, chunk] = await Promise.all([store.find(batchId), store.chunk(batchId, number)]);
    if (batch === undefined || chunk === undefined) return this.#drop();
    const file = batch.status === 'in_progress' && clock.nowMs() < batch.expiresMs ? await files.get(batch.scope, batch.inputFileId) : undefined;
    if (file === undefined) return this.#closeLane(batch);
    const rejections = await this.#runLoaded(batch, chunk, file);
    this.#scene.deps.onCheckpoint?.('batch-chunk-done');
    await this.#end(batch, chunk, rejections);
  }

  /** The same as `#runLines`, as soon as there is memory for it. */
  async #runLoaded(batch: Batch, chunk: Chunk, file: StoredFile): Promise<readonly unknown[]> {
    let taken: TakenBytes;
    try {
      taken = await this.#scene.loading.take(chunk.end - chunk.start, this.#stop.signal);
    } catch (stopped) {
      return [stopped];
    }
    try {
      return await this.#runLines(batch, chunk, file);
    } finally {
      taken.giveBack();
    }
  }

  /** Runs what has not been done. Resolves when nothing is under way any more, with why some lines have to be run later. */
  async #runLines(batch: Batch, chunk: Chunk, file: StoredFile): Promise<readonly unknown[]> {
    const { deps } = this.#scene;
    const { outcomes, protocols } = deps;
    const done = await outcomes.linesDone(batch.id, chunk.firstLine, chunk.lineCount);
    if (done.size === chunk.lineCount) return [];
    const protocol = protocols.of(batch.endpoint);
    if (protocol === undefined) throw new Error(`batches for ${batch.endpoint} are not made by this version`);
    const lines = (await readChunk(deps, batch, chunk, file)).filter(({ number }) => !done.has(number));
    const caller = await deps.callerOfKey(batch.keyId);
    const ran = await Promise.allSettled(caller === undefined ? lines.map((line) => this.#refuse(batch, protocol, line)) : this.#begin(batch, protocol, caller, lines));
    return ran.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  }

  #begin(batch: Batch, protocol: LineProtocol, caller: Caller, lines: readonly PlacedLine[]): readonly Promise<void>[] {
    const scene = {
      ...this.#scene, batch, protocol, caller, claim: this.#claim, turns: new PrefixTurns(), stop: this.#stop.signal, abort: this.#abort.signal,
      upstreamOf: this.#scene.upstreamOf,
    };
    return lines.map((line) => runLine(scene, line));
  }

  /** For the lines of a key that is not usable any more. */
  async #refuse(batch: Batch, protocol: LineProtocol, { number, customId }: PlacedLine): Promise<void> {
    const { deps } = this.#scene;
    const fault = new Fault('key_rejected', { message: 'The API key of this batch has been revoked or has expired' });
    const text = refusedLine(newLineIds(deps.random), customId, fault, protocol);
    const { id, token } = this.#claim;
    await deps.database.commitIf([deps.jobs.fenced(id, token), deps.outcomes.keeping(batch.id, { line: number, kind: 'error', text }, {})], []);
  }

  async #end(batch: Batch, chunk: Chunk, rejections: readonly unknown[]): Promise<void> {
    const { deps } = this.#scene;
    const { jobs, store, clock, database } = deps;
    const { id, token } = this.#claim;
    const stopped = rejections.find((reason) => reason instanceof RunStopped);
    if (stopped?.why === 'lost') return;
    if (this.#abort.signal.aborted || stopped?.why === 'closing') {
      await database.commitIf([jobs.releasing(id, token, clock.nowMs())], []);
      return;
    }
    if (stopped !== undefined) return this.#closeLane(batch);
    const paused = rejections.filter((reason) => reason instanceof PoolPause);
    const [broken] = rejections.filter((reason) => !(reason instanceof PoolPause));
    if (broken !== undefined) throw broken;
    if (paused.length > 0) {
      await database.commitIf([jobs.releasing(id, token, clock.nowMs() + Math.ceil(Math.min(...paused.map(({ waitMs }) => waitMs))))], []);
      return;
    }
    const next = nextInLane(chunk.number);
    if (next >= (await store.chunkCount(batch.id))) return this.#closeLane(batch);
    await database.commitIf([jobs.finishing(id, token)], [jobs.enqueueing(batchJob(batch, 'chunk', clock.nowMs(), next))]);
  }

  /** The chain ends here. Whoever ends the batch is woken, and finds out whether it was the last one. */
  async #closeLane({ id: batchId }: Batch): Promise<void> {
    const { jobs, store, clock, database } = this.#scene.deps;
    const { id, token } = this.#claim;
    await database.commitIf([jobs.finishing(id, token)], [store.laneClosing(batchId), jobs.rescheduling(endJobOf(batchId), clock.nowMs())]);
  }

  async #drop(): Promise<void> {
    const { jobs, database } = this.#scene.deps;
    await database.commitIf([jobs.finishing(this.#claim.id, this.#claim.token)], []);
  }
}
