import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../tests/doubles/manual-clock.ts';
import type { Caller } from '../../access/caller.ts';
import type { SpendLimit } from '../../access/limit-policy.ts';
import { openLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { basePaths } from '../base-path.ts';
import { buildServer } from '../server.ts';
import { registerAccount } from './account.ts';
import { periodStarts } from './key-view.ts';
import type { WalletView } from '../../ledger/wallets.ts';

/** A Wednesday. */
const nowMs = Date.parse('2026-11-18T10:00:00Z');
const unit = 1_000_000_000n;
const prepaid: WalletView = { currency: 'USD', balanceNanos: 49n * unit, heldNanos: unit, floorNanos: 0n, toppedUpNanos: 50n * unit, trialNanos: 5n * unit, spentNanos: 6n * unit };

interface Account {
  readonly wallets?: readonly WalletView[];
  readonly caller?: Partial<Caller>;
  /** By what is asked for: since when. */
  readonly spend?: (sinceMs: number) => readonly { currency: string; nanos: bigint }[];
  /** Left of each budget that has been begun, by the end of its account's id, and what of it is held. */
  readonly left?: Readonly<Record<string, readonly [left: bigint, held: bigint]>>;
  readonly key?: { label: string; expiresMs?: number } | undefined;
}

async function get(path: string, account: Account = {}): Promise<LightMyRequestResponse> {
  const app = buildServer({ bodyBytesMax: 1_000, clock: new ManualClock(nowMs), random: systemRandom, log: openLog('silent'), stallMs: 30_000 });
  app.addHook('onRequest', (request, _reply, done) => {
    request.caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', ...account.caller };
    done();
  });
  for (const base of basePaths) {
    registerAccount(app, base, {
      wallets: (tenantId) => Promise.resolve(tenantId === 'ten_1' ? account.wallets ?? [] : []),
      keySpend: (keyId, sinceMs) => Promise.resolve(keyId === 'key_1' ? account.spend?.(sinceMs) ?? [] : []),
      keyBudgets: (keyId) =>
        Promise.resolve(Object.entries(account.left ?? {}).map(([id, [left, held]]) => ({ id: `budget/${keyId}/${id}`, posted_nanos: left * unit, pending_nanos: held * unit }))),
      key: () => Promise.resolve('key' in account ? account.key : { label: 'my key' }),
      nowMs: () => nowMs,
    });
  }
  const response = await app.inject(path);
  await app.close();
  return response;
}

describe('GET /v1/users/me/balance', () => {
  const balance = async (account: Account): Promise<unknown> => (await get('/v1/users/me/balance', account)).json<{ data: unknown }>().data;

  it("has Moonshot's form, and exact figures", async () => {
    const wallet = { ...prepaid, balanceNanos: 1_234_567_890_123_456_789n, heldNanos: 1n };
    const { body } = await get('/v1/users/me/balance', { wallets: [wallet] });
    expect(body).toBe(
      '{"code":0,"data":{"available_balance":1234567890.123456788,"voucher_balance":0,"cash_balance":1234567890.123456789,"held_balance":0.000000001,"currency":"USD"},"scode":"0x0","status":true}',
    );
  });

  it('spends what was given before what was paid in', async () => {
    expect(await balance({ wallets: [{ ...prepaid, spentNanos: 2n * unit, balanceNanos: 53n * unit, heldNanos: 0n }] })).toEqual({
      available_balance: 53, voucher_balance: 3, cash_balance: 50, held_balance: 0, currency: 'USD',
    });
  });

  it('counts down to the credit limit, and below', async () => {
    const credit = { ...prepaid, balanceNanos: -30n * unit, floorNanos: -100n * unit, toppedUpNanos: 0n, trialNanos: 0n, spentNanos: 30n * unit };
    expect(await balance({ wallets: [credit] })).toEqual({ available_balance: 69, voucher_balance: 0, cash_balance: -30, held_balance: 1, currency: 'USD', credit_limit: 100 });
    expect(await balance({ wallets: [{ ...credit, balanceNanos: -101n * unit, heldNanos: 0n }] })).toMatchObject({ available_balance: -1 });
  });

  it('tells a tenant without a limit that it may go on, whatever it owes', async () => {
    const { floorNanos: _floor, ...open } = { ...prepaid, balanceNanos: -5_000n * unit, trialNanos: 0n };
    expect(await balance({ wallets: [open] })).toMatchObject({ available_balance: 999_999_999, unlimited: true, cash_balance: -5_000 });
    expect(await balance({ caller: { walletCurrency: 'RUB' } })).toEqual({
      available_balance: 999_999_999, voucher_balance: 0, cash_balance: 0, held_balance: 0, currency: 'RUB', unlimited: true,
    });
    expect(await balance({})).toMatchObject({ currency: 'USD' });
  });

  it('shows the wallet in the currency that the tenant pays in, and all of them beside it', async () => {
    const wallets = [{ ...prepaid, currency: 'CNY' }, prepaid];
    expect(await balance({ wallets })).toMatchObject({ currency: 'CNY', wallets: [{ currency: 'CNY' }, { currency: 'USD', available_balance: 48 }] });
    expect(await balance({ wallets, caller: { walletCurrency: 'USD' } })).toMatchObject({ currency: 'USD', wallets: [{ currency: 'CNY' }, { currency: 'USD' }] });
  });
});

it('GET /api/v1/credits: all that was given, all that was spent', async () => {
  expect((await get('/api/v1/credits', { wallets: [prepaid] })).json()).toEqual({ data: { total_credits: 55, total_usage: 6, currency: 'USD' } });
  expect((await get('/api/v1/credits')).json()).toEqual({ data: { total_credits: 0, total_usage: 0, currency: 'USD', unlimited: true } });
});

describe.each(['/api/v1/key', '/api/v1/auth/key'])('GET %s', (path) => {
  const key = async (account: Account): Promise<Record<string, unknown>> => (await get(path, account)).json<{ data: Record<string, unknown> }>().data;
  const since = periodStarts(nowMs);
  const spend = (sinceMs: number): { currency: string; nanos: bigint }[] => {
    const usd = sinceMs === since.day ? 1n : sinceMs === since.week ? 2n : sinceMs === since.month ? 4n : 8n;
    return [...(sinceMs === 0 ? [{ currency: 'CNY', nanos: 3n * unit }] : []), { currency: 'USD', nanos: usd * unit }];
  };
  const budget = (period: SpendLimit['period'], amount: bigint, change: Partial<SpendLimit> = {}): SpendLimit => ({ period, amountNanos: amount * unit, currency: 'USD', ...change });

  it("has OpenRouter's form", async () => {
    const account: Account = { key: { label: 'my key', expiresMs: Date.parse('2027-01-01') }, wallets: [prepaid], spend, caller: { walletCurrency: 'USD', keyLimits: { all: { rpm: 30 } } } };
    expect(await key(account)).toEqual({
      label: 'my key', limit: null, limit_remaining: null, limit_reset: null, usage: 8, usage_daily: 1, usage_weekly: 2, usage_monthly: 4, currency: 'USD',
      usage_by_currency: [
        { currency: 'CNY', usage: 3, usage_daily: 0, usage_weekly: 0, usage_monthly: 0 },
        { currency: 'USD', usage: 8, usage_daily: 1, usage_weekly: 2, usage_monthly: 4 },
      ],
      byok_usage: 0, byok_usage_daily: 0, byok_usage_weekly: 0, byok_usage_monthly: 0, include_byok_in_limit: false,
      is_free_tier: false, is_management_key: false, is_provisioning_key: false, expires_at: '2027-01-01T00:00:00.000Z', creator_user_id: null,
      rate_limit: { interval: '1m', requests: 30, note: 'This field is deprecated and safe to ignore.' },
    });
  });

  it('shows the budget with the least left, of those for all models, whatever currency its calls were charged in', async () => {
    const keyBudgets = [budget('total', 100n), budget('month', 12n), budget('day', 7n), budget('day', 1n, { modelId: 'kimi-k2' }), budget('total', 1n, { currency: 'CNY' })];
    const left = { '*/total/USD': [90n, 0n], '*/month/2026-11/USD': [8n, 0n], '*/day/2026-11-18/USD': [7n, 1n], '*/day/2026-11-17/USD': [0n, 0n] } as const;
    expect(await key({ left, caller: { walletCurrency: 'USD', keyBudgets } })).toMatchObject({ currency: 'USD', limit: 7, limit_remaining: 6, limit_reset: 'daily' });
    expect(await key({ left, caller: { keyBudgets: keyBudgets.slice(0, 2) } })).toMatchObject({ limit: 12, limit_remaining: 8, limit_reset: 'monthly' });
    expect(await key({ caller: { keyBudgets: [budget('total', 8n)] } })).toMatchObject({ limit: 8, limit_remaining: 8, limit_reset: null });
    const spentInUsd = { spend, left: { '*/total/CNY': [1n, 0n] }, caller: { walletCurrency: 'USD', keyBudgets: [budget('total', 5n, { currency: 'CNY' })] } } as const;
    expect(await key(spentInUsd)).toMatchObject({ currency: 'CNY', limit: 5, limit_remaining: 1, usage: 3 });
  });

  it('of a tenant that never paid in is a free one', async () => {
    expect(await key({ wallets: [{ ...prepaid, toppedUpNanos: 0n }] })).toMatchObject({ is_free_tier: true, expires_at: null, rate_limit: { requests: -1 }, currency: 'USD', usage_by_currency: [] });
    expect(await key({})).toMatchObject({ is_free_tier: false });
  });

  it('is a 404 when it has just been deleted', async () => {
    expect((await get(path, { key: undefined })).statusCode).toBe(404);
  });
});

it('each vendor\'s paths are under its own base path only', async () => {
  const paths = ['/users/me/balance', '/credits', '/key', '/auth/key'];
  const found = await Promise.all(basePaths.map(async ({ path: base }) => [base, await Promise.all(paths.map(async (path) => (await get(base + path)).statusCode))]));
  expect(found).toEqual([['/v1', [200, 404, 404, 404]], ['/api/v1', [404, 200, 200, 200]], ['/api/v3', [404, 404, 404, 404]]]);
});

it.each([
  ['2026-11-18T10:00:00Z', '2026-11-18', '2026-11-16', '2026-11-01'],
  ['2026-11-16T00:00:00Z', '2026-11-16', '2026-11-16', '2026-11-01'],
  ['2026-11-01T23:59:59Z', '2026-11-01', '2026-10-26', '2026-11-01'],
  ['2027-01-01T00:00:00Z', '2027-01-01', '2026-12-28', '2027-01-01'],
])('the periods of %s', (now, day, week, month) => {
  expect(periodStarts(Date.parse(now))).toEqual({ total: 0, day: Date.parse(day), week: Date.parse(week), month: Date.parse(month) });
});
