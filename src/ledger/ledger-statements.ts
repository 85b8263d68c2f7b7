import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { BalancesTable, LedgerTables, TransferPhase, TransfersTable } from './ledger-tables.ts';

/** A row to add to the journal; what is left out is null. */
export type NewTransfer = Pick<TransfersTable, 'id' | 'kind' | 'phase' | 'debit_account' | 'credit_account' | 'amount_nanos' | 'currency' | 'created_ms'> &
  Partial<TransfersTable>;

/** How a pending transfer ends. */
export interface TransferEnd {
  readonly pendingId: string;
  readonly phase: TransferPhase;
  /** What has moved. */
  readonly amountNanos: Nanos;
  readonly atMs: number;
}

/** What a price came to in its own currency, and the rate that was used. */
export type ConversionColumns = { readonly [Column in (typeof conversionColumns)[number]]: TransfersTable[Column] };

const conversionColumns = ['price_nanos', 'price_currency', 'rate', 'rate_from'] as const satisfies readonly (keyof TransfersTable)[];

/** In one fixed order: the columns of an insert, and its parameters. A call's transfers leave out what is always null in them. */
const callColumns = [
  'id', 'kind', 'phase', 'debit_account', 'credit_account', 'amount_nanos', 'currency', 'tenant_id', 'key_id', 'generation_id', 'created_ms',
] as const satisfies readonly (keyof TransfersTable)[];
const pendingColumns = [...callColumns, 'open', 'owner', 'expires_ms', 'memo'] as const;
const allColumns = [...pendingColumns, 'pending_id', 'cache_id', ...conversionColumns] as const;

type Shape = 'call' | 'pending' | 'all';
const shapes = { call: callColumns, pending: pendingColumns, all: allColumns } as const satisfies Record<Shape, readonly (keyof TransfersTable)[]>;

/**
 * The ledger's statements. Those of a call are compiled once and filled with parameters, since two commits of them are made for
 * every call: compiling one costs more than running it. They carry as few parameters as can be, for each crosses to a thread.
 */
export class LedgerStatements {
  readonly #builder: Kysely<LedgerTables>;
  readonly #compiled = new Map<string, CompiledQuery>();
  readonly #holding: CompiledQuery;
  readonly #posting: CompiledQuery;
  readonly #ending: CompiledQuery;
  readonly #endingConverted: CompiledQuery;

  constructor(database: Pick<Database, 'builder'>) {
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
    this.#ending = sql`
      INSERT INTO ledger_transfers (phase, amount_nanos, created_ms, id, pending_id, kind, debit_account, credit_account, currency, tenant_id, key_id, generation_id, open)
      SELECT ${''}, ${0n}, ${0}, id || '/end', id, kind, debit_account, credit_account, currency, tenant_id, key_id, generation_id, 0
      FROM ledger_transfers WHERE id = ${''}`.compile(this.#builder);
    this.#endingConverted = sql`
      INSERT INTO ledger_transfers (phase, amount_nanos, created_ms, price_nanos, price_currency, rate, rate_from,
        id, pending_id, kind, debit_account, credit_account, currency, tenant_id, key_id, generation_id, open)
      SELECT ${''}, ${0n}, ${0}, ${0n}, ${''}, ${''}, ${''},
        id || '/end', id, kind, debit_account, credit_account, currency, tenant_id, key_id, generation_id, 0
      FROM ledger_transfers WHERE id = ${''}`.compile(this.#builder);
  }

  /** Adds rows to the journal, whatever they are. */
  insertion(rows: readonly NewTransfer[]): CompiledQuery {
    return this.#insertionOf('all', rows);
  }

  /** Adds pending transfers to the journal. */
  pendingInsertion(rows: readonly NewTransfer[]): CompiledQuery {
    return this.#insertionOf('pending', rows);
  }

  /** Adds transfers of a call that move at once. */
  callInsertion(rows: readonly NewTransfer[]): CompiledQuery {
    return this.#insertionOf('call', rows);
  }

  /** Adds the row that resolves a pending transfer, between the same accounts. */
  ending({ pendingId, phase, amountNanos, atMs }: TransferEnd, conversion?: ConversionColumns): CompiledQuery {
    const known = [phase, amountNanos, atMs];
    if (conversion === undefined) return { ...this.#ending, parameters: [...known, pendingId] };
    return { ...this.#endingConverted, parameters: [...known, ...conversionColumns.map((column) => conversion[column]), pendingId] };
  }

  /** A guard: takes the mark off the pending transfers with these ids. Changes no row when they have been resolved before. */
  closing(ids: readonly string[]): CompiledQuery {
    const compiled = this.#once(`closing ${ids.length}`, () =>
      this.#builder
        .updateTable('ledger_transfers')
        .set({ open: sql`0` })
        .where('id', 'in', ids.map(() => ''))
        .where('open', '=', sql<number>`1`)
        .compile(),
    );
    return { ...compiled, parameters: ids };
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

  /** Those of these pending transfers that are not resolved. */
  openTransfers(ids: readonly string[]): CompiledQuery<TransfersTable> {
    const compiled = this.#once(`open ${ids.length}`, () =>
      this.#builder.selectFrom('ledger_transfers').selectAll().where('id', 'in', ids.map(() => '')).where('open', '=', sql<number>`1`).compile(),
    );
    return { ...compiled, parameters: ids };
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

  #insertionOf(shape: Shape, rows: readonly NewTransfer[]): CompiledQuery {
    const columns = shapes[shape];
    const compiled = this.#once(`${shape} ${rows.length}`, () => {
      const blank = Object.fromEntries(columns.map((column) => [column, null]));
      // Only rows of a shape that has the mark can be open.
      const row = shape === 'call' ? { ...blank, open: sql`0` } : blank;
      return this.#builder.insertInto('ledger_transfers').values(rows.map(() => row as never)).compile();
    });
    const parameters: unknown[] = [];
    for (const row of rows) for (const column of columns) parameters.push(row[column] ?? (column === 'open' ? 0 : null));
    return { ...compiled, parameters };
  }

  #once(name: string, compile: () => CompiledQuery): CompiledQuery {
    let compiled = this.#compiled.get(name);
    if (compiled === undefined) {
      compiled = compile();
      this.#compiled.set(name, compiled);
    }
    return compiled;
  }
}
