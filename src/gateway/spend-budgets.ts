import type { Caller } from '../access/caller.ts';
import type { SpendLimit, SpendPeriod } from '../access/limit-policy.ts';
import type { HeldAccount } from '../ledger/account.ts';

/** The budgets, of the key and of its tenant, that a call of `modelId` at `atMs` draws on. */
export function budgetsOf(caller: Caller, modelId: string, atMs: number): readonly HeldAccount[] {
  const { keyBudgets, tenantBudgets } = caller;
  if (keyBudgets === undefined && tenantBudgets === undefined) return none;
  return [...accounts(keyBudgets, caller.keyId, modelId, atMs), ...accounts(tenantBudgets, caller.tenantId, modelId, atMs)];
}

const none: readonly HeldAccount[] = [];

function accounts(limits: readonly SpendLimit[] = [], ownerId: string, modelId: string, atMs: number): readonly HeldAccount[] {
  return limits
    .filter((limit) => limit.modelId === undefined || limit.modelId === modelId)
    .map((limit) => budgetAccount(limit, ownerId, atMs));
}

/** The account that keeps `limit` of `ownerId`, a key or a tenant, in the period that `atMs` lies in. */
export function budgetAccount({ modelId, period, currency, amountNanos }: SpendLimit, ownerId: string, atMs: number): HeldAccount & { readonly kind: 'budget' } {
  return {
    kind: 'budget', ownerId, ...(modelId === undefined ? {} : { modelId }), period: periodName(period, atMs), currency, allowanceNanos: amountNanos,
  };
}

/** The period that `atMs` lies in, by the calendar of UTC: `day/2026-11-27`, `month/2026-11`, `total`. */
export function periodName(period: SpendPeriod, atMs: number): string {
  if (period === 'total') return 'total';
  const day = new Date(atMs).toISOString();
  return `${period}/${day.slice(0, period === 'day' ? 10 : 7)}`;
}
