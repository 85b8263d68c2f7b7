import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { ResponseId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { ThreadStoreParts } from './response-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { ThreadSeal } from './thread-seal.ts';
import type { ThreadTables } from './thread-tables.ts';

/** An event of a response's stream. */
export interface ResponseEvent {
  readonly sequenceNumber: number;
  readonly event: JsonObject;
}

/**
 * The events of background responses, so that their streams can be taken up again, by any replica. They are kept while the response is
 * under way and for an hour after its end (OpenAI: about ten minutes), or until it expires or is deleted, if that is sooner.
 */
export class ResponseEventStore {
  readonly #database: ThreadStoreParts['database'];
  readonly #builder: Kysely<ThreadTables>;
  readonly #seal: ThreadSeal;

  constructor({ database, sealer }: Pick<ThreadStoreParts, 'database' | 'sealer'>) {
    this.#database = database;
    this.#builder = database.builder<ThreadTables>();
    this.#seal = new ThreadSeal(sealer);
  }

  /** Keeps a batch; durable when it resolves. False: there is no such response (any more), or it is not one whose events are kept. */
  async append(scope: TenantScope, id: ResponseId, events: readonly ResponseEvent[]): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.appending(scope, id, events)], []);
    return committed;
  }

  /**
   * A guard: what `append` commits, to share a commit with others. `events` are in their order, and at least one; their numbers go on
   * from those before: one that is there already makes the commit throw a `StatementError` (unique).
   */
  appending(scope: TenantScope, id: ResponseId, events: readonly ResponseEvent[]): CompiledQuery {
    const [first, last] = [events[0], events.at(-1)];
    if (first === undefined || last === undefined) throw new RangeError('a batch has at least one event');
    const sealed = this.#seal.seal(events.map(({ sequenceNumber, event }) => ({ sequenceNumber, event })), 'response-events', scope, `${id} ${first.sequenceNumber}`);
    return sql`
      INSERT INTO response_events (response_id, first_sequence, last_sequence, events)
      SELECT id, ${first.sequenceNumber}, ${last.sequenceNumber}, ${sealed} FROM responses
      WHERE id = ${id} AND tenant_id = ${scope.tenantId} AND mode = ${scope.mode} AND resumable = 1`.compile(this.#builder);
  }

  /** The events whose numbers are greater than `startingAfter`, in order: those of at most `batchesMax` batches. Empty when there are none (any more). */
  async read(scope: TenantScope, id: string, startingAfter: number, batchesMax = 100): Promise<readonly ResponseEvent[]> {
    const rows = await this.#database.query(
      this.#builder
        .selectFrom('response_events')
        .innerJoin('responses', 'responses.id', 'response_events.response_id')
        .select(['first_sequence', 'events'])
        .where('response_id', '=', id)
        .where('tenant_id', '=', scope.tenantId)
        .where('mode', '=', scope.mode)
        // Where the batch begins that holds that number, so that none before it is looked at.
        .where('first_sequence', '>=', sql<number>`COALESCE((SELECT MAX(first_sequence) FROM response_events WHERE response_id = ${id} AND first_sequence <= ${startingAfter}), 0)`)
        .where('last_sequence', '>', startingAfter)
        .orderBy('first_sequence')
        .limit(batchesMax)
        .compile(),
    );
    return rows
      .flatMap((row) => this.#seal.list(row.events, 'response-events', scope, `${id} ${row.first_sequence}`).map(toEvent))
      .filter(({ sequenceNumber }) => sequenceNumber > startingAfter);
  }

  /** All events that are kept, in order. */
  async all(scope: TenantScope, id: string): Promise<readonly ResponseEvent[]> {
    const events: ResponseEvent[] = [];
    for (;;) {
      const page = await this.read(scope, id, events.at(-1)?.sequenceNumber ?? -1);
      if (page.length === 0) return events;
      for (const event of page) events.push(event);
    }
  }

  /** The number of the last event that is kept: where whoever takes the response over goes on. Undefined: none is. */
  async lastSequence(scope: TenantScope, id: string): Promise<number | undefined> {
    const [row] = await this.#database.query(
      this.#builder
        .selectFrom('response_events')
        .innerJoin('responses', 'responses.id', 'response_events.response_id')
        .select('last_sequence')
        .where('response_id', '=', id)
        .where('tenant_id', '=', scope.tenantId)
        .where('mode', '=', scope.mode)
        .orderBy('first_sequence', 'desc')
        .limit(1)
        .compile(),
    );
    return row?.last_sequence;
  }
}

function toEvent({ sequenceNumber, event }: JsonObject): ResponseEvent {
  return { sequenceNumber: sequenceNumber as number, event: event as JsonObject };
}
