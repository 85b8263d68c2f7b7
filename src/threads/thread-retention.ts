import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { pause } from '../base/pause.ts';
import type { Database } from '../storage/database.ts';
import { expiryGraceMs } from './expiry-grace.ts';
import type { ThreadTables } from './thread-tables.ts';

export interface ThreadRetentionParts {
  readonly database: Pick<Database, 'builder' | 'commit'>;
  readonly clock: Clock;
}

/** Rows that were removed, of all kinds. */
export interface SweptThreads {
  readonly responses: number;
  readonly eventBatches: number;
  readonly conversationItems: number;
  readonly conversations: number;
  readonly contextCaches: number;
}

/** Small enough for commits of calls, which wait for it, to wait a few milliseconds only. */
const batchRowsMax = 100;
/** Between two batches, so that the writer is left to the calls most of the time. */
const batchPauseMs = 20;
/** A stream that broke off near its end can be taken up again for so long. */
const eventsKeptMs = 3_600_000;
/** A context that has expired can still be asked about for so long; what it says is gone. */
const endedCachesKeptMs = 86_400_000;

/**
 * Removes threads whose time is over, and the events of responses that ended an hour ago. What is still in use has been prolonged by its
 * use. Replicas may sweep at the same time: each row is removed once.
 */
export class ThreadRetention {
  readonly #database: ThreadRetentionParts['database'];
  readonly #builder: Kysely<ThreadTables>;
  readonly #clock: Clock;

  constructor({ database, clock }: ThreadRetentionParts) {
    this.#database = database;
    this.#builder = database.builder<ThreadTables>();
    this.#clock = clock;
  }

  /** Removes whatever is over now, in batches, or until `signal` aborts. Throws `storage_unavailable`. */
  async sweep(signal: AbortSignal, batchRows: number = batchRowsMax): Promise<SweptThreads> {
    const nowMs = this.#clock.nowMs();
    // A turn may still be added after half of this, by the clock of another replica.
    const overMs = nowMs - 2 * expiryGraceMs;
    const drain = async (statement: CompiledQuery): Promise<number> => {
      let removed = 0;
      while (!signal.aborted) {
        const [changed = 0] = await this.#database.commit([statement]);
        removed += changed;
        if (changed < batchRows) break;
        await pause(this.#clock, batchPauseMs, signal);
      }
      return removed;
    };
    const eventBatches = await drain(this.#endedEvents(nowMs - eventsKeptMs, batchRows));
    await drain(this.#withoutEvents(nowMs - eventsKeptMs, batchRows));
    const responses = await drain(this.#expiredResponses(overMs, batchRows));
    const conversationItems = await drain(this.#expiredItems(overMs, batchRows));
    const conversations = await drain(this.#expiredConversations(overMs, batchRows));
    await drain(this.#expiringCaches(overMs, batchRows));
    const contextCaches = await drain(this.#endedCaches(nowMs, batchRows));
    return { responses, eventBatches, conversationItems, conversations, contextCaches };
  }

  #endedEvents(endedMs: number, limit: number): CompiledQuery {
    return sql`
      DELETE FROM response_events WHERE (response_id, first_sequence) IN (
        SELECT response_id, first_sequence FROM responses JOIN response_events ON response_id = id
        WHERE resumable = 1 AND ended_ms <= ${endedMs} LIMIT ${limit})`.compile(this.#builder);
  }

  /** So that the index holds only what there is to do. */
  #withoutEvents(endedMs: number, limit: number): CompiledQuery {
    return sql`
      UPDATE responses SET resumable = 0 WHERE resumable = 1 AND id IN (
        SELECT id FROM responses WHERE resumable = 1 AND ended_ms <= ${endedMs}
          AND NOT EXISTS (SELECT 1 FROM response_events WHERE response_id = id) LIMIT ${limit})`.compile(this.#builder);
  }

  /** The condition stands outside as well: on Postgres, a row that was prolonged in the meantime is looked at again by it. */
  #expiredResponses(expiresMs: number, limit: number): CompiledQuery {
    return sql`
      DELETE FROM responses WHERE expires_ms <= ${expiresMs} AND id IN (
        SELECT id FROM responses WHERE expires_ms <= ${expiresMs} ORDER BY expires_ms LIMIT ${limit})`.compile(this.#builder);
  }

  /** Nothing can be added to these conversations any more: the guard of a turn asks for a later expiry. */
  #expiredItems(expiresMs: number, limit: number): CompiledQuery {
    return sql`
      DELETE FROM conversation_items WHERE (conversation_id, sequence) IN (
        SELECT conversation_id, sequence FROM conversations JOIN conversation_items ON conversation_id = id
        WHERE expires_ms <= ${expiresMs} LIMIT ${limit})`.compile(this.#builder);
  }

  #expiredConversations(expiresMs: number, limit: number): CompiledQuery {
    return sql`
      DELETE FROM conversations WHERE expires_ms <= ${expiresMs} AND id IN (
        SELECT id FROM conversations WHERE expires_ms <= ${expiresMs}
          AND NOT EXISTS (SELECT 1 FROM conversation_items WHERE conversation_id = id) LIMIT ${limit})`.compile(this.#builder);
  }

  /** What they say goes; their meters in the ledger come to the same end by themselves. */
  #expiringCaches(expiresMs: number, limit: number): CompiledQuery {
    return sql`
      UPDATE context_caches SET state = 'expired', ended_ms = expires_ms, content = NULL
      WHERE ended_ms IS NULL AND expires_ms <= ${expiresMs} AND id IN (
        SELECT id FROM context_caches WHERE ended_ms IS NULL AND expires_ms <= ${expiresMs} LIMIT ${limit})`.compile(this.#builder);
  }

  #endedCaches(nowMs: number, limit: number): CompiledQuery {
    return sql`
      DELETE FROM context_caches WHERE id IN (
        SELECT id FROM context_caches
        WHERE ended_ms IS NOT NULL AND (ended_ms <= ${nowMs - endedCachesKeptMs} OR state = 'deleted') LIMIT ${limit})`.compile(this.#builder);
  }
}
