import type { CompiledQuery, Kysely } from 'kysely';
import type { BatchId } from '../base/id.ts';
import type { PlannedAttempt } from '../gateway/handed-calls.ts';
import type { Database } from '../storage/database.ts';
import type { HandoversTable, HandoverTables } from './handover-tables.ts';

/** Where the lines of each model go, and at which price: decided once, as the price of a call is when it begins. By canonical id. */
export type HandoverTerms = ReadonlyMap<string, PlannedAttempt>;

/**
 * A batch in the hands of a vendor. `sending`: it may have got it. `sent`: it has. `returned`: no more will come of it, and what is held for
 * lines that were not made is given back. Times are Unix time.
 */
export interface Handover {
  readonly batchId: BatchId;
  readonly upstreamId: string;
  readonly phase: HandoversTable['phase'];
  readonly vendorBatchId: string | undefined;
  /** When its lines count as begun. */
  readonly startedMs: number;
  /** Until when the most that its lines can cost is held. */
  readonly heldUntilMs: number;
  /** Of the file for the vendor. */
  readonly bytes: number;
  /** How often the step that is due has failed. */
  readonly failures: number;
  readonly terms: HandoverTerms;
}

export type NewHandover = Omit<Handover, 'phase' | 'vendorBatchId' | 'failures'>;

/** The rows of batches that vendors have. */
export class HandoverStore {
  readonly #database: Pick<Database, 'query'>;
  readonly #builder: Kysely<HandoverTables>;

  constructor(database: Pick<Database, 'builder' | 'query'>) {
    this.#database = database;
    this.#builder = database.builder<HandoverTables>();
  }

  async get(batchId: BatchId): Promise<Handover | undefined> {
    const [row] = await this.#database.query(this.#builder.selectFrom('batch_handovers').selectAll().where('batch_id', '=', batchId).compile());
    if (row === undefined) return undefined;
    return {
      batchId, upstreamId: row.upstream_id, phase: row.phase, vendorBatchId: row.vendor_batch_id ?? undefined, startedMs: row.started_ms,
      heldUntilMs: row.held_until_ms, bytes: row.bytes, failures: row.failures, terms: new Map(JSON.parse(row.terms) as readonly [string, PlannedAttempt][]),
    };
  }

  /** The statement that adds one, which is to be sent. */
  insertion({ batchId, upstreamId, startedMs, heldUntilMs, bytes, terms }: NewHandover): CompiledQuery {
    return this.#builder
      .insertInto('batch_handovers')
      .values({
        batch_id: batchId, upstream_id: upstreamId, phase: 'sending', vendor_batch_id: null, started_ms: startedMs, held_until_ms: heldUntilMs,
        bytes, failures: 0, terms: JSON.stringify([...terms]),
      })
      .compile();
  }

  /** A statement: the vendor has it, under that id. */
  sending(batchId: BatchId, vendorBatchId: string): CompiledQuery {
    return this.#row(batchId).set({ phase: 'sent', vendor_batch_id: vendorBatchId, failures: 0 }).compile();
  }

  /** A statement: no more will come of it. */
  returning(batchId: BatchId): CompiledQuery {
    return this.#row(batchId).set({ phase: 'returned', failures: 0 }).compile();
  }

  /** A statement: how often the step that is due has failed. */
  failing(batchId: BatchId, failures: number): CompiledQuery {
    return this.#row(batchId).set({ failures }).compile();
  }

  /** The statement that forgets it. */
  removal(batchId: BatchId): CompiledQuery {
    return this.#builder.deleteFrom('batch_handovers').where('batch_id', '=', batchId).compile();
  }

  #row(batchId: BatchId) {
    return this.#builder.updateTable('batch_handovers').where('batch_id', '=', batchId);
  }
}
