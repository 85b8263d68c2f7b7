import type { Transfer } from '../../../contract/transfer.ts';
import { formatNanos } from '../../base/money.ts';
import type { LedgerJournal } from '../../ledger/ledger-journal.ts';
import type { TransfersTable } from '../../ledger/ledger-tables.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface TransfersDeps {
  readonly journal: Pick<LedgerJournal, 'latest'>;
  readonly tenants: TenantRegister;
}

/** The ledger's latest transfers, newest first. */
export function transfersHandlers({ journal, tenants }: TransfersDeps): Pick<AdminHandlers, 'transfers'> {
  return {
    async transfers({ tenant, limit, before }) {
      const tenantId = tenant === undefined ? undefined : (await tenants.find(tenant)).id;
      const rows = await journal.latest({ limit, ...(before === undefined ? {} : { before }), ...(tenantId === undefined ? {} : { tenantId }) });
      return { transfers: rows.map(toTransfer), next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) };
    },
  };
}

function toTransfer(row: TransfersTable): Transfer {
  return {
    id: row.id,
    kind: row.kind,
    phase: row.phase,
    open: row.open === 1,
    from: row.debit_account,
    to: row.credit_account,
    amount: formatNanos(row.amount_nanos),
    currency: row.currency,
    conversion: conversionOf(row),
    tenantId: row.tenant_id,
    keyId: row.key_id,
    generationId: row.generation_id,
    cacheId: row.cache_id,
    createdAt: new Date(row.created_ms).toISOString(),
    expiresAt: row.expires_ms === null ? null : new Date(row.expires_ms).toISOString(),
  };
}

function conversionOf({ price_nanos: price, price_currency: currency, rate, rate_from: rateFrom }: TransfersTable): Transfer['conversion'] {
  if (price === null || currency === null || rate === null || rateFrom === null) return null;
  return { amount: formatNanos(price), currency, rate, rateFrom };
}
