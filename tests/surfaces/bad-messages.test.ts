import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { type Answered, ask, type Asked, askLarge, strangersKey } from './asking.ts';

let server: RunningServer;
const secretPrompt = 'canary-4b1d-prompt';
beforeAll(async () => {
  server = await startServer({ environment: { MOONGATE_LOG_LEVEL: 'debug' } });
});
afterAll(async () => {
  await server.stop();
});

const instant = { 'x-moongate-sandbox': 'ttft-ms=0; tokens-per-second=0' };
const user = { role: 'user', content: secretPrompt };
const good = { model: 'kimi-k2-thinking', max_tokens: 500, messages: [user] };
const use = { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} };
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'r' };
const tools = [{ name: 'f', input_schema: { type: 'object', properties: {} } }];

function send(body: unknown, asked: Asked = {}, path = '/v1/messages'): Promise<Answered> {
  return ask(server, path, body, { ...asked, headers: { ...instant, ...asked.headers } });
}

/** Anthropic's form of every error. */
function expectError({ status, body, headers }: Pick<Answered, 'status' | 'body'> & { headers?: Headers }, expected: number, type: string, message: RegExp): void {
  expect([status, body]).toEqual([expected, { type: 'error', error: { type, message: expect.stringMatching(message) }, request_id: expect.stringMatching(/./) }]);
  if (headers !== undefined) expect(headers.get('request-id')).toBe(body['request_id']);
  expect(JSON.stringify(body)).not.toContain(secretPrompt);
}

function turn(...content: readonly unknown[]): unknown {
  return { role: 'assistant', content };
}

