import type { TenantId } from './id.ts';

/** Whose threads and files: what another tenant has, or the same one in the other mode, is not there at all. */
export interface TenantScope {
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
}
