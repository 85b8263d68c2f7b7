import { sql } from 'kysely';
import type { Migration } from '../storage/migration.ts';
import type { BatchStatus } from './batch.ts';
import { handoverMigrations, type HandoverTables } from './handover-tables.ts';

/** One row per batch; see `Batch`. Times are integer milliseconds. */
export interface BatchesTable {
  id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  key_id: string;
  status: BatchStatus;
  endpoint: string;
  input_file_id: string;
  output_file_id: string | null;
  error_file_id: string | null;
  completion_window: string;
  created_ms: number;
  expires_ms: number;
  in_progress_ms: number | null;
  finalizing_ms: number | null;
  cancelling_ms: number | null;
  ended_ms: number | null;
  total_lines: number | null;
  model: string | null;
  lanes_open: number;
  output_kept_s: number | null;
  sandbox_script: string | null;
  /** JSON, once it has ended. */
  tally: string | null;
  /** Sealed. */
  metadata: string | null;
  /** Sealed: they may quote the file. */
  problems: string | null;
}

/** Until a batch has ended: where its chunks are; see `Chunk`. */
export interface BatchChunksTable {
  batch_id: string;
  number: number;
  first_line: number;
  line_count: number;
  start_byte: number;
  end_byte: number;
}

/** Until a batch has ended: what has come of its lines. The sealed text stands last, so that a count does not read it. */
export interface BatchOutcomesTable {
  batch_id: string;
  line: number;
  kind: 'output' | 'error';
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  /** Null: nothing was charged. */
  charge_nanos: bigint | null;
  charge_currency: string | null;
  /** Sealed: the line of the output or error file. */
  content: string;
}

export interface BatchTables extends HandoverTables {
  batches: BatchesTable;
  batch_chunks: BatchChunksTable;
  batch_outcomes: BatchOutcomesTable;
}

export const batchesMigrations: readonly Migration[] = [
  {
    name: 'batches/0001-batches',
    statements: [
      `CREATE TABLE batches (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        key_id TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
        endpoint TEXT NOT NULL,
        input_file_id TEXT NOT NULL,
        output_file_id TEXT,
        error_file_id TEXT,
        completion_window TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        in_progress_ms BIGINT,
        finalizing_ms BIGINT,
        cancelling_ms BIGINT,
        ended_ms BIGINT,
        total_lines BIGINT,
        model TEXT,
        lanes_open BIGINT NOT NULL,
        output_kept_s BIGINT,
        sandbox_script TEXT,
        tally TEXT,
        metadata TEXT,
        problems TEXT
      )`,
      'CREATE INDEX batches_by_tenant ON batches (tenant_id, mode, id)',
      `CREATE TABLE batch_chunks (
        batch_id TEXT NOT NULL,
        number BIGINT NOT NULL,
        first_line BIGINT NOT NULL,
        line_count BIGINT NOT NULL,
        start_byte BIGINT NOT NULL,
        end_byte BIGINT NOT NULL,
        PRIMARY KEY (batch_id, number)
      )`,
      `CREATE TABLE batch_outcomes (
        batch_id TEXT NOT NULL,
        line BIGINT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('output', 'error')),
        input_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        output_tokens BIGINT NOT NULL,
        reasoning_tokens BIGINT NOT NULL,
        charge_nanos BIGINT,
        charge_currency TEXT,
        content TEXT NOT NULL,
        PRIMARY KEY (batch_id, line)
      )`,
      // All that a tally reads, so that it reads no content.
      `CREATE INDEX batch_outcomes_tally ON batch_outcomes (
        batch_id, kind, line, charge_currency, charge_nanos, input_tokens, cached_tokens, output_tokens, reasoning_tokens
      )`,
    ],
  },
  ...handoverMigrations,
  {
    name: 'batches/0003-open-inputs',
    statements: ['CREATE INDEX batches_open_inputs ON batches (input_file_id) WHERE ended_ms IS NULL'],
  },
];

/** A condition on a row of `files`: a batch that has not ended reads it. */
export const isInputOfOpenBatch = sql<boolean>`EXISTS (
  SELECT 1 FROM batches WHERE batches.input_file_id = files.id AND batches.tenant_id = files.tenant_id AND batches.mode = files.mode AND batches.ended_ms IS NULL
)`;
