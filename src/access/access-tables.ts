import type { Migration } from '../storage/migration.ts';

export interface TenantsTable {
  id: string;
  name: string;
  created_ms: number;
  /** `prepaid`: its wallet must hold what a call may cost. */
  billing: 'postpaid' | 'prepaid';
  /** Null: a wallet in each price's own currency; only for `postpaid`. */
  wallet_currency: string | null;
  /** `limitPolicyText`; null: none. */
  limits: string | null;
  /** `spendLimitsText`; null: none. */
  budgets: string | null;
}

/** Of a key only an HMAC is stored: from this table no key can be made. */
export interface ApiKeysTable {
  /** `key_` and the public id that is part of the key. */
  id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  label: string;
  /** Beginning of the key, for lists. */
  display: string;
  /** HMAC-SHA-256 of the whole key, hex. */
  hmac: string;
  /** Version of the derived secret that made it. */
  hmac_version: number;
  created_ms: number;
  expires_ms: number | null;
  revoked_ms: number | null;
  /** JSON array of canonical model ids; null: all models. */
  allowed_models: string | null;
  limits: string | null;
  budgets: string | null;
}

export interface AccessTables {
  tenants: TenantsTable;
  api_keys: ApiKeysTable;
  /** One row: proof of which root secret the keys were made with. */
  root_secret: { id: number; proof: string };
}

export const accessMigrations: readonly Migration[] = [
  {
    name: 'access/0001-tenants-and-keys',
    statements: [
      'CREATE TABLE tenants (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL)',
      `CREATE TABLE api_keys (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL REFERENCES tenants (id),
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        label TEXT NOT NULL,
        display TEXT NOT NULL,
        hmac TEXT NOT NULL,
        hmac_version INTEGER NOT NULL,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT,
        revoked_ms BIGINT,
        allowed_models TEXT
      )`,
      'CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id)',
      'CREATE TABLE root_secret (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), proof TEXT NOT NULL)',
    ],
  },
  {
    name: 'access/0002-limits-and-budgets',
    statements: [
      `ALTER TABLE tenants ADD COLUMN billing TEXT NOT NULL DEFAULT 'postpaid' CHECK (billing IN ('postpaid', 'prepaid'))`,
      'ALTER TABLE tenants ADD COLUMN wallet_currency TEXT',
      'ALTER TABLE tenants ADD COLUMN limits TEXT',
      'ALTER TABLE tenants ADD COLUMN budgets TEXT',
      'ALTER TABLE api_keys ADD COLUMN limits TEXT',
      'ALTER TABLE api_keys ADD COLUMN budgets TEXT',
    ],
  },
];
