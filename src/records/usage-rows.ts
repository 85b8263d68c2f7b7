import { type CompiledQuery, type ExpressionBuilder, type Kysely, sql } from 'kysely';
import type { TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
import type { CostState, GenerationState } from './generation-record.ts';
import type { RecordsTables } from './records-tables.ts';
import { hourMs } from './storage-hours-table.ts';
import { dayMs } from './utc-day.ts';

export type UsageGrouping = 'key' | 'model' | 'upstream' | 'day' | 'tenant' | 'key-model' | 'day-model';

type GroupColumn = 'day' | 'tenant_id' | 'key_id' | 'model_id' | 'upstream_id';

const groupColumns: Readonly<Record<UsageGrouping, readonly GroupColumn[]>> = {
  key: ['key_id'],
  model: ['model_id'],
  upstream: ['upstream_id'],
  day: ['day'],
  tenant: ['tenant_id'],
  'key-model': ['key_id', 'model_id'],
  'day-model': ['day', 'model_id'],
};

export interface UsageQuery {
  /** Milliseconds since the epoch, inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly tenantId?: TenantId;
  readonly groupBy: UsageGrouping;
}

/**
 * Sums over generations, or over what was kept in context caches, that share the columns of the grouping, and everything else that
 * keeps sums apart. Rows of storage count no generation; their amounts stand in the same columns.
 */
export interface UsageRow {
  /** Null, like the four after it, when not grouped by. */
  readonly day: number | null;
  readonly tenant_id: string | null;
  readonly key_id: string | null;
  readonly model_id: string | null;
  /** Null too when no upstream was reached. */
  readonly upstream_id: string | null;
  readonly state: GenerationState;
  readonly cost_state: CostState;
  readonly currency: Currency | null;
  readonly charge_currency: Currency | null;
  readonly exchange_rate: string | null;
  readonly generation_count: number;
  readonly measured_count: number;
  readonly estimated_count: number;
  readonly flagged_count: number;
  readonly input_uncached_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly cache_write_1h_tokens: number | null;
  readonly output_tokens: number | null;
  readonly reasoning_tokens: number | null;
  readonly web_searches: number | null;
  /** Null: a row of generations. */
  readonly stored_token_seconds: number | null;
  readonly cost_nanos: Nanos | null;
  readonly charge_nanos: Nanos | null;
  readonly loss_nanos: Nanos | null;
  readonly cache_saved_nanos: Nanos | null;
}

/** Columns that both tables sum in the same way. */
const summedNumbers = [
  'input_uncached_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'output_tokens', 'reasoning_tokens', 'web_searches',
] as const;
const summedNanos = ['cost_nanos', 'charge_nanos', 'loss_nanos', 'cache_saved_nanos'] as const;

const counted = ['generation_count', 'measured_count', 'estimated_count', 'flagged_count'] as const;

/**
 * The query for `usageTotalsOf`, over the generations that are kept and the days of those that have been pruned, in one
 * statement, so that a batch that is pruned meanwhile is seen in one of the two places. `fromMs` and `toMs` must not lie
 * within a pruned day.
 */
export function usageRowsQuery(builder: Kysely<RecordsTables>, query: UsageQuery): CompiledQuery<UsageRow> {
  return keptRows(builder, query).unionAll(prunedRows(builder, query)).unionAll(storedRows(builder, query)).compile();
}

function keptRows(builder: Kysely<RecordsTables>, query: UsageQuery) {
  const group = groupColumns[query.groupBy];
  let select = builder
    .selectFrom('generations')
    .select((column) => [
      group.includes('day') ? column('started_ms', '/', column.lit(dayMs)).as('day') : absentNumber(column).as('day'),
      group.includes('tenant_id') ? column.ref('tenant_id').as('tenant_id') : absentText(column).as('tenant_id'),
      group.includes('key_id') ? column.ref('key_id').as('key_id') : absentText(column).as('key_id'),
      group.includes('model_id') ? column.ref('model_id').as('model_id') : absentText(column).as('model_id'),
      group.includes('upstream_id') ? column.ref('upstream_id').as('upstream_id') : absentText(column).as('upstream_id'),
      'state',
      'cost_state',
      'currency',
      'charge_currency',
      'exchange_rate',
      column.fn.countAll<number>().as('generation_count'),
      column.fn.count<number>('output_tokens').as('measured_count'),
      column.cast<number>(column.fn.coalesce(column.fn.sum('usage_estimated'), column.lit(0)), 'bigint').as('estimated_count'),
      column.fn.count<number>('flags').as('flagged_count'),
      // A sum is numeric in Postgres; here it is an integer like its parts.
      ...summedNumbers.map((name) => column.cast<number | null>(column.fn.sum(name), 'bigint').as(name)),
      absentNumber(column).as('stored_token_seconds'),
      ...summedNanos.map((name) => column.cast<Nanos | null>(column.fn.sum(name), 'bigint').as(name)),
    ])
    .where('started_ms', '>=', query.fromMs)
    .where('started_ms', '<', query.toMs)
    .groupBy(['state', 'cost_state', 'currency', 'charge_currency', 'exchange_rate']);
  if (query.tenantId !== undefined) select = select.where('tenant_id', '=', query.tenantId);
  for (const name of group) select = name === 'day' ? select.groupBy((column) => column('started_ms', '/', column.lit(dayMs))) : select.groupBy(name);
  return select;
}

const orNull = (name: 'upstream_id' | 'currency' | 'charge_currency' | 'exchange_rate') => sql<string | null>`nullif(${sql.ref(name)}, '')`;

function prunedRows(builder: Kysely<RecordsTables>, query: UsageQuery) {
  const group = groupColumns[query.groupBy];
  let select = builder
    .selectFrom('usage_days')
    .select((column) => [
      group.includes('day') ? column.ref('day').as('day') : absentNumber(column).as('day'),
      group.includes('tenant_id') ? column.ref('tenant_id').as('tenant_id') : absentText(column).as('tenant_id'),
      group.includes('key_id') ? column.ref('key_id').as('key_id') : absentText(column).as('key_id'),
      group.includes('model_id') ? column.ref('model_id').as('model_id') : absentText(column).as('model_id'),
      group.includes('upstream_id') ? orNull('upstream_id').as('upstream_id') : absentText(column).as('upstream_id'),
      'state',
      'cost_state',
      orNull('currency').as('currency'),
      orNull('charge_currency').as('charge_currency'),
      orNull('exchange_rate').as('exchange_rate'),
      ...counted.map((name) => column.cast<number>(column.fn.sum(name), 'bigint').as(name)),
      ...summedNumbers.map((name) => column.cast<number | null>(column.fn.sum(name), 'bigint').as(name)),
      absentNumber(column).as('stored_token_seconds'),
      ...summedNanos.map((name) => column.cast<Nanos | null>(column.fn.sum(name), 'bigint').as(name)),
    ])
    .where('day', '>=', Math.ceil(query.fromMs / dayMs))
    .where('day', '<', Math.floor(query.toMs / dayMs))
    .groupBy(['state', 'cost_state', 'currency', 'charge_currency', 'exchange_rate']);
  if (query.tenantId !== undefined) select = select.where('tenant_id', '=', query.tenantId);
  for (const name of group) select = select.groupBy(name);
  return select;
}

/** Storage counts in the hour in which it was kept. */
function storedRows(builder: Kysely<RecordsTables>, query: UsageQuery) {
  const group = groupColumns[query.groupBy];
  let select = builder
    .selectFrom('storage_hours')
    .select((column) => [
      group.includes('day') ? column('hour', '/', column.lit(dayMs / hourMs)).as('day') : absentNumber(column).as('day'),
      group.includes('tenant_id') ? column.ref('tenant_id').as('tenant_id') : absentText(column).as('tenant_id'),
      group.includes('key_id') ? column.ref('key_id').as('key_id') : absentText(column).as('key_id'),
      group.includes('model_id') ? column.ref('model_id').as('model_id') : absentText(column).as('model_id'),
      group.includes('upstream_id') ? orNull('upstream_id').as('upstream_id') : absentText(column).as('upstream_id'),
      sql<GenerationState>`'complete'`.as('state'),
      'cost_state',
      orNull('currency').as('currency'),
      orNull('charge_currency').as('charge_currency'),
      orNull('exchange_rate').as('exchange_rate'),
      ...counted.map((name) => column.lit<number>(0).as(name)),
      ...summedNumbers.map((name) => absentNumber(column).as(name)),
      column.cast<number | null>(column.fn.sum('token_seconds'), 'bigint').as('stored_token_seconds'),
      ...(['cost_nanos', 'charge_nanos', 'loss_nanos'] as const).map((name) => column.cast<Nanos | null>(column.fn.sum(name), 'bigint').as(name)),
      column.cast<Nanos | null>(column.lit(null), 'bigint').as('cache_saved_nanos'),
    ])
    .where('hour', '>=', Math.ceil(query.fromMs / hourMs))
    .where('hour', '<', Math.ceil(query.toMs / hourMs))
    .groupBy(['cost_state', 'currency', 'charge_currency', 'exchange_rate']);
  if (query.tenantId !== undefined) select = select.where('tenant_id', '=', query.tenantId);
  for (const name of group) select = name === 'day' ? select.groupBy((column) => column('hour', '/', column.lit(dayMs / hourMs))) : select.groupBy(name);
  return select;
}

// Postgres takes a bare NULL for text, whatever it is united with.
function absentText<Table extends keyof RecordsTables>(column: ExpressionBuilder<RecordsTables, Table>) {
  return column.cast<string | null>(column.lit(null), 'text');
}

function absentNumber<Table extends keyof RecordsTables>(column: ExpressionBuilder<RecordsTables, Table>) {
  return column.cast<number | null>(column.lit(null), 'bigint');
}
