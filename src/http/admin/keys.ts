import type { ApiKey } from '../../../contract/key.ts';
import type { ApiKey as StoredKey, Keys } from '../../access/keys.ts';
import type { Tenant } from '../../access/key-store.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Wallets } from '../../ledger/wallets.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import { canonicalModel } from './canonical-model.ts';
import { toBudgets, toLimits, toSpending } from './limit-shapes.ts';
import { type LimitDeps, wishedLimits } from './limit-wish.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface KeysDeps extends LimitDeps {
  readonly keys: Pick<Keys, 'create' | 'list' | 'get' | 'revoke'>;
  readonly tenants: TenantRegister;
  readonly wallets: Pick<Wallets, 'budgetsOf'>;
  readonly clock: Clock;
}

type KeyHandlers = Pick<AdminHandlers, 'createKey' | 'listKeys' | 'showKey' | 'revokeKey'>;

/** Making, listing, showing and revoking API keys. */
export function keysHandlers(deps: KeysDeps): KeyHandlers {
  const { keys, tenants, wallets, catalog, clock } = deps;
  const shapeOf = async (key: StoredKey): Promise<ApiKey> => shape(key, await tenants.find(key.tenantId), clock);
  return {
    async createKey({ tenant: reference, mode, label, models, expiresAt, ...limits }) {
      const expiresMs = expiresAt === undefined || expiresAt === null ? undefined : Date.parse(expiresAt);
      if (expiresMs !== undefined && expiresMs <= clock.nowMs()) {
        throw new Fault('invalid_request', { message: 'Invalid request: "expiresAt" has passed', field: 'expiresAt' });
      }
      const tenant = await tenants.find(reference);
      const { key, token } = await keys.create({
        tenantId: tenant.id,
        mode,
        label: label ?? '',
        ...(models === undefined ? {} : { allowedModels: canonicalIds(models, catalog) }),
        ...(expiresMs === undefined ? {} : { expiresMs }),
        ...wishedLimits(limits, deps),
      });
      return { key: shape(key, tenant, clock), secret: token };
    },
    async listKeys({ tenant: reference }) {
      const wanted = reference === undefined ? await tenants.all() : [await tenants.find(reference)];
      const tenantById = new Map(wanted.map((tenant) => [tenant.id, tenant]));
      const listed = (await keys.list()).flatMap((key) => {
        const tenant = tenantById.get(key.tenantId);
        return tenant === undefined ? [] : [shape(key, tenant, clock)];
      });
      return { keys: listed };
    },
    async showKey({ id }) {
      const key = await keys.get(id);
      if (key === undefined) throw new Fault('not_found', { message: 'there is no key of that id; ids begin with "key_"', field: 'id' });
      return { key: await shapeOf(key), spending: await toSpending(wallets, key.id, key.budgets, clock.nowMs()) };
    },
    async revokeKey({ id }) {
      return { key: await shapeOf(await keys.revoke(id)) };
    },
  };
}

/** Canonical ids of the models that the names mean, each once. Throws `invalid_request` for a name that means none. */
function canonicalIds(names: readonly string[], catalog: Pick<Catalog, 'resolve'>): string[] {
  return [...new Set(names.map((name, index) => canonicalModel(name, `models.${index}`, catalog)))];
}

function shape(key: StoredKey, tenant: Tenant, clock: Clock): ApiKey {
  const expired = key.expiresMs !== undefined && key.expiresMs <= clock.nowMs();
  return {
    id: key.id,
    tenant: { id: tenant.id, name: tenant.name },
    label: key.label === '' ? null : key.label,
    display: key.display,
    mode: key.mode,
    state: key.revokedMs !== undefined ? 'revoked' : expired ? 'expired' : 'active',
    models: key.allowedModels === undefined ? null : [...key.allowedModels],
    limits: toLimits(key.limits),
    budgets: toBudgets(key.budgets),
    createdAt: new Date(key.createdMs).toISOString(),
    expiresAt: toInstant(key.expiresMs),
    revokedAt: toInstant(key.revokedMs),
  };
}

function toInstant(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}
