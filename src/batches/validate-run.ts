import { Fault } from '../base/fault.ts';
import type { ClaimedJob, NewJob } from '../jobs/job-store.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import type { Batch, BatchProblem } from './batch.ts';
import { batchJob, batchJobOf } from './batch-job.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { validateInput, type ValidatedInput } from './validate-input.ts';

/** Chains of chunks of one batch, each of which is worked on by one server at a time. */
const lanesMax = 8;

/**
 * Reads the input of a batch, and lets its lines begin, or says why they cannot: one commit. Reading it again does no harm. Rejects with what
 * keeps that from being kept; then the job is taken up again.
 */
export async function runValidation(deps: BatchesDeps, claim: ClaimedJob): Promise<void> {
  const { store, files } = deps;
  const batch = await store.find(batchJobOf(claim).batchId);
  if (batch === undefined || batch.status !== 'validating') {
    await deps.database.commitIf([deps.jobs.finishing(claim.id, claim.token)], []);
    return;
  }
  const file = await files.get(batch.scope, batch.inputFileId);
  const input = file === undefined ? [fileGone] : await readInput(deps, batch, file);
  deps.onCheckpoint?.('batch-validated');
  if (isRefused(input)) await refuse(deps, claim, batch, input);
  else await begin(deps, claim, batch, input);
}

/** For an input that was deleted, or has expired, before all of it was asked. */
export const fileGone: BatchProblem = { code: 'file_not_found', message: 'The input file was deleted or has expired before all of its requests were run.', param: 'input_file_id' };

async function readInput({ files, protocols, limits }: BatchesDeps, { endpoint }: Batch, file: StoredFile): Promise<ValidatedInput | readonly BatchProblem[]> {
  try {
    return await validateInput(files.open(file), endpoint, protocols, limits);
  } catch (thrown) {
    // Deleted while it was read.
    if (thrown instanceof Fault && thrown.code === 'not_found') return [fileGone];
    throw thrown;
  }
}

function isRefused(input: ValidatedInput | readonly BatchProblem[]): input is readonly BatchProblem[] {
  return Array.isArray(input);
}

async function refuse({ database, jobs, store, clock }: BatchesDeps, claim: ClaimedJob, { id }: Batch, problems: readonly BatchProblem[]): Promise<void> {
  await database.commitIf([jobs.finishing(claim.id, claim.token), store.failing(id, problems, clock.nowMs())], []);
}

/** Whose lines may be made by a vendor is asked about that first, which counts as one chain. */
async function begin({ database, jobs, store, clock, handover }: BatchesDeps, claim: ClaimedJob, batch: Batch, input: ValidatedInput): Promise<void> {
  const nowMs = clock.nowMs();
  const handed = handover !== undefined && handover.vendors.size > 0 && batch.scope.mode === 'live';
  const lanes = handed ? 1 : laneCount(input.chunks.length);
  const first = handed ? [batchJob(batch, 'handover', nowMs)] : laneJobs(batch, lanes, nowMs);
  await database.commitIf(
    [jobs.finishing(claim.id, claim.token), store.beginning(batch.id, { ...input, lanes }, nowMs)],
    [
      ...store.chunkInsertions(batch.id, input.chunks),
      ...first.map((job) => jobs.enqueueing(job)),
      jobs.enqueueing(batchJob(batch, 'end', batch.expiresMs)),
    ],
  );
}

/** Into how many chains so many chunks are put. */
export function laneCount(chunks: number): number {
  return Math.min(lanesMax, chunks);
}

/** Each chain begins with one chunk; where it ends, the next one follows. */
export function laneJobs(batch: Batch, lanes: number, nowMs: number): readonly NewJob[] {
  return Array.from({ length: lanes }, (_, number) => batchJob(batch, 'chunk', nowMs, number));
}

/** The chunk that comes after `chunk` in its chain. */
export function nextInLane(chunk: number): number {
  return chunk + lanesMax;
}
