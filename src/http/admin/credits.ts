import type { Credit } from '../../../contract/credit.ts';
import { Fault } from '../../base/fault.ts';
import { formatNanos, type Money } from '../../base/money.ts';
import type { TransfersTable } from '../../ledger/ledger-tables.ts';
import type { Wallets, WalletView } from '../../ledger/wallets.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import { moneyOf } from './money-wish.ts';
import type { TenantRegister } from './tenant-register.ts';
import { toWallet } from './tenants.ts';

export interface CreditsDeps {
  readonly tenants: TenantRegister;
  readonly wallets: Pick<Wallets, 'topUp' | 'of' | 'credits'>;
}

/** Balances are 64-bit integers of 1e-9, and stay well below what those can hold. */
const balanceNanosMax = 9_000_000_000n * 1_000_000_000n;

/** Topping up wallets, and what was put into them. */
export function creditsHandlers({ tenants, wallets }: CreditsDeps): Pick<AdminHandlers, 'addCredits' | 'listCredits'> {
  return {
    async addCredits({ tenant: reference, amount, currency, reference: payment, memo }) {
      const money = moneyOf({ amount, currency });
      const tenant = await tenants.find(reference);
      checkRoom(await wallets.of(tenant.id), money);
      const id = await wallets.topUp({
        tenantId: tenant.id,
        ...money,
        ...(payment === undefined ? {} : { reference: payment }),
        ...(memo === undefined ? {} : { memo }),
        openable: tenant.walletCurrency === undefined,
      });
      const wallet = (await wallets.of(tenant.id)).find((one) => one.currency === money.currency);
      if (wallet === undefined) throw new Error('the wallet that was just topped up is not there');
      return { tenant: { id: tenant.id, name: tenant.name }, id, wallet: toWallet(wallet) };
    },
    async listCredits({ tenant: reference, limit }) {
      const tenant = await tenants.find(reference);
      const rows = await wallets.credits(tenant.id, limit);
      return { tenant: { id: tenant.id, name: tenant.name }, credits: rows.map((row) => toCredit(row, `top-up/${tenant.id}/`)) };
    },
  };
}

function checkRoom(wallets: readonly WalletView[], { amountNanos, currency }: Money): void {
  const balanceNanos = wallets.find((wallet) => wallet.currency === currency)?.balanceNanos ?? 0n;
  if (balanceNanos + amountNanos <= balanceNanosMax) return;
  throw new Fault('invalid_request', { message: `Invalid request: a wallet can hold at most ${formatNanos(balanceNanosMax)} ${currency}`, field: 'amount' });
}

/** `named`: how the id of a payment begins that was given a reference. */
function toCredit(row: TransfersTable, named: string): Credit {
  return {
    id: row.id,
    kind: row.kind === 'trial' ? 'trial' : 'top-up',
    amount: formatNanos(row.amount_nanos),
    currency: row.currency,
    reference: row.id.startsWith(named) ? row.id.slice(named.length) : null,
    memo: row.memo,
    createdAt: new Date(row.created_ms).toISOString(),
  };
}
