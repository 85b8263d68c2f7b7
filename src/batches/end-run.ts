import type { ClaimedJob } from '../jobs/job-store.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import { type Batch, type BatchTally, type EndedStatus, emptyTally, hasEnded } from './batch.ts';
import type { StagedFile } from './batch-files.ts';
import { batchJob, batchJobKinds, batchJobOf, handoverJobOf, isChunkJobOf } from './batch-job.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { errorLines, outputLines } from './result-lines.ts';
import { fileGone } from './validate-run.ts';

/** How long lines that are under way when a batch is stopped may go on: OpenAI's batches are cancelled within so long (responses-ark-anthropic-batch.md 4.2). */
const drainMs = 600_000;
const lookAgainMs = 1_000;

/**
 * Ends one batch: waits until no line is under way, writes the files, and lets them and the batch's end appear in one commit. What has come of
 * the lines is forgotten afterwards, bit by bit. May be broken off at any point, and begun again.
 */
export class EndRun {
  readonly #deps: BatchesDeps;
  readonly #claim: ClaimedJob;

  constructor(deps: BatchesDeps, claim: ClaimedJob) {
    this.#deps = deps;
    this.#claim = claim;
  }

  /** Rejects with what keeps the end from being kept; then the job is taken up again. */
  async run(): Promise<void> {
    const { store } = this.#deps;
    const { batchId } = batchJobOf(this.#claim);
    for (;;) {
      const batch = await store.find(batchId);
      if (batch === undefined || hasEnded(batch)) return this.#forget(batch);
      if (batch.lanesOpen > 0) {
        if (await this.#wait(batch)) return;
      } else if (batch.status === 'in_progress') {
        await this.#commit([store.finalizing(batch.id, this.#deps.clock.nowMs())]);
      } else {
        await this.#write(batch);
      }
      // Whatever was refused: go on while the job is ours.
      if (!(await this.#commit([]))) return;
    }
  }

  /** True: the job has been given back, and is taken up again later. */
  async #wait(batch: Batch): Promise<boolean> {
    const { store, jobs, clock } = this.#deps;
    const { id, status, expiresMs, cancellingMs } = batch;
    const { token } = this.#claim;
    const nowMs = clock.nowMs();
    if (status === 'in_progress' && nowMs < expiresMs) {
      // Refused when the last chain has ended, or somebody has cancelled it, since we looked.
      return this.#commit([jobs.releasing(this.#claim.id, token, expiresMs), store.stillRunning(id, status)], [], false);
    }
    const left = (await jobs.idsOf(batchJobKinds.chunk, batch.scope.tenantId)).filter((job) => isChunkJobOf(job, id));
    let under = 0;
    for (const job of left) {
      if (!(await this.#commit([jobs.withdrawing(job)], [store.laneClosing(id)]))) under += 1;
    }
    const handed = (await jobs.idsOf(batchJobKinds.handover, batch.scope.tenantId)).filter((job) => job === handoverJobOf(id));
    under += handed.length;
    if (under === 0 || nowMs >= (cancellingMs ?? expiresMs) + drainMs) {
      // What a vendor still has is not waited for; it is to forget it.
      const clearing = handed.map(() => jobs.enqueueing(batchJob(batch, 'clear', nowMs)));
      await this.#commit([], [...[...left, ...handed].map((job) => jobs.cancelling(job)), ...clearing, store.lanesClosing(id)]);
      return false;
    }
    return this.#commit([jobs.releasing(this.#claim.id, token, nowMs + lookAgainMs)], [], false);
  }

  async #write(batch: Batch): Promise<void> {
    const { store, outcomes, files, clock } = this.#deps;
    const tally = batch.totalLines === undefined ? emptyTally : await outcomes.tally(batch.id);
    const gone = (await files.get(batch.scope, batch.inputFileId)) === undefined;
    const end = endOf(batch, tally, gone);
    const output = tally.completed === 0 ? undefined : await this.#stage(batch, 'output', outputLines(this.#deps, batch));
    const unrun = (batch.totalLines ?? 0) - tally.completed - tally.failed;
    const why = end === 'cancelled' ? 'cancelled' : 'expired';
    // Of an input that is gone, what was not asked cannot be named.
    const errors = tally.failed + (gone ? 0 : unrun) === 0 ? undefined : await this.#stage(batch, 'error', errorLines(this.#deps, batch, unrun > 0 ? why : undefined));
    this.#deps.onCheckpoint?.('batch-staged');
    const staged = [output, errors].filter((file) => file !== undefined);
    await this.#commit(
      [
        store.ending(
          batch.id,
          batch.status,
          { status: end, outputFileId: output?.id, errorFileId: errors?.id, tally: { ...tally, failed: tally.failed + unrun }, problems: end === 'failed' ? [fileGone] : [] },
          clock.nowMs(),
        ),
        ...staged.flatMap(({ part }) => part.guards),
      ],
      staged.flatMap(({ part }) => part.statements),
    );
    this.#deps.onCheckpoint?.('batch-ended');
    await Promise.all(staged.map((file) => file.release()));
  }

  #stage({ id, scope, outputKeptS }: Batch, kind: 'output' | 'error', lines: AsyncIterable<Uint8Array>): Promise<StagedFile> {
    const { files, clock } = this.#deps;
    return files.stage(
      scope,
      { filename: `${id}_${kind}.jsonl`, purpose: 'batch_output', ...(outputKeptS === undefined ? {} : { expiresMs: clock.nowMs() + outputKeptS * 1000 }) },
      lines,
    );
  }

  async #forget(batch: Batch | undefined): Promise<void> {
    const { store, outcomes, jobs } = this.#deps;
    if (batch !== undefined) await outcomes.remove(batch.id);
    await this.#deps.database.commitIf([jobs.finishing(this.#claim.id, this.#claim.token)], batch === undefined ? [] : [store.chunkRemoval(batch.id)]);
  }

  /** False: some guard refused. `fenced`: whether the claim is to be kept; else a guard gives it back itself. */
  async #commit(guards: CommitPart['guards'], statements: CommitPart['statements'] = [], fenced = true): Promise<boolean> {
    const { jobs, database } = this.#deps;
    const fence = fenced ? [jobs.fenced(this.#claim.id, this.#claim.token)] : [];
    return (await database.commitIf([...fence, ...guards], statements)).committed;
  }
}

/** What a batch of which no line is under way ends as. Unless its input is gone, chains end before their last line only when the time is over, by whichever server's clock. */
function endOf({ status, totalLines = 0 }: Batch, { completed, failed }: BatchTally, gone: boolean): EndedStatus {
  if (status === 'cancelling') return 'cancelled';
  if (completed + failed >= totalLines) return 'completed';
  return gone ? 'failed' : 'expired';
}
