import type { Caller } from '../access/caller.ts';
import type { SpendLimit } from '../access/limit-policy.ts';
import { Fault } from '../base/fault.ts';
import { type Currency, parseDecimal } from '../base/money.ts';
import { storageNanos } from '../catalog/storage-rating.ts';
import type { StorageMeter } from '../ledger/storage-books.ts';
import type { StorageBudgetsTable, StorageMetersTable } from '../ledger/storage-tables.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import { chargeRateOf } from './storage-piece.ts';
import type { Converted, Tariff } from './tariff.ts';

/** A context cache that an upstream has begun to keep. */
export interface NewStorage {
  readonly cacheId: string;
  readonly caller: Caller;
  /** Where it is kept, and at what price. */
  readonly attempt: PlannedAttempt;
  readonly tokens: number;
  /** Unix time. */
  readonly startedMs: number;
  readonly endsMs: number;
}

type Terms = Pick<
  StorageMetersTable,
  | 'cost_state' | 'cost_rate' | 'cost_currency' | 'cost_price_id' | 'cost_exchange_rate'
  | 'charge_rate' | 'charge_rate_currency' | 'charge_price_id' | 'charge_rule' | 'charge_basis_points' | 'charge_currency'
  | 'exchange_rate' | 'exchange_rate_from'
>;

const nobodyAsked = {
  cost_exchange_rate: null, charge_rate: null, charge_rate_currency: null, charge_price_id: null, charge_rule: null, charge_basis_points: null,
  charge_currency: null, exchange_rate: null, exchange_rate_from: null,
} as const;

/**
 * The meter of a new cache: prices, rule, exchange rates and limits as they are when it begins. Where the row of its price states no
 * rate for storage, nothing is billed, and it is marked as unpriced; a rule that sells it all the same has nothing to build on. A rule
 * whose own price states none asks nothing for it. Throws `exchange_rate_missing`, and `quota_exceeded` for what no wallet could pay.
 */
export function meterOf({ cacheId, caller, attempt, tokens, startedMs, endsMs }: NewStorage, tariff: Tariff): StorageMeter {
  const terms = termsOf({ caller, attempt, startedMs }, tariff);
  const row: StorageMetersTable = {
    cache_id: cacheId, tenant_id: caller.tenantId, key_id: caller.keyId, model_id: attempt.offer.modelId, upstream_id: attempt.offer.upstreamId, mode: caller.mode,
    tokens, started_ms: startedMs, ends_ms: endsMs, billed_until_ms: startedMs, due_ms: startedMs, open: 1,
    wallet_openable: caller.walletCurrency === undefined ? 1 : 0, ...terms,
  };
  const { charge_rate: ratePerHour, charge_rate_currency: currency } = terms;
  if (ratePerHour === null || currency === null) return { row, budgets: [] };
  refuseBeyondMeasure(row);
  const budget = (limit: SpendLimit, ownerId: string): StorageBudgetsTable => {
    const rate = rateTo(tariff, ratePerHour, currency, limit.currency, startedMs);
    return {
      cache_id: cacheId, owner_id: ownerId, model_id: limit.modelId ?? '', period: limit.period, currency: limit.currency,
      allowance_nanos: limit.amountNanos, exchange_rate: rate?.rate ?? '1', exchange_rate_from: rate?.validFrom ?? null,
    };
  };
  const isOf = ({ modelId }: SpendLimit): boolean => modelId === undefined || modelId === attempt.offer.modelId;
  return {
    row,
    budgets: [
      ...(caller.keyBudgets ?? []).filter(isOf).map((limit) => budget(limit, caller.keyId)),
      ...(caller.tenantBudgets ?? []).filter(isOf).map((limit) => budget(limit, caller.tenantId)),
    ],
  };
}

function termsOf({ caller, attempt, startedMs }: Pick<NewStorage, 'caller' | 'attempt' | 'startedMs'>, tariff: Tariff): Terms {
  const call = { caller, attempt, atMs: startedMs };
  const { cost, charge } = tariff.storage(call);
  if (cost === undefined) return { cost_state: 'unpriced', cost_rate: null, cost_currency: null, cost_price_id: null, ...nobodyAsked };
  const upstream = { cost_rate: cost.ratePerHour, cost_currency: cost.currency, cost_price_id: cost.priceId };
  if (attempt.costState !== 'priced') return { cost_state: 'free', ...upstream, ...nobodyAsked };
  if (charge === undefined) return { cost_state: 'priced', ...upstream, ...nobodyAsked };
  const walletCurrency = caller.walletCurrency ?? charge.currency;
  const rate = rateTo(tariff, charge.ratePerHour, charge.currency, walletCurrency, startedMs);
  return {
    cost_state: 'priced',
    ...upstream,
    cost_exchange_rate: tariff.rate(cost.currency, walletCurrency, startedMs)?.rate ?? null,
    charge_rate: charge.ratePerHour,
    charge_rate_currency: charge.currency,
    charge_price_id: charge.priceId,
    charge_rule: charge.ruleId ?? null,
    charge_basis_points: Number(charge.adjustBasisPoints),
    charge_currency: walletCurrency,
    exchange_rate: rate?.rate ?? '1',
    exchange_rate_from: rate?.validFrom ?? null,
  };
}

/** Undefined: the currencies are the same, or it costs nothing, which is nothing in every currency. */
function rateTo(tariff: Tariff, ratePerHour: string, from: Currency, to: Currency, atMs: number): Converted['rate'] {
  return tariff.convert({ amountNanos: parseDecimal(ratePerHour, 6), currency: from }, to, atMs, 'half-even').rate;
}

const hourMs = 3_600_000;
/** A thousand million units, as for holds: sums are kept in 64 bits. */
const hourNanosMax = 10n ** 18n;

function refuseBeyondMeasure(row: StorageMetersTable): void {
  const rate = chargeRateOf(row);
  if (rate !== undefined && storageNanos(rate, hourMs) > hourNanosMax) {
    throw new Fault('quota_exceeded', { message: 'You exceeded your current token quota: an hour of this cache costs more than is charged for any; cache fewer tokens' });
  }
}
