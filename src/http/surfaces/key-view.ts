import type { Caller } from '../../access/caller.ts';
import type { SpendLimit, SpendPeriod } from '../../access/limit-policy.ts';
import { exactNumber } from '../../base/exact-number.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Currency, Nanos } from '../../base/money.ts';

export interface CurrencySum {
  readonly currency: Currency;
  readonly nanos: Nanos;
}

/** What a key has spent in each of the periods that OpenRouter knows, all of UTC; weeks begin on Monday. */
export interface KeySpend {
  readonly total: readonly CurrencySum[];
  readonly day: readonly CurrencySum[];
  readonly week: readonly CurrencySum[];
  readonly month: readonly CurrencySum[];
}

/** When the periods that `nowMs` lies in began, in milliseconds since the epoch; the total began with the first call. */
export function periodStarts(nowMs: number): Record<keyof KeySpend, number> {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const sinceMonday = (now.getUTCDay() + 6) % 7;
  return { total: 0, day: Date.UTC(year, month, day), week: Date.UTC(year, month, day - sinceMonday), month: Date.UTC(year, month) };
}

const resets: Readonly<Record<SpendPeriod, string | null>> = { day: 'daily', month: 'monthly', total: null };

/** What there is to say of a key beside what its calls carry along. */
export interface KeyFacts {
  readonly label: string;
  readonly expiresMs?: number;
  /** Nothing was ever paid in. */
  readonly freeTier: boolean;
  /** What may still be spent of each of its budgets in the period that is now, less what calls under way hold. */
  leftOf(budget: SpendLimit): Nanos;
}

/**
 * A key as OpenRouter shows it (moonshot-api.md 6.3), in one currency, which `currency` names, with the others in
 * `usage_by_currency`. Of several budgets the one with the least left is shown; those of single models are not.
 */
export function keyView(caller: Caller, facts: KeyFacts, spend: KeySpend): JsonObject {
  const budgets = (caller.keyBudgets ?? []).filter(({ modelId }) => modelId === undefined);
  const wanted = caller.walletCurrency;
  const currency = (budgets.find((budget) => budget.currency === wanted) ?? budgets[0])?.currency ?? wanted ?? spend.total[0]?.currency ?? 'USD';
  const [tightest] = budgets
    .filter((budget) => budget.currency === currency)
    .map((budget) => ({ ...budget, leftNanos: facts.leftOf(budget) }))
    .toSorted((one, other) => (one.leftNanos < other.leftNanos ? -1 : one.leftNanos > other.leftNanos ? 1 : 0));
  const { label, expiresMs, freeTier } = facts;
  return {
    label,
    limit: tightest === undefined ? null : exactNumber(tightest.amountNanos),
    limit_remaining: tightest === undefined ? null : exactNumber(tightest.leftNanos),
    limit_reset: tightest === undefined ? null : resets[tightest.period],
    ...usageIn(spend, currency),
    currency,
    usage_by_currency: spend.total.map((sum) => ({ currency: sum.currency, ...usageIn(spend, sum.currency) })),
    byok_usage: 0,
    byok_usage_daily: 0,
    byok_usage_weekly: 0,
    byok_usage_monthly: 0,
    include_byok_in_limit: false,
    is_free_tier: freeTier,
    is_management_key: false,
    is_provisioning_key: false,
    expires_at: expiresMs === undefined ? null : new Date(expiresMs).toISOString(),
    creator_user_id: null,
    // -1: no limit.
    rate_limit: { interval: '1m', requests: caller.keyLimits?.all?.rpm ?? -1, note: 'This field is deprecated and safe to ignore.' },
  };
}

function usageIn(spend: KeySpend, currency: Currency): JsonObject {
  return {
    usage: exactNumber(sumIn(spend.total, currency)),
    usage_daily: exactNumber(sumIn(spend.day, currency)),
    usage_weekly: exactNumber(sumIn(spend.week, currency)),
    usage_monthly: exactNumber(sumIn(spend.month, currency)),
  };
}

function sumIn(sums: readonly CurrencySum[], currency: Currency): Nanos {
  return sums.find((sum) => sum.currency === currency)?.nanos ?? 0n;
}
