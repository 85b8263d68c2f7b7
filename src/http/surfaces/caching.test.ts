import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { onEveryDatabase } from '../../../tests/doubles/databases.ts';
import { ManualClock } from '../../../tests/doubles/manual-clock.ts';
import type { Caller } from '../../access/caller.ts';
import { newId } from '../../base/id.ts';
import { openLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { Sealer } from '../../base/sealer.ts';
import { ContextCacheStore } from '../../threads/context-cache-store.ts';
import { threadsMigrations } from '../../threads/thread-tables.ts';
import { buildServer } from '../server.ts';
import { registerCaching } from './caching.ts';

const known = ['moonshot-v1-8k', 'moonshot-v1-128k', 'kimi-k2', 'reference'];
const messages = [{ role: 'system', content: 'You know everything.' }];
const good = { model: 'moonshot-v1', messages };
type Json = Record<string, unknown>;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let app: FastifyInstance;
  let caches: ContextCacheStore;
  let caller: Caller;
  let tenants = 0;
  let tokens: number;

  beforeAll(async () => {
    const database = await databases.open(threadsMigrations);
    caches = new ContextCacheStore({ database, sealer: new Sealer(Buffer.alloc(32), systemRandom), clock });
    app = buildServer({ bodyBytesMax: 100_000, stallMs: 30_000, clock, random: systemRandom, log: openLog('silent') });
    app.addHook('onRequest', (request, _reply, done) => {
      request.caller = caller;
      done();
    });
    registerCaching(app, {
      caches, clock, random: systemRandom,
      modelIdOf: (name) => known.find((id) => id === name),
      contextTokensOf: (modelId) => (modelId === 'reference' ? 0 : 1_000),
      estimatePrompt: () => Promise.resolve(tokens),
    });
    await app.ready();
  });
  afterAll(() => app.close());
  beforeEach(() => {
    tenants += 1;
    caller = { tenantId: `ten_${tenants}`, keyId: 'key_1', mode: 'live' };
    tokens = 12;
  });

  async function ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<{ status: number; body: Json; error: Json }> {
    const response = await app.inject({ method, url: `/v1/caching${path}`, ...(body === undefined ? {} : { payload: body }) });
    const parsed = response.json<Json>();
    return { status: response.statusCode, body: parsed, error: (parsed['error'] ?? {}) as Json };
  }
  const made = async (change: object = {}): Promise<string> => String((await ask('POST', '', { ...good, ...change })).body['id']);
  const ids = async (query: string): Promise<unknown[]> => ((await ask('GET', query)).body['data'] as Json[]).map(({ id }) => id);

  describe('/v1/caching', () => {
    it('makes a cache that can be used at once, and gives it back', async () => {
      const labels = { name: 'n', description: 'd', metadata: { biz_id: '7' }, tags: ['t'] };
      const { status, body } = await ask('POST', '', { ...good, ...labels, ttl: 60 });
      const nowS = Math.floor(clock.nowMs() / 1_000);
      expect(status).toBe(200);
      expect(body).toEqual({
        id: expect.stringMatching(/^cache-[0-9a-f]{32}$/) as string, status: 'ready', object: 'context-cache', created_at: nowS, expired_at: nowS + 60, ttl: 60,
        tokens: 12, model: 'moonshot-v1', messages, tools: [], ...labels,
      });
      expect(await ask('GET', `/${String(body['id'])}`)).toMatchObject({ status: 200, body });
    });

    it('holds contexts for any model that is served, sizes of one family being one', async () => {
      expect(await ask('POST', '', { ...good, model: 'moonshot-v1-8k' })).toMatchObject({ body: { model: 'moonshot-v1' } });
      expect(await ask('POST', '', { ...good, model: 'kimi-k2' })).toMatchObject({ body: { model: 'kimi-k2' } });
      for (const model of ['gpt-99', 'reference']) {
        expect(await ask('POST', '', { ...good, model })).toMatchObject({ status: 404, error: { type: 'resource_not_found_error', param: 'model' } });
      }
      tokens = 1_001;
      expect(await ask('POST', '', good)).toMatchObject({ status: 400, error: { type: 'invalid_request_error', param: 'messages' } });
    });

    it('ends by itself: what it held is gone, and that it was there is told for a day', async () => {
      const id = await made({ ttl: 60 });
      clock.advance(60_000);
      expect(await ask('GET', `/${id}`)).toMatchObject({ status: 200, body: { status: 'inactive', messages: null, tools: null } });
      expect(await ask('PUT', `/${id}`, { ttl: 60 })).toMatchObject({ status: 400, error: { message: expect.stringMatching(/has ended/) as string } });
    });

    it('lives on, and is labelled anew, when it is told to', async () => {
      const id = await made({ ttl: 60, name: 'n' });
      clock.advance(59_000);
      const expiredAt = Math.floor(clock.nowMs() / 1_000) + 120;
      expect(await ask('PUT', `/${id}`, { expired_at: expiredAt, metadata: { a: 'b' } })).toMatchObject({ status: 200, body: { name: 'n', metadata: { a: 'b' }, expired_at: expiredAt } });
      clock.advance(100_000);
      expect(await ask('GET', `/${id}`)).toMatchObject({ body: { status: 'ready', messages } });
    });

    it('is refused when its tenant holds enough already', async () => {
      const kept = vi.spyOn(caches, 'keptChars').mockResolvedValue(64 * 1024 * 1024);
      try {
        expect(await ask('POST', '', good)).toMatchObject({ status: 400, error: { param: 'messages', message: expect.stringMatching(/delete some/) as string } });
        expect(kept).toHaveBeenCalledWith({ tenantId: caller.tenantId, mode: 'live' });
      } finally {
        kept.mockRestore();
      }
      expect(await ask('POST', '', good)).toMatchObject({ status: 200 });
    });

    it('is deleted for good', async () => {
      const id = await made({ tags: ['t'] });
      expect(await ask('DELETE', `/${id}`)).toMatchObject({ status: 200, body: { deleted: true, id, object: 'context_cache_object.deleted' } });
      for (const [method, path] of [['GET', `/${id}`], ['DELETE', `/${id}`], ['GET', '/refs/tags/t']] as const) {
        expect(await ask(method, path)).toMatchObject({ status: 404, error: { type: 'resource_not_found_error', message: expect.stringMatching(/^Not found the cache/) as string } });
      }
    });

    it('lists page by page, in either order, and by what they are labelled with', async () => {
      const all: string[] = [];
      for (const odd of [0, 1, 0, 1, 0]) {
        all.push(await made({ metadata: { odd: String(odd), all: 'yes' } }));
        clock.advance(1);
      }
      expect(await ids('')).toEqual(all.toReversed());
      expect(await ids('?order=asc&limit=2')).toEqual(all.slice(0, 2));
      expect(await ids(`?limit=2&after=${all[3]}`)).toEqual([all[2], all[1]]);
      expect(await ids(`?order=asc&after=${all[0]}&before=${all[3]}`)).toEqual([all[1], all[2]]);
      expect(await ids('?limit=2&metadata[odd]=0&metadata[all]=yes')).toEqual([all[4], all[2]]);
      expect(await ids('?metadata[odd]=2')).toEqual([]);
      for (const query of ['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=me']) {
        expect(await ask('GET', `?${query}`)).toMatchObject({ status: 400, error: { param: query.split('=')[0] } });
      }
    });

    it('gives tags to caches, takes them away, and moves them', async () => {
      const [one, other] = [await made({ tags: ['t'] }), await made()];
      const tag = (id: string): Json => ({ tag: 't', cache_id: id, object: 'cache_object.tag', owned_by: caller.tenantId });
      expect(await ask('GET', '/refs/tags/t')).toMatchObject({ status: 200, body: tag(one) });
      expect(await ask('POST', '/refs/tags', { tag: 't', cache_id: other })).toMatchObject({ status: 200, body: tag(other) });
      expect(await ask('GET', '/refs/tags/t/content')).toMatchObject({ status: 200, body: { id: other, tags: ['t'] } });
      expect(await ask('DELETE', '/refs/tags/t')).toMatchObject({ status: 200, body: { deleted: true, tag: 't' } });
      expect(await ask('GET', '/refs/tags/t')).toMatchObject({ status: 404 });
      expect(await ask('POST', '/refs/tags', { tag: 't', cache_id: 'cache-no' })).toMatchObject({ status: 404, error: { param: 'cache_id' } });
    });

    it('shows and changes nothing of another tenant, the other mode, or a response', async () => {
      const own = caller;
      const mine = await made({ tags: ['t'] });
      const held = newId('cache', clock, systemRandom);
      await caches.create({ tenantId: own.tenantId, mode: 'live' }, {
        id: held, keyId: 'key_1', modelId: 'kimi-k2', tokens: 1, state: 'ready', createdMs: clock.nowMs(), expiresMs: clock.nowMs() + 1e6, upstreamId: 'ark', responseId: 'resp_1', labels: {}, tags: [], content: { messages: [] },
      });
      const denied = async (id: string): Promise<void> => {
        expect(await ask('GET', `/${id}`)).toMatchObject({ status: 404 });
        expect(await ask('PUT', `/${id}`, { ttl: 5 })).toMatchObject({ status: 404 });
        expect(await ask('DELETE', `/${id}`)).toMatchObject({ status: 404 });
        expect(await ask('POST', '/refs/tags', { tag: 't', cache_id: id })).toMatchObject({ status: 404 });
      };
      await denied(held.replace('_', '-'));
      expect(await ids('')).toEqual([mine]);
      for (const stranger of [{ tenantId: 'ten_other', keyId: 'key_2', mode: 'live' }, { ...own, mode: 'test' }] as const) {
        caller = stranger;
        await denied(mine);
        expect(await ask('GET', '/refs/tags/t')).toMatchObject({ status: 404 });
        expect(await ids('')).toEqual([]);
      }
      caller = own;
      expect(await ask('GET', `/${mine}`)).toMatchObject({ status: 200, body: { status: 'ready', tags: ['t'] } });
    });
  });
});
