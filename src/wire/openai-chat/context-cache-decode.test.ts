import { describe, expect, it } from 'vitest';
import { decodeContextCache, decodeContextCacheChange, decodeContextCacheTag } from './context-cache-decode.ts';

const nowMs = 1_790_000_000_500;
const nowS = 1_790_000_000;
const weekS = 7 * 86_400;
const messages = [{ role: 'system', content: 'You know everything.' }];
const tools = [{ type: 'function', function: { name: 'run', parameters: { type: 'object' } } }];
const good = { model: 'moonshot-v1', messages };

describe('decodeContextCache', () => {
  it('keeps messages and tools as they were sent, and all labels', () => {
    const labels = { name: 'n', description: 'd', metadata: { biz_id: '1' } };
    const wish = decodeContextCache({ ...good, tools, ...labels, tags: ['a', 'b.1'], ttl: 60 }, nowMs);
    expect(wish).toMatchObject({ content: { messages, tools }, labels, tags: ['a', 'b.1'], life: { expiresMs: nowMs + 60_000, ttlS: 60 } });
    expect(wish.request).toMatchObject({ model: 'moonshot-v1', messages: [{ role: 'system' }], tools: [{ kind: 'function', name: 'run' }] });
  });

  it('lives for an hour unless told otherwise', () => {
    for (const life of [{}, { ttl: 0 }, { expired_at: 0 }, { ttl: null }]) {
      expect(decodeContextCache({ ...good, tools: null, ...life }, nowMs).life).toEqual({ expiresMs: nowMs + 3_600_000, ttlS: 3_600 });
    }
    for (const life of [{ expired_at: nowS + 10 }, { expiredAt: nowS + 10 }]) {
      expect(decodeContextCache({ ...good, ...life }, nowMs).life).toEqual({ expiresMs: (nowS + 10) * 1_000, ttlS: 10 });
    }
    expect(decodeContextCache({ ...good, ttl: weekS }, nowMs).life.ttlS).toBe(weekS);
  });

  const call = { role: 'assistant', tool_calls: [{ id: 'run:0', type: 'function', function: { name: 'run', arguments: '{}' } }] };
  it.each<[string, object]>([
    ['model', { model: undefined }],
    ['messages', { messages: [] }],
    ['messages', { messages: undefined }],
    ['messages.0.role', { messages: [{ role: 'cache', content: 'cache_id=cache-1' }] }],
    ['messages.0', { messages: [call] }],
    ['messages.0.tool_call_id', { messages: [{ role: 'tool', tool_call_id: 'x', content: '' }] }],
    ['messages.1.partial', { messages: [...messages, { role: 'assistant', content: 'And', partial: true }] }],
    ['tools.1', { tools: [...tools, ...tools] }],
    ['ttl', { ttl: weekS + 1 }],
    ['ttl', { ttl: 1.5 }],
    ['ttl', { ttl: 60, expired_at: nowS + 60 }],
    ['expired_at', { expired_at: nowS }],
    ['expired_at', { expired_at: nowS + weekS + 1 }],
    ['name', { name: 'x'.repeat(257) }],
    ['description', { description: 'x'.repeat(513) }],
    ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) }],
    ['metadata.k', { metadata: { k: 7 } }],
    ['tags.1', { tags: ['fine', '1st'] }],
  ])('refuses a wrong %s', (field, wrong) => {
    expect(() => decodeContextCache({ ...good, ...wrong }, nowMs)).toThrow(expect.objectContaining({ code: 'invalid_request', field }));
  });

  it.each([[null], ['text'], [[]]])('refuses the body %o', (body) => {
    expect(() => decodeContextCache(body, nowMs)).toThrow(/^Invalid request: /);
  });
});

describe('decodeContextCacheChange', () => {
  it('changes what is named only', () => {
    expect(decodeContextCacheChange({}, nowMs)).toEqual({});
    expect(decodeContextCacheChange({ metadata: { a: 'b' }, ttl: 5 }, nowMs)).toEqual({ metadata: { a: 'b' }, life: { expiresMs: nowMs + 5_000, ttlS: 5 } });
    expect(() => decodeContextCacheChange({ expired_at: nowS - 1 }, nowMs)).toThrow(expect.objectContaining({ field: 'expired_at' }));
  });
});

describe('decodeContextCacheTag', () => {
  it('wants a tag of Moonshot\'s form and an id', () => {
    expect(decodeContextCacheTag({ tag: 'my-tag', cache_id: 'cache-1' })).toEqual({ tag: 'my-tag', cacheId: 'cache-1' });
    expect(() => decodeContextCacheTag({ tag: 'a;b', cache_id: 'cache-1' })).toThrow(expect.objectContaining({ field: 'tag' }));
    expect(() => decodeContextCacheTag({ tag: 'a' })).toThrow(expect.objectContaining({ field: 'cache_id' }));
  });
});
