import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import { type FileId, newId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { type Batch, type BatchTally, cancellableStatuses, emptyTally } from './batch.ts';
import { batchJob, endJobOf, handoverJobOf, stoppedTopic, validateJobOf } from './batch-job.ts';
import type { BatchPage } from './batch-store.ts';
import type { BatchWorker } from './batch-worker.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { completionWindowMs } from './completion-window.ts';
import { FreshTallies } from './fresh-tallies.ts';
import { inlineFile } from './inline-file.ts';

/** What a caller asks for. */
export interface BatchWish {
  readonly endpoint: string;
  readonly completionWindow: string;
  /** A file of the caller's, or the requests themselves. */
  readonly input: { readonly fileId: string } | { readonly requests: readonly unknown[] };
  readonly metadata?: JsonObject;
  readonly outputKeptS?: number;
  readonly sandboxScript?: string;
}

/** A batch, and what its lines have come to so far. */
export interface ToldBatch {
  readonly batch: Batch;
  readonly tally: BatchTally;
}

/** Batches as their callers see them: created, looked at, listed and cancelled. What happens in between, workers do. */
export class Batches {
  readonly #deps: BatchesDeps;
  readonly #worker: Pick<BatchWorker, 'look' | 'stopBatch'>;
  readonly #tallies: FreshTallies;

  constructor(deps: BatchesDeps, worker: Pick<BatchWorker, 'look' | 'stopBatch'>) {
    this.#deps = deps;
    this.#worker = worker;
    this.#tallies = new FreshTallies(deps);
  }

  /**
   * Accepts a batch; what its file holds is read afterwards. Throws `invalid_request` for what can be told at once, `not_found` for a file
   * that is not there, `rate_limited` when too many batches are open, and what an upload of inline requests would be refused with.
   */
  async create({ tenantId, mode, keyId }: Caller, wish: BatchWish): Promise<ToldBatch> {
    const { clock, random, store, jobs, database } = this.#deps;
    const scope: TenantScope = { tenantId, mode };
    const windowMs = this.windowMsOf(wish);
    await this.#refuseTooMany(scope);
    const inputFileId = await this.#inputOf(scope, wish);
    const nowMs = clock.nowMs();
    const batch: Batch = {
      id: newId('batch', clock, random), scope, keyId, status: 'validating', endpoint: wish.endpoint, inputFileId,
      completionWindow: wish.completionWindow, createdMs: nowMs, expiresMs: nowMs + windowMs, lanesOpen: 0, problems: [],
      ...(wish.metadata === undefined ? {} : { metadata: wish.metadata }),
      ...(wish.outputKeptS === undefined ? {} : { outputKeptS: wish.outputKeptS }),
      ...(wish.sandboxScript === undefined ? {} : { sandboxScript: wish.sandboxScript }),
    };
    await database.commitIf([], [store.insertion(batch), jobs.enqueueing(batchJob(batch, 'validate', nowMs))]);
    this.#worker.look().catch(() => undefined);
    return { batch, tally: emptyTally };
  }

  /** How long a batch for that endpoint may take. Throws `invalid_request` for an endpoint or a window that no batch can have. */
  windowMsOf({ endpoint, completionWindow }: Pick<BatchWish, 'endpoint' | 'completionWindow'>): number {
    const { protocols } = this.#deps;
    const windowMs = completionWindowMs(completionWindow);
    if (protocols.of(endpoint) !== undefined) return windowMs;
    throw new Fault('invalid_request', { message: `Invalid 'endpoint': expected one of ${protocols.endpoints.join(', ')}.`, field: 'endpoint' });
  }

  /** Throws `not_found`. */
  async get(scope: TenantScope, id: string): Promise<ToldBatch> {
    const batch = await this.#deps.store.get(scope, id);
    if (batch === undefined) throw batchNotFound(id);
    return this.#toldOne(batch);
  }

  /** Whosever it is: for the operator. */
  async find(id: string): Promise<ToldBatch | undefined> {
    const batch = await this.#deps.store.find(id);
    return batch === undefined ? undefined : this.#toldOne(batch);
  }

  /** Newest first. */
  async list(scope: TenantScope, { limit, after }: BatchPage): Promise<{ readonly page: readonly ToldBatch[]; readonly hasMore: boolean }> {
    const { store } = this.#deps;
    const found = await store.list(scope, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
    return { page: await this.#told(found.slice(0, limit)), hasMore: found.length > limit };
  }

  /** No line of the batch is begun any more; what is done is kept. Throws `not_found`, and `invalid_request` when it has ended or is being cancelled. */
  async cancel(scope: TenantScope, id: string): Promise<ToldBatch> {
    const { store, jobs, database, clock } = this.#deps;
    const batch = await store.get(scope, id);
    if (batch === undefined) throw batchNotFound(id);
    const from = cancellableStatuses.find((status) => status === batch.status);
    if (from === undefined) throw new Fault('invalid_request', { message: `Cannot cancel a batch with status '${batch.status}'.` });
    const nowMs = clock.nowMs();
    // Of one that is being read there is no job yet that would end it.
    const ending = from === 'validating' ? [jobs.cancelling(validateJobOf(batch.id)), jobs.enqueueing(batchJob(batch, 'end', nowMs))] : [endJobOf(batch.id), handoverJobOf(batch.id)].map((job) => jobs.rescheduling(job, nowMs));
    const { committed } = await database.commitIf([store.cancelling(batch.id, from, nowMs)], [...ending, ...database.announcement(stoppedTopic, batch.id)]);
    // It went on while we looked.
    if (!committed) return this.cancel(scope, id);
    this.#worker.stopBatch(batch.id);
    this.#worker.look().catch(() => undefined);
    return this.get(scope, id);
  }

  async #toldOne(batch: Batch): Promise<ToldBatch> {
    const [told] = await this.#told([batch]);
    return told ?? { batch, tally: emptyTally };
  }

  async #told(batches: readonly Batch[]): Promise<readonly ToldBatch[]> {
    const running = batches.filter(({ tally, totalLines }) => tally === undefined && totalLines !== undefined);
    const tallies = await this.#tallies.of(running.map(({ id }) => id));
    return batches.map((batch) => ({ batch, tally: batch.tally ?? tallies.get(batch.id) ?? emptyTally }));
  }

  /** Some may come through together at its edge. */
  async #refuseTooMany({ tenantId }: TenantScope): Promise<void> {
    const { store, limits } = this.#deps;
    if ((await store.openCount(tenantId)) < limits.openBatchesMax) return;
    throw new Fault('rate_limited', { message: `${limits.openBatchesMax} batches of this account have not ended; wait for some of them to end`, retryAfterMs: 60_000 });
  }

  async #inputOf(scope: TenantScope, { input, endpoint }: BatchWish): Promise<FileId> {
    const { files, limits, protocols } = this.#deps;
    if ('requests' in input) {
      const source = inlineFile(input.requests, endpoint, protocols, limits.linesMax);
      return (await files.create(scope, { filename: 'requests.jsonl', purpose: 'batch' }, source)).id;
    }
    const file = await files.get(scope, input.fileId);
    if (file === undefined) {
      throw new Fault('not_found', { message: `No such file: '${input.fileId.slice(0, 128).toWellFormed()}'.`, field: 'input_file_id' });
    }
    const refuse = (why: string): Fault => new Fault('invalid_request', { message: why, field: 'input_file_id' });
    if (file.purpose !== 'batch') throw refuse(`The file '${file.id}' has the purpose '${file.purpose}'; upload it with the purpose 'batch'.`);
    if (file.bytes > limits.fileBytesMax) throw refuse(`The file '${file.id}' has ${file.bytes} bytes; the input of a batch may have ${limits.fileBytesMax}.`);
    return file.id;
  }
}

function batchNotFound(id: string): Fault {
  return new Fault('not_found', { message: `No batch found with id '${id.slice(0, 128).toWellFormed()}'.` });
}

