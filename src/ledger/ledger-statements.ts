import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { BalancesTable, LedgerTables, TransferPhase, TransfersTable } from './ledger-tables.ts';

/** A row to add to the journal; what is left out is null. */
export type NewTransfer = Pick<TransfersTable, 'id' | 'kind' | 'phase' | 'debit_account' | 'credit_account' | 'amount_nanos' | 'currency' | 'created_ms'> &
  Partial<TransfersTable>;

/** In one fixed order: the columns of the insert, and its parameters. */
const columns = [
  'id', 'kind', 'phase', 'pending_id', 'debit_account', 'credit_account', 'amount_nanos', 'currency', 'tenant_id', 'key_id', 'generation_id',
  'open', 'owner', 'expires_ms', 'created_ms', 'price_nanos', 'price_currency', 'rate', 'rate_from', 'memo',
] as const satisfies readonly (keyof TransfersTable)[];

/**
 * The ledger's statements. They are compiled once and filled with parameters, since two commits of them are made for every
 * call: compiling one costs more than running it.
 */
export class LedgerStatements {
  readonly #builder: Kysely<LedgerTables>;
  /** By number of rows. */
  readonly #insertions: CompiledQuery[] = [];
  /** By number of ids. */
  readonly #closings: CompiledQuery[] = [];
  readonly #holding: CompiledQuery;
  readonly #posting: CompiledQuery;

  constructor(database: Database) {
    this.#builder = database.builder<LedgerTables>();
    this.#holding = this.#builder
      .updateTable('ledger_balances')
      .set((column) => ({ pending_nanos: column('pending_nanos', '+', 0n) }))
      .where('id', '=', '')
      .where(sql<boolean>`(floor_nanos IS NULL OR posted_nanos - pending_nanos - ${0n} >= floor_nanos)`)
      .compile();
    this.#posting = this.#builder
      .updateTable('ledger_balances')
      .set((column) => ({ posted_nanos: column('posted_nanos', '+', 0n), pending_nanos: column('pending_nanos', '-', 0n) }))
      .where('id', '=', '')
      .compile();
  }

  /** Adds rows to the journal. */
  insertion(rows: readonly NewTransfer[]): CompiledQuery {
    this.#insertions[rows.length] ??= this.#builder
      .insertInto('ledger_transfers')
      .values(rows.map(() => Object.fromEntries(columns.map((column) => [column, null])) as never))
      .compile();
    const parameters: unknown[] = [];
    for (const row of rows) for (const column of columns) parameters.push(row[column] ?? (column === 'open' ? 0 : null));
    return { ...(this.#insertions[rows.length] as CompiledQuery), parameters };
  }

  /** A guard: takes the mark off the pending transfers with these ids. Changes no row when they have been resolved before. */
  closing(ids: readonly string[]): CompiledQuery {
    this.#closings[ids.length] ??= this.#builder
      .updateTable('ledger_transfers')
      .set({ open: 0 })
      .where('id', 'in', ids.map(() => ''))
      .where('open', '=', 1)
      .compile();
    return { ...(this.#closings[ids.length] as CompiledQuery), parameters: [0, ...ids, 1] };
  }

  /** A guard: holds `amount` on an account; changes no row when that would go below its floor, or when there is no such account. */
  holding(id: string, amount: Nanos): CompiledQuery {
    return { ...this.#holding, parameters: [amount, id, amount] };
  }

  /** Adds `posted` to what an account has, and takes `released` off what is held there. */
  posting(id: string, posted: Nanos, released: Nanos): CompiledQuery {
    return { ...this.#posting, parameters: [posted, released, id] };
  }

  /** A guard: opens an account; changes no row when it is there already. */
  opening(account: BalancesTable): CompiledQuery {
    return this.#builder
      .insertInto('ledger_balances')
      .values(account)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .compile();
  }

  balance(id: string): CompiledQuery<BalancesTable> {
    return this.#builder.selectFrom('ledger_balances').selectAll().where('id', '=', id).compile();
  }

  phase(transferId: string): CompiledQuery<{ phase: TransferPhase }> {
    return this.#builder.selectFrom('ledger_transfers').select('phase').where('id', '=', transferId).compile();
  }

  balancesOf(ownerId: string): CompiledQuery<BalancesTable> {
    return this.#builder.selectFrom('ledger_balances').selectAll().where('owner_id', '=', ownerId).orderBy('id').compile();
  }
}
