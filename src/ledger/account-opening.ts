import type { CompiledQuery } from 'kysely';
import { accountId, type HeldAccount, openAccounts } from './account.ts';
import type { LedgerStatements, NewTransfer } from './ledger-statements.ts';

/**
 * What opens an account that is opened by the first that needs it: a budget with its allowance, or a wallet without a floor. To be
 * committed under its guard; refused when it is there already, which is as good. Undefined: only its tenant's making opens it.
 */
export function accountOpening(
  statements: LedgerStatements,
  account: HeldAccount,
  nowMs: number,
): { readonly guards: readonly CompiledQuery[]; readonly statements: readonly CompiledQuery[] } | undefined {
  if (account.kind === 'wallet' && !account.openable) return undefined;
  const id = accountId(account);
  const budget = account.kind === 'budget';
  const allowanceNanos = budget ? account.allowanceNanos : 0n;
  const opening = statements.opening({
    id, kind: account.kind, owner_id: budget ? account.ownerId : account.tenantId, currency: account.currency,
    posted_nanos: allowanceNanos, pending_nanos: 0n, floor_nanos: budget ? 0n : null, opened_ms: nowMs,
  });
  const allowance: NewTransfer = {
    id: `${id}/allowance`, kind: 'allowance', phase: 'posted', debit_account: openAccounts.allowance(account.currency), credit_account: id,
    amount_nanos: allowanceNanos, currency: account.currency, created_ms: nowMs,
  };
  return { guards: [opening], statements: budget ? [statements.insertion([allowance])] : [] };
}
