import { type Fault, toFault } from '../base/fault.ts';
import { stackOf } from '../base/log.ts';
import type { ClaimedJob } from '../jobs/job-store.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { Batch } from './batch.ts';
import { batchJob, batchJobKinds, batchJobOf, endJobOf } from './batch-job.ts';
import type { BatchVendor, VendorBatch } from './batch-vendor.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { collectResults } from './handover-collect.ts';
import { offerHandover } from './handover-offer.ts';
import type { HandoverParts } from './handover-parts.ts';
import type { Handover } from './handover-store.ts';
import { type HandedScene, handedGenerationId } from './handed-line.ts';
import { RunStopped } from './run-stopped.ts';
import { laneCount, laneJobs } from './validate-run.ts';
import { HeldOrder } from './vendor-order.ts';
import { windowHoursFor } from './vendor-window.ts';

/** How often a vendor is asked to take a batch, and how often what it has made is read, before the lines are run here. */
const sendTriesMax = 5;
const collectTriesMax = 8;
/** Questions that fail count up to here, so that they leave tries for the reading. */
const lookFailuresMax = 3;
/** How often a vendor is asked to forget a batch. */
const clearTriesMax = 10;
const retryMsMax = 300_000;
/** A batch that is stopped is looked at so often, and for so long; then it ends without what the vendor may still make. */
const stoppedPollMs = 5_000;
const stoppedMsMax = 480_000;
const freeingsMax = 64;

/**
 * One batch in the hands of a vendor, step by step: offered, sent, looked at, collected, left. Each step is kept before the next begins, so that
 * it may be broken off at any point and taken up again, here or elsewhere. It counts as one chain of chunks, and becomes several when there is
 * something to be run here in the end.
 */
export class HandoverRun {
  readonly #deps: BatchesDeps;
  readonly #parts: HandoverParts;
  readonly #claim: ClaimedJob;
  readonly #signal: AbortSignal;

  constructor(deps: BatchesDeps, parts: HandoverParts, claim: ClaimedJob, signal: AbortSignal) {
    this.#deps = deps;
    this.#parts = parts;
    this.#claim = claim;
    this.#signal = signal;
  }

