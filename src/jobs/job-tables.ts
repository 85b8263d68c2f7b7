import type { Migration } from '../storage/migration.ts';

/** One row per job that has not ended; see `JobStore`. Times are integer milliseconds. */
export interface JobsTable {
  id: string;
  kind: string;
  tenant_id: string;
  /** Sealed by who enqueued it. */
  payload: string;
  /** Nobody takes it before; while it is taken: until when the owner counts as alive. */
  available_ms: number;
  /** Null: nobody has it. */
  owner: string | null;
  /** Rises with each claim: what an owner before this one still writes is refused. */
  token: number;
  /** How often it was taken. */
  attempts: number;
  created_ms: number;
}

export interface JobTables {
  jobs: JobsTable;
}

export const jobsMigrations: readonly Migration[] = [
  {
    name: 'jobs/0001-jobs',
    statements: [
      `CREATE TABLE jobs (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        tenant_id TEXT NOT NULL,
        payload TEXT NOT NULL,
        available_ms BIGINT NOT NULL,
        owner TEXT,
        token BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        created_ms BIGINT NOT NULL
      )`,
      'CREATE INDEX jobs_by_availability ON jobs (kind, available_ms)',
      'CREATE INDEX jobs_by_tenant ON jobs (kind, tenant_id)',
    ],
  },
];
