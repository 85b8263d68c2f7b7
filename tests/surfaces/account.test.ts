import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chunk, completion, jsonReply, ScriptedUpstream, streamReply } from '../doubles/scripted-upstream.ts';

let upstream: ScriptedUpstream;
let server: RunningServer;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await startServer({ environment: { OPENROUTER_API_KEY: 'o', OPENROUTER_BASE_URL: upstream.baseUrl } });
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
});

type Json = Record<string, unknown>;

async function get(path: string, key = server.liveKey): Promise<{ status: number; body: Json }> {
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: (await response.json()) as Json };
}

async function chat(base: string, stream: boolean): Promise<string> {
  const response = await fetch(`${server.url}${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.liveKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'kimi-k2', stream, messages: [{ role: 'user', content: 'hi' }] }),
  });
  expect(response.status).toBe(200);
  return response.text();
}

/** As OpenRouter sends it; the figures are what it charges the operator. */
const usage = { prompt_tokens: 100_000, completion_tokens: 1_000, total_tokens: 101_000, cost: 7.75, is_byok: true, cost_details: { upstream_inference_cost: 7.75 } };

describe.each(['/v1', '/api/v1', '/api/v3'])('under %s', (base) => {
  it('what an upstream charges the operator is shown to nobody', async () => {
    upstream.script(jsonReply(completion('hi', { usage })), streamReply(chunk({ role: 'assistant', content: 'hi' }), chunk({}, 'stop'), chunk({}, 'stop', { usage })));
    for (const text of [await chat(base, false), await chat(base, true)]) {
      expect(text).toContain('101000');
      expect(text).not.toMatch(/7\.75|"is_byok":true/);
    }
  });
});

it('a key sees what it has spent, and its tenant what may be spent', async () => {
  const before = (await get('/api/v1/key')).body['data'] as Json;
  upstream.script(jsonReply(completion('hi', { usage })));
  await chat('/v1', false);
  const after = (await get('/api/v1/auth/key')).body['data'] as Json;
  expect(before).toMatchObject({ label: 'first live key', currency: 'USD' });
  expect(Number(after['usage'])).toBeGreaterThan(Number(before['usage']));
  expect(after['usage_daily']).toBe(after['usage']);
  expect((await get('/api/v1/key', server.testKey)).body['data']).toMatchObject({ label: 'first test key', usage: 0 });
  expect((await get('/v1/users/me/balance')).body).toMatchObject({ code: 0, status: true, data: { currency: 'USD' } });
  expect((await get('/api/v1/credits')).body).toMatchObject({ data: { currency: 'USD' } });
  for (const path of ['/v1/users/me/balance', '/api/v1/credits', '/api/v1/key']) expect((await get(path, 'sk-none')).status).toBe(401);
});

it('a model tells who serves it', async () => {
  const { body } = await get('/api/v1/models/moonshotai/Kimi-K2/endpoints');
  expect(body).toMatchObject({ data: { id: 'moonshotai/kimi-k2', endpoints: [{ provider_name: 'openrouter', status: 0, pricing: { currency: 'USD', prompt: expect.stringMatching(/^0\.0+\d+$/) } }] } });
  expect((await get('/api/v1/models/moonshotai/kimi-k2/endpoints', server.testKey)).body).toMatchObject({ data: { endpoints: [{ provider_name: 'sandbox' }] } });
  for (const path of ['/api/v1/models/moonshotai/none/endpoints', '/v1/models/moonshotai/kimi-k2/endpoints', '/api/v3/models/moonshotai/kimi-k2/endpoints']) {
    expect((await get(path)).status).toBe(404);
  }
});
