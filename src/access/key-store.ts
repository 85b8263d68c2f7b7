import type { CompiledQuery, Kysely, Selectable, SelectQueryBuilder } from 'kysely';
import type { TenantId } from '../base/id.ts';
import type { Currency } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { AccessTables, ApiKeysTable, TenantsTable } from './access-tables.ts';
import type { KeyId } from './api-key.ts';
import { keyAnnouncement } from './key-announcements.ts';
import { type LimitPolicy, limitPolicyText, parseLimitPolicy, parseSpendLimits, type SpendLimit, spendLimitsText } from './limit-policy.ts';

/** A key as stored: everything but the key. */
export interface StoredKey {
  readonly id: KeyId;
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
  readonly label: string;
  /** `sk-AbCd…`: prefix and the first characters of the public id. */
  readonly display: string;
  readonly hmacHex: string;
  readonly hmacVersion: number;
  readonly createdMs: number;
  readonly expiresMs?: number;
  readonly revokedMs?: number;
  readonly allowedModels?: readonly string[];
  readonly limits?: LimitPolicy;
  readonly budgets?: readonly SpendLimit[];
  /** What of its tenant holds for every call. */
  readonly tenant?: TenantTerms & { readonly name: string };
}

/** What a tenant's calls are bound by; see `Tenant`. */
export interface TenantTerms {
  readonly walletCurrency?: Currency;
  readonly limits?: LimitPolicy;
  readonly budgets?: readonly SpendLimit[];
}

export interface Tenant extends TenantTerms {
  readonly id: TenantId;
  readonly name: string;
  readonly createdMs: number;
  /** `prepaid`: its wallet must hold what a call may cost. */
  readonly billing: 'postpaid' | 'prepaid';
}

/** The tables `tenants` and `api_keys`. */
export class KeyStore {
  readonly #database: Database;
  readonly #builder: Kysely<AccessTables>;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<AccessTables>();
  }

  /** Adds the tenant, unless there is one of that name; returns the one that there is. */
  async ensureTenant(tenant: Tenant): Promise<Tenant> {
    const insertion = this.#builder
      .insertInto('tenants')
      .values(tenantRow(tenant))
      .onConflict((conflict) => conflict.column('name').doNothing())
      .compile();
    await this.#database.commit([insertion]);
    const rows = await this.#database.query(
      this.#builder.selectFrom('tenants').selectAll().where('name', '=', tenant.name).compile(),
    );
    const row = rows[0];
    if (row === undefined) throw new Error('the tenant that was just added is not there');
    return toTenant(row);
  }

  /** The statement that adds a tenant, for a commit that also opens its wallet. Its name must be new (`unique`). */
  tenantInsertion(tenant: Tenant): CompiledQuery {
    return this.#builder.insertInto('tenants').values(tenantRow(tenant)).compile();
  }

  async tenant(id: string): Promise<Tenant | undefined> {
    const rows = await this.#database.query(this.#builder.selectFrom('tenants').selectAll().where('id', '=', id).compile());
    return rows[0] === undefined ? undefined : toTenant(rows[0]);
  }

  async tenantByName(name: string): Promise<Tenant | undefined> {
    const rows = await this.#database.query(this.#builder.selectFrom('tenants').selectAll().where('name', '=', name).compile());
    return rows[0] === undefined ? undefined : toTenant(rows[0]);
  }

  /** Oldest first. */
  async tenants(): Promise<Tenant[]> {
    const rows = await this.#database.query(this.#builder.selectFrom('tenants').selectAll().orderBy('created_ms').orderBy('id').compile());
    return rows.map(toTenant);
  }

  /** Throws `StatementError` with constraint `foreign-key` when the tenant is unknown. */
  async insert(key: StoredKey): Promise<void> {
    await this.#database.commit([
      this.#builder
        .insertInto('api_keys')
        .values({
          id: key.id,
          tenant_id: key.tenantId,
          mode: key.mode,
          label: key.label,
          display: key.display,
          hmac: key.hmacHex,
          hmac_version: key.hmacVersion,
          created_ms: key.createdMs,
          expires_ms: key.expiresMs ?? null,
          revoked_ms: key.revokedMs ?? null,
          allowed_models: key.allowedModels === undefined ? null : JSON.stringify(key.allowedModels),
          limits: key.limits === undefined ? null : limitPolicyText(key.limits),
          budgets: key.budgets === undefined ? null : spendLimitsText(key.budgets),
        })
        .compile(),
      ...keyAnnouncement(this.#database, key.id),
    ]);
  }

  async get(id: string): Promise<StoredKey | undefined> {
    const rows = await this.#select(this.#keys().where('api_keys.id', '=', id).compile());
    return rows[0];
  }

  /** All keys, oldest first. */
  list(): Promise<StoredKey[]> {
    return this.#select(this.#keys().orderBy('api_keys.created_ms').orderBy('api_keys.id').compile());
  }

  /** Marks the key as revoked; one that is keeps its first time. Returns whether there is such a key. */
  async revoke(id: string, revokedMs: number): Promise<boolean> {
    const change = this.#builder
      .updateTable('api_keys')
      .set((column) => ({ revoked_ms: column.fn.coalesce('revoked_ms', column.val(revokedMs)) }))
      .where('id', '=', id)
      .compile();
    return (await this.#database.commitIf([change], keyAnnouncement(this.#database, id))).committed;
  }

  #keys(): SelectQueryBuilder<AccessTables, 'api_keys' | 'tenants', KeyRow> {
    return this.#builder
      .selectFrom('api_keys')
      .innerJoin('tenants', 'tenants.id', 'api_keys.tenant_id')
      .selectAll('api_keys')
      .select(['tenants.name as tenant_name', 'tenants.wallet_currency', 'tenants.limits as tenant_limits', 'tenants.budgets as tenant_budgets']);
  }

  async #select(query: CompiledQuery<KeyRow>): Promise<StoredKey[]> {
    return (await this.#database.query(query)).map(toStoredKey);
  }
}

