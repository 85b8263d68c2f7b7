import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { GenerationId, TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { Database } from '../storage/database.ts';
import type { GenerationRecord } from './generation-record.ts';
import type { GenerationsTable, RecordsTables } from './records-tables.ts';
import { type UsageQuery, type UsageTotal, usageRowsQuery, usageTotalsOf } from './usage-total.ts';

const listLimitMax = 1_000;

export interface RecordsPage {
  /** At most this many, 1 to 1,000. */
  readonly limit: number;
  /** Only those born before the generation of this id: the id of the last one of the page before. */
  readonly before?: string;
  readonly tenantId?: TenantId;
}

/** The records of generations: written once each, together with whatever else belongs to the same commit. */
export class RecordsStore {
  readonly #database: Database;
  readonly #builder: Kysely<RecordsTables>;
  readonly #insert: CompiledQuery;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<RecordsTables>();
    const blank: Record<string, null> = {};
    for (const [column] of columnList) blank[column] = null;
    this.#insert = this.#builder.insertInto('generations').values(blank as never).compile();
  }

  /**
   * The statement that stores `record`, for `Database.commit`, where it may share a commit with others. The SQL is
   * compiled once: this runs for every request.
   */
  insertion(record: GenerationRecord): CompiledQuery {
    const { query, queryId, sql } = this.#insert;
    const parameters: unknown[] = [];
    for (const [, valueOf] of columnList) parameters.push(valueOf(record));
    return { query, queryId, sql, parameters };
  }

  /**
   * The generation with this id, ours or the one that the upstream gave to its reply (the newest, if it gave it twice).
   * Undefined when this tenant has none.
   */
  async get(tenantId: TenantId, id: string): Promise<GenerationRecord | undefined> {
    const rows = await this.#database.query(
      this.#builder
        .selectFrom('generations')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where((where) => where.or([where('id', '=', id), where('upstream_reply_id', '=', id)]))
        .orderBy((order) => order('id', '=', id), 'desc')
        .orderBy('id', 'desc')
        .limit(1)
        .compile(),
    );
    return rows[0] === undefined ? undefined : toRecord(rows[0]);
  }

  /** Newest first. */
  async list(page: RecordsPage): Promise<GenerationRecord[]> {
    let query = this.#builder.selectFrom('generations').selectAll().orderBy('id', 'desc');
    if (page.before !== undefined) query = query.where('id', '<', page.before);
    if (page.tenantId !== undefined) query = query.where('tenant_id', '=', page.tenantId);
    const limit = Math.min(Math.max(1, Math.trunc(page.limit)), listLimitMax);
    const rows = await this.#database.report(query.limit(limit).compile());
    return rows.map(toRecord);
  }

  /**
   * What the generations of a key that began at `sinceMs` or later were charged, one sum for each currency, those in
   * alphabetical order. What is still under way is not in it.
   */
  async keySpend(keyId: string, sinceMs: number): Promise<{ currency: Currency; nanos: Nanos }[]> {
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('generations')
        .select((column) => ['currency', column.fn.sum<Nanos | null>('cost_nanos').as('sum_nanos')])
        .where('key_id', '=', keyId)
        // As text of the statement: a partial index is only taken when its condition can be read there.
        .where('cost_state', '=', sql.lit('priced'))
        .where('started_ms', '>=', sinceMs)
        .groupBy('currency')
        .orderBy('currency')
        .compile(),
    );
    return rows.flatMap(({ currency, sum_nanos: nanos }) => (currency === null || nanos === null ? [] : [{ currency, nanos }]));
  }

  /** What was used and what it cost in `[fromMs, toMs)`, by start of the generation; see `UsageTotal`. */
  async usageTotals(query: UsageQuery): Promise<UsageTotal[]> {
    return usageTotalsOf(await this.#database.report(usageRowsQuery(this.#builder, query)));
  }
}

