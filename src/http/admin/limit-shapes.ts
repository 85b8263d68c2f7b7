import type { Budget, LimitPolicy as ShownPolicy, RateLimits as ShownRates, Spending } from '../../../contract/limits.ts';
import type { LimitPolicy, RateLimits, SpendLimit } from '../../access/limit-policy.ts';
import { formatNanos } from '../../base/money.ts';
import { budgetAccount } from '../../gateway/spend-budgets.ts';
import { accountId } from '../../ledger/account.ts';
import type { Wallets } from '../../ledger/wallets.ts';

/** A policy as the admin API shows it; null: none. */
export function toLimits(policy: LimitPolicy | undefined): ShownPolicy | null {
  if (policy === undefined) return null;
  const models = Object.entries(policy.models ?? {}).map(([id, rates]) => [id, toRates(rates)] as const);
  return { all: toRates(policy.all ?? {}), models: Object.fromEntries(models) };
}

function toRates({ rpm, tpm, tpd, concurrency }: RateLimits): ShownRates {
  return { rpm: rpm ?? null, tpm: tpm ?? null, tpd: tpd ?? null, concurrency: concurrency ?? null };
}

/** Budgets as the admin API shows them. */
export function toBudgets(budgets: readonly SpendLimit[] = []): Budget[] {
  return budgets.map(toBudget);
}

function toBudget({ period, amountNanos, currency, modelId }: SpendLimit): Budget {
  return { period, amount: formatNanos(amountNanos), currency, model: modelId ?? null };
}

/** How far the budgets of `ownerId`, a key or a tenant, have been used in the periods that `nowMs` lies in; those not begun are left out. */
export async function toSpending(
  wallets: Pick<Wallets, 'budgetsOf'>,
  ownerId: string,
  budgets: readonly SpendLimit[] | undefined,
  nowMs: number,
): Promise<Spending[]> {
  if (budgets === undefined) return [];
  const begun = new Map((await wallets.budgetsOf(ownerId)).map((account) => [account.id, account]));
  return budgets.flatMap((limit) => {
    const budget = budgetAccount(limit, ownerId, nowMs);
    const account = begun.get(accountId(budget));
    if (account === undefined) return [];
    const { period: during, allowanceNanos } = budget;
    const { posted_nanos: unspent, pending_nanos: held } = account;
    return [{ ...toBudget(limit), during, spent: formatNanos(allowanceNanos - unspent), held: formatNanos(held), left: formatNanos(unspent - held) }];
  });
}
