import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { chunk, completion, jsonReply, ScriptedUpstream, streamReply } from './doubles/scripted-upstream.ts';

type Json = Record<string, unknown>;

const held = [{ role: 'system', content: 'The rules of the house are these. '.repeat(60) }, { role: 'user', content: 'Remember: blue.' }, { role: 'assistant', content: 'Blue.' }];
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
const question = { role: 'user', content: 'Which colour?' };
const model = 'kimi-k2.6';

let moonshot: ScriptedUpstream;
let server: RunningServer;

beforeAll(async () => {
  moonshot = await ScriptedUpstream.start();
  server = await startServer({ environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl } });
});
afterAll(async () => {
  await server.stop();
  await moonshot[Symbol.asyncDispose]();
});
beforeEach(() => {
  moonshot.requests.length = 0;
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method, headers: { authorization: `Bearer ${server.liveKey}`, 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text.startsWith('{') ? (JSON.parse(text) as Json) : {} };
}

const chat = (body: Json, headers?: Record<string, string>): Promise<Answer> => call('POST', '/v1/chat/completions', { model, ...body }, headers);
const made = async (change: Json = {}, headers?: Record<string, string>): Promise<string> => String((await call('POST', '/v1/caching', { model, messages: held, tools, ...change }, headers)).body['id']);
const sent = (index: number): Json => JSON.parse(moonshot.requests[index]?.body ?? '{}') as Json;
const counted = (cached: number): Json => ({ usage: { prompt_tokens: 900, completion_tokens: 4, total_tokens: 904, cached_tokens: cached } });
const told = ({ headers }: Answer): Json => Object.fromEntries([...headers].filter(([name]) => name.startsWith('msh-')));

describe('a cache of Moonshot\'s older API', () => {
  it('is put before the request that names it, and its saving is what the upstream says', async () => {
    const id = await made({ ttl: 600 });
    moonshot.script(jsonReply(completion('Blue.', counted(0))), jsonReply(completion('Blue.', counted(768))));
    const messages = [{ role: 'cache', content: `cache_id=${id};reset_ttl=900` }, question];
    const first = await chat({ messages });
    expect(first).toMatchObject({ status: 200, body: { usage: { prompt_tokens: 900, cached_tokens: 0 } } });
    expect(told(first)).toMatchObject({ 'msh-context-cache-id': id, 'msh-context-cache-token-ttl': '900', 'msh-context-cache-token-saved': '0' });
    expect(sent(0)).toMatchObject({ messages: [...held, question], tools, prompt_cache_key: id });
    const second = await chat({ messages });
    expect(told(second)).toMatchObject({ 'msh-context-cache-token-saved': '768' });
    expect(sent(1)).toEqual(sent(0));
    expect((await call('GET', `/v1/caching/${id}`)).body).toMatchObject({ status: 'ready', ttl: 900 });
  });

  it('is used in streams, which tell of their saving in the usage only', async () => {
    const id = await made({ tags: ['stream'] });
    moonshot.script(streamReply(chunk({ role: 'assistant', content: '' }), chunk({ content: 'Blue.' }), chunk({}, 'stop', counted(768))));
    const answer = await chat({ messages: [{ role: 'cache', content: 'tag=stream' }, question], stream: true, stream_options: { include_usage: true } });
    expect(answer.text).toMatch(/"cached_tokens":768/);
    expect(told(answer)).toMatchObject({ 'msh-context-cache-id': id });
    expect(told(answer)).not.toHaveProperty('msh-context-cache-token-saved');
    expect(sent(0)).toMatchObject({ messages: [...held, question], prompt_cache_key: id });
  });

  it('is named by headers beside messages that begin with it, which are sent as they stand', async () => {
    const id = await made({ ttl: 600 });
    moonshot.script(jsonReply(completion('Blue.', counted(0))), jsonReply(completion('Red.', counted(0))));
    const headers = { 'x-msh-context-cache': id, 'x-msh-context-cache-reset-ttl': '900' };
    expect(told(await chat({ messages: [...held, question], tools }, headers))).toMatchObject({ 'msh-context-cache-id': id, 'msh-context-cache-token-ttl': '900' });
    expect(sent(0)).toMatchObject({ messages: [...held, question], prompt_cache_key: id });
    expect(told(await chat({ messages: [question], tools }, headers))).toEqual({});
    expect(sent(1)).toMatchObject({ messages: [question] });
    expect(sent(1)).not.toHaveProperty('prompt_cache_key');
  });

  it('comes back with what it was told when a request is sent again under its key', async () => {
    const id = await made();
    moonshot.script(jsonReply(completion('Blue.', counted(768))));
    const again = (): Promise<Answer> => chat({ messages: [{ role: 'cache', content: `cache_id=${id}` }, question] }, { 'idempotency-key': 'one' });
    const first = await again();
    const second = await again();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.text).toBe(first.text);
    expect(told(second)).toMatchObject({ 'msh-context-cache-id': id, 'msh-context-cache-token-saved': '768' });
    expect(moonshot.requests).toHaveLength(1);
  });

  it('is nobody else\'s: not another tenant\'s, nor the other mode\'s', async () => {
    const id = await made({ tags: ['mine'] });
    const admin = { authorization: `Bearer ${server.adminToken}` };
    await call('POST', '/admin/v1/tenants', { name: 'stranger' }, admin);
    const { body } = await call('POST', '/admin/v1/keys', { tenant: 'stranger' }, admin);
    for (const key of [String(body['secret']), server.testKey]) {
      const as = { authorization: `Bearer ${key}` };
      expect(await call('GET', `/v1/caching/${id}`, undefined, as)).toMatchObject({ status: 404, body: { error: { type: 'resource_not_found_error' } } });
      expect((await call('GET', '/v1/caching', undefined, as)).body).toEqual({ object: 'list', data: [] });
      for (const content of [`cache_id=${id}`, 'tag=mine']) {
        expect(await chat({ messages: [{ role: 'cache', content }, question] }, as)).toMatchObject({ status: 404, body: { error: { param: 'messages.0.content' } } });
      }
      expect(await chat({ messages: [question] }, { ...as, 'x-msh-context-cache': id })).toMatchObject({ status: 404, body: { error: { param: 'x-msh-context-cache' } } });
    }
    expect(moonshot.requests).toHaveLength(0);
  });

  it('is known under /v1 only', async () => {
    const id = await made();
    for (const base of ['/api/v1', '/api/v3']) {
      expect((await call('GET', `${base}/caching/${id}`)).status).toBe(404);
      expect((await call('POST', `${base}/chat/completions`, { model, messages: [{ role: 'cache', content: `cache_id=${id}` }, question] })).status).toBe(400);
    }
  });

  it('is refused in the vendor\'s words where it cannot be used', async () => {
    const id = await made();
    const first = { role: 'cache', content: `cache_id=${id}` };
    for (const [body, status, param] of [
      [{ messages: [question, first] }, 400, 'messages.1.role'],
      [{ messages: [{ role: 'cache', content: 'which?' }, question] }, 400, 'messages.0.content'],
      [{ messages: [{ role: 'cache', content: `cache_id=${id};dry_run=1` }, question] }, 400, 'messages.0.content'],
      [{ messages: [first, { role: 'user' }] }, 400, 'messages.1.content'],
      [{ messages: [first, question], model: 'kimi-k2' }, 400, 'model'],
      [{ messages: [{ role: 'cache', content: 'cache_id=cache-0' }, question] }, 404, 'messages.0.content'],
    ] as const) {
      expect(await chat({ ...body })).toMatchObject({ status, body: { error: { message: expect.any(String) as string, param } } });
    }
    await call('DELETE', `/v1/caching/${id}`);
    expect((await chat({ messages: [first, question] })).status).toBe(404);
  });
});

describe('the openai SDK', () => {
  it('names a cache as its first message, and the sandbox finds it in its own cache', async () => {
    const client = new OpenAI({ apiKey: server.testKey, baseURL: `${server.url}/v1`, maxRetries: 0, defaultHeaders: { 'x-moongate-sandbox': 'ttft-ms=0; tokens-per-second=0' } });
    const cache = await client.post<Json>('/caching', { body: { model: 'moonshot-v1', messages: held, ttl: 300 } });
    const cached = { role: 'cache', content: `cache_id=${String(cache['id'])};reset_ttl=300` } as unknown;
    const ask = async (content: string): Promise<{ data: OpenAI.ChatCompletion; response: Response }> =>
      client.chat.completions.create({ model: 'moonshot-v1-8k', stream: false, messages: [cached as OpenAI.ChatCompletionMessageParam, { role: 'user', content }] }).withResponse();
    await ask('Which colour?');
    const { data, response } = await ask('Which house?');
    expect(data.choices[0]?.message.content).toBeTruthy();
    expect(data.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(0);
    expect(response.headers.get('msh-context-cache-token-saved')).toBe(String(data.usage?.prompt_tokens_details?.cached_tokens));
  });
});
