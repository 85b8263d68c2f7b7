import type { FastifyInstance } from 'fastify';
import type { Caller } from '../../access/caller.ts';
import type { SpendLimit } from '../../access/limit-policy.ts';
import { Fault } from '../../base/fault.ts';
import type { TenantId } from '../../base/id.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Nanos } from '../../base/money.ts';
import { budgetAccount } from '../../gateway/spend-budgets.ts';
import { accountId } from '../../ledger/account.ts';
import type { BalancesTable } from '../../ledger/ledger-tables.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { type CurrencySum, keyView, periodStarts } from './key-view.ts';
import type { WalletView } from '../../ledger/wallets.ts';
import { balanceOf, creditsOf, shownWallet } from './wallet-view.ts';

/** Of an account of the ledger: what is left of a budget, and what of that is held. */
type BudgetBalance = Pick<BalancesTable, 'id' | 'posted_nanos' | 'pending_nanos'>;

export interface AccountDeps {
  /** In a fixed order. Never empty for a tenant whose balance has a floor. */
  wallets(tenantId: TenantId): Promise<readonly WalletView[]>;
  /** What the calls of a key that began at `sinceMs` (milliseconds since the epoch) or later were charged. */
  keySpend(keyId: string, sinceMs: number): Promise<readonly CurrencySum[]>;
  /** Accounts of the key's budgets whose period has been begun. */
  keyBudgets(keyId: string): Promise<readonly BudgetBalance[]>;
  /** By public id. */
  key(keyId: string): Promise<{ readonly label: string; readonly expiresMs?: number } | undefined>;
  nowMs(): number;
}

/**
 * What callers may see of their account, as each vendor shows it: `GET /v1/users/me/balance` (Moonshot), `GET /api/v1/credits`, `/key`
 * and its older name `/auth/key` (OpenRouter). Ark has no such path. Any key may ask; what it sees is its own tenant's.
 */
export function registerAccount(app: FastifyInstance, base: BasePath, deps: AccountDeps): void {
  if (base.vendor === 'moonshot') {
    app.get(`${base.path}/users/me/balance`, async (request) => ({ code: 0, data: await shown(callerOf(request), deps, balanceOf), scode: '0x0', status: true }));
  }
  if (base.vendor === 'openrouter') {
    app.get(`${base.path}/credits`, async (request) => ({ data: await shown(callerOf(request), deps, creditsOf) }));
    for (const path of ['/key', '/auth/key']) {
      app.get(`${base.path}${path}`, async (request) => ({ data: await ownKey(callerOf(request), deps) }));
    }
  }
}

/** The tenant's wallet in a vendor's form, and all of them where it has several. */
async function shown({ tenantId, walletCurrency }: Caller, deps: AccountDeps, shape: (wallet: WalletView) => JsonObject): Promise<JsonObject> {
  const wallets = await deps.wallets(tenantId);
  return { ...shape(shownWallet(wallets, walletCurrency)), ...(wallets.length < 2 ? {} : { wallets: wallets.map(shape) }) };
}

async function ownKey(caller: Caller, deps: AccountDeps): Promise<JsonObject> {
  const nowMs = deps.nowMs();
  const since = periodStarts(nowMs);
  const spend = (sinceMs: number): Promise<readonly CurrencySum[]> => deps.keySpend(caller.keyId, sinceMs);
  const [key, wallets, budgets, total, day, week, month] = await Promise.all([
    deps.key(caller.keyId), deps.wallets(caller.tenantId), caller.keyBudgets === undefined ? [] : deps.keyBudgets(caller.keyId), spend(since.total), spend(since.day), spend(since.week), spend(since.month),
  ]);
  if (key === undefined) throw new Fault('not_found', { message: 'this key is not stored any more' });
  const { floorNanos, toppedUpNanos } = shownWallet(wallets, caller.walletCurrency);
  const leftOf = (budget: SpendLimit): Nanos => {
    const id = accountId(budgetAccount(budget, caller.keyId, nowMs));
    const begun = budgets.find((account) => account.id === id);
    return begun === undefined ? budget.amountNanos : begun.posted_nanos - begun.pending_nanos;
  };
  return keyView(caller, { ...key, freeTier: floorNanos !== undefined && toppedUpNanos === 0n, leftOf }, { total, day, week, month });
}
