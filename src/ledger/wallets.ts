import type { CompiledQuery, Kysely } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { newId, type TenantId } from '../base/id.ts';
import { type Currency, formatNanos, type Nanos } from '../base/money.ts';
import type { Random } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import { StatementError } from '../storage/statement-error.ts';
import { openAccounts, walletId } from './account.ts';
import { LedgerStatements, type NewTransfer } from './ledger-statements.ts';
import type { BalancesTable, LedgerTables, TransfersTable } from './ledger-tables.ts';

/** A wallet as its owner may see it. */
export interface WalletView {
  readonly currency: Currency;
  /** Credits minus what was spent; negative: owed. */
  readonly balanceNanos: Nanos;
  /** Of it, held for calls under way. */
  readonly heldNanos: Nanos;
  /** The least that may be left: 0 for prepaid, negative for a credit limit; undefined: no limit. */
  readonly floorNanos?: Nanos;
  /** What was paid in, less what was taken back. */
  readonly toppedUpNanos: Nanos;
  /** What was given for trial. */
  readonly trialNanos: Nanos;
  readonly spentNanos: Nanos;
}

/** A wallet to open with a tenant. */
export interface NewWallet {
  readonly tenantId: TenantId;
  readonly currency: Currency;
  /** Undefined: no limit. */
  readonly floorNanos?: Nanos;
  /** Given once, when the wallet is opened. */
  readonly trialNanos?: Nanos;
}

/** A payment into a wallet, or out of it again. */
export interface Payment {
  readonly tenantId: TenantId;
  readonly currency: Currency;
  readonly amountNanos: Nanos;
  /** Whoever books it may name it: the same name is never booked twice. */
  readonly reference?: string;
  readonly memo?: string;
}

export interface TopUp extends Payment {
  /** For a tenant without a wallet currency: the wallet may be opened by this. */
  readonly openable: boolean;
}

const listLimitMax = 1_000;

