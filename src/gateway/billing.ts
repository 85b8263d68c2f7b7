import type { Caller } from '../access/caller.ts';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { GenerationId } from '../base/id.ts';
import type { Nanos } from '../base/money.ts';
import type { Cost } from '../catalog/price.ts';
import type { Usage } from '../dialogue/usage.ts';
import { accountId } from '../ledger/account.ts';
import type { Charge, ChargeConversion, Hold, HoldLeg } from '../ledger/hold.ts';
import { lossOf } from '../ledger/hold.ts';
import type { BookEntry, Ledger, Settlement } from '../ledger/ledger.ts';
import type { GenerationRecord } from '../records/generation-record.ts';
import type { RecordsStore } from '../records/records-store.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { Database, GuardedCommitResult } from '../storage/database.ts';
import { StatementError } from '../storage/statement-error.ts';
import type { CallBounds } from './call-bounds.ts';
import { memoOf, type MemoFacts } from './orphan-record.ts';
import { budgetsOf } from './spend-budgets.ts';
import type { Converted, PricedCall, Sale, Tariff } from './tariff.ts';

export interface BillingParts {
  readonly ledger: Ledger;
  readonly tariff: Tariff;
  readonly database: Pick<Database, 'commitIf'>;
  readonly records: Pick<RecordsStore, 'insertion' | 'upsertion'>;
  readonly clock: Clock;
  /** How long a call can take at most, all its attempts together. */
  readonly callMsMax: number;
  /** The same of a call that may wait at a batch endpoint. */
  readonly batchCallMsMax: number;
  /** How long the end of a call waits for a database that is gone. A reply that cannot be booked is not given. */
  readonly patienceMs: number;
}

/** A call that somebody may have to pay for. */
export interface BilledCall extends MemoFacts {
  readonly caller: Caller;
  readonly generationId: GenerationId;
  readonly startedMs: number;
  /** What the caller pays is rated as for a line of a batch. */
  readonly atBatchRates?: boolean;
}

/** What a call came to. */
export interface Reckoning {
  /** At the offer's price: what the upstream charges us; of a free call, what it would have cost. Undefined: unpriced. */
  readonly cost: Cost | undefined;
  /** What the caller pays; undefined: nobody is charged (unpriced, or the sandbox). */
  readonly bill: Bill | undefined;
}

/** What the caller pays: for the record and for the reply. */
export interface Bill {
  readonly sale: Sale;
  /** What the wallet pays, never more than was held for it. */
  readonly charged: Converted;
  readonly lossNanos: bigint;
  readonly charge: Charge;
  readonly cost: Cost | undefined;
  /** From the cost's currency to that of the charge, so that a margin can be told; undefined: the same currency, or no rate is known. */
  readonly costRate: Converted['rate'];
  /** What cache reads have saved, in the charge's currency. */
  readonly cacheSavedNanos: Nanos;
}

/** A thousand million units. Holds are added up in 64 bits, and SQLite makes a fraction of a sum that does not fit. */
const holdNanosMax = 10n ** 18n;

/** Calls that the house holds money for are made by one vendor, once. */
const houseAttempt = 1;

const noPart: CommitPart = { guards: [], statements: [] };

/** How often the end of a call looks whether the database is back. */
const settleRetryMs = 250;

/** Holds the worst case of each call before it is made, and settles it, together with its record, when it has ended. */
export class Billing {
  readonly #parts: BillingParts;

  constructor(parts: BillingParts) {
    this.#parts = parts;
  }

