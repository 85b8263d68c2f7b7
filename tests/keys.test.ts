import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ config: 'sandbox: { tokensPerSecond: 0, firstTokenMs: 0 }\n' });
});
afterAll(async () => {
  await server.stop();
});

type Json = Record<string, unknown>;

async function admin(method: string, path: string, body?: Json): Promise<Json> {
  const response = await fetch(`${server.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Json;
}

async function create(wish: Json): Promise<{ id: string; secret: string }> {
  const { key, secret } = (await admin('POST', '/keys', { mode: 'live', label: 'made by a test', ...wish })) as { key: { id: string }; secret: string };
  return { id: key.id, secret };
}

async function chat(key: string, model: string, header = 'authorization'): Promise<{ status: number; error: Json | undefined }> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { [header]: header === 'authorization' ? `Bearer ${key}` : key, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 3, messages: [{ role: 'user', content: 'hi' }] }),
  });
  const { error } = (await response.json()) as { error?: Json };
  return { status: response.status, error };
}

describe('keys', () => {
  it('open what they may and nothing else, under every header form', async () => {
    const { secret } = await create({ models: ['moonshotai/Kimi-K2-Thinking'] });
    for (const header of ['authorization', 'x-api-key']) {
      expect((await chat(secret, 'kimi-k2-thinking', header)).status).toBe(200);
      expect(await chat(secret, 'kimi-k2', header)).toMatchObject({ status: 403, error: { type: 'permission_denied_error' } });
    }
    // Some clients send an empty header beside the one that they mean.
    expect((await fetch(`${server.url}/v1/models`, { headers: { authorization: '', 'x-api-key': secret } })).status).toBe(200);
    const models = await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
    expect(((await models.json()) as { data: Json[] }).data.map(({ id }) => id)).toEqual(['kimi-k2-thinking']);
  });

  it('are refused from the moment that they are revoked, also when they have just been used', async () => {
    const { id, secret } = await create({});
    expect((await chat(secret, 'kimi-k2')).status).toBe(200);
    await admin('POST', `/keys/${id}/revoke`);
    expect(await chat(secret, 'kimi-k2')).toMatchObject({ status: 401, error: { type: 'incorrect_api_key_error' } });
  });

  it('are refused when they are one character off, unknown, or not keys at all', async () => {
    const { secret } = await create({});
    const other = `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`;
    expect((await chat(other, 'kimi-k2')).status).toBe(401);
    expect((await chat(secret.slice(0, 20), 'kimi-k2')).status).toBe(401);
    expect((await chat(server.adminToken, 'kimi-k2')).status).toBe(401);
  });

  it('do not open the admin API', async () => {
    const response = await fetch(`${server.url}/admin/v1/keys`, { headers: { authorization: `Bearer ${server.liveKey}` } });
    expect(response.status).toBe(403);
  });

  it('are recorded by label and model with what they cost', async () => {
    const { secret } = await create({ label: 'counted' });
    await chat(secret, 'kimi-k2-thinking');
    const { rows } = (await admin('GET', '/usage?by=key-model')) as { rows: { key: { label: string }; model: string; generations: number; costs: Json[] }[] };
    const row = rows.find(({ key }) => key.label === 'counted');
    expect(row).toMatchObject({ model: 'kimi-k2-thinking', generations: 1, costs: [{ currency: 'USD', charged: '0' }] });
    expect(Number(row?.costs[0]?.['free'])).toBeGreaterThan(0);
  });
});
