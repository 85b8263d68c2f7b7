import type { CompiledQuery } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { GenerationId, TenantId } from '../base/id.ts';
import { formatNanos, type Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import { StatementError } from '../storage/statement-error.ts';
import { UnknownOutcome } from '../storage/unknown-outcome.ts';
import { accountId, openAccounts, walletId } from './account.ts';
import { accountOpening } from './account-opening.ts';
import { type Charge, type ChargeConversion, counterAccount, type HeldLeg, type Hold, type HoldWish, lockOrder, lossOf, type NamedLeg, postedOn, type UpstreamCost } from './hold.ts';
import { type ConversionColumns, LedgerStatements, type NewTransfer } from './ledger-statements.ts';
import type { BalancesTable, TransferPhase } from './ledger-tables.ts';

/** What a commit needs to bring about one change of the books; other statements may join it. */
export interface BookEntry {
  /** For `Database.commitIf`: refused when the hold has been resolved before. */
  readonly guards: readonly CompiledQuery[];
  readonly statements: readonly CompiledQuery[];
}

/** Whose call it was. */
interface Bearer {
  readonly generationId: GenerationId;
  readonly tenantId: TenantId;
  readonly keyId: string;
}

/** What a call is settled with. */
export interface Settlement extends Bearer {
  readonly charge: Charge;
  /** Undefined when nothing is known of it. */
  readonly cost?: UpstreamCost;
}

export interface LedgerParts {
  readonly database: Database;
  readonly clock: Clock;
  /** Id of this server, which owns the holds that it takes; see `LedgerNode`. */
  readonly nodeId: string;
}

/** What waits for the database to come back. */
interface DelayedEntry {
  readonly entry: BookEntry;
  readonly notedMs: number;
}

/** The owner of holds that belong to no server. */
export const houseOwner = 'house';

/** A wallet, and budgets of key and tenant, for all models and for one, by day, month and in total, some in more than one currency. */
const legsMax = 32;

/** Longer than a database that hangs is waited for. */
const refusedAgainMs = 30_000;

/**
 * Money: double entry, append-only, in integers of 1e-9. A call's worst case is held before the upstream is asked; what it
 * came to is posted afterwards, and the rest is free again. Whether there is enough is decided by the very statement that
 * takes it: nothing is read first.
 */
export class Ledger {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #nodeId: string;
  readonly #statements: LedgerStatements;
  /** To be booked once the database is back. */
  #delayed: DelayedEntry[] = [];

  constructor({ database, clock, nodeId }: LedgerParts) {
    this.#database = database;
    this.#clock = clock;
    this.#nodeId = nodeId;
    this.#statements = new LedgerStatements(database);
  }

  /**
   * Holds what a call may cost at most; durable when it resolves. Throws `quota_exceeded` when an account has less than
   * that, and `storage_unavailable`; then nothing is held. What belongs to the house is held once: who tries again is told that it is, and
   * when the news was lost it stays held.
   */
  async reserve(wish: HoldWish): Promise<Hold> {
    const { generationId, attempt, tenantId, keyId } = wish;
    const legs = wish.legs.map((leg, index): NamedLeg => ({ ...leg, accountId: accountId(leg.account), transferId: transferIdOf(generationId, attempt, index) }));
    const hold: Hold = { generationId, tenantId, keyId, legs };
    const ordered = lockOrder(legs);
    const guards = ordered.map((leg) => this.#statements.holding(leg.accountId, leg.amountNanos));
    const statements = [this.#statements.pendingInsertion(this.#pendingRows(wish, hold))];
    try {
      for (;;) {
        const result = await this.#database.commitIf(guards, statements);
        if (result.committed) return hold;
        const refused = ordered[result.guard];
        if (refused === undefined) throw new Error(`the hold has no leg number ${result.guard}`);
        await this.#openOrRefuse(refused);
      }
    } catch (error) {
      if (wish.ofHouse === true) {
        if (error instanceof StatementError && error.constraint === 'unique') return hold;
        throw error;
      }
      // It may have been taken, and only the news of it been lost.
      if (error instanceof Fault && error.cause instanceof UnknownOutcome) this.freeLater(hold);
      throw error;
    }
  }

  /**
   * Posts what a call came to, and frees the rest of its hold. What goes beyond the hold is the operator's loss. Without a
   * hold (a call that could not cost anything) the books only say that it was settled.
   */
  settlement(hold: Hold | undefined, settlement: Settlement): BookEntry {
    const { charge } = settlement;
    const further = [...this.#costRows(settlement), ...this.#lossRows(settlement, lossOf(hold, charge))];
    if (hold !== undefined) return this.#resolution(hold, 'posted', charge, further);
    const paid = this.#row(settlement, 'charge', walletId(settlement.tenantId, charge.currency), openAccounts.revenue(charge.currency), 0n, charge.currency);
    return { guards: [], statements: [this.#statements.callInsertion([paid, ...further])] };
  }

  /** Frees a hold of which nothing was used. */
  release(hold: Hold): BookEntry {
    return this.#resolution(hold, 'voided', undefined, []);
  }

  /** For a call whose hold was given up for lost meanwhile (`expired`): all that it came to is the operator's loss. */
  lateSettlement(settlement: Settlement): BookEntry {
    const rows = this.#unpaidRows(settlement);
    return { guards: [], statements: rows.length === 0 ? [] : [this.#statements.callInsertion(rows)] };
  }

  /** Frees a hold of a call that was made, but could not be booked in time: all that it came to is the operator's loss. */
  abandonment(hold: Hold, settlement: Settlement): BookEntry {
    return this.#resolution(hold, 'expired', undefined, this.#unpaidRows(settlement));
  }

  /** What is held for an attempt of a call, and not resolved yet; undefined: nothing is. */
  async openHold(generationId: GenerationId, attempt: number): Promise<Hold | undefined> {
    const ids = Array.from({ length: legsMax }, (_, index) => transferIdOf(generationId, attempt, index));
    const rows = await this.#database.query(this.#statements.openTransfers(ids));
    const [first] = rows;
    if (first === undefined) return undefined;
    const legs = rows.map((row): HeldLeg => ({
      account: { kind: row.kind === 'charge' ? 'wallet' : 'budget', currency: row.currency },
      accountId: row.debit_account, transferId: row.id, amountNanos: row.amount_nanos,
    }));
    const inOrder = legs.toSorted((one, other) => ids.indexOf(one.transferId) - ids.indexOf(other.transferId));
    return { generationId, tenantId: first.tenant_id as TenantId, keyId: first.key_id ?? '', legs: inOrder };
  }

  /** How a hold was resolved; undefined: it is open, or was never taken. */
  async resolutionOf(hold: Hold): Promise<TransferPhase | undefined> {
    const [row] = await this.#database.query(this.#statements.phase(endOf(hold.legs[0]?.transferId ?? '')));
    return row?.phase;
  }

  /** Notes what is to be booked once the database is back, unless the hold that it is about has been resolved by then. */
  bookLater(entry: BookEntry): void {
    this.#delayed.push({ entry, notedMs: this.#clock.monotonicMs() });
  }

  /** Notes that a hold is to be freed once the database is back. */
  freeLater(hold: Hold): void {
    this.bookLater(this.release(hold));
  }

  /**
   * Books what was noted for later. To be called now and then; throws `storage_unavailable`. What is refused is tried again for a
   * while: the commit that took its hold may still be under way on a server that hangs.
   */
  async bookDelayed(): Promise<void> {
    for (const delayed of [...this.#delayed]) {
      const { entry, notedMs } = delayed;
      let done = this.#clock.monotonicMs() - notedMs > refusedAgainMs;
      try {
        const { committed } = await this.#database.commitIf(entry.guards, entry.statements);
        done ||= committed;
      } catch (error) {
        // What cannot be stored will never be, and must not keep the others: its hold is given back when its time is over.
        if (error instanceof StatementError) this.#drop(delayed);
        throw error;
      }
      if (done) this.#drop(delayed);
    }
  }

  #drop(delayed: DelayedEntry): void {
    this.#delayed = this.#delayed.filter((one) => one !== delayed);
  }

  /**
   * Opens the account of a leg that could not be held, if it is not there and may be opened. Throws `quota_exceeded` when it is
   * there and has too little; when it has enough, another call has opened it, or put something in, meanwhile.
   */
  async #openOrRefuse(leg: NamedLeg): Promise<void> {
    const { account, accountId: id, amountNanos } = leg;
    const [balance] = await this.#database.query(this.#statements.balance(id));
    if (balance !== undefined && holds(balance, amountNanos)) return;
    const opening = balance === undefined ? accountOpening(this.#statements, account, this.#clock.nowMs()) : undefined;
    if (opening === undefined) throw shortOf(leg, balance);
    // When another call opened it a moment ago, that is as good.
    await this.#database.commitIf(opening.guards, opening.statements);
  }

  #pendingRows({ lifeMs, memo, ofHouse }: HoldWish, { generationId, tenantId, keyId, legs }: Hold): NewTransfer[] {
    const nowMs = this.#clock.nowMs();
    return legs.map(({ account, accountId: debit, amountNanos, transferId }, index) => ({
      id: transferId, kind: account.kind === 'wallet' ? 'charge' : 'budget', phase: 'pending', debit_account: debit, credit_account: counterAccount(account),
      amount_nanos: amountNanos, currency: account.currency, tenant_id: tenantId, key_id: keyId, generation_id: generationId, created_ms: nowMs,
      open: 1, owner: ofHouse === true ? houseOwner : this.#nodeId, expires_ms: nowMs + lifeMs, memo: index === 0 ? memo : null,
    }));
  }

  #resolution(hold: Hold, phase: TransferPhase, charge: Charge | undefined, further: readonly NewTransfer[]): BookEntry {
    const atMs = this.#clock.nowMs();
    const statements: CompiledQuery[] = [];
    for (const [index, leg] of hold.legs.entries()) {
      const amountNanos = charge === undefined ? 0n : postedOn(leg, index, charge);
      const conversion = index === 0 ? charge?.conversion : charge?.budgetConversions?.[index - 1];
      statements.push(this.#statements.ending({ pendingId: leg.transferId, phase, amountNanos, atMs }, conversion === undefined ? undefined : conversionColumns(conversion)));
    }
    if (further.length > 0) statements.push(this.#statements.callInsertion(further));
    for (const leg of lockOrder(hold.legs)) {
      const amount = charge === undefined ? 0n : postedOn(leg, hold.legs.indexOf(leg), charge);
      statements.push(this.#statements.posting(leg.accountId, -amount, leg.amountNanos));
    }
    return { guards: [this.#statements.closing(hold.legs.map((leg) => leg.transferId))], statements };
  }

  #unpaidRows(settlement: Settlement): NewTransfer[] {
    return [...this.#costRows(settlement), ...this.#lossRows(settlement, settlement.charge.amountNanos)];
  }

  #costRows(settlement: Settlement): NewTransfer[] {
    const { cost } = settlement;
    if (cost === undefined) return [];
    const { upstreamId, currency, amountNanos } = cost;
    return [this.#row(settlement, 'cost', openAccounts.upstreamCost(upstreamId, currency), openAccounts.upstreamPayable(upstreamId, currency), amountNanos, currency)];
  }

  #lossRows(settlement: Settlement, lossNanos: Nanos): NewTransfer[] {
    if (lossNanos === 0n) return [];
    const { currency } = settlement.charge;
    return [this.#row(settlement, 'loss', openAccounts.operatorLoss(currency), openAccounts.revenue(currency), lossNanos, currency)];
  }

  #row({ generationId, tenantId, keyId }: Bearer, kind: NewTransfer['kind'], debit: string, credit: string, amount: Nanos, currency: string): NewTransfer {
    return {
      id: `${generationId}/${kind}`, kind, phase: 'posted', debit_account: debit, credit_account: credit, amount_nanos: amount, currency,
      tenant_id: tenantId, key_id: keyId, generation_id: generationId, created_ms: this.#clock.nowMs(),
    };
  }
}

/** Whether an account has `amount` to spare. */
export function holds({ posted_nanos: posted, pending_nanos: pending, floor_nanos: floor }: BalancesTable, amount: Nanos): boolean {
  return floor === null || posted - pending - amount >= floor;
}

function transferIdOf(generationId: GenerationId, attempt: number, leg: number): string {
  return `${generationId}/${attempt}/${leg}`;
}

/** Id of the row that resolves a pending transfer. */
export function endOf(transferId: string): string {
  return `${transferId}/end`;
}

/** As the journal has it. */
export function conversionColumns({ priceNanos, priceCurrency, rate, rateFrom }: ChargeConversion): ConversionColumns {
  return { price_nanos: priceNanos, price_currency: priceCurrency, rate, rate_from: rateFrom };
}

/** In Moonshot's words (moonshot-api.md 3.2), with what there is and what is asked for, so that a person sees what to do. */
function shortOf({ account, amountNanos }: NamedLeg, balance: BalancesTable | undefined): Fault {
  const heldNanos = balance?.pending_nanos ?? 0n;
  const left = balance === undefined ? 0n : balance.posted_nanos - heldNanos - (balance.floor_nanos ?? 0n);
  const money = `${formatNanos(left < 0n ? 0n : left)} ${account.currency}`;
  const held = heldNanos === 0n ? '' : `, beside ${formatNanos(heldNanos)} held for calls under way`;
  const need = `this request may cost ${formatNanos(amountNanos)} ${account.currency}; lower max_tokens`;
  const wait = heldNanos === 0n ? '' : ', wait until those calls have ended';
  const othersHold = heldNanos > 0n && left + heldNanos >= amountNanos;
  if (account.kind === 'wallet') {
    return new Fault('quota_exceeded', {
      othersHold,
      message: `You exceeded your current token quota: <${account.tenantId}> ${money} available${held}, and ${need}${wait}, or check your account balance`,
    });
  }
  const whose = account.ownerId.startsWith('key_') ? 'key' : 'account';
  const about = `${account.modelId === undefined ? '' : ` for ${account.modelId}`}, ${account.period.replace('/', ' ')}`;
  const otherwise = account.period === 'total' || amountNanos > account.allowanceNanos ? '' : ', or wait for the next period';
  return new Fault('quota_exceeded', {
    othersHold,
    message: `You exceeded the spending limit of this ${whose}${about}: ${money} left of ${formatNanos(account.allowanceNanos)} ${account.currency}${held}, and ${need}${wait}${otherwise}`,
  });
}
