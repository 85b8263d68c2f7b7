import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonReply, type Script, ScriptedUpstream } from '../../tests/doubles/scripted-upstream.ts';
import { systemClock } from '../base/clock.ts';
import { type AccountFigures, openAccountFigures } from './account-figures.ts';

const apiKey = 'sk-account-secret-123456';
const never = new AbortController().signal;
let server: ScriptedUpstream;
const opened: AccountFigures[] = [];

beforeEach(async () => {
  server = await ScriptedUpstream.start();
});

afterEach(async () => {
  for (const account of opened.splice(0)) await account[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function open(kind: 'moonshot' | 'openrouter', baseUrl = server.baseUrl): AccountFigures {
  const deadlines = { connectMs: 2_000, firstByteMs: 150, idleMs: 150, totalMs: 2_000 };
  const account = openAccountFigures({ upstreamId: 'mine', kind, baseUrl, apiKey, clock: systemClock, deadlines });
  if (account === undefined) throw new Error('no account');
  opened.push(account);
  return account;
}

const balanceOf = (account: AccountFigures): Promise<unknown> => account.balance?.read(never) ?? Promise.reject(new Error('tells no balance'));
const costOf = (account: AccountFigures, id: string): Promise<unknown> => account.replies?.cost(id, never) ?? Promise.reject(new Error('tells no costs'));
const balance = (data: object, more: object = {}): Script => jsonReply({ code: 0, data, scode: '0x0', status: true, ...more });

describe("Moonshot's balance", () => {
  it('is voucher and cash together, taken from the decimals as they are written', async () => {
    server.script(balance({ available_balance: 49.58, voucher_balance: 46.58, cash_balance: 3.0 }));
    expect(await balanceOf(open('moonshot'))).toBe(49_580_000_000n);
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/v1/users/me/balance', headers: { authorization: `Bearer ${apiKey}` } });
  });

  it('goes on falling when the cash is used up', async () => {
    server.script(balance({ available_balance: 46.58, voucher_balance: 46.58, cash_balance: -0.25 }));
    expect(await balanceOf(open('moonshot'))).toBe(46_330_000_000n);
  });

  it.each([['https://api.moonshot.cn/v1', 'CNY'], ['https://api.moonshot.ai/v1', 'USD']])('at %s is in %s', (baseUrl, currency) => {
    expect(open('moonshot', baseUrl).balance?.currency).toBe(currency);
  });

  it.each<[string, Script, string]>([
    ['an error within a 200', jsonReply({ code: 5, data: null, status: false }), 'upstream_invalid_reply'],
    ['a text for a number', balance({ voucher_balance: '46.58', cash_balance: 3 }), 'upstream_invalid_reply'],
    ['a missing part', balance({ available_balance: 1, voucher_balance: 1 }), 'upstream_invalid_reply'],
    ['a number beyond all bounds', balance({ voucher_balance: 1e300, cash_balance: 0 }), 'upstream_invalid_reply'],
    ['no JSON', jsonReply('<html>'), 'upstream_invalid_reply'],
    ['an array', jsonReply([]), 'upstream_invalid_reply'],
    ['a page that is not there', jsonReply({}, 404), 'upstream_invalid_reply'],
    ['a wrong key', jsonReply({ error: { message: `Incorrect API key: ${apiKey}` } }, 401), 'upstream_refused_key'],
    ['a failure', jsonReply({}, 500), 'upstream_failed'],
    ['a redirect', jsonReply({}, 307, { location: 'http://127.0.0.1:9/' }), 'upstream_invalid_reply'],
    ['silence', [{ do: 'hang' }], 'upstream_timeout'],
    ['a reply without end', [{ do: 'head' }, { do: 'repeat', body: ' '.repeat(64 * 1024) }], 'upstream_invalid_reply'],
  ])('fails for %s, and tells no secret', async (_what, script, code) => {
    server.script(script);
    const failure: unknown = await balanceOf(open('moonshot')).then(() => undefined, (thrown: unknown) => thrown);
    expect(failure).toMatchObject({ name: 'Fault', code, upstream: 'mine' });
    expect(`${String(failure)} ${JSON.stringify(failure)}`).not.toContain(apiKey);
    expect(server.requests).toHaveLength(1);
  });
});

describe("OpenRouter's generation cost", () => {
  it('is asked for by the id of the reply, which is escaped, behind the query of the base URL', async () => {
    server.script(jsonReply({ data: { id: 'gen-1', total_cost: 0.00123456 } }));
    const account = open('openrouter', `${server.baseUrl}?tenant=a%20b`);
    expect(account.replies?.currency).toBe('USD');
    expect(await costOf(account, 'gen-1&x=/..')).toBe(1_234_560n);
    expect(server.requests[0]?.path).toBe('/v1/generation?tenant=a%20b&id=gen-1%26x%3D%2F..');
  });

  it('is unknown for a reply that it does not know, which is not zero', async () => {
    server.script(jsonReply({ error: { code: 404, message: 'Generation not found' } }, 404));
    expect(await costOf(open('openrouter'), 'gen-2')).toBeUndefined();
  });

  it.each([{ data: { total_cost: null } }, { data: { total_cost: -0.1 } }, { data: {} }, { total_cost: 1 }])('fails for %j', async (reply) => {
    server.script(jsonReply(reply));
    await expect(costOf(open('openrouter'), 'gen-3')).rejects.toMatchObject({ code: 'upstream_invalid_reply' });
  });
});

it('is told by no other kind of upstream', () => {
  for (const kind of ['ark', 'vllm', 'openai'] as const) {
    expect(openAccountFigures({ upstreamId: 'x', kind, baseUrl: 'http://127.0.0.1:9/v1', apiKey, clock: systemClock })).toBeUndefined();
  }
});
