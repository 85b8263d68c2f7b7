import type { CompiledQuery, Kysely } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { newId, type TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
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
  /** What was paid in. */
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

export interface TopUp {
  readonly tenantId: TenantId;
  readonly currency: Currency;
  readonly amountNanos: Nanos;
  /** Whoever tops up may name the payment: the same name is never booked twice. */
  readonly reference?: string;
  readonly memo?: string;
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
  async topUp({ tenantId, currency, amountNanos, reference, memo, openable }: TopUp): Promise<string> {
    const id = walletId(tenantId, currency);
    const nowMs = this.#clock.nowMs();
    const transferId = reference === undefined ? newId('trf', this.#clock, this.#random) : `top-up/${tenantId}/${reference}`;
    const opening = openable ? this.openingStatements({ tenantId, currency }) : [];
    const row: NewTransfer = {
      id: transferId, kind: 'top-up', phase: 'posted', debit_account: openAccounts.funding(currency), credit_account: id,
      amount_nanos: amountNanos, currency, tenant_id: tenantId, created_ms: nowMs, memo: memo ?? null,
    };
    if (opening.length > 0) await this.#database.commit(opening);
    const booked = await this.#book(id, amountNanos, row);
    if (!booked) throw new Fault('invalid_request', { message: `this tenant has no wallet in ${currency}`, field: 'currency' });
    return transferId;
  }

  /** Whether there is such a wallet. Throws `conflict` when a transfer of that id is there already. */
  async #book(id: string, amountNanos: Nanos, row: NewTransfer): Promise<boolean> {
    try {
      const { committed } = await this.#database.commitIf([this.#statements.posting(id, amountNanos, 0n)], [this.#statements.insertion([row])]);
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
        .where('kind', 'in', ['top-up', 'trial'])
        .groupBy(['kind', 'currency'])
        .compile(),
    );
    const creditOf = (kind: string, currency: string): Nanos => credits.find((one) => one.kind === kind && one.currency === currency)?.sum_nanos ?? 0n;
    return wallets.map((wallet) => viewOf(wallet, creditOf('top-up', wallet.currency), creditOf('trial', wallet.currency)));
  }

  /** Budgets of a key or tenant whose period has been begun: what is left of each. */
  async budgetsOf(ownerId: string): Promise<readonly BalancesTable[]> {
    return (await this.#database.query(this.#statements.balancesOf(ownerId))).filter(({ kind }) => kind === 'budget');
  }

  /** Top-ups and trial credits of a tenant, newest first: what moved its wallet beside calls. */
  async credits(tenantId: TenantId, limit: number): Promise<readonly TransfersTable[]> {
    return this.#database.report(
      this.#builder
        .selectFrom('ledger_transfers')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('generation_id', 'is', null)
        .orderBy('created_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(Math.min(Math.max(1, Math.trunc(limit)), listLimitMax))
        .compile(),
    );
  }
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
