import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { completion, jsonReply, ScriptedUpstream } from './doubles/scripted-upstream.ts';

type Json = Record<string, unknown>;

const program = fileURLToPath(new URL('../src/start.mjs', import.meta.url));
const config = `catalog:
  offers:
    - { upstream: openrouter, model: kimi-k2, prices: [{ currency: USD, input: '1', output: '2' }] }
`;
/** Of each reply: 0.0002 USD. A call for 1,000 tokens holds a little more than 0.002. */
const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
const reply = jsonReply(completion('hi', { usage }));

let folder: string;
let upstream: ScriptedUpstream;
let server: RunningServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-prepaid-'));
  upstream = await ScriptedUpstream.start();
  upstream.fallback = reply;
  server = await startServer({ config, dataDir: join(folder, 'data'), environment: { OPENROUTER_API_KEY: 'o', OPENROUTER_BASE_URL: upstream.baseUrl } });
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function admin(path: string, body: Json): Promise<Json> {
  const response = await fetch(`${server.url}/admin/v1/${path}`, {
    method: 'POST', headers: { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as Json;
}

/** A live key of a new prepaid tenant that has `credit`. */
async function keyOf(tenant: string, credit: string, terms: Json = {}): Promise<string> {
  await admin('tenants', { name: tenant, prepaid: true });
  await admin('credits', { tenant, amount: credit, currency: 'USD' });
  return String((await admin('keys', { tenant, mode: 'live', ...terms }))['secret']);
}

function chat(key: string, base = '/v1'): Promise<Response> {
  return fetch(`${server.url}${base}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'kimi-k2', max_tokens: 1_000, messages: [{ role: 'user', content: 'hi' }] }),
  });
}

async function balanceOf(key: string): Promise<Json> {
  const response = await fetch(`${server.url}/v1/users/me/balance`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as { data: Json }).data;
}

describe('a prepaid tenant', () => {
  it('pays what each call came to, shown in the reply, and no more at once than its balance can bear', async () => {
    const key = await keyOf('acme', '0.005');
    const first = await chat(key);
    expect([first.status, first.headers.get('x-moongate-cost'), first.headers.get('x-moongate-cost-detail')]).toEqual([200, '0.0002 USD', 'input=0.0001; output=0.0001']);
    expect(await (await chat(key, '/api/v1')).json()).toMatchObject({ usage: { cost: 0.0002, cost_details: { currency: 'USD' } } });
    expect(await balanceOf(key)).toMatchObject({ available_balance: 0.0046, cash_balance: 0.0046, held_balance: 0 });

    const before = upstream.requests.length;
    upstream.script(...Array.from({ length: 12 }, () => [{ do: 'wait', ms: 1_500 } as const, ...reply]));
    const replies = await Promise.all(Array.from({ length: 12 }, () => chat(key)));
    const refused = replies.filter(({ status }) => status !== 200);
    expect([replies.length - refused.length, upstream.requests.length - before]).toEqual([2, 2]);
    for (const one of refused) {
      expect([one.status, one.headers.get('x-should-retry'), one.headers.get('retry-after')]).toEqual([429, 'false', null]);
      expect(await one.json()).toMatchObject({ error: { type: 'exceeded_current_quota_error', message: expect.stringContaining('check your account balance') } });
    }
    expect(await balanceOf(key)).toMatchObject({ available_balance: 0.0042, held_balance: 0 });
  });

  it('is bound by the budget and the rate of its key', async () => {
    const key = await keyOf('bounded', '1', { budgets: [{ amount: '0.0023', currency: 'USD', period: 'day' }], limits: { rpm: 3 } });
    expect((await chat(key)).status).toBe(200);
    const broke = await chat(key);
    expect([broke.status, broke.headers.get('x-should-retry')]).toEqual([429, 'false']);
    expect(await broke.json()).toMatchObject({ error: { type: 'exceeded_current_quota_error', message: expect.stringContaining('spending limit of this key') } });
    const view = await fetch(`${server.url}/api/v1/key`, { headers: { authorization: `Bearer ${key}` } });
    expect(await view.json()).toMatchObject({ data: { limit: 0.0023, limit_remaining: 0.0021, limit_reset: 'daily', usage: 0.0002 } });

    // What the budget refused has given its place back.
    for (let refusals = 0; refusals < 2; refusals += 1) expect(await (await chat(key)).json()).toMatchObject({ error: { type: 'exceeded_current_quota_error' } });
    const hasty = await keyOf('hasty', '1', { limits: { rpm: 1 } });
    expect((await chat(hasty)).headers.get('x-ratelimit-remaining-requests')).toBe('0');
    const late = await chat(hasty);
    expect([late.status, late.headers.get('x-ratelimit-limit-requests'), late.headers.get('x-should-retry')]).toEqual([429, '1', null]);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(late.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(Number(late.headers.get('retry-after-ms'))).toBeGreaterThan(50_000);
    expect(await late.json()).toMatchObject({ error: { type: 'rate_limit_reached_error' } });
    expect(await balanceOf(hasty)).toMatchObject({ available_balance: 0.9998 });
  });

  it('leaves books that are sound', async () => {
    const proof = spawn(process.execPath, [program, 'ledger', 'verify', '--data-dir', join(folder, 'data')], { cwd: folder, stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    expect(await once(proof, 'exit')).toEqual([0, null]);
  });
});
