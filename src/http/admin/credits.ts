import type { AdminRequest, AdminResponse } from '../../../contract/admin-api.ts';
import type { Credit } from '../../../contract/credit.ts';
import type { Tenant } from '../../access/key-store.ts';
import { Fault } from '../../base/fault.ts';
import { type Currency, formatNanos, type Money } from '../../base/money.ts';
import type { TransfersTable } from '../../ledger/ledger-tables.ts';
import type { Payment, Wallets, WalletView } from '../../ledger/wallets.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import { moneyOf } from './money-wish.ts';
import type { TenantRegister } from './tenant-register.ts';
import { toWallet } from './tenants.ts';

export interface CreditsDeps {
  readonly tenants: TenantRegister;
  readonly wallets: Pick<Wallets, 'topUp' | 'withdraw' | 'of' | 'credits'>;
}

/** Balances are 64-bit integers of 1e-9, and stay well below what those can hold. */
const balanceNanosMax = 9_000_000_000n * 1_000_000_000n;

/** Topping up wallets, taking payments back, and the list of both. */
export function creditsHandlers({ tenants, wallets }: CreditsDeps): Pick<AdminHandlers, 'addCredits' | 'withdrawCredits' | 'listCredits'> {
  const readPayment = async ({ tenant: named, amount, currency, reference, memo }: AdminRequest<'addCredits'>): Promise<{ tenant: Tenant; payment: Payment }> => {
    const money = moneyOf({ amount, currency });
    const tenant = await tenants.find(named);
    const payment = { tenantId: tenant.id, ...money, ...(reference === undefined ? {} : { reference }), ...(memo === undefined ? {} : { memo }) };
    return { tenant, payment };
  };
  const afterwards = async ({ id: tenantId, name }: Tenant, id: string, currency: Currency): Promise<AdminResponse<'addCredits'>> => {
    const wallet = (await wallets.of(tenantId)).find((one) => one.currency === currency);
    if (wallet === undefined) throw new Error('the wallet that was just booked on is not there');
    return { tenant: { id: tenantId, name }, id, wallet: toWallet(wallet) };
  };
  return {
    async addCredits(request) {
      const { tenant, payment } = await readPayment(request);
      checkRoom(await wallets.of(tenant.id), payment);
      const id = await wallets.topUp({ ...payment, openable: tenant.walletCurrency === undefined });
      return afterwards(tenant, id, payment.currency);
    },
    async withdrawCredits(request) {
      const { tenant, payment } = await readPayment(request);
      return afterwards(tenant, await wallets.withdraw(payment), payment.currency);
    },
    async listCredits({ tenant: reference, limit }) {
      const tenant = await tenants.find(reference);
      const rows = await wallets.credits(tenant.id, limit);
      return { tenant: { id: tenant.id, name: tenant.name }, credits: rows.map((row) => toCredit(row, `${row.kind}/${tenant.id}/`)) };
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
    kind: row.kind === 'trial' || row.kind === 'withdrawal' ? row.kind : 'top-up',
    amount: formatNanos(row.amount_nanos),
    currency: row.currency,
    reference: row.id.startsWith(named) ? row.id.slice(named.length) : null,
    memo: row.memo,
    createdAt: new Date(row.created_ms).toISOString(),
  };
}
