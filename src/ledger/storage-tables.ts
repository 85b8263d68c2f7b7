import type { Migration } from '../storage/migration.ts';

/** As for a call: `priced`, `unpriced` (nobody knows what it costs), `free` (metered, never charged). */
export type StorageCostState = 'priced' | 'unpriced' | 'free';

/**
 * One row per context cache that an upstream keeps for somebody: on what terms, and up to when it has been billed. The terms are
 * those of the moment at which it was made and never change; what changes is `ends_ms`, `billed_until_ms`, `due_ms` and `open`.
 */
export interface StorageMetersTable {
  cache_id: string;
  tenant_id: string;
  key_id: string;
  model_id: string;
  upstream_id: string;
  mode: 'live' | 'test';
  cost_state: StorageCostState;
  tokens: number;
  started_ms: number;
  /** When it expires. */
  ends_ms: number;
  /** Everything up to this moment is in the books, nothing after it. */
  billed_until_ms: number;
  /** When it is to be billed again. */
  due_ms: number;
  /** 1: it is kept, or was and has not been billed to its end. */
  open: number;
  /** What the upstream asks, per 1M tokens and hour, or of a `free` one what it would. Null: unpriced. */
  cost_rate: string | null;
  cost_currency: string | null;
  cost_price_id: string | null;
  /** What the tenant is asked, before the percentage. Null: nothing. */
  charge_rate: string | null;
  charge_rate_currency: string | null;
  charge_price_id: string | null;
  charge_rule: string | null;
  charge_basis_points: number | null;
  /** Of the wallet, and the rate from the price's currency to it: `1` when they are the same. */
  charge_currency: string | null;
  exchange_rate: string | null;
  exchange_rate_from: string | null;
  /** From the cost's currency to that of the wallet, so that a margin can be told; null: they are the same, or no rate is known. */
  cost_exchange_rate: string | null;
  /** 1: the wallet may be opened by this. */
  wallet_openable: number;
}

/** The spending limits that a cache's storage draws on. */
export interface StorageBudgetsTable {
  cache_id: string;
  /** Key or tenant. */
  owner_id: string;
  /** Empty: of all models. */
  model_id: string;
  period: 'day' | 'month' | 'total';
  currency: string;
  allowance_nanos: bigint;
  /** From the price's currency to the budget's; `1` when they are the same. */
  exchange_rate: string;
  exchange_rate_from: string | null;
}

export interface StorageTables {
  ledger_storage_meters: StorageMetersTable;
  ledger_storage_budgets: StorageBudgetsTable;
}

export const storageMigrations: readonly Migration[] = [
  {
    name: 'ledger/0002-storage',
    statements: [
      'ALTER TABLE ledger_transfers ADD COLUMN cache_id TEXT',
      'CREATE INDEX ledger_transfers_by_cache ON ledger_transfers (cache_id) WHERE cache_id IS NOT NULL',
      // Storage is booked by the hour: what a tenant has paid in must not be looked for among it.
      'DROP INDEX ledger_transfers_by_tenant',
      'CREATE INDEX ledger_transfers_by_tenant ON ledger_transfers (tenant_id, created_ms) WHERE generation_id IS NULL AND cache_id IS NULL',
      `CREATE TABLE ledger_storage_meters (
        cache_id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        upstream_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        cost_state TEXT NOT NULL CHECK (cost_state IN ('priced', 'unpriced', 'free')),
        tokens BIGINT NOT NULL CHECK (tokens >= 0),
        started_ms BIGINT NOT NULL,
        ends_ms BIGINT NOT NULL CHECK (ends_ms >= started_ms),
        billed_until_ms BIGINT NOT NULL CHECK (billed_until_ms >= started_ms),
        due_ms BIGINT NOT NULL,
        open INTEGER NOT NULL,
        cost_rate TEXT,
        cost_currency TEXT,
        cost_price_id TEXT,
        charge_rate TEXT,
        charge_rate_currency TEXT,
        charge_price_id TEXT,
        charge_rule TEXT,
        charge_basis_points BIGINT,
        charge_currency TEXT,
        exchange_rate TEXT,
        exchange_rate_from TEXT,
        cost_exchange_rate TEXT,
        wallet_openable INTEGER NOT NULL,
        CHECK ((cost_state = 'unpriced') = (cost_rate IS NULL)),
        CHECK ((cost_rate IS NULL) = (cost_currency IS NULL)),
        CHECK (charge_rate IS NULL OR cost_state = 'priced'),
        CHECK ((charge_rate IS NULL) = (charge_currency IS NULL)),
        CHECK ((charge_rate IS NULL) = (exchange_rate IS NULL))
      )`,
      'CREATE INDEX ledger_storage_meters_due ON ledger_storage_meters (due_ms) WHERE open = 1',
      `CREATE TABLE ledger_storage_budgets (
        cache_id TEXT NOT NULL,
        owner_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        period TEXT NOT NULL CHECK (period IN ('day', 'month', 'total')),
        currency TEXT NOT NULL,
        allowance_nanos BIGINT NOT NULL,
        exchange_rate TEXT NOT NULL,
        exchange_rate_from TEXT,
        PRIMARY KEY (cache_id, owner_id, model_id, period, currency)
      )`,
    ],
  },
];
