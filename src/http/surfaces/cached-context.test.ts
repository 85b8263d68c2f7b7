import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../tests/doubles/manual-clock.ts';
import type { ContextCacheId } from '../../base/id.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { StoredContextCache } from '../../threads/context-cache-row.ts';
import type { ProlongedLife } from '../../threads/context-cache-store.ts';
import { cacheReferenceOf } from '../../wire/openai-chat/cache-reference.ts';
import type { ReplyWriter } from '../reply-writer.ts';
import { type CachedChatRequest, cachedChatRequest, cacheTelling } from './cached-context.ts';

const scope = { tenantId: 'ten_1', mode: 'live' } as const;
const clock = new ManualClock(1_790_000_000_000);
const id: ContextCacheId = 'cache_1';
const held = [{ role: 'system', content: 'You know everything.' }, { role: 'user', content: 'Remember: blue.' }];
const tool = (name: string): JsonObject => ({ type: 'function', function: { name } });
const question = { role: 'user', content: 'Which colour?' };

let cache: StoredContextCache;
let prolonged: ProlongedLife[];
const caches = {
  get: (_scope: unknown, wanted: string) => Promise.resolve(wanted === id ? cache : undefined),
  byTag: (_scope: unknown, tag: string) => Promise.resolve(tag === 't' ? cache : undefined),
  prolong(_scope: unknown, _id: string, life: ProlongedLife) {
    prolonged.push(life);
    return Promise.resolve(true);
  },
};

beforeEach(() => {
  prolonged = [];
  cache = {
    id, ...scope, keyId: 'key_1', modelId: 'moonshot-v1', tokens: 9, state: 'ready', createdMs: clock.nowMs(), expiresMs: clock.nowMs() + 60_000,
    labels: {}, tags: ['t'], content: { messages: held, tools: [tool('run')] },
  };
});

function opened(body: JsonObject, headers: Record<string, string> = {}): Promise<CachedChatRequest> {
  const reference = cacheReferenceOf(body, headers);
  if (reference === undefined) throw new Error('names no cache');
  return cachedChatRequest({ caches, clock, modelIdOf: (name) => name }, scope, body, reference);
}
const byMessage = (content: string, more: JsonObject = {}): JsonObject => ({ model: 'moonshot-v1-8k', messages: [{ role: 'cache', content }, question], ...more });
const byHeader = (more: JsonObject = {}): Promise<CachedChatRequest> =>
  opened({ model: 'moonshot-v1-8k', messages: [...held, question], tools: [tool('run')], ...more }, { 'x-msh-context-cache': 'cache-1', 'x-msh-context-cache-reset-ttl': '90' });

