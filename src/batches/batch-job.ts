import type { BatchId, JobId } from '../base/id.ts';
import type { JobStore, NewJob } from '../jobs/job-store.ts';
import type { Batch } from './batch.ts';

/**
 * The words for jobs of batches: reading the input, running a chunk of lines, having a vendor make all of it, having the vendor forget it, and
 * ending the batch.
 */
export const batchJobKinds = { validate: 'batch-validate', chunk: 'batch-chunk', handover: 'batch-handover', clear: 'batch-handover-clear', end: 'batch-end' } as const;
export type BatchJobKind = keyof typeof batchJobKinds;
export const batchJobKindNames = ['validate', 'chunk', 'handover', 'clear', 'end'] as const satisfies readonly BatchJobKind[];

/** Announced, with its id, when a batch is not to begin further lines. */
export const stoppedTopic = 'batch-stopped';

/** What whoever takes a job needs to know. It holds no caller's words. */
export interface BatchJob {
  readonly batchId: BatchId;
  /** Of a job that runs a chunk: which one. */
  readonly chunk?: number;
}

/** The job that reads the input. */
export function validateJobOf(id: BatchId): JobId {
  return `job_${nameOf(id)}_validate`;
}

/** There is one from the beginning, which waits for the end of the window; the last line and the cancel let it be taken before. */
export function endJobOf(id: BatchId): JobId {
  return `job_${nameOf(id)}_end`;
}

/** The job that has a vendor make the batch, and finds out before whether one is to. */
export function handoverJobOf(id: BatchId): JobId {
  return `job_${nameOf(id)}_handover`;
}

/** The job that runs a chunk. */
export function chunkJobOf(id: BatchId, chunk: number): JobId {
  return `job_${nameOf(id)}_${chunk}`;
}

/** Whether a job runs a chunk of this batch. */
export function isChunkJobOf(job: JobId, id: BatchId): boolean {
  return job.startsWith(`job_${nameOf(id)}_`);
}

/** A job of a batch, for `JobStore.enqueueing`. */
export function batchJob({ id, scope }: Pick<Batch, 'id' | 'scope'>, kind: BatchJobKind, notBeforeMs: number, chunk?: number): NewJob {
  const jobId: JobId = kind === 'chunk' ? chunkJobOf(id, chunk ?? 0) : `job_${nameOf(id)}_${kind}`;
  const job: BatchJob = { batchId: id, ...(chunk === undefined ? {} : { chunk }) };
  return { id: jobId, kind: batchJobKinds[kind], tenantId: scope.tenantId, payload: JSON.stringify(job), notBeforeMs };
}

/** What a claimed job is about. */
export function batchJobOf({ payload }: { readonly payload: string }): BatchJob {
  return JSON.parse(payload) as BatchJob;
}

/** The part of the job store that the runs use. */
export type BatchJobs = Pick<JobStore, 'enqueueing' | 'fenced' | 'finishing' | 'releasing' | 'rescheduling' | 'withdrawing' | 'cancelling' | 'idsOf'>;

function nameOf(id: BatchId): string {
  return id.slice('batch_'.length);
}
