import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const hi = { model: 'kimi-k2-thinking', max_tokens: 200, messages: [{ role: 'user', content: 'Hello!' }] };

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask({ path = '/v1/messages', method = 'POST', body = hi, headers = {} }: Asked): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json', 'x-api-key': server.testKey, 'x-moongate-sandbox': 'ttft-ms=0; tokens-per-second=0', ...headers },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('what is refused is told as Anthropic tells it', () => {
  it.each<[string, Asked, number, string]>([
    ['another method', { method: 'GET' }, 405, 'invalid_request_error'],
    ['a path that there is not', { path: '/anthropic/v1/messages/batches' }, 404, 'not_found_error'],
    ['no valid key', { headers: { 'x-api-key': 'sk-none' } }, 401, 'authentication_error'],
    ['a version that nobody speaks', { headers: { 'anthropic-version': '2020-01-01' } }, 400, 'invalid_request_error'],
    ['no JSON', { body: '{' }, 400, 'invalid_request_error'],
    ['an unknown model', { body: { ...hi, model: 'gpt-99' } }, 404, 'not_found_error'],
    ['an unknown model to count for', { path: '/v1/messages/count_tokens', body: { ...hi, model: 'gpt-99' } }, 404, 'not_found_error'],
    ['an upstream that is overloaded', { headers: { 'x-moongate-sandbox': 'fault=overloaded' } }, 529, 'overloaded_error'],
  ])('%s', async (_name, asked, status, type) => {
    const answer = await ask(asked);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ type: 'error', error: { type, message: expect.any(String) as string }, request_id: answer.headers.get('request-id') });
  });
});

describe('`request-id`, which Anthropic\'s SDKs read, is of each reply', () => {
  it.each(['/v1/messages', '/v1/messages?beta=true', '/anthropic/v1/messages', '/api/v1/messages', '/v1/messages/count_tokens'])('%s', async (path) => {
    const { status, headers } = await ask({ path });
    expect([status, headers.get('request-id')]).toEqual([200, headers.get('x-request-id')]);
  });

  it.each([true, false])('also where an earlier reply is given again (streamed: %j)', async (stream) => {
    const asked = { body: { ...hi, stream }, headers: { 'idempotency-key': `key-${String(stream)}` } };
    const first = await ask(asked);
    const again = await ask(asked);
    expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([200, first.text, 'true']);
    expect(again.headers.get('request-id')).toBe(again.headers.get('x-request-id'));
    expect(again.headers.get('request-id')).not.toBe(first.headers.get('request-id'));
  });
});
