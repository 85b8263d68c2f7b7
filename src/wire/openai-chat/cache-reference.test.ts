import { describe, expect, it } from 'vitest';
import { cacheReferenceOf } from './cache-reference.ts';

const request = (content: unknown): unknown => ({ model: 'moonshot-v1-8k', messages: [{ role: 'cache', content }, { role: 'user', content: 'hi' }] });
const plain = { model: 'moonshot-v1-8k', messages: [{ role: 'user', content: 'hi' }] };

describe('cacheReferenceOf', () => {
  it.each<[string, object]>([
    ['cache_id=cache-1', { by: 'id', name: 'cache-1' }],
    ['cache_id=cache-1;reset_ttl=3600', { by: 'id', name: 'cache-1', resetTtlS: 3_600 }],
    ['reset_ttl=300;tag=my-tag;', { by: 'tag', name: 'my-tag', resetTtlS: 300 }],
    [' tag = my-tag ; dry_run=0', { by: 'tag', name: 'my-tag' }],
  ])('reads the first message %o', (content, expected) => {
    expect(cacheReferenceOf(request(content), {})).toEqual({ ...expected, place: 'message', field: 'messages.0.content', ttlField: 'messages.0.content' });
  });

  it('reads headers', () => {
    expect(cacheReferenceOf(plain, { 'x-msh-context-cache': 'cache-1', 'x-msh-context-cache-reset-ttl': '60', 'x-msh-context-cache-dryrun': '0' })).toEqual({
      by: 'id', name: 'cache-1', resetTtlS: 60, place: 'header', field: 'x-msh-context-cache', ttlField: 'x-msh-context-cache-reset-ttl',
    });
  });

  it.each<[string, unknown]>([
    ['a plain request', plain], ['no messages', {}], ['no list', { messages: 'x' }], ['an empty list', { messages: [] }], ['nothing', null],
    ['a cache message further on', { messages: [{ role: 'user', content: 'x' }, { role: 'cache', content: 'cache_id=cache-1' }] }],
  ])('finds none in %s', (_name, body) => {
    expect(cacheReferenceOf(body, { 'x-msh-context-cache-reset-ttl': '60' })).toBeUndefined();
  });

  it.each<[unknown]>([
    [undefined], [7], [''], ['cache-1'], ['cache_id='], ['cache_id=a;tag=b'], ['cache_id=a;cache_id=b'], ['cache_id=a;ttl=3'], ['reset_ttl=3'],
    ['cache_id=a;reset_ttl=-3'], ['cache_id=a;reset_ttl=soon'], ['cache_id=a;dry_run=1'], [[{ type: 'text', text: 'cache_id=a' }]],
  ])('refuses the message %o, naming the field', (content) => {
    expect(() => cacheReferenceOf(request(content), {})).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'messages.0.content' }));
  });

  it.each<[string, Record<string, string | string[]>]>([
    ['x-msh-context-cache', { 'x-msh-context-cache': '' }],
    ['x-msh-context-cache', { 'x-msh-context-cache': ['a', 'b'] }],
    ['x-msh-context-cache-reset-ttl', { 'x-msh-context-cache': 'a', 'x-msh-context-cache-reset-ttl': '1.5' }],
    ['x-msh-context-cache-dryrun', { 'x-msh-context-cache': 'a', 'x-msh-context-cache-dryrun': '1' }],
  ])('refuses a wrong header %s', (field, headers) => {
    expect(() => cacheReferenceOf(plain, headers)).toThrow(expect.objectContaining({ code: 'invalid_request', field }));
  });

  it('refuses two names for one request', () => {
    expect(() => cacheReferenceOf(request('cache_id=a'), { 'x-msh-context-cache': 'b' })).toThrow(/names a cache as well/);
  });
});