describe('a request whose first message names a cache', () => {
  it('is put together: held messages and tools, then its own', async () => {
    const { decoded, headers } = await opened(byMessage('cache_id=cache-1', { tools: [tool('more')], tool_choice: { type: 'function', function: { name: 'run' } } }));
    expect(decoded.request).toMatchObject({ messages: [...held, question], tools: [{ name: 'run' }, { name: 'more' }], cacheKey: 'cache-1', toolChoice: { name: 'run' } });
    expect(headers).toEqual({ 'msh-context-cache-id': 'cache-1', 'msh-context-cache-token-ttl': '60', 'msh-context-cache-token-exp': '1790000060' });
    expect(prolonged).toEqual([]);
  });

  it('may say nothing itself, names it by a tag, and keeps a key of its own', async () => {
    const { decoded } = await opened({ model: 'moonshot-v1-8k', messages: [{ role: 'cache', content: 'tag=t' }], prompt_cache_key: 'mine' });
    expect(decoded.request).toMatchObject({ messages: held, cacheKey: 'mine' });
  });

  it('lets the cache live on, from now', async () => {
    const { headers } = await opened(byMessage('cache_id=cache-1;reset_ttl=300'));
    expect(prolonged).toEqual([{ expiresMs: clock.nowMs() + 300_000, ttlS: 300 }]);
    expect(headers).toMatchObject({ 'msh-context-cache-token-ttl': '300' });
  });

  it.each<[string, JsonObject, string]>([
    ['messages.1.content', { messages: [{ role: 'cache', content: 'tag=t' }, { role: 'user', content: 5 }] }, 'messages.1.content: '],
    ['messages.2.role', { messages: [{ role: 'cache', content: 'tag=t' }, question, { role: 'cache', content: 'tag=t' }] }, 'can only be the first one'],
    ['tools.0.function.name', { tools: [tool('bad name')] }, 'tools.0.function.name: '],
    ['tools.1', { tools: [tool('more'), tool('run')] }, 'run is duplicated'],
    ['tools', { tools: 'none' }, 'tools: '],
    ['model', { model: 'kimi-k2' }, 'the cache cache-1 is for moonshot-v1, and the request for kimi-k2'],
    ['messages.0.content', { messages: [{ role: 'cache', content: 'tag=t;reset_ttl=0' }, question] }, 'seconds'],
  ])('is refused for a wrong %s of its own, and nothing is prolonged', async (field, wrong, words) => {
    await expect(opened(byMessage('cache_id=cache-1;reset_ttl=9', wrong))).rejects.toMatchObject({ code: 'invalid_request', field, message: expect.stringContaining(words) as string });
    expect(prolonged).toEqual([]);
  });

  it('is told of its cache message when a held one declares the same tool', async () => {
    cache = { ...cache, content: { messages: [{ role: 'system', tools: [tool('run')] }] } };
    await expect(opened(byMessage('tag=t', { tools: [tool('run')] }))).rejects.toMatchObject({ field: 'messages.0' });
  });

  it('is refused when the cache has ended, or there is none', async () => {
    cache = { ...cache, state: 'expired' };
    await expect(opened(byMessage('tag=t'))).rejects.toMatchObject({ code: 'invalid_request', field: 'messages.0.content', message: expect.stringMatching(/has ended \(expired\); create it again/) as string });
    for (const name of ['cache_id=cache-2', 'cache_id=cache_1', 'tag=u']) {
      await expect(opened(byMessage(name))).rejects.toMatchObject({ code: 'not_found', field: 'messages.0.content' });
    }
    cache = { ...cache, state: 'ready', responseId: 'resp_1' };
    await expect(opened(byMessage('tag=t'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a request whose headers name a cache', () => {
  it('says all itself, and is marked with the cache that it begins with', async () => {
    const { decoded, headers } = await byHeader();
    expect(decoded.request).toMatchObject({ messages: [...held, question], tools: [{ name: 'run' }], cacheKey: 'cache-1' });
    expect(headers).toMatchObject({ 'msh-context-cache-id': 'cache-1', 'msh-context-cache-token-ttl': '90' });
    expect(prolonged).toHaveLength(1);
  });

  it.each<[string, JsonObject]>([
    ['other messages', { messages: [held[0] ?? question, question] }],
    ['other tools', { tools: [tool('more')] }],
    ['a model of another family', { model: 'kimi-k2' }],
  ])('goes its own way with %s', async (_name, other) => {
    const { decoded, headers } = await byHeader(other);
    expect(headers).toBeUndefined();
    expect(decoded.request.cacheKey).toBeUndefined();
    expect(prolonged).toEqual([]);
  });

  it('goes its own way when the cache has ended, but not when there is none', async () => {
    cache = { ...cache, state: 'inactive' };
    expect((await byHeader()).headers).toBeUndefined();
    await expect(opened({ model: 'm', messages: [question] }, { 'x-msh-context-cache': 'cache-2' })).rejects.toMatchObject({ code: 'not_found', field: 'x-msh-context-cache' });
  });
});

describe('cacheTelling', () => {
  const plain: ReplyWriter = { encode: () => '', finish: () => '', fail: () => '', whole: () => ({ id: 'r' }) };
  const usage: Usage = { inputUncached: 2, cacheRead: 7, cacheWrite: 0, output: 1, estimated: false };
  const reply = { id: 'r', model: 'm', createdS: 1, choices: [] };

  it('tells with a whole reply how much its upstream read from a cache, and says nothing where that is not known', async () => {
    for (const [counted, saved] of [[usage, '7'], [{ ...usage, cacheRead: 0 }, '0'], [{ ...usage, estimated: true }, undefined]] as const) {
      const writer = cacheTelling(plain, { 'msh-context-cache-id': 'cache-1' });
      expect(writer.headers).toEqual({ 'msh-context-cache-id': 'cache-1' });
      expect(await writer.whole({ usage: counted, reply: { ...reply, usage: counted } })).toEqual({ id: 'r' });
      expect(writer.headers?.['msh-context-cache-token-saved']).toBe(saved);
    }
  });
});