/** Wallets: opened with their tenant, topped up, looked at. Calls draw on them through `Ledger`. */
export class Wallets {
  readonly #database: Database;
  readonly #builder: Kysely<LedgerTables>;
  readonly #statements: LedgerStatements;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ database, clock, random }: { readonly database: Database; readonly clock: Clock; readonly random: Random }) {
    this.#database = database;
    this.#builder = database.builder<LedgerTables>();
    this.#statements = new LedgerStatements(database);
    this.#clock = clock;
    this.#random = random;
  }

  /** The statements that open a wallet, for the commit that adds its tenant. A trial credit is booked under the tenant's id: once. */
  openingStatements({ tenantId, currency, floorNanos, trialNanos = 0n }: NewWallet): readonly CompiledQuery[] {
    const nowMs = this.#clock.nowMs();
    const id = walletId(tenantId, currency);
    const opening = this.#statements.opening({
      id, kind: 'wallet', owner_id: tenantId, currency, posted_nanos: trialNanos, pending_nanos: 0n, floor_nanos: floorNanos ?? null, opened_ms: nowMs,
    });
    if (trialNanos === 0n) return [opening];
    const trial = this.#statements.insertion([
      {
        id: `trial/${tenantId}`, kind: 'trial', phase: 'posted', debit_account: openAccounts.trial(currency), credit_account: id,
        amount_nanos: trialNanos, currency, tenant_id: tenantId, created_ms: nowMs,
      },
    ]);
    return [opening, trial];
  }

  /**
   * Books a payment; durable when it resolves. Throws `invalid_request` when the tenant has no wallet in that currency, and
   * `conflict` when the reference has been booked before.
   */
  async topUp(payment: TopUp): Promise<string> {
    const { tenantId, currency, amountNanos, openable } = payment;
    const id = walletId(tenantId, currency);
    const opening = openable ? this.openingStatements({ tenantId, currency }) : [];
    const row = this.#row('top-up', payment, openAccounts.funding(currency), id);
    if (opening.length > 0) await this.#database.commit(opening);
    const booked = await this.#book(this.#statements.posting(id, amountNanos, 0n), [this.#statements.insertion([row])]);
    if (!booked) throw noWallet(currency);
    return row.id;
  }

  /**
   * Takes a payment back, as far as it has neither been spent nor is held; durable when it resolves. Throws `invalid_request` when
   * the wallet has less than that to spare, or is not there, and `conflict` when the reference has been booked before.
   */
  async withdraw(payment: Payment): Promise<string> {
    const { tenantId, currency, amountNanos } = payment;
    const id = walletId(tenantId, currency);
    const row = this.#row('withdrawal', payment, id, openAccounts.funding(currency));
    // Held and posted in one commit: the guard is the one that a call passes, and looks at the floor.
    const booked = await this.#book(this.#statements.holding(id, amountNanos), [
      this.#statements.posting(id, -amountNanos, amountNanos),
      this.#statements.insertion([row]),
    ]);
    if (booked) return row.id;
    const [balance] = await this.#database.query(this.#statements.balance(id));
    if (balance === undefined) throw noWallet(currency);
    const spare = balance.posted_nanos - balance.pending_nanos - (balance.floor_nanos ?? 0n);
    throw new Fault('invalid_request', { message: `no more than ${formatNanos(spare < 0n ? 0n : spare)} ${currency} can be taken back; nothing was changed`, field: 'amount' });
  }

  #row(kind: 'top-up' | 'withdrawal', { tenantId, currency, amountNanos, reference, memo }: Payment, debit: string, credit: string): NewTransfer {
    return {
      id: reference === undefined ? newId('trf', this.#clock, this.#random) : `${kind}/${tenantId}/${reference}`,
      kind, phase: 'posted', debit_account: debit, credit_account: credit,
      amount_nanos: amountNanos, currency, tenant_id: tenantId, created_ms: this.#clock.nowMs(), memo: memo ?? null,
    };
  }

  /** Whether the guard let it pass. Throws `conflict` when a transfer of that id is there already. */
  async #book(guard: CompiledQuery, statements: readonly CompiledQuery[]): Promise<boolean> {
    try {
      const { committed } = await this.#database.commitIf([guard], statements);
      return committed;
    } catch (error) {
      if (!(error instanceof StatementError) || error.constraint !== 'unique') throw error;
      throw new Fault('conflict', { message: 'a payment with this reference has been booked already; nothing was changed', field: 'reference' });
    }
  }

  /** The tenant's wallets, by currency. */
  async of(tenantId: TenantId): Promise<readonly WalletView[]> {
    const balances = await this.#database.query(this.#statements.balancesOf(tenantId));
    const wallets = balances.filter(({ kind }) => kind === 'wallet');
    if (wallets.length === 0) return [];
    const credits = await this.#database.query(
      this.#builder
        .selectFrom('ledger_transfers')
        .select(({ fn }) => ['kind', 'currency', fn.sum<Nanos>('amount_nanos').as('sum_nanos')])
        .where('tenant_id', '=', tenantId)
        .where('generation_id', 'is', null)
        .where('cache_id', 'is', null)
        .where('kind', 'in', ['top-up', 'withdrawal', 'trial'])
        .groupBy(['kind', 'currency'])
        .compile(),
    );
    const creditOf = (kind: string, currency: string): Nanos => credits.find((one) => one.kind === kind && one.currency === currency)?.sum_nanos ?? 0n;
    return wallets.map((wallet) => viewOf(wallet, creditOf('top-up', wallet.currency) - creditOf('withdrawal', wallet.currency), creditOf('trial', wallet.currency)));
  }

  /** Budgets of a key or tenant whose period has been begun: what is left of each. */
  async budgetsOf(ownerId: string): Promise<readonly BalancesTable[]> {
    return (await this.#database.query(this.#statements.balancesOf(ownerId))).filter(({ kind }) => kind === 'budget');
  }

  /** Top-ups, withdrawals and trial credits of a tenant, newest first: what moved its wallet beside calls. */
  async credits(tenantId: TenantId, limit: number): Promise<readonly TransfersTable[]> {
    return this.#database.report(
      this.#builder
        .selectFrom('ledger_transfers')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('generation_id', 'is', null)
        .where('cache_id', 'is', null)
        .orderBy('created_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(Math.min(Math.max(1, Math.trunc(limit)), listLimitMax))
        .compile(),
    );
  }
}

function noWallet(currency: Currency): Fault {
  return new Fault('invalid_request', { message: `this tenant has no wallet in ${currency}`, field: 'currency' });
}

function viewOf(wallet: BalancesTable, toppedUpNanos: Nanos, trialNanos: Nanos): WalletView {
  return {
    currency: wallet.currency,
    balanceNanos: wallet.posted_nanos,
    heldNanos: wallet.pending_nanos,
    ...(wallet.floor_nanos === null ? {} : { floorNanos: wallet.floor_nanos }),
    toppedUpNanos,
    trialNanos,
    spentNanos: toppedUpNanos + trialNanos - wallet.posted_nanos,
  };
}
