import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import type { BatchId, FileId, TenantId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { Sealer } from '../base/sealer.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { Database } from '../storage/database.ts';
import { type Batch, type BatchProblem, type BatchStatus, type BatchTally, type CancellableStatus, type Chunk, type EndedStatus } from './batch.ts';
import type { BatchChunksTable, BatchesTable, BatchTables } from './batch-tables.ts';

/** Parameters of a statement have a bound on both databases. */
const chunksPerStatement = 200;

export interface BatchPage {
  readonly limit: number;
  /** Only those older than the batch of this id. */
  readonly after?: string;
}

/** What is known of a batch when its input has been read. */
export interface BatchPlan {
  readonly totalLines: number;
  readonly model: string | undefined;
  readonly chunks: readonly Chunk[];
  readonly lanes: number;
}

/** What is known of a batch when it has ended. */
export interface BatchEnd {
  readonly status: EndedStatus;
  readonly outputFileId: FileId | undefined;
  readonly errorFileId: FileId | undefined;
  readonly tally: BatchTally;
  /** Why it failed; none otherwise. */
  readonly problems: readonly BatchProblem[];
}

/** The rows of batches. A change of state is a guard on the state that it starts from, for a commit that others join. */
export class BatchStore {
  readonly #database: Pick<Database, 'query' | 'report'>;
  readonly #builder: Kysely<BatchTables>;
  readonly #sealer: Pick<Sealer, 'seal' | 'open'>;

  constructor({ database, sealer }: { readonly database: Pick<Database, 'builder' | 'query' | 'report'>; readonly sealer: Pick<Sealer, 'seal' | 'open'> }) {
    this.#database = database;
    this.#builder = database.builder<BatchTables>();
    this.#sealer = sealer;
  }

  /** The statement that adds a batch. */
  insertion(batch: Batch): CompiledQuery {
    const { id, scope, metadata } = batch;
    return this.#builder
      .insertInto('batches')
      .values({
        id, tenant_id: scope.tenantId, mode: scope.mode, key_id: batch.keyId, status: batch.status, endpoint: batch.endpoint,
        input_file_id: batch.inputFileId, output_file_id: null, error_file_id: null, completion_window: batch.completionWindow,
        created_ms: batch.createdMs, expires_ms: batch.expiresMs, in_progress_ms: null, finalizing_ms: null, cancelling_ms: null, ended_ms: null,
        total_lines: null, model: null, lanes_open: 0, output_kept_s: batch.outputKeptS ?? null, sandbox_script: batch.sandboxScript ?? null,
        tally: null, metadata: metadata === undefined ? null : this.#sealer.seal(JSON.stringify(metadata), contextOf('metadata', id)), problems: null,
      })
      .compile();
  }

  /** A batch by its id, whosever it is. */
  async find(id: string): Promise<Batch | undefined> {
    const [row] = await this.#database.query(this.#builder.selectFrom('batches').selectAll().where('id', '=', id).compile());
    return row === undefined ? undefined : this.#toBatch(row);
  }

  /** A batch of this tenant and mode. */
  async get({ tenantId, mode }: TenantScope, id: string): Promise<Batch | undefined> {
    const batch = await this.find(id);
    return batch?.scope.tenantId === tenantId && batch.scope.mode === mode ? batch : undefined;
  }

  /** Newest first. */
  async list({ tenantId, mode }: TenantScope, { limit, after }: BatchPage): Promise<readonly Batch[]> {
    const query = this.#builder.selectFrom('batches').selectAll().where('tenant_id', '=', tenantId).where('mode', '=', mode).orderBy('id', 'desc').limit(limit);
    const rows = await this.#database.query((after === undefined ? query : query.where('id', '<', after)).compile());
    return rows.map((row) => this.#toBatch(row));
  }

  /** How many batches of a tenant have not ended. */
  async openCount(tenantId: TenantId): Promise<number> {
    const [row] = await this.#database.query(
      this.#builder.selectFrom('batches').select((column) => column.fn.countAll<number>().as('count')).where('tenant_id', '=', tenantId).where('ended_ms', 'is', null).compile(),
    );
    return row?.count ?? 0;
  }

  /** Which of these batches take no more lines, at `nowMs`: they were cancelled, have ended, or their window is over. */
  async stoppedOf(ids: readonly BatchId[], nowMs: number): Promise<readonly BatchId[]> {
    if (ids.length === 0) return [];
    const rows = await this.#database.query(this.#builder.selectFrom('batches').select(['id', 'status', 'expires_ms']).where('id', 'in', ids).compile());
    const running = new Set(rows.filter(({ status, expires_ms: expiresMs }) => status === 'in_progress' && nowMs < expiresMs).map(({ id }) => id));
    return ids.filter((id) => !running.has(id));
  }

  async chunk(batchId: BatchId, number: number): Promise<Chunk | undefined> {
    const [row] = await this.#database.query(
      this.#builder.selectFrom('batch_chunks').selectAll().where('batch_id', '=', batchId).where('number', '=', number).compile(),
    );
    return row === undefined ? undefined : toChunk(row);
  }

  /** All chunks of a batch, in their order. */
  async chunks(batchId: BatchId): Promise<readonly Chunk[]> {
    const rows = await this.#database.query(this.#builder.selectFrom('batch_chunks').selectAll().where('batch_id', '=', batchId).orderBy('number').compile());
    return rows.map(toChunk);
  }

  /** How many chunks a batch has. */
  async chunkCount(batchId: BatchId): Promise<number> {
    const [row] = await this.#database.query(
      this.#builder.selectFrom('batch_chunks').select((column) => column.fn.max('number').as('last')).where('batch_id', '=', batchId).compile(),
    );
    return row?.last === undefined || row.last === null ? 0 : row.last + 1;
  }

  /** A guard: the lines are known, and begin to run. Refuses unless the batch is still being validated. */
  beginning(id: BatchId, { totalLines, model, lanes }: BatchPlan, nowMs: number): CompiledQuery {
    return this.#in(id, ['validating']).set({ status: 'in_progress', in_progress_ms: nowMs, total_lines: totalLines, model: model ?? null, lanes_open: lanes }).compile();
  }

  /** The statements that keep where the chunks of a batch are. */
  chunkInsertions(id: BatchId, chunks: readonly Chunk[]): readonly CompiledQuery[] {
    const statements: CompiledQuery[] = [];
    for (let from = 0; from < chunks.length; from += chunksPerStatement) {
      const values = chunks.slice(from, from + chunksPerStatement).map(({ number, firstLine, lineCount, start, end }) => ({
        batch_id: id, number, first_line: firstLine, line_count: lineCount, start_byte: start, end_byte: end,
      }));
      statements.push(this.#builder.insertInto('batch_chunks').values(values).compile());
    }
    return statements;
  }

  /** A guard: the input is not what it should be. Refuses unless the batch is still being validated. */
  failing(id: BatchId, problems: readonly BatchProblem[], nowMs: number): CompiledQuery {
    return this.#in(id, ['validating']).set({ status: 'failed', ended_ms: nowMs, problems: this.#sealed(id, problems) }).compile();
  }

  /** A guard: no more lines are begun. Refuses unless the batch is in `from`. */
  cancelling(id: BatchId, from: CancellableStatus, nowMs: number): CompiledQuery {
    return this.#in(id, [from]).set({ status: 'cancelling', cancelling_ms: nowMs }).compile();
  }

  /** A statement: a chain of chunks has ended. Those of a batch cannot be more than it has. */
  laneClosing(id: BatchId): CompiledQuery {
    return this.#builder
      .updateTable('batches')
      .set((column) => ({ lanes_open: column('lanes_open', '-', 1) }))
      .where('id', '=', id)
      .where('lanes_open', '>', 0)
      .compile();
  }

  /** A statement: so many more chains of chunks begin where one goes on. */
  lanesOpening(id: BatchId, more: number): CompiledQuery {
    return this.#builder
      .updateTable('batches')
      .set((column) => ({ lanes_open: column('lanes_open', '+', more) }))
      .where('id', '=', id)
      .compile();
  }

  /** A statement: no chain of chunks can go on any more. */
  lanesClosing(id: BatchId): CompiledQuery {
    return this.#builder.updateTable('batches').set({ lanes_open: 0 }).where('id', '=', id).compile();
  }

  /** A guard: the batch is in `status`, and some chain of its chunks has not ended. */
  stillRunning(id: BatchId, status: BatchStatus): CompiledQuery {
    return this.#in(id, [status]).set({ status }).where('lanes_open', '>', 0).compile();
  }

  /** A guard: the files are being written. Refuses unless the batch is in progress. */
  finalizing(id: BatchId, nowMs: number): CompiledQuery {
    return this.#in(id, ['in_progress']).set({ status: 'finalizing', finalizing_ms: nowMs }).compile();
  }

  /** A guard: the batch has ended. Refuses unless it is in `from`. */
  ending(id: BatchId, from: BatchStatus, { status, outputFileId, errorFileId, tally, problems }: BatchEnd, nowMs: number): CompiledQuery {
    return this.#in(id, [from])
      .set({ status, ended_ms: nowMs, output_file_id: outputFileId ?? null, error_file_id: errorFileId ?? null, tally: tallyText(tally), problems: this.#sealed(id, problems) })
      .compile();
  }

  /** The statement that forgets where the chunks were. */
  chunkRemoval(id: BatchId): CompiledQuery {
    return this.#builder.deleteFrom('batch_chunks').where('batch_id', '=', id).compile();
  }

  #sealed(id: BatchId, problems: readonly BatchProblem[]): string | null {
    return problems.length === 0 ? null : this.#sealer.seal(JSON.stringify(problems), contextOf('problems', id));
  }

  #in(id: BatchId, statuses: readonly BatchStatus[]) {
    return this.#builder.updateTable('batches').where('id', '=', id).where('status', 'in', statuses);
  }

  #toBatch(row: Selectable<BatchesTable>): Batch {
    const { id, metadata, problems, tally } = row;
    return {
      id: id as BatchId,
      scope: { tenantId: row.tenant_id as TenantId, mode: row.mode },
      keyId: row.key_id,
      status: row.status,
      endpoint: row.endpoint,
      inputFileId: row.input_file_id as FileId,
      ...(row.output_file_id === null ? {} : { outputFileId: row.output_file_id as FileId }),
      ...(row.error_file_id === null ? {} : { errorFileId: row.error_file_id as FileId }),
      completionWindow: row.completion_window,
      createdMs: row.created_ms,
      expiresMs: row.expires_ms,
      ...(row.in_progress_ms === null ? {} : { inProgressMs: row.in_progress_ms }),
      ...(row.finalizing_ms === null ? {} : { finalizingMs: row.finalizing_ms }),
      ...(row.cancelling_ms === null ? {} : { cancellingMs: row.cancelling_ms }),
      ...(row.ended_ms === null ? {} : { endedMs: row.ended_ms }),
      ...(row.total_lines === null ? {} : { totalLines: row.total_lines }),
      ...(row.model === null ? {} : { model: row.model }),
      lanesOpen: row.lanes_open,
      ...(row.output_kept_s === null ? {} : { outputKeptS: row.output_kept_s }),
      ...(row.sandbox_script === null ? {} : { sandboxScript: row.sandbox_script }),
      ...(metadata === null ? {} : { metadata: JSON.parse(this.#sealer.open(metadata, contextOf('metadata', id))) as JsonObject }),
      problems: problems === null ? [] : (JSON.parse(this.#sealer.open(problems, contextOf('problems', id))) as readonly BatchProblem[]),
      ...(tally === null ? {} : { tally: tallyOf(tally) }),
    };
  }
}

function toChunk(row: Selectable<BatchChunksTable>): Chunk {
  return { number: row.number, firstLine: row.first_line, lineCount: row.line_count, start: row.start_byte, end: row.end_byte };
}

function contextOf(kind: 'metadata' | 'problems', id: string): string {
  return `batch-${kind} ${id}`;
}

/** JSON knows no bigint. */
function tallyText({ charges, ...counts }: BatchTally): string {
  return JSON.stringify({ ...counts, charges: charges.map(({ currency, amountNanos }) => ({ currency, amountNanos: String(amountNanos) })) });
}

function tallyOf(text: string): BatchTally {
  const { charges, ...counts } = JSON.parse(text) as Omit<BatchTally, 'charges'> & { readonly charges: readonly { readonly currency: string; readonly amountNanos: string }[] };
  return { ...counts, charges: charges.map(({ currency, amountNanos }) => ({ currency, amountNanos: BigInt(amountNanos) })) };
}
