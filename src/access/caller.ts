import type { TenantId } from '../base/id.ts';
import type { Currency } from '../base/money.ts';
import type { LimitPolicy, SpendLimit } from './limit-policy.ts';

/** Who sends a request, as the key says. Test callers only ever reach the sandbox and pay nothing. */
export interface Caller {
  readonly tenantId: TenantId;
  /** As the operator calls it. */
  readonly tenantName?: string;
  /** Public id of the key, never the key. */
  readonly keyId: string;
  readonly mode: 'live' | 'test';
  /** Canonical ids of the models that the key may use; undefined: all. */
  readonly allowedModels?: readonly string[];
  readonly keyLimits?: LimitPolicy;
  readonly tenantLimits?: LimitPolicy;
  readonly keyBudgets?: readonly SpendLimit[];
  readonly tenantBudgets?: readonly SpendLimit[];
  /** What the tenant pays in, whatever a price is stated in; undefined: each price's own currency, a wallet for each. */
  readonly walletCurrency?: Currency;
}
