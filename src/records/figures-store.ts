import type { CompiledQuery, Kysely } from 'kysely';
import type { Currency, Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { BalanceSnapshot } from './balance-moves.ts';
import type { CostState } from './generation-record.ts';
import type { RecordsTables } from './records-tables.ts';
import type { UpstreamFigure } from './upstream-figure.ts';
import { dayMs, type UtcDay } from './utc-day.ts';

/** Days from the first to, but without, the last. */
export interface DaySpan {
  readonly fromDay: UtcDay;
  readonly toDay: UtcDay;
}

/** What we have recorded of one upstream's day. */
export interface OwnCost {
  readonly day: UtcDay;
  readonly costState: CostState;
  /** Null: of unknown cost. */
  readonly currency: Currency | null;
  readonly costNanos: Nanos;
  readonly count: number;
}

/** A generation that the upstream can be asked about. */
export interface AskableReply {
  readonly generationId: string;
  readonly replyId: string;
  readonly costNanos: Nanos;
}

/** The upstreams' own figures, the balances that some of them are made of, and what we have recorded beside them. */
export class FiguresStore {
  readonly #database: Database;
  readonly #builder: Kysely<RecordsTables>;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<RecordsTables>();
  }

  /** Stores all of them, or none; each takes the place of an earlier one of the same upstream, day, currency and source. */
  async save(figures: readonly UpstreamFigure[], importedMs: number): Promise<void> {
    await this.#database.commit(figures.map((figure) => this.#figure(figure, importedMs)));
  }

  /** Stores a snapshot and the figures that follow from it, in one commit. */
  async saveSnapshot(upstreamId: string, snapshot: BalanceSnapshot, figures: readonly UpstreamFigure[]): Promise<void> {
    const { takenMs, currency, balanceNanos } = snapshot;
    const insert = this.#builder
      .insertInto('balance_snapshots')
      .values({ upstream_id: upstreamId, taken_ms: takenMs, currency, balance_nanos: balanceNanos })
      .onConflict((conflict) => conflict.columns(['upstream_id', 'taken_ms']).doUpdateSet((row) => ({ currency: row.ref('excluded.currency'), balance_nanos: row.ref('excluded.balance_nanos') })))
      .compile();
    await this.#database.commit([insert, ...figures.map((figure) => this.#figure(figure, takenMs))]);
  }

  #figure({ upstreamId, day, currency, source, amountNanos, compared }: UpstreamFigure, importedMs: number): CompiledQuery {
    const values = {
      amount_nanos: amountNanos,
      compared_nanos: compared?.ownNanos ?? null,
      compared_count: compared?.count ?? null,
      missing_count: compared?.missingCount ?? null,
      imported_ms: importedMs,
    };
    return this.#builder
      .insertInto('upstream_figures')
      .values({ upstream_id: upstreamId, day, currency, source, ...values })
      .onConflict((conflict) => conflict.columns(['upstream_id', 'day', 'currency', 'source']).doUpdateSet(values))
      .compile();
  }

  /** In order of days, currencies and sources. */
  async figures(upstreamId: string, { fromDay, toDay }: DaySpan): Promise<UpstreamFigure[]> {
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('upstream_figures')
        .selectAll()
        .where('upstream_id', '=', upstreamId)
        .where('day', '>=', fromDay)
        .where('day', '<', toDay)
        .orderBy('day')
        .orderBy('currency')
        .orderBy('source')
        .compile(),
    );
    return rows.map((row) => ({
      upstreamId,
      day: row.day,
      currency: row.currency,
      source: row.source,
      amountNanos: row.amount_nanos,
      ...(row.compared_nanos === null ? {} : { compared: { ownNanos: row.compared_nanos, count: row.compared_count ?? 0, missingCount: row.missing_count ?? 0 } }),
    }));
  }

  /** Snapshots taken in `[fromMs, toMs)`, in order of time. */
  async snapshots(upstreamId: string, fromMs: number, toMs: number): Promise<BalanceSnapshot[]> {
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('balance_snapshots')
        .select(['taken_ms', 'currency', 'balance_nanos'])
        .where('upstream_id', '=', upstreamId)
        .where('taken_ms', '>=', fromMs)
        .where('taken_ms', '<', toMs)
        .orderBy('taken_ms')
        .compile(),
    );
    return rows.map((row) => ({ takenMs: row.taken_ms, currency: row.currency, balanceNanos: row.balance_nanos }));
  }

  /** When the last snapshot was taken. */
  async lastSnapshotMs(upstreamId: string): Promise<number | undefined> {
    const rows = await this.#database.query(
      this.#builder.selectFrom('balance_snapshots').select('taken_ms').where('upstream_id', '=', upstreamId).orderBy('taken_ms', 'desc').limit(1).compile(),
    );
    return rows[0]?.taken_ms;
  }

  /** What an upstream's calls, and what it kept in context caches, cost by our own records, pruned ones included, by day, cost state and currency. */
  async ownCosts(upstreamId: string, { fromDay, toDay }: DaySpan): Promise<OwnCost[]> {
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('generations')
        .select((column) => [
          column('started_ms', '/', column.lit(dayMs)).as('day'), 'cost_state', 'currency',
          column.cast<Nanos | null>(column.fn.sum('cost_nanos'), 'bigint').as('cost_nanos'), column.fn.countAll<number>().as('count'),
        ])
        .where('upstream_id', '=', upstreamId)
        .where('started_ms', '>=', fromDay * dayMs)
        .where('started_ms', '<', toDay * dayMs)
        .groupBy((column) => [column('started_ms', '/', column.lit(dayMs)), 'cost_state', 'currency'])
        .unionAll(
          this.#builder
            .selectFrom('usage_days')
            .select((column) => [
              'day', 'cost_state', 'currency',
              column.cast<Nanos | null>(column.fn.sum('cost_nanos'), 'bigint').as('cost_nanos'), column.cast<number>(column.fn.sum('generation_count'), 'bigint').as('count'),
            ])
            .where('upstream_id', '=', upstreamId)
            .where('day', '>=', fromDay)
            .where('day', '<', toDay)
            .groupBy(['day', 'cost_state', 'currency']),
        )
        .unionAll(
          this.#builder
            .selectFrom('storage_hours')
            .select((column) => [
              column('hour', '/', column.lit(24)).as('day'), 'cost_state', 'currency',
              column.cast<Nanos | null>(column.fn.sum('cost_nanos'), 'bigint').as('cost_nanos'), column.lit<number>(0).as('count'),
            ])
            .where('upstream_id', '=', upstreamId)
            .where('hour', '>=', fromDay * 24)
            .where('hour', '<', toDay * 24)
            .groupBy((column) => [column('hour', '/', column.lit(24)), 'cost_state', 'currency']),
        )
        .compile(),
    );
    return rows.map((row) => ({
      day: row.day, costState: row.cost_state, currency: row.currency === '' ? null : row.currency, costNanos: row.cost_nanos ?? 0n, count: row.count,
    }));
  }

  /** Calls of a day that the upstream can be asked about by its own id, the dearest first, at most `limit`. */
  async askableReplies(upstreamId: string, day: UtcDay, currency: Currency, limit: number): Promise<AskableReply[]> {
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('generations')
        .select(['id', 'upstream_reply_id', 'cost_nanos'])
        .where('upstream_id', '=', upstreamId)
        .where('started_ms', '>=', day * dayMs)
        .where('started_ms', '<', (day + 1) * dayMs)
        .where('cost_state', '=', 'priced')
        .where('currency', '=', currency)
        .where('upstream_reply_id', 'is not', null)
        .orderBy('cost_nanos', 'desc')
        .orderBy('id')
        .limit(limit)
        .compile(),
    );
    return rows.map((row) => ({ generationId: row.id, replyId: row.upstream_reply_id ?? '', costNanos: row.cost_nanos ?? 0n }));
  }

  /** Whether any call at an upstream of that id is recorded, or any figure of it. */
  async isKnown(upstreamId: string): Promise<boolean> {
    const found = (table: 'generations' | 'usage_days' | 'upstream_figures') =>
      this.#database.report(this.#builder.selectFrom(table).select('upstream_id').where('upstream_id', '=', upstreamId).limit(1).compile());
    const rows = await Promise.all([found('upstream_figures'), found('usage_days'), found('generations')]);
    return rows.some((list) => list.length > 0);
  }
}
