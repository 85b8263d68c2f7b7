import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import { Fault } from '../base/fault.ts';
import type { BatchId, GenerationId, TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { Database } from '../storage/database.ts';
import type { GenerationRecord, GenerationState } from './generation-record.ts';
import type { GenerationsTable, RecordsTables } from './records-tables.ts';
import { hourMs } from './storage-hours-table.ts';
import { type UsageQuery, usageRowsQuery } from './usage-rows.ts';
import { type UsageTotal, usageTotalsOf } from './usage-total.ts';
import { dayMs, utcDayText, utcDayOf } from './utc-day.ts';

const listLimitMax = 1_000;

export interface RecordsPage {
  /** At most this many, 1 to 1,000. */
  readonly limit: number;
  /** Only those born before the generation of this id: the id of the last one of the page before. */
  readonly before?: string;
  /** Only those of this tenant, key, model or state. */
  readonly tenantId?: TenantId;
  readonly keyId?: string;
  readonly modelId?: string;
  readonly state?: GenerationState;
}

/** The records of generations: written once each, together with whatever else belongs to the same commit. */
export class RecordsStore {
  readonly #database: Database;
  readonly #builder: Kysely<RecordsTables>;
  readonly #insert: CompiledQuery;
  readonly #upsert: CompiledQuery;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<RecordsTables>();
    const blank: Record<string, null> = {};
    for (const [column] of columnList) blank[column] = null;
    const insert = this.#builder.insertInto('generations').values(blank as never);
    this.#insert = insert.compile();
    this.#upsert = insert
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((row) => Object.fromEntries(columnNames.map((column) => [column, row.ref(`excluded.${column}`)])))
          .where('generations.state', '=', sql.lit('unknown')),
      )
      .compile();
  }

  /**
   * The statement that stores `record`, for `Database.commit`, where it may share a commit with others. The SQL is
   * compiled once: this runs for every request.
   */
  insertion(record: GenerationRecord): CompiledQuery {
    return withValues(this.#insert, record);
  }

  /**
   * The statement that stores `record` in place of one of the same id whose outcome is unknown. It changes no row when
   * another record of that id is there already: the first that knew stays.
   */
  upsertion(record: GenerationRecord): CompiledQuery {
    return withValues(this.#upsert, record);
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
    if (page.keyId !== undefined) query = query.where('key_id', '=', page.keyId);
    if (page.modelId !== undefined) query = query.where('model_id', '=', page.modelId);
    if (page.state !== undefined) query = query.where('state', '=', page.state);
    const limit = Math.min(Math.max(1, Math.trunc(page.limit)), listLimitMax);
    const rows = await this.#database.report(query.limit(limit).compile());
    return rows.map(toRecord);
  }

  /**
   * What a key was charged: for generations that began at `sinceMs` or later, pruned ones included, and for what was kept in context
   * caches in the hours since then; one sum for each currency, those in alphabetical order. What is still under way is not in it.
   */
  async keySpend(keyId: string, sinceMs: number): Promise<{ currency: Currency; nanos: Nanos }[]> {
    const kept = this.#builder
      .selectFrom('generations')
      .select((column) => ['charge_currency', column.fn.sum<Nanos>('charge_nanos').as('sum_nanos')])
      .where('key_id', '=', keyId)
      .where('charge_nanos', 'is not', null)
      .where('started_ms', '>=', sinceMs)
      .groupBy('charge_currency');
    const pruned = this.#builder
      .selectFrom('usage_days')
      .select((column) => ['charge_currency', column.fn.sum<Nanos>('charge_nanos').as('sum_nanos')])
      .where('key_id', '=', keyId)
      .where('charge_currency', '<>', '')
      .where('day', '>=', Math.floor(sinceMs / dayMs))
      .groupBy('charge_currency');
    const stored = this.#builder
      .selectFrom('storage_hours')
      .select((column) => ['charge_currency', column.fn.sum<Nanos>('charge_nanos').as('sum_nanos')])
      .where('key_id', '=', keyId)
      .where('charge_currency', '<>', '')
      .where('hour', '>=', Math.ceil(sinceMs / hourMs))
      .groupBy('charge_currency');
    const rows = await this.#database.report(kept.unionAll(pruned).unionAll(stored).compile());
    const sums = Map.groupBy(rows, ({ charge_currency: currency }) => currency ?? '');
    return [...sums]
      .map(([currency, same]) => ({ currency, nanos: same.reduce((so, { sum_nanos: nanos }) => so + nanos, 0n) }))
      .sort((one, other) => (one.currency < other.currency ? -1 : 1));
  }

  /**
   * What was used, what it cost and what was charged for it in `[fromMs, toMs)`, by start of the generation, pruned ones
   * included, and by the beginning of each hour in which something was kept in a context cache; see `UsageTotal`. Throws `invalid_request` when the time begins or ends within a day of which only the sums
   * are left.
   */
  async usageTotals(query: UsageQuery): Promise<UsageTotal[]> {
    const broken = (['fromMs', 'toMs'] as const).filter((end) => query[end] % dayMs !== 0);
    if (broken.length > 0) {
      const prunedBeforeMs = await this.prunedBeforeMs();
      const within = broken.find((end) => query[end] < prunedBeforeMs);
      if (within !== undefined) throw splitsDay(within === 'fromMs' ? 'from' : 'to', query[within], prunedBeforeMs);
    }
    return usageTotalsOf(await this.#database.report(usageRowsQuery(this.#builder, query)));
  }

  /** Generations that started before this moment may be left as sums of their day only. 0: none was ever pruned. */
  async prunedBeforeMs(): Promise<number> {
    const rows = await this.#database.query(
      this.#builder.selectFrom('records_retention').select('pruned_before_ms').where('name', '=', 'generations').compile(),
    );
    return rows[0]?.pruned_before_ms ?? 0;
  }
}

function withValues({ query, queryId, sql: text }: CompiledQuery, record: GenerationRecord): CompiledQuery {
  const parameters: unknown[] = [];
  for (const [, valueOf] of columnList) parameters.push(valueOf(record));
  return { query, queryId, sql: text, parameters };
}

function splitsDay(field: 'from' | 'to', atMs: number, prunedBeforeMs: number): Fault {
  const day = utcDayText(utcDayOf(atMs));
  const message = `of the days before ${utcDayText(utcDayOf(prunedBeforeMs))} (UTC) only the sums are kept; "${field}" must not lie within one (${day})`;
  return new Fault('invalid_request', { message: `Invalid request: ${message}`, field });
}

type ColumnValues = { readonly [Column in keyof GenerationsTable]: (record: GenerationRecord) => GenerationsTable[Column] };

const columnValues: ColumnValues = {
  id: (record) => record.id,
  tenant_id: (record) => record.tenantId,
  key_id: (record) => record.keyId,
  mode: (record) => record.mode,
  surface: (record) => record.surface,
  batch_id: (record) => record.batchId ?? null,
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
  cache_write_1h_tokens: (record) => record.usage?.cacheWrite1h ?? null,
  web_searches: (record) => record.usage?.webSearches ?? null,
  cost_state: (record) => record.costState,
  cost_nanos: (record) => record.costNanos ?? null,
  currency: (record) => record.currency ?? null,
  price_id: (record) => record.priceId ?? null,
  charge_nanos: (record) => record.chargeNanos ?? null,
  charge_currency: (record) => record.chargeCurrency ?? null,
  charge_rule: (record) => record.chargeRule ?? null,
  exchange_rate: (record) => record.exchangeRate ?? null,
  exchange_rate_from: (record) => record.exchangeRateFrom ?? null,
  loss_nanos: (record) => record.lossNanos ?? null,
  cache_saved_nanos: (record) => record.cacheSavedNanos ?? null,
  flags: (record) => (record.flags === undefined || record.flags.length === 0 ? null : record.flags.join(' ')),
  started_ms: (record) => record.startedMs,
  first_event_after_ms: (record) => record.firstEventAfterMs ?? null,
  duration_ms: (record) => record.durationMs,
};

/** In one fixed order: the columns of the insert, and its parameters. */
const columnList = Object.entries(columnValues);
const columnNames = Object.keys(columnValues) as (keyof GenerationsTable)[];

function toRecord(row: Selectable<GenerationsTable>): GenerationRecord {
  const usage = usageOf(row);
  return {
    id: row.id as GenerationId,
    tenantId: row.tenant_id as TenantId,
    keyId: row.key_id,
    mode: row.mode,
    surface: row.surface,
    ...(row.batch_id === null ? {} : { batchId: row.batch_id as BatchId }),
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
    ...chargeOf(row),
    ...(row.flags === null ? {} : { flags: row.flags.split(' ') }),
    startedMs: row.started_ms,
    ...(row.first_event_after_ms === null ? {} : { firstEventAfterMs: row.first_event_after_ms }),
    durationMs: row.duration_ms,
  };
}

function chargeOf(row: Selectable<GenerationsTable>): Partial<GenerationRecord> {
  return {
    ...(row.charge_nanos === null ? {} : { chargeNanos: row.charge_nanos }),
    ...(row.charge_currency === null ? {} : { chargeCurrency: row.charge_currency }),
    ...(row.charge_rule === null ? {} : { chargeRule: row.charge_rule }),
    ...(row.exchange_rate === null ? {} : { exchangeRate: row.exchange_rate }),
    ...(row.exchange_rate_from === null ? {} : { exchangeRateFrom: row.exchange_rate_from }),
    ...(row.loss_nanos === null ? {} : { lossNanos: row.loss_nanos }),
    ...(row.cache_saved_nanos === null ? {} : { cacheSavedNanos: row.cache_saved_nanos }),
  };
}

function usageOf(row: Selectable<GenerationsTable>): Usage | undefined {
  const { input_uncached_tokens: inputUncached, cache_read_tokens: cacheRead, cache_write_tokens: cacheWrite, output_tokens: output } = row;
  if (inputUncached === null || cacheRead === null || cacheWrite === null || output === null) return undefined;
  return {
    inputUncached,
    cacheRead,
    cacheWrite,
    ...(row.cache_write_1h_tokens === null ? {} : { cacheWrite1h: row.cache_write_1h_tokens }),
    output,
    ...(row.web_searches === null ? {} : { webSearches: row.web_searches }),
    ...(row.reasoning_tokens === null ? {} : { reasoning: row.reasoning_tokens }),
    estimated: row.usage_estimated === 1,
  };
}