describe('bad Messages requests get Anthropic\'s own answer, naming the field', () => {
  it.each<[string, unknown, RegExp]>([
    ['no model', { ...good, model: undefined }, /^model: Field required$/],
    ['a model that is no string', { ...good, model: 7 }, /^model: Input should be a valid string$/],
    ['no limit', { ...good, max_tokens: undefined }, /^max_tokens: Field required$/],
    ['a limit of nothing', { ...good, max_tokens: 0 }, /^max_tokens: Input should be greater than or equal to 1$/],
    ['a limit that is a text', { ...good, max_tokens: '9' }, /^max_tokens: Input should be a valid integer/],
    ['no messages', { ...good, messages: undefined }, /^messages: Field required$/],
    ['empty messages', { ...good, messages: [] }, /^messages: at least one message is required$/],
    ['messages of the wrong type', { ...good, messages: 'hi' }, /^messages: Input should be a valid list$/],
    ['an unknown role', { ...good, messages: [{ role: 'tool', content: 'x' }] }, /^messages\.0\.role: Input should be 'user', 'assistant'/],
    ['a number as content', { ...good, messages: [user, { role: 'user', content: 5 }] }, /^messages\.1\.content: Input should be a valid/],
    ['no content', { ...good, messages: [{ role: 'user' }] }, /^messages\.0\.content: Field required$/],
    ['empty content', { ...good, messages: [{ role: 'user', content: [] }] }, /^messages\.0: user messages must have non-empty content$/],
    ['a block without a type', { ...good, messages: [{ role: 'user', content: [{ text: secretPrompt }] }] }, /^messages\.0\.content\.0/],
    ['a text block without a text', { ...good, messages: [{ role: 'user', content: [{ type: 'text' }] }] }, /^messages\.0\.content\.0\.text/],
    ['an image without its source', { ...good, messages: [{ role: 'user', content: [{ type: 'image' }] }] }, /^messages\.0\.content\.0\.image/],
    ['a temperature out of range', { ...good, temperature: 1.5 }, /^temperature: Input should be less than or equal to 1$/],
    ['stream that is no boolean', { ...good, stream: 'yes' }, /^stream: Input should be a valid boolean$/],
    ['thinking of no kind', { ...good, thinking: { type: 'deep' } }, /^thinking\.type: Input should be 'enabled'/],
    ['a tool without a name', { ...good, tools: [{ input_schema: {} }] }, /^tools\.0/],
    ['a choice of a tool that is not there', { ...good, tools, tool_choice: { type: 'tool', name: 'g' } }, /^tool_choice/],
    ['a format of no kind', { ...good, output_config: { format: { type: 'poem' } } }, /^output_config\.format\.type: Input should be 'json_schema'$/],
    ['a result without its call', { ...good, messages: [user, turn(use), { role: 'user', content: [result, { ...result, tool_use_id: 'toolu_2' }] }] }, /^messages\.2\.content\.1.*unexpected `tool_use_id` found in `tool_result` blocks: toolu_2/],
    ['a result of nothing', { ...good, messages: [{ role: 'user', content: [result] }] }, /unexpected `tool_use_id` found in `tool_result` blocks: toolu_1/],
    ['a call without its result', { ...good, messages: [user, turn(use), user] }, /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1/],
    ['a call at the end', { ...good, messages: [user, turn(use)] }, /^messages\.1: `tool_use` ids were found without/],
    ['two results of one call', { ...good, messages: [user, turn(use), { role: 'user', content: [result, result] }] }, /each tool_use must have a single result/],
    ['two calls of one id', { ...good, messages: [user, turn(use, use), { role: 'user', content: [result] }] }, /`tool_use` ids must be unique/],
    ['input that is no object', { ...good, messages: [user, turn({ ...use, input: '{}' })] }, /^messages\.1\.content\.0\.tool_use\.input: Input should be a valid dictionary$/],
    ['a foreign signature', { ...good, messages: [user, turn({ type: 'thinking', thinking: 'hm', signature: 'EqQBCgIYAg==' }, { type: 'text', text: 'x' }), user] }, /^messages\.1\.content\.0: Invalid `signature` in `thinking` block\. /],
    ['foreign hidden thinking', { ...good, messages: [user, turn({ type: 'redacted_thinking', data: 'EqQBCgIYAg==' }, { type: 'text', text: 'x' }), user] }, /^messages\.1\.content\.0: Invalid `data` in `redacted_thinking` block$/],
    ['null', null, /./],
    ['an array', [], /./],
    ['an empty object', {}, /^model: Field required$/],
    ['malformed JSON', '{"model": "kimi-k2", "messages": [', /not valid JSON/],
    ['an empty body', '', /empty/],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), /UTF-8/],
    ['a depth bomb', '['.repeat(100_000), /levels deep/],
    ['__proto__', '{"__proto__":{"model":"kimi-k2"},"messages":[]}', /__proto__/],
  ])('%s', async (_name, body, message) => {
    expectError(await send(body), 400, 'invalid_request_error', message);
    expectError(await send(body, {}, '/anthropic/v1/messages?beta=true'), 400, 'invalid_request_error', message);
  });

  it('an unknown model', async () => {
    for (const path of ['/v1/messages', '/v1/messages/count_tokens']) expectError(await send({ ...good, model: 'claude-99' }, {}, path), 404, 'not_found_error', /claude-99/);
  });

  it('a version that is not spoken, and what a version has no more', async () => {
    expectError(await send(good, { headers: { 'anthropic-version': '2019-01-01' } }), 400, 'invalid_request_error', /^anthropic-version: .*2023-06-01 or 2026-10-21/);
    expectError(await send({ ...good, temperature: 1 }, { headers: { 'anthropic-version': '2026-10-21' } }), 400, 'invalid_request_error', /^temperature: Extra inputs are not permitted$/);
    expect((await send({ ...good, temperature: 1 }, { headers: { 'anthropic-version': '2023-06-01' } })).status).toBe(200);
    expect((await send(good, { headers: { 'anthropic-version': '2026-10-21' } })).status).toBe(200);
  });

  it('no key, and one that is none, in either header', async () => {
    expectError(await send(good, { key: '' }), 401, 'authentication_error', /./);
    expectError(await send(good, { key: 'sk-none' }), 401, 'authentication_error', /./);
    expectError(await send(good, { key: '', headers: { 'x-api-key': 'sk-none' } }), 401, 'authentication_error', /./);
    expect((await send(good, { key: '', headers: { 'x-api-key': server.testKey } })).status).toBe(200);
  });

  it('another tenant\'s signature, or another text under one\'s own', async () => {
    const first = await send(good);
    expect(first.status).toBe(200);
    const [thinking] = first.body['content'] as { type: string; thinking: string; signature: string }[];
    expect(thinking?.type).toBe('thinking');
    const replay = (block: unknown) => ({ ...good, messages: [user, { role: 'assistant', content: [block, ...(first.body['content'] as unknown[]).slice(1)] }, user] });
    const words = /^messages\.1\.content\.0: Invalid `signature` in `thinking` block\. /;
    expect((await send(replay(thinking))).status).toBe(200);
    expectError(await send(replay({ ...thinking, thinking: 'I was told otherwise' })), 400, 'invalid_request_error', words);
    expectError(await send(replay(thinking), { key: await strangersKey(server) }), 400, 'invalid_request_error', words);
  });

  it('40 MB are refused without being read', async () => {
    expectError(await askLarge(server, '/v1/messages', 40_000_000), 413, 'request_too_large', /too large/);
  });

  it('what upstreams say: limits, overload, failures', async () => {
    const faulty = (script: string) => ask(server, '/v1/messages', good, { headers: { 'x-moongate-sandbox': script } });
    const limited = await faulty('fault=rate-limit; retry-after=7');
    expectError(limited, 429, 'rate_limit_error', /./);
    expect(limited.headers.get('retry-after')).toBe('7');
    const overloaded = await faulty('fault=overloaded');
    expectError(overloaded, 529, 'overloaded_error', /./);
    expect(overloaded.headers.get('x-should-retry')).not.toBe('false');
    expectError(await faulty('fault=server-error'), 502, 'api_error', /./);
    expectError(await faulty('fault=refused-key'), 502, 'api_error', /./);
    expectError(await faulty('fault=falt'), 400, 'invalid_request_error', /X-Moongate-Sandbox/i);
  });

  it('methods and paths that there are not', async () => {
    const get = (path: string, method = 'GET') => ask(server, path, undefined, { method });
    for (const path of ['/v1/messages', '/v1/messages?beta=true', '/anthropic/v1/messages', '/v1/messages/count_tokens']) {
      expectError(await get(path), 405, 'invalid_request_error', /takes POST, not GET/);
    }
    for (const path of ['/v1/messages/msg_1', '/v1/messages/batches', '/v1/messages/count_tokens/x', '/anthropic/v1/nothing', '/anthropic/v2/messages']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expectError(await ask(server, path, method === 'POST' ? {} : undefined, { method }), 404, 'not_found_error', /./);
      }
    }
  });

  it('takes what it does not know', async () => {
    const odd = {
      ...good, x_unknown: { deep: [1] }, metadata: { user_id: 'u', other: 1 }, container: null, service_tier: 'auto', context_management: { edits: [{ type: 'x_new', keep: 1 }] },
      messages: [{ ...user, x_field: 1 }, { role: 'assistant', content: [{ type: 'text', text: 'ok', citations: null, x_field: 2 }], x_field: 3 }, { role: 'user', content: [{ type: 'text', text: 'on', cache_control: { type: 'ephemeral', ttl: '1h' } }] }],
      tools: [{ ...tools[0], input_examples: [{}], defer_loading: true, x_field: 4 }],
    };
    expect((await send(odd)).body).toMatchObject({ type: 'message', role: 'assistant' });
    expect((await send(odd, {}, '/v1/messages/count_tokens')).body).toEqual({ input_tokens: expect.any(Number) });
  });

  it('reads 10,000 blocks quickly', async () => {
    const messages = Array.from({ length: 10_001 }, (_none, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: [{ type: 'text', text: `m${index}` }] }));
    const begun = performance.now();
    expect((await send({ ...good, messages, max_tokens: 5 })).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  it('logs neither a prompt nor a key', () => {
    const output = server.output().split('\n').filter((line) => line.startsWith('{')).join('\n');
    expect(output).toContain('"route":"/v1/messages"');
    expect(output).not.toContain(secretPrompt);
    expect(output).not.toMatch(/sk-(test-)?[0-9A-Za-z]{20}/);
  });
});
