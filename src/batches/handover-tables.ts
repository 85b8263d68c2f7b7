import type { Migration } from '../storage/migration.ts';

/**
 * One row per batch that a vendor has, or is about to have, until all that comes of it is kept; see `Handover`. Times are integer
 * milliseconds.
 */
export interface HandoversTable {
  batch_id: string;
  upstream_id: string;
  phase: 'sending' | 'sent' | 'returned';
  /** The vendor's own id; null: it is not known to have one. */
  vendor_batch_id: string | null;
  started_ms: number;
  held_until_ms: number;
  /** Of the file for the vendor. */
  bytes: number;
  /** How often the step that is due has failed. */
  failures: number;
  /** JSON: by model, where its lines go and at which price. */
  terms: string;
}

export interface HandoverTables {
  batch_handovers: HandoversTable;
}

export const handoverMigrations: readonly Migration[] = [
  {
    name: 'batches/0002-handovers',
    statements: [
      `CREATE TABLE batch_handovers (
        batch_id TEXT NOT NULL PRIMARY KEY,
        upstream_id TEXT NOT NULL,
        phase TEXT NOT NULL CHECK (phase IN ('sending', 'sent', 'returned')),
        vendor_batch_id TEXT,
        started_ms BIGINT NOT NULL,
        held_until_ms BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        failures BIGINT NOT NULL,
        terms TEXT NOT NULL
      )`,
    ],
  },
];