type KeyRow = Selectable<ApiKeysTable> & {
  readonly tenant_name: string;
  readonly wallet_currency: string | null;
  readonly tenant_limits: string | null;
  readonly tenant_budgets: string | null;
};

function tenantRow(tenant: Tenant): TenantsTable {
  return {
    id: tenant.id,
    name: tenant.name,
    created_ms: tenant.createdMs,
    billing: tenant.billing,
    wallet_currency: tenant.walletCurrency ?? null,
    limits: tenant.limits === undefined ? null : limitPolicyText(tenant.limits),
    budgets: tenant.budgets === undefined ? null : spendLimitsText(tenant.budgets),
  };
}

function toTenant(row: Selectable<TenantsTable>): Tenant {
  return {
    id: row.id as TenantId,
    name: row.name,
    createdMs: row.created_ms,
    billing: row.billing,
    ...termsOf(row.wallet_currency, row.limits, row.budgets),
  };
}

function termsOf(walletCurrency: string | null, limits: string | null, budgets: string | null): TenantTerms {
  return {
    ...(walletCurrency === null ? {} : { walletCurrency }),
    ...(limits === null ? {} : { limits: parseLimitPolicy(limits) }),
    ...(budgets === null ? {} : { budgets: parseSpendLimits(budgets) }),
  };
}

function toStoredKey(row: KeyRow): StoredKey {
  return {
    id: row.id as KeyId,
    tenantId: row.tenant_id as TenantId,
    mode: row.mode,
    label: row.label,
    display: row.display,
    hmacHex: row.hmac,
    hmacVersion: row.hmac_version,
    createdMs: row.created_ms,
    ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
    ...(row.revoked_ms === null ? {} : { revokedMs: row.revoked_ms }),
    ...(row.allowed_models === null ? {} : { allowedModels: modelsOf(row.allowed_models) }),
    ...(row.limits === null ? {} : { limits: parseLimitPolicy(row.limits) }),
    ...(row.budgets === null ? {} : { budgets: parseSpendLimits(row.budgets) }),
    tenant: { name: row.tenant_name, ...termsOf(row.wallet_currency, row.tenant_limits, row.tenant_budgets) },
  };
}

/** A list that cannot be read allows nothing, rather than everything. */
function modelsOf(text: string): readonly string[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter((model) => typeof model === 'string') : [];
}