  /**
   * Holds what `attempt` may cost at most; `held` is what was held for an attempt before it, and is kept when it is enough.
   * Undefined: it cannot cost anything. Throws `quota_exceeded`, `exchange_rate_missing` and `storage_unavailable`; what was
   * held before is then held no more.
   */
  async hold(call: BilledCall, attempt: PlannedAttempt, bounds: CallBounds, attemptNumber: number, held: Hold | undefined): Promise<Hold | undefined> {
    let legs: readonly HoldLeg[];
    try {
      legs = attempt.costState === 'priced' ? this.#legs(call, attempt, bounds) : [];
    } catch (thrown) {
      if (held !== undefined) await this.#release(held);
      throw thrown;
    }
    if (held !== undefined) {
      if (covers(held, legs)) return held;
      await this.#release(held);
    }
    if (legs.length === 0) return undefined;
    const { generationId, caller } = call;
    return this.#parts.ledger.reserve({
      generationId, attempt: attemptNumber, tenantId: caller.tenantId, keyId: caller.keyId, legs,
      lifeMs: attempt.batchEndpoint === true ? this.#parts.batchCallMsMax : this.#parts.callMsMax, memo: memoOf(call, attempt),
    });
  }

  /**
   * Holds what a call may cost at most that a vendor makes in its own time: in the name of the house, until `untilMs`. Holding it again is no
   * harm. Throws as `hold` does.
   */
  async holdForHouse(call: BilledCall, attempt: PlannedAttempt, bounds: CallBounds, untilMs: number): Promise<void> {
    const legs = attempt.costState === 'priced' ? this.#legs(call, attempt, bounds) : [];
    if (legs.length === 0) return;
    const { generationId, caller } = call;
    await this.#parts.ledger.reserve({
      generationId, attempt: houseAttempt, tenantId: caller.tenantId, keyId: caller.keyId, legs,
      lifeMs: untilMs - this.#parts.clock.nowMs(), memo: memoOf(call, attempt), ofHouse: true,
    });
  }

  /** What the house holds for a call; undefined: nothing, or no more. */
  heldByHouse(generationId: GenerationId): Promise<Hold | undefined> {
    return this.#parts.ledger.openHold(generationId, houseAttempt);
  }

  /** What `usage` at `attempt` comes to. */
  reckon(call: BilledCall, attempt: PlannedAttempt, usage: Usage, held: Hold | undefined): Reckoning {
    const { tariff } = this.#parts;
    const priced = pricedCall(call, attempt);
    if (attempt.costState !== 'priced') return { cost: tariff.cost(priced, usage), bill: undefined };
    const sale = tariff.sale(priced, usage);
    const cost = tariff.cost(priced, usage, sale);
    const { amountNanos, currency } = sale.charge;
    const paid = tariff.convert({ amountNanos, currency }, call.caller.walletCurrency ?? currency, call.startedMs, 'half-even');
    const budgets = (held?.legs.slice(1) ?? []).map(({ account }) => tariff.convert({ amountNanos, currency }, account.currency, call.startedMs, 'half-even'));
    const conversionOf = ({ rate }: Converted): ChargeConversion | undefined =>
      rate === undefined ? undefined : { priceNanos: amountNanos, priceCurrency: currency, rate: rate.rate, rateFrom: rate.validFrom };
    const conversion = conversionOf(paid);
    const charge: Charge = {
      amountNanos: paid.amountNanos,
      currency: paid.currency,
      budgetNanos: budgets.map((one) => one.amountNanos),
      ...(conversion === undefined ? {} : { conversion }),
      ...(budgets.every(({ rate }) => rate === undefined) ? {} : { budgetConversions: budgets.map(conversionOf) }),
    };
    const lossNanos = lossOf(held, charge);
    const saved = tariff.convert({ amountNanos: sale.cacheSavedNanos, currency }, paid.currency, call.startedMs, 'half-even');
    const charged = lossNanos === 0n ? paid : { ...paid, amountNanos: paid.amountNanos - lossNanos };
    return {
      cost,
      bill: { sale, charged, lossNanos, charge, cost, costRate: cost === undefined ? undefined : tariff.rate(cost.currency, paid.currency, call.startedMs), cacheSavedNanos: saved.amountNanos },
    };
  }

  /**
   * Books the end of a call: its record, and what it came to or that nothing was used, in one commit; durable when it
   * resolves. Waits some seconds for a database that is gone. Throws `storage_unavailable` then: the reply must not be given, and
   * nobody pays for it; that it was made, and what it cost, is booked once the database is back.
   *
   * `part` shares the commit, and can refuse it: then the call is booked as one that nobody pays for, and false is the answer.
   */
  async close(record: GenerationRecord, bill: Bill | undefined, held: Hold | undefined, part: CommitPart = noPart): Promise<boolean> {
    const { clock, patienceMs } = this.#parts;
    const giveUpMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      try {
        return await this.#book(record, bill, held, part);
      } catch (error) {
        const gone = error instanceof Fault && error.code === 'storage_unavailable';
        if (!gone || clock.monotonicMs() >= giveUpMs) {
          if (held !== undefined && gone) this.#bookLater(record, bill, held);
          // What the database refuses now it will refuse later.
          else if (held !== undefined) this.#parts.ledger.freeLater(held);
          throw error;
        }
        await new Promise<void>((resolve) => clock.after(settleRetryMs, resolve));
      }
    }
  }

  /**
   * Books the end of a call that a vendor has made in its own time, together with `part`, or nothing of either: false then, as another books it,
   * or has booked it. What nothing is held for any more is the operator's loss. Throws `storage_unavailable`.
   */
  async closeForHouse(record: GenerationRecord, bill: Bill | undefined, held: Hold | undefined, part: CommitPart): Promise<boolean> {
    const { ledger, database, records } = this.#parts;
    const entry = entryOf(ledger, bill === undefined ? undefined : settlementOf(record, bill), held);
    const { committed } = await database.commitIf([...part.guards, ...entry.guards], [...part.statements, ...entry.statements, records.upsertion(record)]);
    return committed;
  }

  /** Gives back what the house holds for a call that will not be made. Throws `storage_unavailable`. */
  async freeForHouse(generationId: GenerationId): Promise<void> {
    const { ledger, database } = this.#parts;
    const held = await this.heldByHouse(generationId);
    if (held === undefined) return;
    const { guards, statements } = ledger.release(held);
    await database.commitIf(guards, statements);
  }

  /** Gives back what is held for a call whose end could not be booked, as soon as that can be done: nobody pays for it. */
  free(held: Hold | undefined): void {
    if (held !== undefined) this.#parts.ledger.freeLater(held);
  }

  async #book(record: GenerationRecord, bill: Bill | undefined, held: Hold | undefined, part: CommitPart): Promise<boolean> {
    const { ledger, database, records } = this.#parts;
    const entry = entryOf(ledger, bill === undefined ? undefined : settlementOf(record, bill), held);
    const guards = [...part.guards, ...entry.guards];
    const statements = [...part.statements, ...entry.statements];
    let outcome: GuardedCommitResult;
    try {
      outcome = await database.commitIf(guards, [...statements, records.insertion(record)]);
    } catch (error) {
      if (!isTaken(error)) throw error;
      // The first try was committed after all, and only the news of it was lost.
      if (held === undefined) return true;
      // A hold that is still open has not been settled: the record that is there tells that an earlier one was given up for lost.
      outcome = await database.commitIf(guards, [...statements, records.upsertion(record)]);
    }
    if (outcome.committed) return true;
    if (outcome.guard < part.guards.length) {
      await this.#bookUnwanted(record, bill, held);
      return false;
    }
    await this.#bookLate(record, bill, held);
    return part === noPart;
  }

  /** Books a call whose part in something larger was refused: it was made, and nobody pays for it. */
  async #bookUnwanted(record: GenerationRecord, bill: Bill | undefined, held: Hold | undefined): Promise<void> {
    const { ledger, database, records } = this.#parts;
    const settlement = bill === undefined ? undefined : settlementOf(record, bill);
    if (held === undefined) {
      // Without a hold nothing is charged anyway. What is there already is the first try, of which only the news was lost.
      const { guards, statements } = entryOf(ledger, settlement, undefined);
      await database.commitIf(guards, [...statements, records.insertion(record)]).catch((error: unknown) => {
        if (!isTaken(error)) throw error;
      });
      return;
    }
    const { guards, statements } = settlement === undefined ? ledger.release(held) : ledger.abandonment(held, settlement);
    const unpaid = bill === undefined ? record : unpaidRecord(record, bill, 'unwanted');
    const { committed } = await database.commitIf(guards, [...statements, records.upsertion(unpaid)]);
    if (!committed) await this.#bookLate(record, bill, held);
  }

  /** For a hold that is resolved already: if we were taken for dead, and it was given back, what the call came to is nobody's but the operator's. */
  async #bookLate(record: GenerationRecord, bill: Bill | undefined, held: Hold | undefined): Promise<void> {
    const { ledger, database, records } = this.#parts;
    if (held === undefined || (await ledger.resolutionOf(held)) !== 'expired') return;
    const late = bill === undefined ? [] : ledger.lateSettlement(settlementOf(record, bill)).statements;
    await database.commitIf([], [...late, records.upsertion(bill === undefined ? record : unpaidRecord(record, bill, 'settled-late'))]);
  }

  #bookLater(record: GenerationRecord, bill: Bill | undefined, held: Hold): void {
    const { ledger, records } = this.#parts;
    const unbooked: GenerationRecord =
      record.state === 'complete' ? { ...record, state: record.streamed ? 'partial' : 'failed', faultCode: 'storage_unavailable' } : record;
    const { guards, statements } = bill === undefined ? ledger.release(held) : ledger.abandonment(held, settlementOf(record, bill));
    ledger.bookLater({ guards, statements: [...statements, records.upsertion(bill === undefined ? unbooked : unpaidRecord(unbooked, bill, 'settled-late'))] });
  }

  /** Gives back what was held for an attempt that used nothing; later, if that cannot be done now. */
  async #release(held: Hold): Promise<void> {
    const { ledger, database } = this.#parts;
    const { guards, statements } = ledger.release(held);
    try {
      await database.commitIf(guards, statements);
    } catch (error) {
      ledger.freeLater(held);
      throw error;
    }
  }

  #legs(call: BilledCall, attempt: PlannedAttempt, bounds: CallBounds): readonly HoldLeg[] {
    const { tariff } = this.#parts;
    const { caller, startedMs } = call;
    const ceiling = tariff.ceiling(pricedCall(call, attempt), bounds);
    if (ceiling.amountNanos === 0n) return [];
    const { amountNanos, currency } = tariff.convert(ceiling, caller.walletCurrency ?? ceiling.currency, startedMs, 'up');
    const wallet: HoldLeg = {
      account: { kind: 'wallet', tenantId: caller.tenantId, currency, openable: caller.walletCurrency === undefined },
      amountNanos,
    };
    const budgets = budgetsOf(caller, attempt.offer.modelId, startedMs).map((account) => ({
      account,
      amountNanos: tariff.convert(ceiling, account.currency, startedMs, 'up').amountNanos,
    }));
    const legs = [wallet, ...budgets];
    if (legs.some((leg) => leg.amountNanos > holdNanosMax)) {
      throw new Fault('quota_exceeded', { message: 'You exceeded your current token quota: this request may cost more than is held for any; lower max_tokens or n' });
    }
    return legs;
  }
}

