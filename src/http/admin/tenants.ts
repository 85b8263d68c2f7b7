import type { Tenant as ShownTenant, Wallet as ShownWallet } from '../../../contract/tenant.ts';
import type { Tenant } from '../../access/key-store.ts';
import type { Clock } from '../../base/clock.ts';
import { formatNanos } from '../../base/money.ts';
import type { Wallets, WalletView } from '../../ledger/wallets.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import { toBudgets, toLimits, toSpending } from './limit-shapes.ts';
import { type LimitDeps, wishedLimits } from './limit-wish.ts';
import { knownCurrency, moneyOf } from './money-wish.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface TenantsDeps extends LimitDeps {
  readonly tenants: TenantRegister;
  readonly wallets: Pick<Wallets, 'of' | 'budgetsOf'>;
  readonly clock: Clock;
}

type TenantHandlers = Pick<AdminHandlers, 'createTenant' | 'listTenants' | 'showTenant'>;

/** Making, listing and showing tenants. */
export function tenantsHandlers(deps: TenantsDeps): TenantHandlers {
  const { tenants, wallets, clock } = deps;
  const walletsOf = async (tenant: Tenant): Promise<ShownWallet[]> => (await wallets.of(tenant.id)).map(toWallet);
  return {
    async createTenant({ name, prepaid, currency, creditLimit, ...limits }) {
      const { tenant, note } = await tenants.open({
        name,
        prepaid,
        ...(currency === undefined ? {} : { currency: knownCurrency(currency, 'currency') }),
        ...(creditLimit === undefined ? {} : { creditLimit: moneyOf(creditLimit, 'creditLimit.') }),
        ...wishedLimits(limits, deps),
      });
      return { tenant: toTenant(tenant), wallets: await walletsOf(tenant), note: note ?? null };
    },
    async listTenants() {
      return { tenants: (await tenants.all()).map(toTenant) };
    },
    async showTenant({ tenant: reference }) {
      const tenant = await tenants.find(reference);
      return {
        tenant: toTenant(tenant),
        wallets: await walletsOf(tenant),
        spending: await toSpending(wallets, tenant.id, tenant.budgets, clock.nowMs()),
      };
    },
  };
}

function toTenant(tenant: Tenant): ShownTenant {
  return {
    id: tenant.id,
    name: tenant.name,
    billing: tenant.billing,
    currency: tenant.walletCurrency ?? null,
    limits: toLimits(tenant.limits),
    budgets: toBudgets(tenant.budgets),
    createdAt: new Date(tenant.createdMs).toISOString(),
  };
}

/** A wallet as the admin API shows it. */
export function toWallet(wallet: WalletView): ShownWallet {
  const { floorNanos } = wallet;
  return {
    currency: wallet.currency,
    balance: formatNanos(wallet.balanceNanos),
    held: formatNanos(wallet.heldNanos),
    floor: floorNanos === undefined ? null : formatNanos(floorNanos),
    available: floorNanos === undefined ? null : formatNanos(wallet.balanceNanos - wallet.heldNanos - floorNanos),
    toppedUp: formatNanos(wallet.toppedUpNanos),
    trial: formatNanos(wallet.trialNanos),
    spent: formatNanos(wallet.spentNanos),
  };
}
