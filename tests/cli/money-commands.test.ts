import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, startAdminServer } from '../doubles/admin-server.ts';
import { type CommandOutcome, runMoongate } from '../doubles/moongate-command.ts';

let server: AdminServer;

beforeAll(async () => {
  server = await startAdminServer();
});

afterAll(() => server[Symbol.asyncDispose]());

function moongate(...argv: readonly string[]): Promise<CommandOutcome> {
  return runMoongate(server.folder, argv);
}

/** What a command says when it succeeds, runs of blanks as a bar. */
async function said(...argv: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await moongate(...argv);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trimEnd().split('\n').map((line) => line.replace(/ {2,}/g, '|'));
}

async function json(...argv: readonly string[]): Promise<unknown> {
  return JSON.parse((await moongate(...argv, '--json')).stdout);
}

const walletTitle = 'WALLET|BALANCE|HELD|AVAILABLE|FLOOR|TOPPED UP|TRIAL|SPENT';

describe('moongate tenants', () => {
  it('creates a prepaid one with its trial credit, limits and budgets, lists and shows it', async () => {
    const created = await said(
      'tenants', 'create', 'acme', '--prepaid', '--rpm', '1000', '--tpd', '5000000', '--model-limit', 'kimi-k2-0905-preview:rpm=10,tpm=300000',
      '--budget', '5.00 usd', '--per', 'day', '--budget', '50 USD/month', '--budget', 'moonshotai/kimi-k2:7 USD/total',
    );
    const id = created[0]?.split('|')[1] ?? '';
    expect(created).toEqual([
      `id|${id}`, 'name|acme', 'billing|prepaid', 'pays in|USD',
      'limits|1,000 requests a minute, 5,000,000 tokens a day',
      'limits of kimi-k2-0905|10 requests a minute, 300,000 tokens a minute',
      'budget|5 USD a day', 'budget|50 USD a month', 'budget|7 USD in total for kimi-k2',
      expect.stringMatching(/^created\|2026-06-01T/), '',
      walletTitle, 'USD|1|0|1|0|0|1|0',
    ]);
    expect(await said('tenants', 'list')).toEqual([
      'ID|NAME|BILLING|PAYS IN|CREATED', `${server.tenantId}|default|postpaid|the currency of each price|2026-06-01`, `${id}|acme|prepaid|USD|2026-06-01`,
    ]);
    expect(await said('tenants', 'show', 'acme')).toEqual(created);
    expect(await said('tenants', 'show', id)).toEqual(created);
    expect(await json('tenants', 'show', 'acme')).toMatchObject({ tenant: { id, limits: { all: { rpm: 1000, tpm: null } } }, wallets: [{ available: '1' }], spending: [] });
  });

  it('says why there is no trial credit', async () => {
    expect((await said('tenants', 'create', 'yuan', '--prepaid', '--currency', 'cny')).at(-1)).toBe('no trial credit: it is 1 USD, and the wallet is in CNY');
    expect((await said('tenants', 'create', 'free')).at(-1)).toMatch(/^no trial credit \(1 USD\): this tenant pays in the currency of each price/);
  });

  it('creates one on credit', async () => {
    const created = await said('tenants', 'create', 'debtor', '--credit-limit', '100 EUR', '--model-limit', 'kimi-k2:concurrency=1');
    expect(created.slice(4)).toEqual(['limits of kimi-k2|1 at a time', expect.stringMatching(/^created/), '', walletTitle, 'EUR|0|0|100|-100|0|0|0', '', 'no trial credit: it is 1 USD, and the wallet is in EUR']);
  });

  it.each([
    [['tenants', 'create', 'acme'], 'conflict', 'name', /a tenant of the name "acme" already/],
    [['tenants', 'create', 'x', '--currency', 'XXQ'], 'invalid_request', 'currency', /"XXQ" is no currency/],
    [['tenants', 'create', 'x', '--budget', '0 USD'], 'invalid_request', 'budgets.0.amount', /a positive amount/],
    [['tenants', 'show', 'nobody'], 'not_found', 'tenant', /no tenant "nobody"; there are: default, acme/],
  ])('%j is refused as %s', async (argv, code, field, message) => {
    expect(await moongate(...argv)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(await json(...argv)).toEqual({ error: { code, field, message: expect.stringMatching(message) } });
  });
});

describe('moongate keys', () => {
  it('makes a key of a tenant, with limits by name and budgets of its own', async () => {
    const created = await said('keys', 'create', '--tenant', 'acme', '--limits', 'small', '--rpm', '9', '--concurrency', '2', '--budget', '5 USD/day', '--budget', '1.5 USD');
    expect(created).toEqual(expect.arrayContaining(['tenant|acme', 'limits|9 requests a minute, 1,000 tokens a minute, 2 at a time', 'budget|5 USD a day', 'budget|1.5 USD in total']));
    const id = created.find((line) => line.startsWith('id|'))?.slice(3) ?? '';
    await moongate('keys', 'create', '--label', 'of another');
    expect((await said('keys', 'list', '--tenant', 'acme')).map((line) => line.split('|').slice(0, 3))).toEqual([['ID', 'KEY', 'TENANT'], [id, expect.stringMatching(/^sk-/), 'acme']]);
    const { tenant } = (await json('tenants', 'show', 'acme')) as { tenant: { id: `ten_${string}` } };
    const amountNanos = 200_000_000n;
    await server.ledger.reserve({
      generationId: 'gen_1', attempt: 1, tenantId: tenant.id, keyId: id, lifeMs: 60_000, memo: '{}',
      legs: [
        { account: { kind: 'wallet', tenantId: tenant.id, currency: 'USD', openable: false }, amountNanos },
        { account: { kind: 'budget', ownerId: id, period: 'day/2026-06-01', currency: 'USD', allowanceNanos: 5_000_000_000n }, amountNanos },
      ],
    });
    expect(await said('keys', 'show', id)).toContain('budget|5 USD a day (day 2026-06-01: 0 spent, 0.2 held, 4.8 left)');
    expect((await said('tenants', 'show', 'acme')).at(-1)).toBe('USD|1|0.2|0.8|0|0|1|0');
  });

  it.each([
    [['--tenant', 'nobody'], 'not_found', 'tenant', /there are: default, acme/],
    [['--limits', 'huge'], 'invalid_request', 'limitPreset', /no preset of limits "huge"; there are: small, by-model/],
    [['--model-limit', 'kimi-k22:rpm=1'], 'invalid_request', 'modelLimits.kimi-k22', /no model "kimi-k22"/],
    [['--budget', '5 XXQ'], 'invalid_request', 'budgets.0.currency', /"XXQ" is no currency/],
    [['--budget', 'kimi-k22:5 USD'], 'invalid_request', 'budgets.0.model', /no model "kimi-k22"/],
    [['--budget', '5 USD/day', '--budget', '6 USD/day'], 'invalid_request', 'budgets.1', /two budgets/],
  ])('create %j is refused as %s', async (argv, code, field, message) => {
    expect(await moongate('keys', 'create', ...argv)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(await json('keys', 'create', ...argv)).toEqual({ error: { code, field, message: expect.stringMatching(message) } });
  });
});

describe('moongate credits and ledger list', () => {
  it('say when there is nothing yet', async () => {
    expect(await said('credits', 'list')).toEqual(['no credits of default yet']);
    expect(await said('ledger', 'list', '--tenant', 'free')).toEqual(['no transfers yet']);
  });

  it('book a payment once under its reference, and list it', async () => {
    const added = await said('credits', 'add', '20 USD', '--tenant', 'acme', '--reference', 'invoice 7', '--memo', 'by wire');
    expect(added).toEqual([expect.stringMatching(/^booked for acme as top-up\/ten_.*\/invoice 7$/), '', walletTitle, expect.stringMatching(/^USD\|21\|.*\|20\|1\|0$/)]);
    expect(await moongate('credits', 'add', '20 USD', '--tenant', 'acme', '--reference', 'invoice 7')).toMatchObject({ code: 1, stderr: expect.stringContaining('booked already') });
    expect(await json('credits', 'add', '20', 'usd')).toMatchObject({ tenant: { name: 'default' }, wallet: { currency: 'USD', balance: '20', floor: null } });
    expect((await said('credits', 'list', '--tenant', 'acme')).map((line) => line.replace(/^[^|]*\|/, ''))).toEqual(['KIND|AMOUNT|REFERENCE|MEMO', 'top-up|20|USD|invoice 7|by wire', 'trial|1|USD|-|-']);
    const listed = await said('ledger', 'list', '--tenant', 'acme', '--limit', '1');
    expect(listed).toEqual(['BOOKED|ID|KIND|PHASE|FROM|TO|AMOUNT', expect.stringMatching(/\|top-up\|posted\|funding\/USD\|wallet\/ten_.*\/USD\|20\|USD$/), '', expect.stringMatching(/^older ones: --before top-up\//)]);
    const before = listed.at(-1)?.replace('older ones: --before ', '') ?? '';
    expect((await said('ledger', 'list', '--tenant', 'acme', '--before', before)).map((line) => line.split('|')[3])).toEqual(['PHASE', 'pending (open)', 'pending (open)', 'posted']);
    expect(await json('ledger', 'list', '--limit', '1')).toMatchObject({ transfers: [{ kind: 'top-up', open: false }], next: expect.any(String) });
  });

  it('take back a payment that was a slip', async () => {
    expect((await said('credits', 'add', '2000 USD', '--tenant', 'acme')).at(-1)).toMatch(/^USD\|2021\|/);
    expect((await said('credits', 'withdraw', '2000 USD', '--tenant', 'acme', '--reference', 'typo')).at(-1)).toMatch(/^USD\|21\|.*\|20\|1\|0$/);
    expect(await json('credits', 'withdraw', '9000 USD', '--tenant', 'acme')).toMatchObject({ error: { code: 'invalid_request', field: 'amount', message: expect.stringMatching(/no more than [\d.]+ USD/) } });
    expect(await json('credits', 'list', '--tenant', 'acme', '--limit', '1')).toMatchObject({ credits: [{ kind: 'withdrawal', amount: '2000', reference: 'typo' }] });
  });

  it.each([
    [['credits', 'add', '0 USD'], 'invalid_request', 'amount', /a positive amount/],
    [['credits', 'add', '0.0000000001 USD'], 'invalid_request', 'amount', /9 after it/],
    [['credits', 'add', '1234567890123456789 USD'], 'invalid_request', 'amount', /at most 9 digits/],
    [['credits', 'add', '5 XXQ'], 'invalid_request', 'currency', /"XXQ" is no currency/],
    [['credits', 'add', '5 EUR', '--tenant', 'acme'], 'invalid_request', 'currency', /no wallet in EUR/],
    [['credits', 'add', '5 USD', '--tenant', 'nobody'], 'not_found', 'tenant', /there are: default, acme/],
    [['ledger', 'list', '--before', 'x'], 'not_found', 'before', /no transfer/],
  ])('%j is refused as %s', async (argv, code, field, message) => {
    expect(await json(...argv)).toEqual({ error: { code, field, message: expect.stringMatching(message) } });
  });
});
