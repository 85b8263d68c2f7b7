import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

let server: RunningServer;
const secretPrompt = 'canary-7f3a-prompt';
beforeAll(async () => {
  server = await startServer({ environment: { MOONGATE_LOG_LEVEL: 'debug' } });
});
afterAll(async () => {
  await server.stop();
});

interface Answer {
  readonly status: number;
  readonly error: { readonly message: string; readonly type?: string; readonly param?: string; readonly code?: string | number };
}

async function send(body: string | Uint8Array<ArrayBuffer>, base = '/v1', headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${base}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${server.testKey}`, ...headers },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, error: ((await response.json()) as { error: Answer['error'] }).error };
}

const user = { role: 'user', content: secretPrompt };
const good = { model: 'kimi-k2', messages: [user] };
const call = { id: 'f:0', type: 'function', function: { name: 'f', arguments: '{}' } };

describe('bad input gets the vendor\'s own answer, naming the field', () => {
  it.each<[string, unknown, number, RegExp]>([
    ['no model', { messages: [user] }, 400, /model/],
    ['a model that is no string', { ...good, model: 7 }, 400, /model/],
    ['an unknown model', { ...good, model: 'gpt-99' }, 404, /Not found the model gpt-99 or Permission denied/],
    ['no messages', { model: 'kimi-k2' }, 400, /messages/],
    ['empty messages', { ...good, messages: [] }, 400, /messages/],
    ['messages of the wrong type', { ...good, messages: 'hi' }, 400, /messages/],
    ['an unknown role', { ...good, messages: [{ role: 'wizard', content: 'x' }] }, 400, /messages\.0\.role/],
    ['a message without content', { ...good, messages: [user, { role: 'user' }] }, 400, /messages\.1/],
    ['a number as content', { ...good, messages: [{ role: 'user', content: 5 }] }, 400, /messages\.0\.content/],
    ['a bad temperature', { ...good, temperature: 'hot' }, 400, /temperature/],
    ['a temperature out of range', { ...good, temperature: 3 }, 400, /temperature/],
    ['a negative max_tokens', { ...good, max_tokens: -1 }, 400, /max_tokens/],
    ['stream that is no boolean', { ...good, stream: 'yes' }, 400, /stream/],
    ['a tool without a name', { ...good, tools: [{ type: 'function', function: { parameters: {} } }] }, 400, /tools\.0/],
    ['two tools of one name', { ...good, tools: [1, 2].map(() => ({ type: 'function', function: { name: 'f' } })) }, 400, /function name f is duplicated/],
    ['a tool result without its call', { ...good, messages: [user, { role: 'tool', tool_call_id: 'nope', content: 'x' }] }, 400, /tool_call_id nope is not found/],
    ['a call without its result', { ...good, messages: [user, { role: 'assistant', tool_calls: [call] }, user] }, 400, /must be followed by tool messages/],
    ['a response_format of no kind', { ...good, response_format: { type: 'poem' } }, 400, /response_format/],
    ['null', null, 400, /object/],
    ['an array', [], 400, /object/],
  ])('%s', async (_name, body, status, message) => {
    const answer = await send(JSON.stringify(body));
    expect(answer.status).toBe(status);
    expect(answer.error.message).toMatch(message);
    expect(answer.error.type).toBe(status === 404 ? 'resource_not_found_error' : 'invalid_request_error');
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, RegExp]>([
    ['malformed JSON', '{"model": "kimi-k2", "messages": [', /not valid JSON/],
    ['an empty body', '', /empty/],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), /UTF-8/],
    ['a depth bomb', '['.repeat(100_000), /levels deep/],
    ['a depth bomb in an unknown field', `{"model":"kimi-k2","messages":[{"role":"user","content":"x"}],"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, /levels deep/],
    ['__proto__', '{"__proto__":{"model":"kimi-k2"},"messages":[]}', /__proto__/],
  ])('%s', async (_name, body, message) => {
    const answer = await send(body);
    expect(answer.status).toBe(400);
    expect(answer.error.message).toMatch(message);
  });

  it('refuses 40 MB without reading them', async () => {
    const answer = await sendLarge(40_000_000);
    expect(answer.status).toBe(413);
    expect(answer.error.message).toMatch(/too large/);
  });

  it('refuses an upload without a key before its body is read', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body: '{"x":1}' });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_authentication_error' } });
  });

  it.each([
    ['/v1', { type: 'invalid_request_error', message: expect.stringContaining('messages') }],
    ['/api/v1', { code: 400, message: expect.stringContaining('messages') }],
    ['/api/v3', { type: 'BadRequest', code: 'InvalidParameter', message: expect.stringMatching(/messages.*Request id: /) }],
  ])('dresses the error as the vendor of %s does', async (base, expected) => {
    expect((await send(JSON.stringify({ ...good, messages: [] }), base)).error).toMatchObject(expected);
  });

  it('refuses the sandbox header from live keys, and one that it cannot read', async () => {
    const live = await send(JSON.stringify(good), '/v1', { authorization: `Bearer ${server.liveKey}`, 'x-moongate-sandbox': 'fault=cut' });
    expect(live).toMatchObject({ status: 400, error: { message: expect.stringContaining('test keys') } });
    const odd = await send(JSON.stringify(good), '/v1', { 'x-moongate-sandbox': 'falt=cut' });
    expect(odd).toMatchObject({ status: 400, error: { message: expect.stringContaining('falt') } });
  });

  it('answers unknown paths and methods', async () => {
    const headers = { authorization: `Bearer ${server.testKey}` };
    expect((await fetch(`${server.url}/v1/nothing`, { headers })).status).toBe(404);
    const wrongMethod = await fetch(`${server.url}/v1/chat/completions`, { headers });
    expect(wrongMethod.headers.get('allow')).toBe('POST');
    expect([wrongMethod.status, await wrongMethod.json()]).toEqual([405, { error: expect.objectContaining({ message: '/v1/chat/completions takes POST, not GET' }) }]);
  });

  it('understands what is old or foreign', async () => {
    const headers = { 'x-moongate-sandbox': 'ttft-ms=0; tokens-per-second=0' };
    const legacy = { ...good, messages: [{ role: 'user', content: 'call f please' }], functions: [{ name: 'f', parameters: { type: 'object', properties: {} } }], function_call: { name: 'f' } };
    const anthropic = { ...good, tools: [{ name: 'f', description: 'd', input_schema: { type: 'object', properties: {} } }], tool_choice: 'required' };
    for (const body of [legacy, anthropic]) {
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.testKey}`, ...headers },
        body: JSON.stringify(body),
      });
      expect(await response.json()).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'f' } }] } }] });
    }
  });

  it('logs neither a prompt nor a key', () => {
    const output = server.output().split('\n').filter((line) => line.startsWith('{')).join('\n');
    expect(output).toContain('"route":"/v1/chat/completions"');
    expect(output).not.toContain(secretPrompt);
    expect(output).not.toMatch(/sk-(test-)?[0-9A-Za-z]{20}/);
  });
});

/** fetch gives up on a refused upload; a plain request reads the answer that came early. */
function sendLarge(bytes: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${server.testKey}`, 'content-length': bytes },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, ...(JSON.parse(text) as { error: Answer['error'] }) }));
    });
    request.write(Buffer.alloc(100_000, 0x20));
  });
}
