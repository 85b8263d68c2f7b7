import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, startAdminServer } from '../../../tests/doubles/admin-server.ts';
import type { GenerationId, TenantId } from '../../base/id.ts';
import type { HoldLeg } from '../../ledger/hold.ts';

let server: AdminServer;

beforeAll(async () => {
  server = await startAdminServer();
});

afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: { readonly code: string; readonly message: string; readonly field?: string } } & Readonly<Record<string, unknown>>;
}

async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${server.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const post = (path: string, body: object): Promise<Answer> => ask('POST', path, body);
const get = (path: string): Promise<Answer> => ask('GET', path);

/** Everything that a refused request might have left behind. */
async function all(): Promise<readonly unknown[]> {
  return Promise.all(['/tenants', '/keys', '/transfers?limit=1000'].map(async (path) => (await get(path)).body));
}

const noFloor = { floor: null, available: null };

describe('tenants', () => {
  it('are postpaid without limit in each price’s currency, when nothing is said', async () => {
    expect(await get('/tenants/default')).toMatchObject({ status: 200, body: { tenant: { id: server.tenantId, billing: 'postpaid', currency: null, limits: null, budgets: [] }, wallets: [] } });
    expect(await post('/tenants', { name: 'plain' })).toMatchObject({
      status: 201, body: { tenant: { name: 'plain', billing: 'postpaid', currency: null }, wallets: [], note: expect.stringContaining('no trial credit (1 USD)') },
    });
  });

  it('that are prepaid have a wallet that must not fall below 0, with the trial credit', async () => {
    const { body } = await post('/tenants', { name: 'prepaid', prepaid: true });
    expect(body).toMatchObject({
      tenant: { billing: 'prepaid', currency: 'USD' },
      wallets: [{ currency: 'USD', balance: '1', held: '0', floor: '0', available: '1', toppedUp: '0', trial: '1', spent: '0' }],
      note: null,
    });
    expect((await get('/credits?tenant=prepaid')).body).toMatchObject({ credits: [{ kind: 'trial', amount: '1', currency: 'USD', reference: null }] });
  });

  it('get no trial credit in another currency than theirs, and are told so', async () => {
    expect((await post('/tenants', { name: 'in yuan', prepaid: true, currency: 'CNY' })).body).toMatchObject({
      tenant: { currency: 'CNY' }, wallets: [{ currency: 'CNY', balance: '0', trial: '0' }], note: 'no trial credit: it is 1 USD, and the wallet is in CNY',
    });
  });

  it('may owe as much as their credit limit', async () => {
    expect((await post('/tenants', { name: 'on credit', creditLimit: { amount: '100', currency: 'EUR' } })).body).toMatchObject({
      tenant: { billing: 'postpaid', currency: 'EUR' }, wallets: [{ currency: 'EUR', balance: '0', floor: '-100', available: '100' }],
    });
  });

  it('may pay in one currency without a limit', async () => {
    expect((await post('/tenants', { name: 'in dollars', currency: 'USD' })).body).toMatchObject({ tenant: { billing: 'postpaid', currency: 'USD' }, wallets: [{ balance: '1', ...noFloor }] });
  });

  it('are found by id and by name, and listed with the oldest first', async () => {
    const { body } = await post('/tenants', { name: 'Ünï/cödé & co', prepaid: true });
    const { id, name } = body['tenant'] as { id: string; name: string };
    for (const reference of [id, name]) expect((await get(`/tenants/${encodeURIComponent(reference)}`)).body).toMatchObject({ tenant: { id, name } });
    const tenants = (await get('/tenants')).body['tenants'] as { name: string }[];
    expect(tenants[0]?.name).toBe('default');
    expect(tenants.at(-1)?.name).toBe(name);
  });

  it('of one name are there once: the second one is refused with nothing changed', async () => {
    await post('/tenants', { name: 'twin', prepaid: true });
    const before = await all();
    expect(await post('/tenants', { name: 'twin', prepaid: true })).toMatchObject({ status: 409, body: { error: { code: 'conflict', field: 'name' } } });
    expect(await all()).toEqual(before);
    const both = await Promise.all([1, 2, 3].map(() => post('/tenants', { name: 'triplet', prepaid: true })));
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: '  ' }, 'name'],
    [{ name: '..' }, 'name'],
    [{ name: 'ten_1' }, 'name'],
    [{ name: 'a\u0007b' }, 'name'],
    [{ name: 'x', currency: 'XXQ' }, 'currency'],
    [{ name: 'x', currency: 'usd' }, 'currency'],
    [{ name: 'x', prepaid: true, creditLimit: { amount: '5', currency: 'USD' } }, 'creditLimit'],
    [{ name: 'x', creditLimit: { amount: '-5', currency: 'USD' } }, 'creditLimit.amount'],
    [{ name: 'x', creditLimit: { amount: '5', currency: 'XXQ' } }, 'creditLimit.currency'],
    [{ name: 'x', currency: 'USD', creditLimit: { amount: '5', currency: 'EUR' } }, 'creditLimit.currency'],
    [{ name: 'x', prepaid: 'yes' }, 'prepaid'],
    [{ name: 'x', prepaid: true, limits: { rpm: -1 } }, 'limits.rpm'],
    [{ name: 'x', prepaid: true, budgets: [{ amount: '5', currency: 'XXQ' }] }, 'budgets.0.currency'],
  ])('%j is refused, naming %s, with nothing changed', async (wish, field) => {
    const before = await all();
    expect(await post('/tenants', wish)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', field } } });
    expect(await all()).toEqual(before);
  });
});