type ColumnValues = { readonly [Column in keyof GenerationsTable]: (record: GenerationRecord) => GenerationsTable[Column] };

const columnValues: ColumnValues = {
  id: (record) => record.id,
  tenant_id: (record) => record.tenantId,
  key_id: (record) => record.keyId,
  mode: (record) => record.mode,
  surface: (record) => record.surface,
  requested_model: (record) => record.requestedModel,
  model_id: (record) => record.modelId,
  upstream_id: (record) => record.upstreamId ?? null,
  upstream_model: (record) => record.upstreamModel ?? null,
  upstream_reply_id: (record) => record.upstreamReplyId ?? null,
  streamed: (record) => (record.streamed ? 1 : 0),
  state: (record) => record.state,
  finish_reason: (record) => record.finishReason ?? null,
  fault_code: (record) => record.faultCode ?? null,
  cancelled: (record) => (record.cancelled ? 1 : 0),
  attempts: (record) => record.attempts,
  input_uncached_tokens: (record) => record.usage?.inputUncached ?? null,
  cache_read_tokens: (record) => record.usage?.cacheRead ?? null,
  cache_write_tokens: (record) => record.usage?.cacheWrite ?? null,
  output_tokens: (record) => record.usage?.output ?? null,
  reasoning_tokens: (record) => record.usage?.reasoning ?? null,
  usage_estimated: (record) => (record.usage === undefined ? null : record.usage.estimated ? 1 : 0),
  cost_state: (record) => record.costState,
  cost_nanos: (record) => record.costNanos ?? null,
  currency: (record) => record.currency ?? null,
  price_id: (record) => record.priceId ?? null,
  started_ms: (record) => record.startedMs,
  first_event_after_ms: (record) => record.firstEventAfterMs ?? null,
  duration_ms: (record) => record.durationMs,
};

/** In one fixed order: the columns of the insert, and its parameters. */
const columnList = Object.entries(columnValues);

function toRecord(row: Selectable<GenerationsTable>): GenerationRecord {
  const usage = usageOf(row);
  return {
    id: row.id as GenerationId,
    tenantId: row.tenant_id as TenantId,
    keyId: row.key_id,
    mode: row.mode,
    surface: row.surface,
    requestedModel: row.requested_model,
    modelId: row.model_id,
    ...(row.upstream_id === null ? {} : { upstreamId: row.upstream_id }),
    ...(row.upstream_model === null ? {} : { upstreamModel: row.upstream_model }),
    ...(row.upstream_reply_id === null ? {} : { upstreamReplyId: row.upstream_reply_id }),
    streamed: row.streamed === 1,
    state: row.state,
    ...(row.finish_reason === null ? {} : { finishReason: row.finish_reason }),
    ...(row.fault_code === null ? {} : { faultCode: row.fault_code }),
    cancelled: row.cancelled === 1,
    attempts: row.attempts,
    ...(usage === undefined ? {} : { usage }),
    costState: row.cost_state,
    ...(row.cost_nanos === null ? {} : { costNanos: row.cost_nanos }),
    ...(row.currency === null ? {} : { currency: row.currency }),
    ...(row.price_id === null ? {} : { priceId: row.price_id }),
    startedMs: row.started_ms,
    ...(row.first_event_after_ms === null ? {} : { firstEventAfterMs: row.first_event_after_ms }),
    durationMs: row.duration_ms,
  };
}

function usageOf(row: Selectable<GenerationsTable>): Usage | undefined {
  const { input_uncached_tokens: inputUncached, cache_read_tokens: cacheRead, cache_write_tokens: cacheWrite, output_tokens: output } = row;
  if (inputUncached === null || cacheRead === null || cacheWrite === null || output === null) return undefined;
  return {
    inputUncached,
    cacheRead,
    cacheWrite,
    output,
    ...(row.reasoning_tokens === null ? {} : { reasoning: row.reasoning_tokens }),
    estimated: row.usage_estimated === 1,
  };
}
