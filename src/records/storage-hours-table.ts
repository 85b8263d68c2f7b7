import type { Migration } from '../storage/migration.ts';

export const hourMs = 3_600_000;

/**
 * What was kept in context caches in one UTC hour, by all that a report tells apart. As in `usage_days`, no column of the key is null:
 * what there is not is an empty text.
 */
export interface StorageHoursTable {
  /** Hours since 1 January 1970, UTC. */
  hour: number;
  tenant_id: string;
  key_id: string;
  model_id: string;
  upstream_id: string;
  cost_state: 'priced' | 'unpriced' | 'free';
  currency: string;
  charge_currency: string;
  exchange_rate: string;
  /** Tokens times the whole seconds that each was kept. */
  token_seconds: number;
  cost_nanos: bigint;
  charge_nanos: bigint;
  loss_nanos: bigint;
}

export const storageHoursMigrations: readonly Migration[] = [
  {
    name: 'records/0006-storage-hours',
    statements: [
      `CREATE TABLE storage_hours (
        hour BIGINT NOT NULL,
        tenant_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        upstream_id TEXT NOT NULL,
        cost_state TEXT NOT NULL CHECK (cost_state IN ('priced', 'unpriced', 'free')),
        currency TEXT NOT NULL,
        charge_currency TEXT NOT NULL,
        exchange_rate TEXT NOT NULL,
        token_seconds BIGINT NOT NULL,
        cost_nanos BIGINT NOT NULL,
        charge_nanos BIGINT NOT NULL,
        loss_nanos BIGINT NOT NULL,
        PRIMARY KEY (hour, tenant_id, key_id, model_id, upstream_id, cost_state, currency, charge_currency, exchange_rate)
      )`,
      'CREATE INDEX storage_hours_by_key ON storage_hours (key_id, hour)',
    ],
  },
];
