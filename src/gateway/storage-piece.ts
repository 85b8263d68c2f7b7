import type { TenantId } from '../base/id.ts';
import type { Nanos } from '../base/money.ts';
import { type StorageRate, storageNanosBetween } from '../catalog/storage-rating.ts';
import type { HeldAccount } from '../ledger/account.ts';
import type { HoldLeg } from '../ledger/hold.ts';
import type { StorageMeter, StoragePiece } from '../ledger/storage-books.ts';
import type { StorageBudgetsTable, StorageMetersTable } from '../ledger/storage-tables.ts';
import type { StoredPiece } from '../records/storage-hours.ts';
import { budgetAccount } from './spend-budgets.ts';

/** The amounts of a piece. */
export type PieceMoney = Omit<StoragePiece, 'dueMs' | 'joined'>;

/** At what a meter charges its tenant's wallet; undefined: nobody is asked. */
export function chargeRateOf({ tokens, charge_rate: ratePerHour, charge_basis_points: points, exchange_rate: exchangeRate }: StorageMetersTable): StorageRate | undefined {
  if (ratePerHour === null || exchangeRate === null) return undefined;
  return { tokens, ratePerHour, adjustBasisPoints: BigInt(points ?? 0), exchangeRate };
}

/** At what its upstream charges us, or would; undefined: unpriced. */
export function costRateOf({ tokens, cost_rate: ratePerHour }: StorageMetersTable): StorageRate | undefined {
  return ratePerHour === null ? undefined : { tokens, ratePerHour, adjustBasisPoints: 0n, exchangeRate: '1' };
}

/**
 * What a wallet and the budgets pay for storage from where the meter stands until `untilMs`; none when nobody is asked. Budgets are
 * those of the period in which the piece begins: it ends before another does.
 */
export function legsAt({ row, budgets }: StorageMeter, untilMs: number): readonly HoldLeg[] {
  const rate = chargeRateOf(row);
  if (rate === undefined || row.charge_currency === null) return [];
  const wallet: HeldAccount = {
    kind: 'wallet', tenantId: row.tenant_id as TenantId, currency: row.charge_currency, openable: row.wallet_openable === 1,
  };
  const leg = (account: HeldAccount, exchangeRate: string): HoldLeg => ({ account, amountNanos: amountOf(row, { ...rate, exchangeRate }, row.billed_until_ms, untilMs) });
  return [leg(wallet, rate.exchangeRate), ...budgets.map((budget) => leg(budgetOf(budget, row.billed_until_ms), budget.exchange_rate))];
}

/** A piece from where the meter stands until `toMs`, that is paid for until `paidUntilMs`. */
export function pieceOf(meter: StorageMeter, toMs: number, paidUntilMs: number): PieceMoney {
  const { row } = meter;
  const rate = chargeRateOf(row);
  const costRate = row.cost_state === 'priced' ? costRateOf(row) : undefined;
  const { exchange_rate: exchangeRate, exchange_rate_from: rateFrom, charge_rate_currency: priceCurrency } = row;
  const converted = rate !== undefined && exchangeRate !== null && rateFrom !== null && priceCurrency !== null;
  return {
    row,
    toMs,
    legs: legsAt(meter, paidUntilMs),
    conversion: converted
      ? { priceNanos: amountOf(row, { ...rate, exchangeRate: '1' }, row.billed_until_ms, paidUntilMs), priceCurrency, rate: exchangeRate, rateFrom }
      : undefined,
    lossNanos: rate === undefined ? 0n : amountOf(row, rate, paidUntilMs, toMs),
    cost:
      costRate === undefined || row.cost_currency === null
        ? undefined
        : { upstreamId: row.upstream_id, currency: row.cost_currency, amountNanos: amountOf(row, costRate, row.billed_until_ms, toMs) },
  };
}

/** A piece as the reports count it. */
export function storedPieceOf(row: StorageMetersTable, { toMs, legs, lossNanos }: PieceMoney): StoredPiece {
  const costRate = costRateOf(row);
  const wallet = legs[0];
  return {
    fromMs: row.billed_until_ms,
    tenantId: row.tenant_id,
    keyId: row.key_id,
    modelId: row.model_id,
    upstreamId: row.upstream_id,
    costState: row.cost_state,
    tokenSeconds: row.tokens * (wholeSeconds(toMs - row.started_ms) - wholeSeconds(row.billed_until_ms - row.started_ms)),
    cost:
      costRate === undefined || row.cost_currency === null
        ? undefined
        : { currency: row.cost_currency, amountNanos: amountOf(row, costRate, row.billed_until_ms, toMs) },
    charge: wallet === undefined ? undefined : { currency: wallet.account.currency, amountNanos: wallet.amountNanos, lossNanos },
    exchangeRate: row.cost_exchange_rate ?? undefined,
  };
}

/** From the one moment to the other, by the roundings of both. */
function amountOf({ started_ms: startedMs }: StorageMetersTable, rate: StorageRate, fromMs: number, toMs: number): Nanos {
  return storageNanosBetween(rate, fromMs - startedMs, toMs - startedMs);
}

function budgetOf({ owner_id: ownerId, model_id: modelId, period, currency, allowance_nanos: amountNanos }: StorageBudgetsTable, atMs: number): HeldAccount {
  return budgetAccount({ period, currency, amountNanos, ...(modelId === '' ? {} : { modelId }) }, ownerId, atMs);
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
