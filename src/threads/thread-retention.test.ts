import type { CompiledQuery } from 'kysely';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { type ConversationId, newId, type ResponseId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import { ContextCacheStore } from './context-cache-store.ts';
import { ConversationStore } from './conversation-store.ts';
import { ResponseEventStore } from './response-event-store.ts';
import { ResponseStore } from './response-store.ts';
import { ThreadRetention } from './thread-retention.ts';
import type { StoredResponse } from './stored-response.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const hourMs = 3_600_000;
const forever = new AbortController().signal;

onEveryDatabase((databases) => {
  let nowMs = 1_790_000_000_000;
  /** Pauses end at once: what is tested here is not their length. */
  const clock: Clock = { ...systemClock, nowMs: () => nowMs, after: (_delayMs, task) => systemClock.after(0, task) };
  let database: Database;
  let responses: ResponseStore;
  let events: ResponseEventStore;
  let conversations: ConversationStore;
  let caches: ContextCacheStore;
  let retention: ThreadRetention;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    const parts = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock };
    responses = new ResponseStore(parts);
    events = new ResponseEventStore(parts);
    conversations = new ConversationStore(parts);
    caches = new ContextCacheStore(parts);
    retention = new ThreadRetention(parts);
  });

  const tables = ['responses', 'conversation_items', 'conversations', 'context_caches'] as const;
  beforeEach(async () => {
    const builder = database.builder<ThreadTables>();
    await database.commit(tables.map((table) => builder.deleteFrom(table).compile()));
  });

  const count = async (table: keyof ThreadTables): Promise<number> =>
    (await database.query(database.builder<ThreadTables>().selectFrom(table).select((column) => column.fn.countAll<number>().as('count')).compile()))[0]?.count ?? -1;

  async function response(change: Partial<StoredResponse> = {}): Promise<ResponseId> {
    const id = newId('resp', systemClock, systemRandom);
    await responses.save(scope, {
      id, keyId: 'key_1', modelId: 'k2', generationId: 'gen_1', createdMs: nowMs, expiresMs: nowMs + 30 * 24 * hourMs, status: 'completed',
      background: false, body: {}, input: [], output: [], ...change,
    });
    return id;
  }

  async function conversation(itemCount: number, expiresMs: number): Promise<ConversationId> {
    const id = newId('conv', systemClock, systemRandom);
    const items = Array.from({ length: itemCount }, (_, index) => ({ id: `msg_${index}`, item: {} }));
    await conversations.create(scope, { id, createdMs: nowMs, expiresMs, metadata: {} }, items);
    return id;
  }

  describe('ThreadRetention', () => {
    it('removes responses some time after they expired, in batches, with their events, and no others', async () => {
      for (let index = 0; index < 7; index += 1) await events.append(scope, await response({ background: true, expiresMs: nowMs + 1_000 }), [{ sequenceNumber: 0, event: {} }]);
      const kept = await response({ expiresMs: nowMs + 1_001 });
      nowMs += 1_000 + 2 * hourMs - 1;
      expect(await retention.sweep(forever, 3)).toMatchObject({ responses: 0 });
      nowMs += 1;
      expect(await retention.sweep(forever, 3)).toMatchObject({ responses: 7 });
      expect(await count('response_events')).toBe(0);
      // Expired, but a turn that began before may still go on from it.
      expect(await responses.get(scope, kept)).toBeUndefined();
      await response({ previousId: kept });
      expect(await responses.get(scope, kept)).toMatchObject({ id: kept });
      nowMs += hourMs;
      expect(await retention.sweep(forever)).toMatchObject({ responses: 0 });
    });

    it('removes the events of a response an hour after its end, and not the response', async () => {
      const [ended, open] = [await response({ background: true }), await response({ background: true })];
      for (const id of [ended, open]) {
        await events.append(scope, id, [{ sequenceNumber: 0, event: {} }]);
        await events.append(scope, id, [{ sequenceNumber: 1, event: {} }, { sequenceNumber: 2, event: {} }]);
      }
      await responses.update(scope, ended, { status: 'completed', endedMs: nowMs });
      nowMs += hourMs - 1;
      expect(await retention.sweep(forever, 1)).toMatchObject({ eventBatches: 0 });
      expect(await events.read(scope, ended, 0)).toHaveLength(2);
      nowMs += 1;
      expect(await retention.sweep(forever, 1)).toMatchObject({ eventBatches: 2, responses: 0 });
      expect(await events.read(scope, ended, -1)).toEqual([]);
      expect(await events.read(scope, open, -1)).toHaveLength(3);
      expect(await responses.get(scope, ended)).toMatchObject({ status: 'completed' });
      const left = database.builder<ThreadTables>().selectFrom('responses').select('id').where('resumable', '=', 1);
      expect(await database.query(left.compile())).toEqual([{ id: open }]);
    });

    it('removes deleted conversations at once, expired ones some time later, item by item in batches', async () => {
      const deleted = await conversation(8, nowMs + 1e9);
      await conversation(5, nowMs);
      const living = await conversation(2, nowMs + 3 * hourMs);
      await conversations.delete(scope, deleted);
      expect(await retention.sweep(forever, 3)).toMatchObject({ conversationItems: 8, conversations: 1 });
      nowMs += 2 * hourMs;
      expect(await retention.sweep(forever, 3)).toMatchObject({ conversationItems: 5, conversations: 1 });
      expect(await conversations.list(scope, living, { limit: 5, order: 'asc' })).toMatchObject({ items: [{ id: 'msg_0' }, { id: 'msg_1' }] });
    });

    it('removes held contexts: deleted ones at once, others after a day', async () => {
      const createdMs = nowMs;
      const held = async (id: `cache_${string}`, tag: string): Promise<void> =>
        caches.create(scope, {
          id, keyId: 'key_1', modelId: 'k2', tokens: 300, state: 'ready', createdMs, expiresMs: createdMs + 1_000,
          labels: {}, tags: [tag], content: { messages: [{ content: 'x' }] },
        });
      await held('cache_deleted', 'a');
      await held('cache_expired', 'b');
      nowMs += 500;
      await caches.end(scope, 'cache_deleted', nowMs, 'deleted');
      expect(await retention.sweep(forever)).toMatchObject({ contextCaches: 1 });
      nowMs = createdMs + 24 * hourMs;
      expect(await retention.sweep(forever)).toMatchObject({ contextCaches: 0 });
      const content = database.builder<ThreadTables>().selectFrom('context_caches').select(['id', 'content', 'state', 'ended_ms']);
      expect(await database.query(content.compile())).toEqual([{ id: 'cache_expired', content: null, state: 'expired', ended_ms: createdMs + 1_000 }]);
      nowMs = createdMs + 25 * hourMs;
      expect(await retention.sweep(forever)).toMatchObject({ contextCaches: 1 });
      expect(await count('context_cache_tags')).toBe(0);
    });

    it('removes each row once when replicas sweep at the same time', async () => {
      for (let index = 0; index < 30; index += 1) await response({ expiresMs: nowMs });
      await conversation(30, nowMs);
      nowMs += 2 * hourMs;
      const swept = await Promise.all([1, 2, 3].map(() => retention.sweep(forever, 4)));
      const sum = (of: (one: (typeof swept)[number]) => number): number => swept.reduce((total, one) => total + of(one), 0);
      expect([sum((one) => one.responses), sum((one) => one.conversationItems), sum((one) => one.conversations)]).toEqual([30, 30, 1]);
      // One that met only what others were removing has left the rest to them.
      for (const table of tables) expect(await count(table)).toBe(0);
    });

    it('stops between two batches when it is told to', async () => {
      for (let index = 0; index < 10; index += 1) await response({ expiresMs: nowMs });
      nowMs += 2 * hourMs;
      const enough = new AbortController();
      const stopping = new ThreadRetention({
        clock,
        database: {
          builder: () => database.builder(),
          async commit(statements) {
            const changes = await database.commit(statements);
            if ((changes[0] ?? 0) > 0) enough.abort();
            return changes;
          },
        },
      });
      expect(await stopping.sweep(enough.signal, 4)).toMatchObject({ responses: 4, conversations: 0 });
      expect(await count('responses')).toBe(6);
    });

    if (databases.kind === 'SQLite') {
      it('finds what is over by indexes, however much there is', async () => {
        const seen: CompiledQuery[] = [];
        const watched = { builder: () => database.builder<never>(), commit: (statements: readonly CompiledQuery[]) => (seen.push(...statements), Promise.resolve([0])) };
        await new ThreadRetention({ clock, database: watched as Pick<Database, 'builder' | 'commit'> }).sweep(forever);
        expect(seen).toHaveLength(7);
        for (const statement of seen) {
          const explaining = { ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` } as CompiledQuery<{ detail: string }>;
          const steps = (await database.query(explaining)).map(({ detail }) => detail).join('\n');
          expect(steps).not.toContain('SCAN');
        }
      });
    }
  });
});
