import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { TenantId } from '../base/id.ts';
import type { Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import { accountOpening } from './account-opening.ts';
import { accountId, openAccounts } from './account.ts';
import { type ChargeConversion, counterAccount, type HoldLeg, lockOrder, type NamedLeg, type UpstreamCost } from './hold.ts';
import { type BookEntry, conversionColumns, holds } from './ledger.ts';
import { LedgerStatements, type NewTransfer } from './ledger-statements.ts';
import type { LedgerTables } from './ledger-tables.ts';
import type { StorageBudgetsTable, StorageMetersTable } from './storage-tables.ts';

/** A meter, and the spending limits that it draws on. */
export interface StorageMeter {
  readonly row: StorageMetersTable;
  readonly budgets: readonly StorageBudgetsTable[];
}

/** Where a meter stands among those that are due. */
export type MeterPlace = Pick<StorageMetersTable, 'due_ms' | 'cache_id'>;

/** Storage from where a meter has been billed up to `toMs`: who pays for it, and what becomes of the meter. */
export interface StoragePiece {
  readonly row: StorageMetersTable;
  readonly toMs: number;
  /** When it is to be billed again; undefined: it was the last piece. */
  readonly dueMs: number | undefined;
  /** The wallet's leg first, then those of budgets, each with what it pays at once. */
  readonly legs: readonly HoldLeg[];
  /** Of the wallet's leg. */
  readonly conversion: ChargeConversion | undefined;
  /** What nobody can pay, in the wallet's currency: the operator's loss. */
  readonly lossNanos: Nanos;
  readonly cost: UpstreamCost | undefined;
  /** To join the commit. */
  readonly joined: BookEntry;
}

/**
 * `booked`: all of it, with what joined. Otherwise nothing of it. `overtaken`: the meter was not where it was thought to be, another
 * server has billed it, or it is closed. `short`: an account has less than its leg. `refused`: by a guard of what was to join.
 */
export type PieceOutcome = 'booked' | 'overtaken' | 'short' | 'refused';

export interface StorageBooksParts {
  readonly database: Pick<Database, 'builder' | 'commitIf' | 'query'>;
  readonly clock: Clock;
}

/** The books of what context caches cost while they are kept. A meter's mark decides who bills a piece, and that it is billed once. */
export class StorageBooks {
  readonly #database: StorageBooksParts['database'];
  readonly #clock: Clock;
  readonly #builder: Kysely<LedgerTables>;
  readonly #statements: LedgerStatements;

  constructor({ database, clock }: StorageBooksParts) {
    this.#database = database;
    this.#clock = clock;
    this.#builder = database.builder<LedgerTables>();
    this.#statements = new LedgerStatements(database);
  }

  /** The statements that begin to meter a cache, for the commit that makes it. */
  opening({ row, budgets }: StorageMeter): readonly CompiledQuery[] {
    const meter = this.#builder.insertInto('ledger_storage_meters').values(row).compile();
    if (budgets.length === 0) return [meter];
    return [meter, this.#builder.insertInto('ledger_storage_budgets').values([...budgets]).compile()];
  }

  /** A guard that lets a cache live until `endsMs`: changes no row when it is not metered, or has come to its end. */
  prolongation(cacheId: string, endsMs: number, nowMs: number): CompiledQuery {
    return this.#builder
      .updateTable('ledger_storage_meters')
      .set({ ends_ms: endsMs, due_ms: sql<number>`CASE WHEN due_ms > ${endsMs} THEN ${endsMs} ELSE due_ms END` })
      .where('cache_id', '=', cacheId)
      .where('open', '=', sql<number>`1`)
      .where('ends_ms', '>', nowMs)
      .where('billed_until_ms', '<=', endsMs)
      .compile();
  }

  async meter(cacheId: string): Promise<StorageMeter | undefined> {
    const rows = await this.#database.query(this.#builder.selectFrom('ledger_storage_meters').selectAll().where('cache_id', '=', cacheId).compile());
    return (await this.#withBudgets(rows))[0];
  }

  /**
   * Meters to be billed at `nowMs`, those that are due longest first, at most `limit`, beginning behind the place `after`. In the order
   * of the index of those that are open: meters of all caches that ever were stand in the table.
   */
  async due(nowMs: number, limit: number, after?: MeterPlace): Promise<readonly StorageMeter[]> {
    const open = this.#builder.selectFrom('ledger_storage_meters').selectAll().where('open', '=', sql<number>`1`).where('due_ms', '<=', nowMs);
    const page = after === undefined
      ? open
      : open.where('due_ms', '>=', after.due_ms).where(({ eb, or }) => or([eb('due_ms', '>', after.due_ms), eb('cache_id', '>', after.cache_id)]));
    return this.#withBudgets(await this.#database.query(page.orderBy('due_ms').orderBy('cache_id').limit(limit).compile()));
  }

  /** Books a piece; durable when it resolves. Opens what accounts are opened by the first that needs them. Throws `storage_unavailable`. */
  async book(piece: StoragePiece): Promise<PieceOutcome> {
    const { joined } = piece;
    const legs = lockOrder(piece.legs.filter(({ amountNanos }) => amountNanos > 0n).map((leg) => heldLeg(leg)));
    const guards = [this.#advance(piece), ...legs.map((leg) => this.#statements.holding(leg.accountId, leg.amountNanos)), ...joined.guards];
    const rows = this.#rows(piece);
    const statements = [
      ...(rows.length === 0 ? [] : [this.#statements.insertion(rows)]),
      ...legs.map((leg) => this.#statements.posting(leg.accountId, -leg.amountNanos, leg.amountNanos)),
      ...joined.statements,
    ];
    for (;;) {
      const result = await this.#database.commitIf(guards, statements);
      if (result.committed) return 'booked';
      if (result.guard === 0) return 'overtaken';
      const leg = legs[result.guard - 1];
      if (leg === undefined) return 'refused';
      if (!(await this.#mayHoldNow(leg))) return 'short';
    }
  }

  /** What each leg's account has to spare above its floor; undefined: it has no floor. */
  async spare(legs: readonly HoldLeg[]): Promise<readonly (Nanos | undefined)[]> {
    return Promise.all(
      legs.map(async ({ account }) => {
        const [balance] = await this.#database.query(this.#statements.balance(accountId(account)));
        if (balance === undefined) return account.kind === 'budget' ? account.allowanceNanos : account.openable ? undefined : 0n;
        if (balance.floor_nanos === null) return undefined;
        const spare = balance.posted_nanos - balance.pending_nanos - balance.floor_nanos;
        return spare > 0n ? spare : 0n;
      }),
    );
  }

  async #withBudgets(rows: readonly StorageMetersTable[]): Promise<readonly StorageMeter[]> {
    if (rows.length === 0) return [];
    const ids = rows.map((row) => row.cache_id);
    const budgets = await this.#database.query(this.#builder.selectFrom('ledger_storage_budgets').selectAll().where('cache_id', 'in', ids).compile());
    const byCache = Map.groupBy(budgets, (budget) => budget.cache_id);
    return rows.map((row) => ({ row, budgets: byCache.get(row.cache_id) ?? [] }));
  }

  /** A guard: moves the mark, unless it has been moved meanwhile. Its expiry may have been, so that what ends is asked for too. */
  #advance({ row, toMs, dueMs }: StoragePiece): CompiledQuery {
    return this.#builder
      .updateTable('ledger_storage_meters')
      .set(dueMs === undefined ? { billed_until_ms: toMs, open: sql<number>`0` } : { billed_until_ms: toMs, due_ms: dueMs })
      .where('cache_id', '=', row.cache_id)
      .where('billed_until_ms', '=', row.billed_until_ms)
      .where('ends_ms', '=', row.ends_ms)
      .where('open', '=', sql<number>`1`)
      .compile();
  }

  /** Whether a leg that could not be held can be now: its account has been opened, or something was put into it meanwhile. */
  async #mayHoldNow({ account, accountId: id, amountNanos }: NamedLeg): Promise<boolean> {
    const [balance] = await this.#database.query(this.#statements.balance(id));
    if (balance !== undefined) return holds(balance, amountNanos);
    const opening = accountOpening(this.#statements, account, this.#clock.nowMs());
    if (opening === undefined) return false;
    await this.#database.commitIf(opening.guards, opening.statements);
    return true;
  }

  #rows({ row, legs, conversion, lossNanos, cost }: StoragePiece): readonly NewTransfer[] {
    const known = {
      phase: 'posted' as const, tenant_id: row.tenant_id as TenantId, key_id: row.key_id, cache_id: row.cache_id, created_ms: this.#clock.nowMs(),
    };
    const id = `${row.cache_id}/${row.billed_until_ms}`;
    const paid = legs.map(({ account, amountNanos }, index): NewTransfer => {
      const kind = account.kind === 'wallet' ? 'storage' : 'budget';
      return {
        ...known, id: `${id}/${kind}${index === 0 ? '' : `/${index}`}`, kind, debit_account: accountId(account), credit_account: counterAccount(account),
        amount_nanos: amountNanos, currency: account.currency, ...(index > 0 || conversion === undefined ? {} : conversionColumns(conversion)),
      };
    });
    const currency = legs[0]?.account.currency ?? '';
    const lost: NewTransfer = {
      ...known, id: `${id}/storage-loss`, kind: 'storage-loss', debit_account: openAccounts.operatorLoss(currency), credit_account: openAccounts.revenue(currency),
      amount_nanos: lossNanos, currency,
    };
    const owed = cost === undefined ? [] : [costRow(known, id, cost)];
    // What is nothing is no transfer: a cache of few tokens would fill the journal with it.
    return [...paid, lost, ...owed].filter(({ amount_nanos: amount }) => amount > 0n);
  }
}

function costRow(known: Pick<NewTransfer, 'phase' | 'created_ms'> & Partial<NewTransfer>, id: string, { upstreamId, currency, amountNanos }: UpstreamCost): NewTransfer {
  return {
    ...known, id: `${id}/storage-cost`, kind: 'storage-cost', debit_account: openAccounts.upstreamCost(upstreamId, currency),
    credit_account: openAccounts.upstreamPayable(upstreamId, currency), amount_nanos: amountNanos, currency,
  };
}

function heldLeg(leg: HoldLeg): NamedLeg {
  return { ...leg, accountId: accountId(leg.account), transferId: '' };
}
