import fc from 'fast-check';
import type { CompiledQuery } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { newId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import type { ContextCacheRow, NewContextCache } from './context-cache-row.ts';
import { billableUntilMs, type ContextCacheEnd, ContextCacheStore } from './context-cache-store.ts';
import type { ThreadScope } from './thread-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: ThreadScope = { tenantId: 'ten_1', mode: 'live' };
const strangers: readonly ThreadScope[] = [{ tenantId: 'ten_2', mode: 'live' }, { tenantId: 'ten_1', mode: 'test' }];
const lifeMs = 10_000;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let store: ContextCacheStore;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    store = new ContextCacheStore({ database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock });
  });

  function cache(change: Partial<NewContextCache> = {}): NewContextCache {
    return {
      id: newId('cache', systemClock, systemRandom), keyId: 'key_1', modelId: 'moonshot-v1', tokens: 300, state: 'ready',
      createdMs: clock.nowMs(), expiresMs: clock.nowMs() + lifeMs, upstreamId: 'ark', storage: { rate: '0.017', currency: 'CNY' },
      ttlS: lifeMs / 1_000, labels: { name: 'secret name', metadata: { a: '1' } }, tags: [],
      content: { messages: [{ role: 'system', content: 'secret prompt' }], tools: [{ name: 'secret tool' }] }, ...change,
    };
  }

  async function created(change: Partial<NewContextCache> = {}): Promise<NewContextCache> {
    const one = cache(change);
    await store.create(scope, one);
    return one;
  }

  const holds = async (guard: CompiledQuery): Promise<boolean> => (await database.commitIf([guard], [])).committed;
  const dueOf = async (id: string): Promise<ContextCacheRow | undefined> => (await store.due(clock.nowMs(), 1_000)).find((row) => row.id === id);

  /** What a biller does, once; resolves with the span that it booked. */
  async function bill(id: string): Promise<number> {
    const row = await dueOf(id);
    if (row === undefined) return 0;
    const toMs = billableUntilMs(row, clock.nowMs());
    return (await holds(store.claimBilled(row.id, row.billedUntilMs, toMs))) ? toMs - row.billedUntilMs : 0;
  }

  describe('ContextCacheStore', () => {
    it('gives back what was stored, and says nothing of it in the table', async () => {
      const full = await created({ tags: ['b', 'a', 'b'], responseId: 'resp_1', priceId: 'price_1' });
      const { storage: _, upstreamId: __, ttlS: ___, ...without } = cache();
      const bare = { ...without, labels: {}, content: { messages: [] } };
      await store.create(scope, bare);
      expect(await store.get(scope, full.id)).toEqual({ ...full, ...scope, tags: ['a', 'b'], billedUntilMs: full.createdMs });
      expect(await store.get(scope, bare.id)).toEqual({ ...bare, ...scope, billedUntilMs: bare.createdMs });
      expect(await store.ofResponse(scope, 'resp_1')).toMatchObject({ id: full.id });
      expect((await store.list(scope, { limit: 2 })).map((one) => one.id)).toEqual([bare.id, full.id]);
      expect((await store.list(scope, { limit: 1, before: bare.id })).map((one) => one.id)).toEqual([full.id]);
      const rows = await database.query(database.builder<ThreadTables>().selectFrom('context_caches').selectAll().compile());
      expect(rows).toHaveLength(2);
      expect(JSON.stringify(rows)).not.toContain('secret');
    });

    it('is not there for another tenant, nor for the other mode', async () => {
      const one = await created({ tags: ['mine'], responseId: 'resp_mine' });
      for (const stranger of strangers) {
        expect(await store.get(stranger, one.id)).toBeUndefined();
        expect(await store.byTag(stranger, 'mine')).toBeUndefined();
        expect(await store.ofResponse(stranger, 'resp_mine')).toBeUndefined();
        expect(await store.list(stranger, { limit: 5 })).toEqual([]);
        expect(await store.prolong(stranger, one.id, { expiresMs: clock.nowMs() + 1e9 })).toBe(false);
        expect(await store.end(stranger, one.id, clock.nowMs(), 'deleted')).toBe(false);
        await database.commit([store.endingOfResponse(stranger, 'resp_mine', clock.nowMs())]);
      }
      expect(await store.get(scope, one.id)).toMatchObject({ state: 'ready', expiresMs: one.expiresMs });
    });

    it('lets a tag refer to the last context that took it', async () => {
      const first = await created({ tags: ['law', 'old'] });
      const second = await created({ tags: ['law'] });
      expect(await store.byTag(scope, 'law')).toMatchObject({ id: second.id, tags: ['law'] });
      expect(await store.byTag(scope, 'old')).toMatchObject({ id: first.id, tags: ['old'] });
      expect(await store.byTag(scope, 'none')).toBeUndefined();
    });

    it('lives on when it is used, and not once it has expired', async () => {
      const one = await created();
      clock.advance(lifeMs - 1);
      expect(await store.prolong(scope, one.id, { expiresMs: clock.nowMs() + 500, ttlS: 5 })).toBe(true);
      expect(await store.get(scope, one.id)).toMatchObject({ state: 'ready', expiresMs: clock.nowMs() + 500, ttlS: 5 });
      clock.advance(500);
      expect(await store.prolong(scope, one.id, { expiresMs: clock.nowMs() + 500 })).toBe(false);
      const expired = await store.get(scope, one.id);
      expect(expired).toMatchObject({ state: 'expired' });
      expect(expired?.content).toBeUndefined();
    });

    it('forgets what it says when it ends, and ends once', async () => {
      const [deleted, broken, ofResponse] = [await created(), await created(), await created({ responseId: 'resp_9' })];
      expect(await store.end(scope, deleted.id, clock.nowMs(), 'deleted')).toBe(true);
      expect(await store.end(scope, deleted.id, clock.nowMs(), 'deleted')).toBe(false);
      expect(await store.get(scope, deleted.id)).toBeUndefined();
      await database.commit([store.endingOfResponse(scope, 'resp_9', clock.nowMs())]);
      expect(await store.get(scope, ofResponse.id)).toBeUndefined();
      await store.end(scope, broken.id, clock.nowMs() + 5, 'error');
      const { content: _, ...rest } = broken;
      expect(await store.get(scope, broken.id)).toEqual({ ...rest, ...scope, state: 'error', endedMs: clock.nowMs() + 5, billedUntilMs: broken.createdMs });
      const texts = database.builder<ThreadTables>().selectFrom('context_caches').select('content').where('id', 'in', [deleted.id, broken.id]);
      expect(await database.query(texts.compile())).toEqual([{ content: null }, { content: null }]);
    });

    it('is billed from when it is ready, and not at all if it costs nothing', async () => {
      const { storage: _, ...free } = cache();
      await store.create(scope, free);
      const pending = await created({ state: 'pending' });
      clock.advance(100);
      expect(await dueOf(pending.id)).toBeUndefined();
      expect(await store.ready(scope, pending.id, { tokens: 777, atMs: clock.nowMs() })).toBe(true);
      expect(await store.ready(scope, pending.id, { tokens: 1, atMs: clock.nowMs() })).toBe(false);
      clock.advance(100);
      expect(await dueOf(pending.id)).toMatchObject({ tokens: 777, billedUntilMs: clock.nowMs() - 100, storage: { rate: '0.017', currency: 'CNY' } });
      expect(await dueOf(free.id)).toBeUndefined();
    });

    it('lets one of many billers book a span', async () => {
      const one = await created();
      clock.advance(1_000);
      const spans = await Promise.all(Array.from({ length: 8 }, () => bill(one.id)));
      expect(spans.filter((span) => span > 0)).toEqual([1_000]);
      expect(await dueOf(one.id)).toBeUndefined();
    });

    it('refuses a span that goes beyond its end, whatever the biller saw before', async () => {
      const one = await created();
      clock.advance(1_000);
      await store.end(scope, one.id, clock.nowMs() - 400, 'deleted');
      expect(await holds(store.claimBilled(one.id, one.createdMs, clock.nowMs()))).toBe(false);
      expect(await holds(store.claimBilled(one.id, one.createdMs, clock.nowMs() - 400))).toBe(true);
      expect(await dueOf(one.id)).toBeUndefined();
    });

    it('does not end before what has been billed, nor after it expired', async () => {
      const [billed, expired] = [await created(), await created()];
      clock.advance(1_000);
      await bill(billed.id);
      await store.end(scope, billed.id, clock.nowMs() - 500, 'inactive');
      expect(await store.get(scope, billed.id)).toMatchObject({ endedMs: clock.nowMs(), billedUntilMs: clock.nowMs() });
      clock.advance(lifeMs);
      await store.end(scope, expired.id, clock.nowMs(), 'error');
      expect(await store.get(scope, expired.id)).toMatchObject({ endedMs: expired.expiresMs });
      expect(await bill(expired.id)).toBe(lifeMs);
    });

    it('is billed for exactly the time that it lived, whatever happens to it in whatever order', async () => {
      const step = fc.oneof(
        fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
        fc.record({ kind: fc.constant('bill' as const), billers: fc.integer({ min: 1, max: 3 }) }),
        fc.record({ kind: fc.constant('prolong' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
        fc.record({ kind: fc.constant('end' as const), state: fc.constantFrom<ContextCacheEnd>('deleted', 'inactive', 'error') }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const one = await created();
          let endMs = one.expiresMs;
          let ended = false;
          let billedMs = 0;
          for (const taken of steps) {
            const alive = !ended && clock.nowMs() < endMs;
            if (taken.kind === 'pass') clock.advance(taken.ms);
            else if (taken.kind === 'bill') {
              const spans = await Promise.all(Array.from({ length: taken.billers }, () => bill(one.id)));
              for (const span of spans) billedMs += span;
            } else if (taken.kind === 'prolong') {
              const expiresMs = clock.nowMs() + taken.ms;
              expect(await store.prolong(scope, one.id, { expiresMs })).toBe(alive);
              if (alive) endMs = expiresMs;
            } else {
              expect(await store.end(scope, one.id, clock.nowMs(), taken.state)).toBe(!ended);
              if (alive) endMs = clock.nowMs();
              ended = true;
            }
          }
          clock.advance(30_000);
          const last = await bill(one.id);
          expect(billedMs + last).toBe(endMs - one.createdMs);
        }),
        { numRuns: databases.kind === 'SQLite' ? 40 : 15 },
      );
    });

    if (databases.kind === 'SQLite') {
      it('finds what is to be billed by an index that holds nothing else', async () => {
        const seen: CompiledQuery[] = [];
        const watched = { ...partsOf(database), query: (statement: CompiledQuery<never>) => (seen.push(statement), Promise.resolve([])) };
        await new ContextCacheStore({ database: watched, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock }).due(5, 5);
        const [due] = seen;
        const explaining = { ...due, sql: `EXPLAIN QUERY PLAN ${due?.sql ?? ''}` } as CompiledQuery<{ detail: string }>;
        const steps = (await database.query(explaining)).map(({ detail }) => detail);
        expect(steps).toEqual(['SEARCH context_caches USING INDEX context_caches_unbilled (billed_until_ms<?)']);
      });
    }
  });
});

function partsOf(database: Database): Pick<Database, 'builder' | 'commit' | 'commitIf' | 'query'> {
  return {
    builder: () => database.builder(),
    commit: (statements) => database.commit(statements),
    commitIf: (guards, statements) => database.commitIf(guards, statements),
    query: (statement) => database.query(statement),
  };
}