describe('keys', () => {
  it('belong to the tenant that was named, by name or id, or to the first one', async () => {
    const { body } = await post('/tenants', { name: 'owner' });
    const owner = body['tenant'] as { id: TenantId };
    for (const tenant of ['owner', owner.id]) expect((await post('/keys', { tenant })).body).toMatchObject({ key: { tenant: { id: owner.id, name: 'owner' } } });
    expect((await post('/keys', {})).body).toMatchObject({ key: { tenant: { id: server.tenantId, name: 'default' } } });
    const keys = (await get('/keys?tenant=owner')).body['keys'] as { tenant: { name: string } }[];
    expect(keys.map((key) => key.tenant.name)).toEqual(['owner', 'owner']);
    expect(await server.keys.list()).toEqual(expect.arrayContaining([expect.objectContaining({ tenantId: owner.id })]));
  });

  it('keep the limits that were asked for, models by their canonical ids', async () => {
    const wish = {
      limits: { rpm: 60, concurrency: 5 },
      modelLimits: { 'moonshotai/Kimi-K2-Thinking': { tpm: 300_000, tpd: 1_000_000 } },
      budgets: [{ amount: '5.00', currency: 'USD' }, { amount: '1', currency: 'USD', period: 'day' }, { amount: '0.5', currency: 'USD', period: 'day', model: 'moonshotai/kimi-k2' }],
    };
    const { body } = await post('/keys', wish);
    const none = { rpm: null, tpm: null, tpd: null, concurrency: null };
    expect(body).toMatchObject({
      key: {
        limits: { all: { ...none, rpm: 60, concurrency: 5 }, models: { 'kimi-k2-thinking': { ...none, tpm: 300_000, tpd: 1_000_000 } } },
        budgets: [
          { amount: '5', currency: 'USD', period: 'total', model: null },
          { amount: '1', currency: 'USD', period: 'day', model: null },
          { amount: '0.5', currency: 'USD', period: 'day', model: 'kimi-k2' },
        ],
      },
    });
    const { id } = body['key'] as { id: string };
    expect(await server.keys.get(id)).toMatchObject({
      limits: { all: { rpm: 60, concurrency: 5 }, models: { 'kimi-k2-thinking': { tpm: 300_000, tpd: 1_000_000 } } },
      budgets: [{ period: 'total', amountNanos: 5_000_000_000n, currency: 'USD' }, { period: 'day' }, { period: 'day', modelId: 'kimi-k2' }],
    });
  });

  it('take a preset by its name, and figures of their own before it', async () => {
    expect((await post('/keys', { limitPreset: 'small', limits: { rpm: 9 } })).body).toMatchObject({ key: { limits: { all: { rpm: 9, tpm: 1_000 }, models: {} } } });
    expect((await post('/keys', { limitPreset: 'by-model', modelLimits: { 'kimi-k2': { tpm: 5 } } })).body).toMatchObject({ key: { limits: { models: { 'kimi-k2': { rpm: 10, tpm: 5 } } } } });
  });

  it('show what is left of the budgets that have been begun', async () => {
    const { body } = await post('/keys', { tenant: 'default', budgets: [{ amount: '5', currency: 'USD', period: 'day' }, { amount: '9', currency: 'USD' }, { amount: '7', currency: 'USD', period: 'month' }] });
    const { id: keyId } = body['key'] as { id: string };
    expect((await get(`/keys/${keyId}`)).body).toMatchObject({ spending: [] });
    const leg = (period: string, allowanceNanos: bigint): HoldLeg => ({ account: { kind: 'budget', ownerId: keyId, period, currency: 'USD', allowanceNanos }, amountNanos: 2_000_000_000n });
    const wallet: HoldLeg = { account: { kind: 'wallet', tenantId: server.tenantId, currency: 'USD', openable: true }, amountNanos: 2_000_000_000n };
    const legs = [wallet, leg('day/2026-06-01', 5_000_000_000n), leg('total', 9_000_000_000n)];
    // A period that is over: no longer of interest.
    const yesterday = [wallet, leg('day/2026-05-31', 5_000_000_000n)];
    const common = { attempt: 1, tenantId: server.tenantId, keyId, lifeMs: 60_000, memo: '{}' };
    await server.ledger.reserve({ ...common, generationId: 'gen_y' as GenerationId, legs: yesterday });
    const hold = await server.ledger.reserve({ ...common, generationId: 'gen_1' as GenerationId, legs });
    const charge = { amountNanos: 1_500_000_000n, currency: 'USD', budgetNanos: [1_500_000_000n, 1_500_000_000n] };
    await server.commit(server.ledger.settlement(hold, { generationId: 'gen_1', tenantId: server.tenantId, keyId, charge }));
    await server.ledger.reserve({ ...common, generationId: 'gen_2' as GenerationId, legs });
    expect((await get(`/keys/${keyId}`)).body).toMatchObject({
      spending: [
        { during: 'day/2026-06-01', period: 'day', amount: '5', spent: '1.5', held: '2', left: '1.5', model: null },
        { during: 'total', period: 'total', amount: '9', spent: '1.5', held: '2', left: '5.5', model: null },
      ],
    });
  });

  it.each([
    [{ tenant: 'nobody' }, 404, 'tenant', /there is no tenant "nobody"; there are: default, plain/],
    [{ limitPreset: 'huge' }, 400, 'limitPreset', /no preset of limits "huge"; there are: small, by-model$/],
    [{ limitPreset: 'toString' }, 400, 'limitPreset', /there are: small/],
    [{ limits: { rpm: 0 } }, 400, 'limits.rpm', /a whole number, 1 or more/],
    [{ limits: { rpm: -1 } }, 400, 'limits.rpm', /a whole number, 1 or more/],
    [{ limits: { tpm: 1.5 } }, 400, 'limits.tpm', /a whole number, 1 or more/],
    [{ limits: { tpd: '5' } }, 400, 'limits.tpd', /a whole number, 1 or more/],
    [{ limits: {} }, 400, 'limits', /at least one of rpm/],
    [{ modelLimits: { 'kimi-k22': { rpm: 1 } } }, 400, 'modelLimits.kimi-k22', /no model "kimi-k22"/],
    [{ modelLimits: { 'kimi-k2': { rpm: 0 } } }, 400, 'modelLimits.kimi-k2.rpm', /1 or more/],
    [{ budgets: [] }, 400, 'budgets', /./],
    [{ budgets: [{ amount: '5' }] }, 400, 'budgets.0.currency', /./],
    [{ budgets: [{ amount: '-5', currency: 'USD' }] }, 400, 'budgets.0.amount', /a positive amount/],
    [{ budgets: [{ amount: '0.000', currency: 'USD' }] }, 400, 'budgets.0.amount', /a positive amount/],
    [{ budgets: [{ amount: 'NaN', currency: 'USD' }] }, 400, 'budgets.0.amount', /a positive amount/],
    [{ budgets: [{ amount: 5, currency: 'USD' }] }, 400, 'budgets.0.amount', /./],
    [{ budgets: [{ amount: '5', currency: 'XXQ' }] }, 400, 'budgets.0.currency', /"XXQ" is no currency/],
    [{ budgets: [{ amount: '5', currency: 'USD', period: 'week' }] }, 400, 'budgets.0.period', /./],
    [{ budgets: [{ amount: '5', currency: 'USD', model: 'kimi-k22' }] }, 400, 'budgets.0.model', /no model "kimi-k22"/],
    [{ budgets: [{ amount: '5', currency: 'USD' }, { amount: '6', currency: 'USD', period: 'total' }] }, 400, 'budgets.1', /two budgets in USD for one period \(total\)/],
  ])('%j is refused with %i, naming %s, and no key is made', async (wish, status, field, message) => {
    const before = await all();
    const answer = await post('/keys', wish);
    expect([answer.status, answer.body.error?.field]).toEqual([status, field]);
    expect(answer.body.error?.message).toMatch(message);
    expect(await all()).toEqual(before);
  });
});

