import { accessMigrations } from './access/access-tables.ts';
import { batchesMigrations } from './batches/batch-tables.ts';
import { catalogMigrations } from './catalog/exchange-rate-tables.ts';
import { documentsMigrations } from './documents/document-tables.ts';
import { jobsMigrations } from './jobs/job-tables.ts';
import { ledgerMigrations } from './ledger/ledger-tables.ts';
import { recordsMigrations } from './records/records-tables.ts';
import { upstreamHistoryMigrations } from './routing/upstream-history.ts';
import type { Migration } from './storage/migration.ts';
import { threadsMigrations } from './threads/thread-tables.ts';

/** Those of every room. */
export const houseMigrations: readonly Migration[] = [
  ...accessMigrations, ...recordsMigrations, ...upstreamHistoryMigrations, ...catalogMigrations, ...ledgerMigrations, ...threadsMigrations, ...jobsMigrations,
  ...batchesMigrations,
  ...documentsMigrations,
];
