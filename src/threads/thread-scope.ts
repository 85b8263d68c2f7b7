import type { TenantId } from '../base/id.ts';

/** Whose threads: what another tenant has, or the same one in the other mode, is not there at all. */
export interface ThreadScope {
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
}
