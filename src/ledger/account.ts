import type { TenantId } from '../base/id.ts';
import type { Currency, Nanos } from '../base/money.ts';

/**
 * An account that must not fall below a floor, and therefore keeps a running balance. All other accounts (revenue, what
 * upstreams cost, where credits come from …) exist by their name alone: their balance is the sum of their transfers, so
 * that no row of theirs is a bottleneck for everybody.
 */
export type HeldAccount =
  | {
      readonly kind: 'wallet';
      readonly tenantId: TenantId;
      readonly currency: Currency;
      /** May be opened by the first call that needs it, without a floor: for a tenant that pays in each price's currency. */
      readonly openable: boolean;
    }
  | {
      readonly kind: 'budget';
      /** Id of the key or tenant that may not spend more. */
      readonly ownerId: string;
      /** Canonical id of the one model that it is about; undefined: all. */
      readonly modelId?: string;
      /** `day/2026-11-27`, `month/2026-11` or `total`. */
      readonly period: string;
      readonly currency: Currency;
      /** What may be spent in the period: put into the account when it is opened. */
      readonly allowanceNanos: Nanos;
    };

/** The account's id, the same on every server: two that open it at once open one. */
export function accountId(account: HeldAccount): string {
  if (account.kind === 'wallet') return walletId(account.tenantId, account.currency);
  return `budget/${account.ownerId}/${account.modelId ?? '*'}/${account.period}/${account.currency}`;
}

/** The id of a tenant's wallet in one currency. */
export function walletId(tenantId: TenantId, currency: Currency): string {
  return `wallet/${tenantId}/${currency}`;
}

/** Accounts without a floor, by what they stand for; one for each currency. */
export const openAccounts = {
  /** What callers have paid. */
  revenue: (currency: Currency) => `revenue/${currency}`,
  /** What a call cost beyond its reservation, and nobody but the operator pays for. */
  operatorLoss: (currency: Currency) => `operator-loss/${currency}`,
  /** What an upstream's calls cost us … */
  upstreamCost: (upstreamId: string, currency: Currency) => `upstream-cost/${upstreamId}/${currency}`,
  /** … and what we therefore owe it. */
  upstreamPayable: (upstreamId: string, currency: Currency) => `upstream-payable/${upstreamId}/${currency}`,
  /** Where credits come from that somebody has paid for. */
  funding: (currency: Currency) => `funding/${currency}`,
  /** Where trial credits come from. */
  trial: (currency: Currency) => `trial/${currency}`,
  /** Where a budget's allowance comes from, and where what was spent of it goes. */
  allowance: (currency: Currency) => `allowance/${currency}`,
  spent: (currency: Currency) => `spent/${currency}`,
} as const;
