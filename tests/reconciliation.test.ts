import { afterEach, expect, it } from 'vitest';
import { AdminClient } from '../client/admin-client.ts';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { jsonReply, ScriptedUpstream } from './doubles/scripted-upstream.ts';

const opened: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
});

const balance = (cash: number): ReturnType<typeof jsonReply> =>
  jsonReply({ code: 0, data: { available_balance: cash, voucher_balance: 0, cash_balance: cash }, scode: '0x0', status: true });

it("reads Moonshot's balance at the start when it is told to, and again when it is asked to", async () => {
  const upstream = await ScriptedUpstream.start(balance(10));
  upstream.fallback = balance(9.25);
  opened.push({ stop: async () => upstream[Symbol.asyncDispose]() });
  const server: RunningServer = await startServer({
    environment: { MOONSHOT_API_KEY: 'sk-moonshot-secret-1', MOONSHOT_BASE_URL: upstream.baseUrl },
    config: 'reconciliation: { everyHours: 6 }\nretention: { generationsDays: 30 }\n',
  });
  opened.push(server);
  expect(await upstream.request(0)).toMatchObject({ method: 'GET', path: '/v1/users/me/balance', headers: { authorization: 'Bearer sk-moonshot-secret-1' } });
  const client = new AdminClient({ url: server.url, token: server.adminToken });
  // The first reading has been answered, but may not have been stored yet.
  let fetched = await client.call('fetchFigures', { upstream: 'moonshot' });
  while (fetched.figures.length === 0) fetched = await client.call('fetchFigures', { upstream: 'moonshot' });
  expect(fetched).toMatchObject({ source: 'balance', balance: { amount: '9.25', currency: 'USD' }, figures: [{ amount: '0.75', currency: 'USD' }] });
  const { days } = await client.call('reconciliation', { upstream: 'moonshot' });
  expect(days).toMatchObject([{ source: 'balance', theirs: '0.75', ours: null }]);
  expect(server.output()).not.toContain('moonshot-secret');
});
