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
import type { NewContextCache } from './context-cache-row.ts';
import { type ContextCacheEnd, type ContextCachePlace, ContextCacheStore } from './context-cache-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const strangers: readonly TenantScope[] = [{ tenantId: 'ten_2', mode: 'live' }, { tenantId: 'ten_1', mode: 'test' }];
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
      createdMs: clock.nowMs(), expiresMs: clock.nowMs() + lifeMs, upstreamId: 'ark',
      ttlS: lifeMs / 1_000, labels: { name: 'secret name', metadata: { a: '1' } }, tags: [],
      content: { messages: [{ role: 'system', content: 'secret prompt' }], tools: [{ name: 'secret tool' }] }, ...change,
    };
  }

  async function created(change: Partial<NewContextCache> = {}, of: TenantScope = scope): Promise<NewContextCache> {
    const one = cache(change);
    await store.create(of, one);
    return one;
  }

  const holds = async (guard: CompiledQuery): Promise<boolean> => (await database.commitIf([guard], [])).committed;
  describe('ContextCacheStore', () => {
    it('gives back what was stored, and says nothing of it in the table', async () => {
      const full = await created({ tags: ['b', 'a', 'b'], responseId: 'resp_1' });
      const { upstreamId: _, ttlS: __, ...without } = cache();
      const bare = { ...without, labels: {}, content: { messages: [] } };
      await store.create(scope, bare);
      expect(await store.get(scope, full.id)).toEqual({ ...full, ...scope, tags: ['a', 'b'] });
      expect(await store.get(scope, bare.id)).toEqual({ ...bare, ...scope });
      expect(await store.ofResponse(scope, 'resp_1')).toMatchObject({ id: full.id });
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
        expect(await store.list(stranger, { limit: 5, order: 'desc' })).toEqual([]);
        expect(await store.keptChars(stranger)).toBe(0);
        expect(await store.relabel(stranger, one.id, {})).toBe(false);
        await store.untag(stranger, 'mine');
        expect(await store.prolong(stranger, one.id, { expiresMs: clock.nowMs() + 1e9 })).toBe(false);
        expect(await store.end(stranger, one.id, clock.nowMs(), 'deleted')).toBe(false);
        await database.commit([store.endingOfResponse(stranger, 'resp_mine', clock.nowMs())]);
      }
      expect(await store.get(scope, one.id)).toMatchObject({ state: 'ready', expiresMs: one.expiresMs, labels: one.labels, tags: ['mine'] });
    });

    it('lists those that were made for themselves, in either order and between any two', async () => {
      const own: TenantScope = { tenantId: 'ten_lister', mode: 'live' };
      const ids: string[] = [];
      for (let count = 0; count < 4; count += 1) {
        ids.push((await created({ id: newId('cache', clock, systemRandom) }, own)).id);
        clock.advance(1);
      }
      await created({ id: newId('cache', clock, systemRandom), responseId: 'resp_other' }, own);
      const listed = async (place: ContextCachePlace): Promise<readonly string[]> => (await store.list(own, place)).map((one) => one.id);
      expect(await listed({ limit: 9, order: 'desc' })).toEqual(ids.toReversed());
      expect(await listed({ limit: 2, order: 'asc' })).toEqual(ids.slice(0, 2));
      const [first = '', , third = '', last = ''] = ids;
      expect(await listed({ limit: 9, order: 'asc', after: first, before: last })).toEqual(ids.slice(1, 3));
      expect(await listed({ limit: 9, order: 'desc', after: third })).toEqual(ids.slice(0, 2).toReversed());
    });

    it('knows how much is kept, until it has expired', async () => {
      const own: TenantScope = { tenantId: 'ten_keeper', mode: 'live' };
      expect(await store.keptChars(own)).toBe(0);
      const one = await created({ content: { messages: [{ role: 'user', content: 'x'.repeat(1_000) }] } }, own);
      const chars = await store.keptChars(own);
      expect(chars).toBeGreaterThan(1_000);
      await created({}, own);
      expect(await store.keptChars(own)).toBeGreaterThan(chars);
      clock.advance(one.expiresMs - clock.nowMs());
      expect(await store.keptChars(own)).toBe(0);
    });

    it('takes other labels and tags while it lives', async () => {
      const [one, other] = [await created({ tags: ['t'] }), await created({ tags: [] })];
      expect(await store.relabel(scope, one.id, { name: 'new' })).toBe(true);
      await store.tag(scope, 't', other.id);
      expect(await store.get(scope, one.id)).toMatchObject({ labels: { name: 'new' }, tags: [] });
      expect(await store.byTag(scope, 't')).toMatchObject({ id: other.id });
      await store.untag(scope, 't');
      expect(await store.byTag(scope, 't')).toBeUndefined();
      clock.advance(one.expiresMs - clock.nowMs());
      expect(await store.relabel(scope, one.id, {})).toBe(false);
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
      expect(await store.get(scope, broken.id)).toEqual({ ...rest, ...scope, state: 'error', endedMs: clock.nowMs() + 5 });
      const texts = database.builder<ThreadTables>().selectFrom('context_caches').select('content').where('id', 'in', [deleted.id, broken.id]);
      expect(await database.query(texts.compile())).toEqual([{ content: null }, { content: null }]);
    });

    it('is ready once', async () => {
      const pending = await created({ state: 'pending' });
      expect(await holds(store.becomingReady(scope, pending.id, 777))).toBe(true);
      expect(await store.get(scope, pending.id)).toMatchObject({ state: 'ready', tokens: 777 });
      expect(await holds(store.becomingReady(scope, pending.id, 1))).toBe(false);
    });

    it('lives exactly until its end, whatever happens to it in whatever order', async () => {
      const step = fc.oneof(
        fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
        fc.record({ kind: fc.constant('prolong' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
        fc.record({ kind: fc.constant('end' as const), state: fc.constantFrom<ContextCacheEnd>('inactive', 'error') }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const one = await created();
          let endMs = one.expiresMs;
          let ended = false;
          for (const taken of steps) {
            const alive = !ended && clock.nowMs() < endMs;
            if (taken.kind === 'pass') clock.advance(taken.ms);
            else if (taken.kind === 'prolong') {
              const expiresMs = clock.nowMs() + taken.ms;
              expect(await store.prolong(scope, one.id, { expiresMs })).toBe(alive);
              if (alive) endMs = expiresMs;
            } else {
              expect(await store.end(scope, one.id, clock.nowMs(), taken.state)).toBe(!ended);
              if (alive) endMs = clock.nowMs();
              ended = true;
            }
          }
          expect(await store.get(scope, one.id)).toMatchObject(ended ? { endedMs: endMs } : { expiresMs: endMs });
        }),
        { numRuns: databases.kind === 'SQLite' ? 40 : 15 },
      );
    });
  });
});
