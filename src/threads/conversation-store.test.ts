import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { type ConversationId, newId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import type { ConversationItem } from './conversation-appending.ts';
import { ConversationStore } from './conversation-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const strangers: readonly TenantScope[] = [{ tenantId: 'ten_2', mode: 'live' }, { tenantId: 'ten_1', mode: 'test' }];
const item = (id: string): ConversationItem => ({ id, item: { id, type: 'message', text: `says ${id}` } });
const asc = { limit: 100, order: 'asc' } as const;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let store: ConversationStore;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    store = new ConversationStore({ database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock });
  });

  async function created(items: readonly ConversationItem[] = [], expiresMs = clock.nowMs() + 10_000): Promise<ConversationId> {
    const id = newId('conv', systemClock, systemRandom);
    await store.create(scope, { id, createdMs: clock.nowMs(), expiresMs, metadata: { topic: 'secret topic' } }, items);
    return id;
  }

  const idsOf = async (id: string): Promise<readonly string[]> => {
    const page = await store.list(scope, id, asc);
    if (typeof page === 'string') throw new Error(page);
    return page.items.map((one) => one.id);
  };

  describe('ConversationStore', () => {
    it('keeps a conversation and its items, and says nothing of them in the table', async () => {
      const id = await created([item('a'), item('b')]);
      expect(await store.get(scope, id)).toEqual({ id, createdMs: clock.nowMs(), expiresMs: clock.nowMs() + 10_000, metadata: { topic: 'secret topic' } });
      expect(await store.list(scope, id, asc)).toEqual({ items: [item('a'), item('b')], hasMore: false });
      expect(await store.item(scope, id, 'b')).toEqual(item('b'));
      const builder = database.builder<ThreadTables>();
      const rows = await database.query(builder.selectFrom('conversations').innerJoin('conversation_items', 'conversation_id', 'id').selectAll().where('id', '=', id).compile());
      expect(rows).toHaveLength(2);
      expect(JSON.stringify(rows)).not.toMatch(/secret|says/);
    });

    it('is not there for another tenant, nor for the other mode', async () => {
      const id = await created([item('a')]);
      for (const stranger of strangers) {
        expect(await store.get(stranger, id)).toBeUndefined();
        expect(await store.list(stranger, id, asc)).toBe('no-conversation');
        expect(await store.item(stranger, id, 'a')).toBeUndefined();
        expect(await store.setMetadata(stranger, id, {})).toBe(false);
        expect(await store.deleteItem(stranger, id, 'a')).toBe(false);
        expect(await store.appendTurn(stranger, { conversationId: id, items: [item('x')], expiresMs: 9e12 })).toBe(false);
        expect(await store.delete(stranger, id)).toBe(false);
      }
      expect(await store.list(scope, id, asc)).toEqual({ items: [item('a')], hasMore: false });
    });

    it('lists in pages, both ways', async () => {
      const id = await created(['a', 'b', 'c', 'd', 'e'].map(item));
      const page = (order: 'asc' | 'desc', after?: string) => store.list(scope, id, { limit: 2, order, ...(after === undefined ? {} : { after }) });
      expect(await page('asc')).toEqual({ items: [item('a'), item('b')], hasMore: true });
      expect(await page('asc', 'b')).toEqual({ items: [item('c'), item('d')], hasMore: true });
      expect(await page('asc', 'd')).toEqual({ items: [item('e')], hasMore: false });
      expect(await page('asc', 'e')).toEqual({ items: [], hasMore: false });
      expect(await page('desc')).toEqual({ items: [item('e'), item('d')], hasMore: true });
      expect(await page('desc', 'c')).toEqual({ items: [item('b'), item('a')], hasMore: false });
      expect(await page('asc', 'nobody')).toBe('no-item');
    });

    it('gives back the whole of a conversation, if it is not too much', async () => {
      const id = await created(['a', 'b', 'c'].map(item));
      const limits = { itemsMax: 3, charsMax: 1_000 };
      expect(await store.whole(scope, id)).toEqual({ found: true, items: ['a', 'b', 'c'].map(item) });
      expect(await store.whole(scope, id, limits)).toMatchObject({ found: true });
      expect(await store.whole(scope, id, { ...limits, itemsMax: 2 })).toEqual({ found: false, why: 'too-long' });
      expect(await store.whole(scope, id, { ...limits, charsMax: 100 })).toEqual({ found: false, why: 'too-long' });
      expect(await store.whole(scope, await created())).toEqual({ found: true, items: [] });
      for (const stranger of strangers) expect(await store.whole(stranger, id)).toEqual({ found: false, why: 'missing' });
    });

    it('keeps turns whole and in one order for all, when they are added at the same time', async () => {
      const id = await created();
      const turns = Array.from({ length: 20 }, (_, turn) => [0, 1, 2].map((index) => item(`${turn}.${index}`)));
      expect(await Promise.all(turns.map((items) => store.appendTurn(scope, { conversationId: id, items, expiresMs: 0 })))).not.toContain(false);
      const ids = await idsOf(id);
      expect(ids).toHaveLength(60);
      for (let at = 0; at < 60; at += 3) {
        const turn = ids[at]?.split('.')[0] ?? '';
        expect(ids.slice(at, at + 3)).toEqual([`${turn}.0`, `${turn}.1`, `${turn}.2`]);
      }
    });

    it('takes an item that is sent again for the one that is there', async () => {
      const id = await created([item('a'), item('b')]);
      expect(await store.appendTurn(scope, { conversationId: id, items: [{ id: 'a', item: { other: true } }, item('c')], expiresMs: 0 })).toBe(true);
      expect(await store.list(scope, id, asc)).toEqual({ items: [item('a'), item('b'), item('c')], hasMore: false });
    });

    it('finds an item again by whatever id its caller chose, if it is not too long', async () => {
      const chosen = ['a b', 'nul \0', '\ud800', '漢'.repeat(256)];
      const id = await created(chosen.map(item));
      expect(await store.list(scope, id, asc)).toMatchObject({ items: chosen.map((name) => ({ item: item(name).item })) });
      for (const name of chosen) expect(await store.item(scope, id, name)).toMatchObject({ item: item(name).item });
      for (const name of ['', 'x'.repeat(257)]) {
        await expect(store.appendTurn(scope, { conversationId: id, items: [item(name)], expiresMs: 0 })).rejects.toMatchObject({ code: 'invalid_request', field: 'id' });
      }
    });

    it('replaces metadata, deletes items, and is gone as a whole when it is deleted', async () => {
      const id = await created([item('a'), item('b')]);
      expect(await store.setMetadata(scope, id, { topic: 'another' })).toBe(true);
      expect(await store.get(scope, id)).toMatchObject({ metadata: { topic: 'another' } });
      expect(await store.deleteItem(scope, id, 'a')).toBe(true);
      expect(await store.deleteItem(scope, id, 'a')).toBe(false);
      expect(await idsOf(id)).toEqual(['b']);
      expect(await store.delete(scope, id)).toBe(true);
      expect(await store.delete(scope, id)).toBe(false);
      expect(await store.get(scope, id)).toBeUndefined();
      expect(await store.item(scope, id, 'b')).toBeUndefined();
      expect(await store.appendTurn(scope, { conversationId: id, items: [item('c')], expiresMs: 9e12 })).toBe(false);
    });

    it('lives on with each turn, and takes one that began before it expired', async () => {
      const id = await created([], clock.nowMs() + 1_000);
      const turn = { conversationId: id, items: [], expiresMs: clock.nowMs() + 500 };
      await store.appendTurn(scope, turn);
      expect(await store.get(scope, id)).toMatchObject({ expiresMs: clock.nowMs() + 1_000 });
      clock.advance(1_000);
      expect(await store.get(scope, id)).toBeUndefined();
      expect(await store.appendTurn(scope, { ...turn, expiresMs: clock.nowMs() + 9_000 })).toBe(true);
      expect(await store.get(scope, id)).toMatchObject({ expiresMs: clock.nowMs() + 9_000 });
    });
  });
});
