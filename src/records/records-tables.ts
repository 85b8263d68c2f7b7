import type { Migration } from '../storage/migration.ts';
import type { CostState, GenerationState } from './generation-record.ts';

/** One row per generation; see `GenerationRecord`. Times are integer milliseconds, booleans 0/1. */
export interface GenerationsTable {
  id: string;
  tenant_id: string;
  key_id: string;
  mode: 'live' | 'test';
  surface: string;
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
  cost_state: CostState;
  cost_nanos: bigint | null;
  currency: string | null;
  price_id: string | null;
  started_ms: number;
  first_event_after_ms: number | null;
  duration_ms: number;
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
      // What a key has spent since a moment, from the index alone.
      `CREATE INDEX generations_charged_by_key ON generations (key_id, started_ms, currency, cost_nanos) WHERE cost_state = 'priced'`,
    ],
  },
];