function pricedCall({ caller, startedMs, atBatchRates }: BilledCall, attempt: PlannedAttempt): PricedCall {
  return { caller, attempt, atMs: startedMs, ...(atBatchRates === true ? { batch: true } : {}) };
}

function settlementOf(record: GenerationRecord, { charge, cost }: Bill): Settlement {
  return {
    generationId: record.id,
    tenantId: record.tenantId,
    keyId: record.keyId,
    charge,
    ...(cost === undefined || record.upstreamId === undefined
      ? {}
      : { cost: { upstreamId: record.upstreamId, currency: cost.currency, amountNanos: cost.amountNanos } }),
  };
}

/**
 * The record of a call that nobody is charged for. `settled-late`: its hold was given up for lost before it ended. `unwanted`: what it was for
 * had been done by another.
 */
function unpaidRecord(record: GenerationRecord, { charge }: Bill, why: 'settled-late' | 'unwanted'): GenerationRecord {
  return { ...record, chargeNanos: 0n, lossNanos: charge.amountNanos, flags: [...(record.flags ?? []), why] };
}

/** Whether a row of that name is there already. */
function isTaken(error: unknown): boolean {
  return error instanceof StatementError && error.constraint === 'unique';
}

function entryOf(ledger: Ledger, settlement: Settlement | undefined, held: Hold | undefined): BookEntry {
  if (settlement !== undefined) return ledger.settlement(held, settlement);
  return held === undefined ? { guards: [], statements: [] } : ledger.release(held);
}

/** Whether what is held is on the same accounts as `legs`, and no less. */
function covers(held: Hold, legs: readonly HoldLeg[]): boolean {
  if (legs.length !== held.legs.length) return false;
  return legs.every((leg, index) => {
    const earlier = held.legs[index];
    return earlier !== undefined && earlier.accountId === accountId(leg.account) && earlier.amountNanos >= leg.amountNanos;
  });
}
