import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { pause } from '../base/pause.ts';
import type { Database } from '../storage/database.ts';
import type { RecordsTables, UsageDaysTable } from './records-tables.ts';
import { dayMs, utcDayOf } from './utc-day.ts';

/** What of the database pruning needs. */
export type RetentionDatabase = Pick<Database, 'builder' | 'commitIf' | 'query'>;

export interface RetentionOptions {
  readonly database: RetentionDatabase;
  readonly clock: Clock;
  /** How many whole UTC days before today are kept call by call; at least 1. */
  readonly generationsDays: number;
}

/** Small enough for commits of calls, which wait for it, to wait a few milliseconds only. */
const batchRows = 200;
/** Between two batches, so that pruning a year of records leaves the writer to the calls most of the time. */
const batchPauseMs = 20;

/**
 * Prunes old generations: each batch is added to the sums of its days and deleted in one commit, so that reports stay
 * exact at every moment. Ledger transfers are not touched. Replicas may sweep at the same time.
 */
export class Retention {
  readonly #database: RetentionDatabase;
  readonly #builder: Kysely<RecordsTables>;
  readonly #clock: Clock;
  readonly #generationsDays: number;

  constructor({ database, clock, generationsDays }: RetentionOptions) {
    if (!Number.isSafeInteger(generationsDays) || generationsDays < 1) throw new RangeError('generations are kept for a whole number of days, at least 1');
    this.#database = database;
    this.#builder = database.builder<RecordsTables>();
    this.#clock = clock;
    this.#generationsDays = generationsDays;
  }

  /** Prunes whatever is old enough now, or until `signal` aborts. Resolves with how many generations it pruned. */
  async sweep(signal: AbortSignal): Promise<number> {
    const beforeMs = (utcDayOf(this.#clock.nowMs()) - this.#generationsDays) * dayMs;
    let pruned = 0;
    while (!signal.aborted) {
      const fence = await this.#fence();
      const ids = await this.#oldest(beforeMs);
      if (ids.length === 0) break;
      const outcome = await this.#database.commitIf([this.#claim(fence, beforeMs)], [this.#rollUp(ids), this.#removal(ids)]);
      // Refused: another replica has pruned this batch.
      if (outcome.committed) pruned += outcome.changes[1] ?? 0;
      await pause(this.#clock, batchPauseMs, signal);
    }
    return pruned;
  }

  /** To be read before the batch is chosen: whoever prunes a batch in between raises it. */
  async #fence(): Promise<number> {
    const rows = await this.#database.query(this.#builder.selectFrom('records_retention').select('fence').where('name', '=', 'generations').compile());
    return rows[0]?.fence ?? 0;
  }

  async #oldest(beforeMs: number): Promise<readonly string[]> {
    const rows = await this.#database.query(
      this.#builder.selectFrom('generations').select('id').where('started_ms', '<', beforeMs).orderBy('started_ms').limit(batchRows).compile(),
    );
    return rows.map((row) => row.id);
  }

  #claim(fence: number, beforeMs: number): CompiledQuery {
    return this.#builder
      .updateTable('records_retention')
      .set((column) => ({
        fence: column('fence', '+', 1),
        pruned_before_ms: column.case().when('pruned_before_ms', '<', beforeMs).then(beforeMs).else(column.ref('pruned_before_ms')).end(),
      }))
      .where('name', '=', 'generations')
      .where('fence', '=', fence)
      .compile();
  }

  #rollUp(ids: readonly string[]): CompiledQuery {
    const orEmpty = (name: 'upstream_id' | 'currency' | 'charge_currency' | 'exchange_rate') => sql<string>`coalesce(${sql.ref(name)}, '')`;
    const sums = this.#builder
      .selectFrom('generations')
      .select((column) => [
        column('started_ms', '/', column.lit(dayMs)).as('day'),
        'tenant_id', 'key_id', 'model_id', orEmpty('upstream_id').as('upstream_id'), 'mode', 'state', 'cost_state',
        orEmpty('currency').as('currency'), orEmpty('charge_currency').as('charge_currency'), orEmpty('exchange_rate').as('exchange_rate'),
        column.fn.countAll().as('generation_count'),
        column.fn.count('output_tokens').as('measured_count'),
        column.fn.count('flags').as('flagged_count'),
        ...summed.map(([name, source]) => column.cast(column.fn.coalesce(column.fn.sum(source), column.lit(0)), 'bigint').as(name)),
      ])
      .where('id', 'in', padded(ids))
      .groupBy((column) => [
        column('started_ms', '/', column.lit(dayMs)),
        'tenant_id', 'key_id', 'model_id', 'upstream_id', 'mode', 'state', 'cost_state', 'currency', 'charge_currency', 'exchange_rate',
      ]);
    return this.#builder
      .insertInto('usage_days')
      .columns([...dayKey, 'generation_count', 'measured_count', 'flagged_count', ...summed.map(([name]) => name)])
      .expression(sums)
      .onConflict((conflict) =>
        conflict.columns([...dayKey]).doUpdateSet((row) =>
          Object.fromEntries(added.map((name) => [name, row(`usage_days.${name}`, '+', row.ref(`excluded.${name}`))])),
        ),
      )
      .compile();
  }

  #removal(ids: readonly string[]): CompiledQuery {
    return this.#builder.deleteFrom('generations').where('id', 'in', padded(ids)).compile();
  }
}

const dayKey = [
  'day', 'tenant_id', 'key_id', 'model_id', 'upstream_id', 'mode', 'state', 'cost_state', 'currency', 'charge_currency', 'exchange_rate',
] as const satisfies readonly (keyof UsageDaysTable)[];

/** Columns of `usage_days`, and the columns of `generations` that they are sums of. */
const summed = [
  ['estimated_count', 'usage_estimated'],
  ['input_uncached_tokens', 'input_uncached_tokens'],
  ['cache_read_tokens', 'cache_read_tokens'],
  ['cache_write_tokens', 'cache_write_tokens'],
  ['cache_write_1h_tokens', 'cache_write_1h_tokens'],
  ['output_tokens', 'output_tokens'],
  ['reasoning_tokens', 'reasoning_tokens'],
  ['web_searches', 'web_searches'],
  ['cost_nanos', 'cost_nanos'],
  ['charge_nanos', 'charge_nanos'],
  ['loss_nanos', 'loss_nanos'],
  ['cache_saved_nanos', 'cache_saved_nanos'],
] as const;

const added = ['generation_count', 'measured_count', 'flagged_count', ...summed.map(([name]) => name)] as const;

/** Always the same number of ids, so that there is one statement to prepare and not one for each length. */
function padded(ids: readonly string[]): string[] {
  return Array.from({ length: batchRows }, (_, index) => ids[index] ?? ids[0] ?? '');
}
