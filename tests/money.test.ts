import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';

let folder: string;
let running: RunningServer[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-money-'));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const today = new Date().toISOString().slice(0, 10);
const config = `money:
  currency: EUR
  rates:
    - { from: EUR, to: USD, rate: '2', date: '2026-01-01' }
  sell:
    - { id: partner, tenant: acme, basis: official, percent: '-50' }
catalog:
  offers:
    - upstream: moonshot
      model: kimi-k2-thinking
      prices:
        - { currency: USD, input: '1', output: '4', tiers: [{ promptTokensAbove: 1000, input: '2', output: '8' }] }
`;

async function start(): Promise<RunningServer> {
  const server = await startServer({ config, dataDir: join(folder, 'data'), environment: { MOONSHOT_API_KEY: 'sk-nobody' } });
  running.push(server);
  return server;
}

async function ask(server: RunningServer, token: string, path: string, body?: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const reply = await fetch(`${server.url}/admin/v1/${path}`, body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) });
  return reply.json();
}

it('shows prices by the rules and rates of its configuration, and remembers what was imported', async () => {
  const first = await start();
  const { adminToken } = first;
  expect(first.output()).toContain('a rule of money.sell is for a tenant that is not there');
  expect(await ask(first, adminToken, 'prices?tenant=acme')).toMatchObject({ error: { field: 'tenant', message: expect.stringContaining('there is no tenant "acme"') } });
  await ask(first, adminToken, 'tenants', { name: 'acme' });
  const prices = 'prices?model=kimi-k2-thinking&tenant=acme';
  expect(await ask(first, adminToken, prices)).toMatchObject({
    prices: [
      {
        upstream: 'moonshot',
        cost: { statedIn: 'USD', currency: 'EUR', input: '0.5', output: '2', exchange: { rate: '0.5', source: 'config' }, tiers: [{ promptTokensAbove: 1000, input: '1' }] },
        sell: { rule: 'partner', percent: '-50', input: '0.25', output: '1' },
      },
    ],
  });
  expect(await ask(first, adminToken, 'rates', { csv: `from,to,rate,date\nEUR,USD,4,${today}\n` })).toEqual({ stored: 1, known: 0 });
  expect(await ask(first, adminToken, prices)).toMatchObject({ prices: [{ cost: { input: '0.25', exchange: { source: 'import', validFrom: today } } }] });
  await first.stop();
  const second = await start();
  expect(second.output()).not.toContain('money.sell');
  expect(await ask(second, adminToken, 'rates')).toMatchObject({ rates: [{ from: 'EUR', to: 'USD', rate: '4', source: 'import', inForce: true }], feed: null });
  expect(await ask(second, adminToken, prices)).toMatchObject({ prices: [{ sell: { input: '0.125' } }] });
});
