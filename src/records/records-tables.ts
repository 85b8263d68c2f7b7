import type { Migration } from '../storage/migration.ts';
import type { CostState, GenerationState } from './generation-record.ts';
import { reportMigrations } from './report-migrations.ts';
import { storageHoursMigrations, type StorageHoursTable } from './storage-hours-table.ts';
import type { FigureSource } from './upstream-figure.ts';

/** One row per generation; see `GenerationRecord`. Times are integer milliseconds, booleans 0/1. */
export interface GenerationsTable {
  id: string;
  tenant_id: string;
  key_id: string;
  mode: 'live' | 'test';
  surface: string;
  batch_id: string | null;
  requested_model: string;
  model_id: string;
  upstream_id: string | null;
  upstream_model: string | null;
  upstream_reply_id: string | null;
  streamed: number;
  state: GenerationState;
  finish_reason: string | null;
  fault_code: string | null;
  cancelled: number;
  attempts: number;
  /** Null, with all other token columns: nothing is known of the usage. */
  input_uncached_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  output_tokens: number | null;
  /** Null beside known output: the upstream does not say. */
  reasoning_tokens: number | null;
  usage_estimated: number | null;
  /** Part of `cache_write_tokens`. Null beside known usage: none. */
  cache_write_1h_tokens: number | null;
  /** Null beside known usage: none. */
  web_searches: number | null;
  cost_state: CostState;
  cost_nanos: bigint | null;
  currency: string | null;
  price_id: string | null;
  charge_nanos: bigint | null;
  charge_currency: string | null;
  charge_rule: string | null;
  exchange_rate: string | null;
  exchange_rate_from: string | null;
  loss_nanos: bigint | null;
  cache_saved_nanos: bigint | null;
  /** Words with a blank between them. */
  flags: string | null;
  started_ms: number;
  first_event_after_ms: number | null;
  duration_ms: number;
}

/**
 * Sums over the generations of one UTC day that have been pruned, by all that a report tells apart. No column of the key
 * is null, since two nulls are not the same: what a generation does not have is an empty text here.
 */
export interface UsageDaysTable {
  /** Days since 1 January 1970, UTC. */
  day: number;
  tenant_id: string;
  key_id: string;
  model_id: string;
  upstream_id: string;
  mode: 'live' | 'test';
  state: GenerationState;
  cost_state: CostState;
  currency: string;
  charge_currency: string;
  exchange_rate: string;
  generation_count: number;
  /** Generations whose usage is known. */
  measured_count: number;
  estimated_count: number;
  flagged_count: number;
  input_uncached_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_1h_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  web_searches: number;
  cost_nanos: bigint;
  charge_nanos: bigint;
  loss_nanos: bigint;
  cache_saved_nanos: bigint;
}

/** How far records have been pruned. One row, `generations`. */
export interface RecordsRetentionTable {
  name: 'generations';
  /** Generations that started before may be found in `usage_days` only. 0: nothing was ever pruned. */
  pruned_before_ms: number;
  /** Rises with each batch, so that of two replicas that chose the same batch only one prunes it. */
  fence: number;
}

/** What an upstream itself says of a UTC day; see `reconciliation.ts`. */
export interface UpstreamFiguresTable {
  upstream_id: string;
  /** Days since 1 January 1970, UTC. */
  day: number;
  currency: string;
  source: FigureSource;
  amount_nanos: bigint;
  /** What we have recorded as the cost of the same calls; null: the figure is of the whole day. */
  compared_nanos: bigint | null;
  compared_count: number | null;
  /** Of those calls, how many the upstream does not know. */
  missing_count: number | null;
  imported_ms: number;
}

/** What an account held at a moment. */
export interface BalanceSnapshotsTable {
  upstream_id: string;
  taken_ms: number;
  currency: string;
  balance_nanos: bigint;
}

/** How far a request that was sent with an `Idempotency-Key` has come; see `IdempotencyStore`. */
export type IdempotentState = 'open' | 'kept' | 'too-large' | 'cut';

/** One row per tenant, mode and `Idempotency-Key`, for as long as the key is remembered. */
export interface IdempotentRequestsTable {
  /** Of the generation that answers it: tells one claim from a later one on the same key. */
  generation_id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  idempotency_key: string;
  /** HMAC of path and body, hex. */
  fingerprint: string;
  state: IdempotentState;
  /** Of the process that answers it. */
  owner: string;
  /** While it is open: until when the owner is known to live. */
  lease_ms: number;
  /** Status, headers and body, sealed; null unless kept. */
  reply: string | null;
  created_ms: number;
  expires_ms: number;
}

export interface RecordsTables {
  generations: GenerationsTable;
  usage_days: UsageDaysTable;
  storage_hours: StorageHoursTable;
  records_retention: RecordsRetentionTable;
  upstream_figures: UpstreamFiguresTable;
  balance_snapshots: BalanceSnapshotsTable;
  idempotent_requests: IdempotentRequestsTable;
}

export const recordsMigrations: readonly Migration[] = [
  {
    name: 'records/0001-generations',
    statements: [
      `CREATE TABLE generations (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        surface TEXT NOT NULL,
        requested_model TEXT NOT NULL,
        model_id TEXT NOT NULL,
        upstream_id TEXT,
        upstream_model TEXT,
        upstream_reply_id TEXT,
        streamed INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('complete', 'partial', 'failed')),
        finish_reason TEXT,
        fault_code TEXT,
        cancelled INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        input_uncached_tokens BIGINT,
        cache_read_tokens BIGINT,
        cache_write_tokens BIGINT,
        output_tokens BIGINT,
        reasoning_tokens BIGINT,
        usage_estimated INTEGER,
        cost_state TEXT NOT NULL CHECK (cost_state IN ('priced', 'unpriced', 'free', 'none')),
        cost_nanos BIGINT,
        currency TEXT,
        price_id TEXT,
        started_ms BIGINT NOT NULL,
        first_event_after_ms DOUBLE PRECISION,
        duration_ms DOUBLE PRECISION NOT NULL,
        CHECK ((cost_nanos IS NULL) = (currency IS NULL))
      )`,
      'CREATE INDEX generations_by_reply ON generations (upstream_reply_id) WHERE upstream_reply_id IS NOT NULL',
      'CREATE INDEX generations_by_start ON generations (started_ms)',
    ],
  },
  {
    name: 'records/0002-idempotent-requests',
    statements: [
      `CREATE TABLE idempotent_requests (
        generation_id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        idempotency_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'kept', 'too-large', 'cut')),
        owner TEXT NOT NULL,
        lease_ms BIGINT NOT NULL,
        reply TEXT,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        UNIQUE (tenant_id, mode, idempotency_key),
        CHECK ((state = 'kept') = (reply IS NOT NULL))
      )`,
      'CREATE INDEX idempotent_requests_by_expiry ON idempotent_requests (expires_ms)',
      `CREATE INDEX idempotent_requests_open ON idempotent_requests (owner) WHERE state = 'open'`,
    ],
  },
  ...reportMigrations,
  ...storageHoursMigrations,
  { name: 'records/0007-batch-lines', statements: ['ALTER TABLE generations ADD COLUMN batch_id TEXT'] },
];