  /** Resolves when there is nothing to do for now. Rejects with what keeps that from being kept; then the job is taken up again. */
  async run(): Promise<void> {
    const { batchId } = batchJobOf(this.#claim);
    const isClearing = this.#claim.kind === batchJobKinds.clear;
    try {
      for (let goOn = true; goOn; ) {
        this.#signal.throwIfAborted();
        const [batch, handover] = await Promise.all([this.#deps.store.find(batchId), this.#parts.store.get(batchId)]);
        goOn = batch !== undefined && (isClearing ? await this.#clear(batch, handover) : await this.#step(batch, handover));
      }
    } catch (thrown) {
      if (thrown instanceof RunStopped) return;
      if (!this.#signal.aborted) throw thrown;
      await this.#giveBack(this.#deps.clock.nowMs());
    }
  }

  /** False: the job has ended, or has been given back. */
  #step(batch: Batch, handover: Handover | undefined): Promise<boolean> {
    if (handover === undefined) return this.#isStopped(batch) ? this.#leave(batch) : this.#offer(batch);
    if (handover.phase === 'returned') return this.#return(batch);
    const vendor = this.#parts.vendors.get(handover.upstreamId);
    // Its upstream is not configured any more.
    if (vendor === undefined) return this.#note(this.#parts.store.returning(batch.id));
    if (handover.phase === 'sent') return this.#look(batch, handover, vendor);
    return this.#isStopped(batch) ? this.#note(this.#parts.store.returning(batch.id)) : this.#send(batch, handover, vendor);
  }

  #isStopped({ status, expiresMs }: Batch): boolean {
    return status !== 'in_progress' || this.#deps.clock.nowMs() >= expiresMs;
  }

  async #offer(batch: Batch): Promise<boolean> {
    const { store, clock } = this.#deps;
    const scene = await this.#scene(batch, clock.nowMs());
    const offer = scene === undefined ? undefined : await offerHandover(scene, await store.chunks(batch.id));
    if (offer === undefined) return this.#leave(batch);
    this.#parts.log.write('info', 'a batch is handed over to its upstream', { upstream: offer.upstreamId, count: batch.totalLines ?? 0 });
    return this.#note(this.#parts.store.insertion(offer));
  }

  async #send(batch: Batch, handover: Handover, vendor: BatchVendor): Promise<boolean> {
    const { store, clock, onCheckpoint } = this.#deps;
    const windowHours = windowHoursFor(batch.expiresMs - clock.nowMs(), vendor.limits);
    const scene = await this.#scene(batch, handover.startedMs);
    if (windowHours === undefined || scene === undefined) return this.#note(this.#parts.store.returning(batch.id));
    const order = new HeldOrder(scene, handover, vendor, await store.chunks(batch.id), windowHours);
    let made: VendorBatch;
    try {
      made = await vendor.submit(order, this.#signal);
    } catch (thrown) {
      const fault = this.#faultOf(order.failure ?? thrown);
      this.#warn(handover, fault);
      const isOver = !fault.retryable || handover.failures + 1 >= sendTriesMax;
      return isOver ? this.#note(this.#parts.store.returning(batch.id)) : this.#tryLater(batch, fault, handover.failures + 1);
    }
    onCheckpoint?.('batch-handed');
    return this.#note(this.#parts.store.sending(batch.id, made.id));
  }

  async #look(batch: Batch, handover: Handover, vendor: BatchVendor): Promise<boolean> {
    const isStopped = this.#isStopped(batch);
    const isOverdue = isStopped && this.#deps.clock.nowMs() >= (batch.cancellingMs ?? batch.expiresMs) + stoppedMsMax;
    const id = handover.vendorBatchId ?? '';
    let seen: VendorBatch | undefined;
    try {
      // Two servers that took each other for dead may both have had it made.
      if (this.#claim.attempts <= 2) await vendor.clear(batch.id, id, this.#signal);
      seen = isStopped && !isOverdue ? await vendor.cancel(id, this.#signal) : await vendor.poll(id, this.#signal);
    } catch (thrown) {
      const fault = this.#faultOf(thrown);
      this.#warn(handover, fault);
      if (isOverdue) return this.#note(this.#parts.store.returning(batch.id));
      return this.#tryLater(batch, fault, Math.min(handover.failures + 1, lookFailuresMax));
    }
    if (seen === undefined) return this.#note(this.#parts.store.returning(batch.id));
    if (seen.state === 'working' && !isOverdue) return this.#giveBack(this.#nextLookMs(batch, isStopped ? Math.min(stoppedPollMs, this.#parts.pollMs) : this.#parts.pollMs));
    return this.#collect(batch, handover, vendor, seen);
  }

  async #collect(batch: Batch, handover: Handover, vendor: BatchVendor, seen: VendorBatch): Promise<boolean> {
    const { store, onCheckpoint } = this.#deps;
    const scene = await this.#scene(batch, handover.startedMs);
    try {
      if (scene !== undefined) await collectResults({ ...scene, handover, claim: this.#claim, chunks: await store.chunks(batch.id) }, vendor, seen, this.#signal);
    } catch (thrown) {
      if (thrown instanceof RunStopped) throw thrown;
      const fault = this.#faultOf(thrown);
      this.#warn(handover, fault);
      if (handover.failures + 1 < collectTriesMax) return this.#tryLater(batch, fault, handover.failures + 1);
    }
    onCheckpoint?.('batch-collected');
    return this.#note(this.#parts.store.returning(batch.id));
  }

  async #return(batch: Batch): Promise<boolean> {
    await this.#free(batch);
    return this.#leave(batch, [this.#deps.jobs.enqueueing(batchJob(batch, 'clear', this.#deps.clock.nowMs()))]);
  }

  /** The job ends: what has not come to anything is run here, if the batch still takes lines. */
  async #leave(batch: Batch, further: CommitPart['statements'] = []): Promise<boolean> {
    const { store, outcomes, jobs, clock, database } = this.#deps;
    const { id, token } = this.#claim;
    const nowMs = clock.nowMs();
    const { completed, failed } = await outcomes.tally(batch.id);
    const lanes = laneCount(await store.chunkCount(batch.id));
    const goesOn = !this.#isStopped(batch) && completed + failed < (batch.totalLines ?? 0)
      ? [store.lanesOpening(batch.id, lanes - 1), ...laneJobs(batch, lanes, nowMs).map((job) => jobs.enqueueing(job))]
      : [store.laneClosing(batch.id), jobs.rescheduling(endJobOf(batch.id), nowMs)];
    await database.commitIf([jobs.finishing(id, token)], [...goesOn, ...further]);
    return false;
  }

  /** The vendor is to forget all of it, however long that takes; nobody waits for it. */
  async #clear(batch: Batch, handover: Handover | undefined): Promise<boolean> {
    const { jobs, database } = this.#deps;
    if (handover !== undefined) {
      await this.#free(batch);
      const left = await this.#stillThere(batch, handover);
      if (left !== undefined && handover.failures + 1 < clearTriesMax) return this.#tryLater(batch, left, handover.failures + 1);
    }
    await database.commitIf([jobs.finishing(this.#claim.id, this.#claim.token)], [this.#parts.store.removal(batch.id)]);
    return false;
  }

  /** Why the vendor has to be asked again; undefined: there is nothing left there. */
  async #stillThere(batch: Batch, handover: Handover): Promise<Pick<Fault, 'retryAfterMs'> | undefined> {
    const vendor = this.#parts.vendors.get(handover.upstreamId);
    if (vendor === undefined) return undefined;
    try {
      return (await vendor.clear(batch.id, undefined, this.#signal)) === 0 ? undefined : { retryAfterMs: undefined };
    } catch (thrown) {
      const fault = this.#faultOf(thrown);
      this.#warn(handover, fault);
      return fault;
    }
  }

  /** Gives back what is held for lines that nothing has come of. */
  async #free(batch: Batch): Promise<void> {
    const { outcomes } = this.#deps;
    const { totalLines = 0 } = batch;
    for (let first = 0; first < totalLines; first += freeingsMax) {
      this.#signal.throwIfAborted();
      const count = Math.min(freeingsMax, totalLines - first);
      const done = await outcomes.linesDone(batch.id, first, count);
      const open = Array.from({ length: count }, (_, index) => first + index).filter((line) => !done.has(line));
      await Promise.all(open.map((line) => this.#parts.calls.free(handedGenerationId(batch, line))));
    }
  }

  /** Undefined: the key or the file are gone, and so no line can be made any more. */
  async #scene(batch: Batch, startedMs: number): Promise<HandedScene | undefined> {
    const { files, protocols, callerOfKey } = this.#deps;
    const protocol = protocols.of(batch.endpoint);
    const [file, caller] = await Promise.all([files.get(batch.scope, batch.inputFileId), callerOfKey(batch.keyId)]);
    if (protocol === undefined || file === undefined || caller === undefined) return undefined;
    return { deps: this.#deps, parts: this.#parts, batch, file, protocol, caller, startedMs };
  }

  /** Keeps a step in the name of the claim. False: another has the job. */
  async #note(statement: CommitPart['statements'][number]): Promise<boolean> {
    const { jobs, database } = this.#deps;
    return (await database.commitIf([jobs.fenced(this.#claim.id, this.#claim.token)], [statement])).committed;
  }

  #tryLater(batch: Batch, { retryAfterMs }: Pick<Fault, 'retryAfterMs'>, failures: number): Promise<boolean> {
    const waitMs = Math.min(retryAfterMs ?? this.#parts.retryMs * 2 ** failures, retryMsMax);
    return this.#giveBack(this.#nextLookMs(batch, waitMs), [this.#parts.store.failing(batch.id, failures)]);
  }

  /** In `waitMs`, and at the end of the window, when the vendor is to stop. */
  #nextLookMs({ expiresMs }: Batch, waitMs: number): number {
    const nowMs = this.#deps.clock.nowMs();
    return nowMs < expiresMs ? Math.min(nowMs + waitMs, expiresMs) : nowMs + waitMs;
  }

  async #giveBack(notBeforeMs: number, statements: CommitPart['statements'] = []): Promise<boolean> {
    const { jobs, database } = this.#deps;
    await database.commitIf([jobs.releasing(this.#claim.id, this.#claim.token, notBeforeMs)], statements);
    return false;
  }

  /** Throws on when it was our own end, or the database's. */
  #faultOf(thrown: unknown): Fault {
    this.#signal.throwIfAborted();
    const fault = toFault(thrown);
    if (fault.code === 'storage_unavailable') throw fault;
    return fault;
  }

  #warn({ upstreamId, failures }: Handover, fault: Fault): void {
    const stack = fault.code === 'internal' ? stackOf(fault.cause) : undefined;
    const facts = { upstream: upstreamId, faultCode: fault.code, attempt: failures + 1, ...(stack === undefined ? {} : { stack }) };
    this.#parts.log.write('warn', 'a step of handing a batch over failed', facts);
  }
}