describe('credits', () => {
  it('go to the first tenant in any currency, since it pays in each price’s own', async () => {
    expect(await post('/credits', { amount: '20', currency: 'CNY', memo: 'in cash' })).toMatchObject({
      status: 201, body: { tenant: { name: 'default' }, id: expect.stringMatching(/^trf_/), wallet: { currency: 'CNY', balance: '20', toppedUp: '20', ...noFloor } },
    });
    expect((await get('/credits')).body).toMatchObject({ tenant: { name: 'default' }, credits: [{ kind: 'top-up', amount: '20', currency: 'CNY', reference: null, memo: 'in cash' }] });
  });

  it('are booked once under one reference', async () => {
    await post('/tenants', { name: 'payer', prepaid: true });
    const payment = { tenant: 'payer', amount: '20.000000001', currency: 'USD', reference: 'invoice/7' };
    expect((await post('/credits', payment)).body).toMatchObject({ wallet: { balance: '21.000000001', toppedUp: '20.000000001', trial: '1' } });
    const before = await all();
    expect(await post('/credits', payment)).toMatchObject({ status: 409, body: { error: { code: 'conflict', field: 'reference' } } });
    expect(await post('/credits', { ...payment, amount: '1' })).toMatchObject({ status: 409 });
    expect(await all()).toEqual(before);
    expect((await get('/tenants/payer')).body).toMatchObject({ wallets: [{ balance: '21.000000001' }] });
    expect((await get('/credits?tenant=payer')).body).toMatchObject({ credits: [{ kind: 'top-up', reference: 'invoice/7' }, { kind: 'trial' }] });
    // The name of a payment is the tenant's own.
    expect((await post('/credits', { ...payment, tenant: 'default' })).status).toBe(201);
  });

  it('never come to more than a wallet can count', async () => {
    await post('/tenants', { name: 'whale', currency: 'EUR' });
    const most = { tenant: 'whale', amount: '999999999.999999999', currency: 'EUR' };
    for (let times = 0; times < 9; times += 1) expect((await post('/credits', most)).status).toBe(201);
    expect(await post('/credits', most)).toMatchObject({ status: 400, body: { error: { field: 'amount', message: expect.stringContaining('at most 9000000000 EUR') } } });
    expect((await get('/tenants/whale')).body).toMatchObject({ wallets: [{ balance: '8999999999.999999991' }] });
  });

  it.each([
    [{ amount: '0', currency: 'USD' }, 400, 'amount'],
    [{ amount: '-20', currency: 'USD' }, 400, 'amount'],
    [{ amount: 'NaN', currency: 'USD' }, 400, 'amount'],
    [{ amount: '1e3', currency: 'USD' }, 400, 'amount'],
    [{ amount: 20, currency: 'USD' }, 400, 'amount'],
    [{ amount: '0.0000000001', currency: 'USD' }, 400, 'amount'],
    [{ amount: '1234567890123456789', currency: 'USD' }, 400, 'amount'],
    [{ currency: 'USD' }, 400, 'amount'],
    [{ amount: '20' }, 400, 'currency'],
    [{ amount: '20', currency: 'XXQ' }, 400, 'currency'],
    [{ amount: '20', currency: 'usd' }, 400, 'currency'],
    [{ amount: '20', currency: 'EUR', tenant: 'prepaid' }, 400, 'currency'],
    [{ amount: '20', currency: 'USD', tenant: 'nobody' }, 404, 'tenant'],
    [{ amount: '20', currency: 'USD', reference: '' }, 400, 'reference'],
    [{ amount: '20', currency: 'USD', memo: 'a\u001b[31m' }, 400, 'memo'],
  ])('%j is refused with %i, naming %s, and nothing is booked', async (wish, status, field) => {
    const before = await all();
    const answer = await post('/credits', wish);
    expect([answer.status, answer.body.error?.field]).toEqual([status, field]);
    expect(await all()).toEqual(before);
  });
});

describe('transfers', () => {
  it('come newest first, in pages, of all or of one tenant', async () => {
    const page = (await get('/transfers?tenant=payer&limit=1')).body;
    expect(page).toMatchObject({ transfers: [{ kind: 'top-up', phase: 'posted', open: false, from: 'funding/USD', to: expect.stringMatching(/^wallet\/ten_.*\/USD$/), amount: '20.000000001', conversion: null }] });
    const rest = (await get(`/transfers?tenant=payer&limit=5&before=${encodeURIComponent(String(page['next']))}`)).body;
    expect(rest).toMatchObject({ transfers: [{ kind: 'trial', from: 'trial/USD', amount: '1' }], next: null });
    expect(await get('/transfers?before=nowhere')).toMatchObject({ status: 404, body: { error: { field: 'before' } } });
    expect(await get('/transfers?tenant=nobody')).toMatchObject({ status: 404, body: { error: { field: 'tenant' } } });
  });
});
