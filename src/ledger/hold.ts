import type { GenerationId, TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';
import { type HeldAccount, openAccounts } from './account.ts';

/** An amount to hold on one account. All legs of a hold are taken together or not at all. */
export interface HoldLeg {
  readonly account: HeldAccount;
  /** In the account's currency. */
  readonly amountNanos: Nanos;
}

/** What a call may cost at most, to be held before it is made. */
export interface HoldWish {
  readonly generationId: GenerationId;
  /** Counts the holds of one generation: a later attempt elsewhere may need another one. */
  readonly attempt: number;
  readonly tenantId: TenantId;
  readonly keyId: string;
  /** The wallet's leg first, then those of budgets. */
  readonly legs: readonly HoldLeg[];
  /** How long the call may take at most. */
  readonly lifeMs: number;
  /** Belongs to the house, and not to this server: it stays when the server goes, and whoever does its work settles it. */
  readonly ofHouse?: true;
  /** What is known of the call, as JSON, for the case that this server dies. Holds no prompt. */
  readonly memo: string;
}

/** A leg with the names that it goes by in the books. */
export interface NamedLeg extends HoldLeg {
  readonly accountId: string;
  /** Id of the pending transfer. */
  readonly transferId: string;
}

/** A leg that is held: what its resolution needs to know of it. */
export interface HeldLeg extends Pick<NamedLeg, 'accountId' | 'transferId' | 'amountNanos'> {
  readonly account: Pick<HeldAccount, 'kind' | 'currency'>;
}

/** Money that is held for one call. */
export interface Hold {
  readonly generationId: GenerationId;
  readonly tenantId: TenantId;
  readonly keyId: string;
  readonly legs: readonly HeldLeg[];
}

/** What a call came to, when it is settled. */
export interface Charge {
  /** To be paid from the wallet, in its currency. */
  readonly amountNanos: Nanos;
  readonly currency: Currency;
  /** What each budget leg of the hold has to bear, in that budget's currency, in the same order. */
  readonly budgetNanos: readonly Nanos[];
  /** When the price was in another currency than the wallet. */
  readonly conversion?: ChargeConversion;
  /** The same for each budget leg, in the same order; absent: all are in the price's currency. */
  readonly budgetConversions?: readonly (ChargeConversion | undefined)[];
}

/** What a price came to in its own currency, and the rate that it was turned into another one by. */
export interface ChargeConversion {
  readonly priceNanos: Nanos;
  readonly priceCurrency: Currency;
  readonly rate: string;
  readonly rateFrom: string;
}

/** What the upstream charges us for a call. */
export interface UpstreamCost {
  readonly upstreamId: string;
  readonly currency: Currency;
  readonly amountNanos: Nanos;
}

/** Where a leg's money goes when it is posted. */
export function counterAccount(account: HeldLeg['account']): string {
  return account.kind === 'wallet' ? openAccounts.revenue(account.currency) : openAccounts.spent(account.currency);
}

/** Legs in the order of their accounts' ids: all calls take row locks in one order, so that none waits for another in a circle. */
export function lockOrder<L extends HeldLeg>(legs: readonly L[]): readonly L[] {
  return legs.length < 2 ? legs : legs.toSorted((one, other) => (one.accountId < other.accountId ? -1 : 1));
}

/** What goes beyond the hold: in the charge's currency, the operator's loss, never the wallet's. */
export function lossOf(hold: Hold | undefined, charge: Charge): Nanos {
  const held = hold?.legs[0]?.amountNanos ?? 0n;
  return charge.amountNanos > held ? charge.amountNanos - held : 0n;
}

/** What a leg has to bear of a charge: never more than is held on it. */
export function postedOn(leg: HeldLeg, index: number, charge: Charge): Nanos {
  const amount = index === 0 ? charge.amountNanos : charge.budgetNanos[index - 1];
  if (amount === undefined) throw new Error(`the charge says nothing of leg ${index} of its hold, ${leg.accountId}`);
  return amount < leg.amountNanos ? amount : leg.amountNanos;
}
