import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { adminApi, adminDownloads, type AdminRoute, adminUploads } from '../../../contract/admin-api.ts';
import { batchResponse, checkBatchResponse } from '../../../contract/batch.ts';
import { adminErrorBody } from '../../../contract/admin-error.ts';
import { accessMigrations, type AccessTables } from '../../access/access-tables.ts';
import { isAdminToken, mintKey } from '../../access/api-key.ts';
import { KeyHmac } from '../../access/key-hmac.ts';
import { KeyStore } from '../../access/key-store.ts';
import { Keys } from '../../access/keys.ts';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { TenantId } from '../../base/id.ts';
import type { LogFacts } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { parseRootSecret } from '../../base/secret.ts';
import { Catalog } from '../../catalog/catalog.ts';
import { ExchangeRates } from '../../catalog/exchange-rates.ts';
import { SellRules } from '../../catalog/sell-rules.ts';
import { shippedCatalog } from '../../catalog/shipped-catalog.ts';
import { LedgerJournal } from '../../ledger/ledger-journal.ts';
import { ledgerMigrations, type LedgerTables } from '../../ledger/ledger-tables.ts';
import { Wallets } from '../../ledger/wallets.ts';
import type { GenerationRecord } from '../../records/generation-record.ts';
import { Reconciliation } from '../../records/reconciliation.ts';
import { RecordsStore } from '../../records/records-store.ts';
import { recordsMigrations, type RecordsTables } from '../../records/records-tables.ts';
import { ExtractorDouble } from '../../../tests/doubles/extractor-double.ts';
import { type DocumentRooms, openDocuments } from '../../../tests/doubles/open-documents.ts';
import { noBatches } from '../../../tests/doubles/no-batches.ts';
import { documentsMigrations } from '../../documents/document-tables.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../../storage/sqlite-database.ts';
import { buildServer } from '../server.ts';
import { registerAdmin } from './admin-routes.ts';
import { TenantRegister } from './tenant-register.ts';

const adminToken = mintKey('admin', systemRandom).token;

let folder: string;
let database: SqliteDatabase;
let keys: Keys;
let tenantId: TenantId;
let records: RecordsStore;
let app: FastifyInstance;
let documents: DocumentRooms;
let nowMs: number;
let failure: Error | undefined;
let logged: [string, LogFacts | undefined][];
/** Every route that was registered, as Fastify tells it, the HEAD twins of GET routes included. */
let registered: { method: string; url: string }[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-admin-'));
  database = await openSqliteDatabase({ path: join(folder, 'moongate.db'), migrations: [...accessMigrations, ...ledgerMigrations, ...recordsMigrations, ...documentsMigrations] });
  documents = await openDocuments({ database, folder: join(folder, 'files'), extractor: new ExtractorDouble() });
  records = new RecordsStore(database);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  nowMs = Date.parse('2026-06-01T00:00:00Z');
  failure = undefined;
  logged = [];
  registered = [];
  const tables = database.builder<AccessTables & RecordsTables>();
  await database.commit([tables.deleteFrom('api_keys').compile(), tables.deleteFrom('generations').compile()]);
  const clock = { ...systemClock, nowMs: () => nowMs };
  const hmac = new KeyHmac(parseRootSecret('x'.repeat(32)));
  const keyStore = new KeyStore(database);
  const wallets = new Wallets({ database, clock, random: systemRandom });
  keys = new Keys({ store: keyStore, hmac, clock, random: systemRandom, onChanged: () => {} });
  ({ tenantId } = await keys.firstTenant());
  const log = { write: (_level: string, message: string, facts?: LogFacts) => void logged.push([message, facts]), writes: () => true, flush: () => {} };
  app = buildServer({
    bodyBytesMax: 10_000, clock, random: systemRandom, log, stallMs: 30_000,
  });
  app.addHook('onRoute', ({ method, url }) => void registered.push(...[method].flat().map((one) => ({ method: one, url }))));
  const catalog = new Catalog(shippedCatalog(), undefined, []);
  const money = new ExchangeRates({ staleDays: 7, staleRates: 'flag' });
  registerAdmin(app, {
    ...noBatches,
    ...documents,
    keys, wallets, clock, log, catalog,
    tenants: new TenantRegister({ database, store: keyStore, wallets, clock, random: systemRandom, firstTenantId: tenantId, money: {} }),
    journal: new LedgerJournal(database),
    presetByName: () => undefined,
    presetNames: ['small'],
    prices: { catalog, sellRules: new SellRules([], () => undefined), exchange: money, clock, currency: undefined },
    rates: { exchange: money, feed: undefined, clock, importCsv: () => Promise.resolve({ stored: 0, known: 0 }) },
    records: {
      list: (page) => (failure === undefined ? records.list(page) : Promise.reject(failure)),
      usageTotals: (query) => records.usageTotals(query),
    },
    reconciliation: new Reconciliation({
      database, clock, upstreamIds: new Set(['moonshot']),
      accounts: new Map([['moonshot', { balance: { currency: 'USD', read: () => (failure === undefined ? Promise.resolve(5n) : Promise.reject(failure)) } }]]),
    }),
    isAdminToken: (given) => isAdminToken(given, adminToken),
    info: async () => ({
      version: '1.2.3', address: 'http://127.0.0.1:1', startedAt: '2026-01-01T00:00:00.000Z', upstreams: [], liveKeysAnsweredBy: 'sandbox', tokenCounts: 'exact',
      documents: { confinement: 'bubblewrap', memory: 'limited', ocrLanguages: ['eng'] },
    }),
  });
  await app.ready();
});

afterEach(() => app.close());

function store(...list: readonly GenerationRecord[]): Promise<unknown> {
  return database.commit(list.map((record) => records.insertion(record)));
}

async function ask(options: InjectOptions, authorization: string | undefined = `Bearer ${adminToken}`): Promise<{ status: number; body: unknown; text: string }> {
  const response = await app.inject({ ...options, headers: { ...options.headers, ...(authorization === '' ? {} : { authorization }) } });
  return { status: response.statusCode, body: JSON.parse(response.body) as unknown, text: response.body };
}

/** The path of a route with its parameters filled in. */
function pathOf(path: string, id: string): string {
  return path.replace('{id}', id).replace('{tenant}', tenantId).replace('{upstream}', 'moonshot');
}

const get = (url: string): Promise<{ status: number; body: unknown; text: string }> => ask({ method: 'GET', url });
const post = (url: string, payload: object | string): Promise<{ status: number; body: unknown; text: string }> =>
  ask({ method: 'POST', url, payload, headers: { 'content-type': 'application/json' } });

/** Bodies of the routes that cannot do with an empty one. */
const needed: Readonly<Record<string, object>> = {
  createTenant: { name: 'acme' }, addCredits: { amount: '1', currency: 'USD' }, withdrawCredits: { amount: '1', currency: 'USD' },
  importRates: { csv: 'from,to,rate,date' }, importFigures: { csv: 'day,amount,currency\n2026-05-01,1.5,USD\n' },
};

async function bookedRows(): Promise<readonly unknown[]> {
  const tables = database.builder<AccessTables & LedgerTables>();
  return [
    await database.query(tables.selectFrom('tenants').selectAll().orderBy('id').compile()),
    await database.query(tables.selectFrom('ledger_transfers').selectAll().orderBy('id').compile()),
  ];
}

describe('every route of the contract', () => {
  it('is registered, and every route that is registered is one of the contract', () => {
    const listed = [...Object.values(adminApi), ...Object.values(adminUploads), ...Object.values(adminDownloads)].map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
    expect(registered.filter(({ method }) => method !== 'HEAD').map(({ method, url }) => `${method} ${url}`).sort()).toEqual(listed.sort());
  });

  it('refuses whoever does not send the admin token, with nothing changed', async () => {
    const { key, token } = await keys.create({ tenantId, mode: 'live', label: 'the only one' });
    const before = await bookedRows();
    expect(registered.length).toBeGreaterThan(12);
    for (const { method, url } of registered) {
      const path = url.replace(':id', key.id).replace(':tenant', tenantId).replace(':upstream', 'moonshot');
      const request = { method: method as 'GET', url: path, ...(method === 'POST' ? { payload: {} } : {}) };
      for (const [authorization, status, code] of [
        ['', 401, 'unauthenticated'],
        ['Bearer ', 401, 'unauthenticated'],
        ['Basic bWdhZG0=', 401, 'unauthenticated'],
        [adminToken, 401, 'unauthenticated'],
        [`Bearer ${adminToken}x`, 401, 'unauthenticated'],
        [`Bearer ${mintKey('admin', systemRandom).token}`, 401, 'unauthenticated'],
        [`Bearer ${token}`, 403, 'permission_denied'],
        ['Bearer sk-test-anything', 403, 'permission_denied'],
      ] as const) {
        const response = await app.inject({ ...request, headers: authorization === '' ? {} : { authorization } });
        expect(response.statusCode, `${method} ${url} ${authorization}`).toBe(status);
        if (method !== 'HEAD') expect(adminErrorBody.parse(response.json()).error.code).toBe(code);
      }
    }
    expect(await keys.list()).toEqual([key]);
    expect(await bookedRows()).toEqual(before);
  });

  it('answers as the contract says to whoever does', async () => {
    const { key } = await keys.create({ tenantId, mode: 'live', label: '' });
    const file = await ask({ method: 'POST', url: '/admin/v1/files?filename=a.txt&purpose=file-extract', payload: 'text', headers: { 'content-type': 'application/octet-stream' } });
    expect(file.status).toBe(adminUploads.uploadFile.status);
    const { id: fileId } = adminUploads.uploadFile.response.parse(file.body).file;
    for (const [name, route] of Object.entries<AdminRoute>(adminApi)) {
      // A batch is checked, made, shown and cancelled in tests/batches, by the client, which reads every answer by the contract.
      if (route.path.startsWith('/admin/v1/batches') && (route.response === batchResponse || route.response === checkBatchResponse)) continue;
      const id = route.path.startsWith('/admin/v1/files/') ? fileId : key.id;
      const answer = await ask({ method: route.method, url: pathOf(route.path, id), ...(route.method === 'POST' ? { payload: needed[name] ?? {} } : {}) });
      expect(answer.status, route.path).toBe(route.status);
      expect(route.response.safeParse(answer.body).error, route.path).toBeUndefined();
    }
  });

  it('answers unknown paths below it in its own shape, and tells those without the token nothing', async () => {
    expect(await get('/admin/v1/nothing')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await ask({ method: 'GET', url: '/admin/v1/nothing' }, '')).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } });
    expect(await ask({ method: 'DELETE', url: '/admin/v1/keys' })).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it('refuses before it reads the body', async () => {
    const answer = await ask({ method: 'POST', url: '/admin/v1/keys', payload: '{broken', headers: { 'content-type': 'application/json' } }, '');
    expect(answer.status).toBe(401);
  });

  it('lets no cache keep an answer', async () => {
    const response = await app.inject({ method: 'GET', url: '/admin/v1/keys', headers: { authorization: `Bearer ${adminToken}` } });
    expect(response.headers['cache-control']).toBe('no-store');
  });
});

describe('bad requests', () => {
  it.each([
    ['/admin/v1/keys', { label: 5 }, 'label'],
    ['/admin/v1/keys', { labl: 'x' }, 'labl'],
    ['/admin/v1/keys', { mode: 'prod' }, 'mode'],
    ['/admin/v1/keys', { models: [] }, 'models'],
    ['/admin/v1/keys', { models: ['kimi-k2', 'kimi-k22'] }, 'models.1'],
    ['/admin/v1/keys', { expiresAt: '2026-05-31' }, 'expiresAt'],
    ['/admin/v1/keys', { expiresAt: 'soon' }, 'expiresAt'],
    ['/admin/v1/keys', [], undefined],
    ['/admin/v1/keys', 'null', undefined],
    ['/admin/v1/keys', '{broken', undefined],
    ['/admin/v1/keys', '{"__proto__":{"mode":"live"}}', '__proto__'],
    ['/admin/v1/keys/key_1/revoke', { why: 'x' }, 'why'],
  ])('POST %s with %j names the field', async (url, payload, field) => {
    const { status, body } = await post(url, payload);
    expect(status).toBe(400);
    expect(adminErrorBody.parse(body).error).toMatchObject({ code: 'invalid_request', ...(field === undefined ? {} : { field }) });
    expect(await keys.list()).toEqual([]);
  });

  it.each([
    ['/admin/v1/usage?by=moon', 'by'],
    ['/admin/v1/usage?from=soon', 'from'],
    ['/admin/v1/usage?from=2026-02-01&to=2026-02-01', 'from'],
    ['/admin/v1/usage?from=2026-01-01&from=2026-01-02', 'from'],
    ['/admin/v1/usage?until=2026-01-01', 'until'],
    ['/admin/v1/generations?limit=0', 'limit'],
    ['/admin/v1/keys?x=1', 'x'],
  ])('GET %s names the field', async (url, field) => {
    const { status, body } = await get(url);
    expect([status, adminErrorBody.parse(body).error.field]).toEqual([400, field]);
  });

  it('a body that is too large has its own status', async () => {
    expect(await post('/admin/v1/keys', { label: 'x'.repeat(20_000) })).toMatchObject({ status: 413, body: { error: { code: 'body_too_large' } } });
  });

  it('a bug of ours is a 500 that tells nothing, and is logged without what it said', async () => {
    failure = new Error('secret detail');
    const { status, body, text } = await get('/admin/v1/generations');
    expect([status, adminErrorBody.parse(body).error.code]).toEqual([500, 'internal']);
    expect(text).not.toContain('secret detail');
    const [, facts] = logged.find(([message]) => message === 'internal error') ?? [];
    expect(facts?.stack).toContain('at ');
    expect(JSON.stringify(logged)).not.toContain('secret detail');
  });

  it('a fault that has no place in the admin API is one of ours', async () => {
    failure = new Fault('no_upstream');
    expect(await get('/admin/v1/generations')).toMatchObject({ status: 500, body: { error: { code: 'internal' } } });
    failure = new Fault('storage_unavailable');
    expect(await get('/admin/v1/generations')).toMatchObject({ status: 503, body: { error: { code: 'storage_unavailable' } } });
  });
});

describe('keys', () => {
  it('are made with what was asked, models by their canonical ids', async () => {
    const models = ['moonshotai/Kimi-K2-Thinking', 'kimi-k2-thinking'];
    const { body } = await post('/admin/v1/keys', { label: 'ci', mode: 'test', models, expiresAt: '2026-07-01T02:00:00+02:00' });
    expect(body).toEqual({
      key: {
        id: expect.stringMatching(/^key_/), tenant: { id: tenantId, name: 'default' }, label: 'ci', display: expect.stringMatching(/^sk-test-....…$/), mode: 'test', state: 'active',
        models: ['kimi-k2-thinking'], limits: null, budgets: [], createdAt: '2026-06-01T00:00:00.000Z', expiresAt: '2026-07-01T00:00:00.000Z', revokedAt: null,
      },
      secret: expect.stringMatching(/^sk-test-\w{59}$/),
    });
    expect(await keys.list()).toMatchObject([{ tenantId, expiresMs: Date.parse('2026-07-01T00:00:00Z'), allowedModels: ['kimi-k2-thinking'] }]);
  });

  it('tell their state, and never the key', async () => {
    const made = [
      await keys.create({ tenantId, mode: 'live', label: 'a', expiresMs: nowMs + 1000 }),
      await keys.create({ tenantId, mode: 'live', label: '', expiresMs: nowMs + 1001 }),
      await keys.create({ tenantId, mode: 'live', label: 'c', expiresMs: nowMs + 999 }),
    ];
    await keys.revoke(made[2]?.key.id ?? '');
    nowMs += 1000;
    const { body, text } = await get('/admin/v1/keys');
    const listed = (body as { keys: { label: string | null; state: string }[] }).keys.map(({ label, state }) => [label, state]);
    expect(new Set(listed)).toEqual(new Set([['a', 'expired'], [null, 'active'], ['c', 'revoked']]));
    for (const { token } of made) expect(text).not.toContain(token.slice(10));
  });

  it('are revoked, and not found when there are none', async () => {
    const { key } = await keys.create({ tenantId, mode: 'live', label: '' });
    expect(await post(`/admin/v1/keys/${key.id}/revoke`, {})).toMatchObject({ status: 200, body: { key: { state: 'revoked', revokedAt: '2026-06-01T00:00:00.000Z' } } });
    nowMs += 5000;
    expect(await ask({ method: 'POST', url: `/admin/v1/keys/${key.id}/revoke` })).toMatchObject({ status: 200, body: { key: { revokedAt: '2026-06-01T00:00:00.000Z' } } });
    expect(await get('/admin/v1/keys/key_9')).toMatchObject({ status: 404, body: { error: { code: 'not_found', field: 'id' } } });
    expect(await post('/admin/v1/keys/key_9/revoke', {})).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    const pasted = await get('/admin/v1/keys/sk-pasted-by-mistake');
    expect(pasted.status).toBe(404);
    expect(pasted.text).not.toContain('pasted');
  });
});

const record: GenerationRecord = {
  id: 'gen_2', tenantId: 'ten_1', keyId: 'key_1', mode: 'live', surface: '/v1/chat/completions', requestedModel: 'kimi-k2', modelId: 'kimi-k2',
  streamed: false, state: 'complete', cancelled: false, attempts: 1, costState: 'priced', costNanos: 1_230_000n, currency: 'USD', priceId: 'p/1',
  chargeNanos: 100_000_000n, chargeCurrency: 'RUB', chargeRule: 'list', exchangeRate: '80', exchangeRateFrom: '2026-01-14', cacheSavedNanos: 7n, flags: ['rejected', 'rate-stale'],
  usage: { inputUncached: 10, cacheRead: 5, cacheWrite: 1, output: 7, estimated: false }, upstreamId: 'moonshot', finishReason: 'stop',
  startedMs: Date.parse('2026-01-15T00:00:00Z'), firstEventAfterMs: 0.5, durationMs: 10.25,
};

describe('reconciliation', () => {
  const path = '/admin/v1/upstreams/moonshot';

  it('takes in files, all or nothing, and shows both sides', async () => {
    await store({ ...record, costNanos: 2_000_000_000n });
    const csv = 'day,amount,currency\n2026-01-15,2.05,USD\n2026-01-16,1,USD\n';
    expect(await post(`${path}/figures`, { csv })).toMatchObject({ status: 200, body: { figures: [{ day: '2026-01-15', amount: '2.05', currency: 'USD' }, { day: '2026-01-16' }] } });
    expect(await post(`${path}/figures`, { csv: 'day,amount,currency\n2026-01-15,9,USD\n2026-01-16,x,USD' })).toMatchObject({
      status: 400, body: { error: { field: 'csv', message: expect.stringContaining('line 3') as string } },
    });
    const bare = { source: 'csv', compared: null, coveredHours: null, toppedUp: null, unpriced: 0 };
    expect(await get(`${path}/reconciliation?from=2026-01-01&to=2026-02-01`)).toEqual(expect.objectContaining({
      status: 200,
      body: {
        upstream: 'moonshot', from: '2026-01-01', to: '2026-02-01', unplaced: [],
        days: [
          { ...bare, day: '2026-01-15', currency: 'USD', ours: '2', theirs: '2.05', drift: '0.05', driftPercent: '2.5' },
          { ...bare, day: '2026-01-16', currency: 'USD', ours: null, theirs: '1', drift: null, driftPercent: null },
        ],
        totals: [{ source: 'csv', currency: 'USD', days: 1, ours: '2', theirs: '2.05', drift: '0.05', driftPercent: '2.5' }],
      },
    }));
  });

  it('says what an upstream did wrong when it was asked', async () => {
    expect(await post(`${path}/figures/fetch`, {})).toMatchObject({ status: 200, body: { source: 'balance', balance: { amount: '0.000000005', currency: 'USD' }, missing: [] } });
    failure = new Fault('upstream_refused_key', { message: 'the upstream refused our credential (401)' });
    expect(await post(`${path}/figures/fetch`, {})).toMatchObject({ status: 502, body: { error: { code: 'upstream_failed', message: 'the upstream refused our credential (401)' } } });
  });

  it.each([
    ['/admin/v1/upstreams/akr/reconciliation', 404, 'upstream'],
    ['/admin/v1/upstreams/moonshot/reconciliation?from=2026-02-30', 400, 'from'],
    ['/admin/v1/upstreams/moonshot/reconciliation?from=2026-02-02&to=2026-02-02', 400, 'from'],
  ])('GET %s is refused', async (url, status, field) => {
    const answer = await get(url);
    expect([answer.status, adminErrorBody.parse(answer.body).error.field]).toEqual([status, field]);
  });
});

describe('generations', () => {
  it('show money as decimal text and what is unknown as null', async () => {
    await store(record);
    const { body } = await get('/admin/v1/generations');
    expect(body).toMatchObject({
      generations: [{
        id: 'gen_2', upstream: 'moonshot', upstreamModel: null, startedAt: '2026-01-15T00:00:00.000Z',
        tenantId: 'ten_1', tokens: { inputUncached: 10, cacheRead: 5, cacheWrite: 1, cacheWrite1h: 0, output: 7, reasoning: null, estimated: false }, webSearches: 0,
        cost: { state: 'priced', amount: '0.00123', currency: 'USD', priceId: 'p/1' },
        charge: { amount: '0.1', currency: 'RUB', rule: 'list', exchangeRate: '80', exchangeRateFrom: '2026-01-14', cacheSaved: '0.000000007', loss: '0' },
        flags: ['rejected', 'rate-stale'],
      }],
      next: null,
    });
  });

  it('are those of a tenant, a key, a model by any of its names, or a state', async () => {
    await store(record, { ...record, id: 'gen_3', tenantId, keyId: 'key_2', modelId: 'kimi-k2-thinking', state: 'unknown' }, { ...record, id: 'gen_4', modelId: 'of-yore' });
    for (const [query, ids] of [
      ['tenant=default', ['gen_3']], [`tenant=${tenantId}`, ['gen_3']], ['key=key_1', ['gen_4', 'gen_2']], ['model=moonshotai/Kimi-K2-Thinking', ['gen_3']], ['model=of-yore', ['gen_4']],
      ['state=unknown', ['gen_3']], ['state=complete&key=key_2', []],
    ] as const) {
      const { body } = await get(`/admin/v1/generations?${query}`);
      expect((body as { generations: { id: string }[] }).generations.map(({ id }) => id), query).toEqual(ids);
    }
    expect(await get('/admin/v1/generations?tenant=bogus')).toMatchObject({ status: 404, body: { error: { field: 'tenant', message: expect.stringContaining('there are: ') } } });
  });

  it('come newest first, in pages', async () => {
    await store({ ...record, id: 'gen_1' }, record, { ...record, id: 'gen_3' });
    expect(await get('/admin/v1/generations?limit=2')).toMatchObject({ body: { generations: [{ id: 'gen_3' }, { id: 'gen_2' }], next: 'gen_2' } });
    expect(await get('/admin/v1/generations?limit=2&before=gen_2')).toMatchObject({ body: { generations: [{ id: 'gen_1' }], next: null } });
  });
});

describe('usage', () => {
  it('is grouped as asked, within the times asked, with labels of the keys', async () => {
    const { key } = await keys.create({ tenantId, mode: 'test', label: 'ci' });
    await store(
      { ...record, id: 'gen_1', keyId: key.id, usage: { inputUncached: 20, cacheRead: 10, cacheWrite: 2, output: 14, reasoning: 3, estimated: true } },
      { ...record, id: 'gen_2', keyId: 'key_gone', modelId: 'kimi-k2-thinking' },
      { ...record, id: 'gen_3', startedMs: Date.parse('2026-01-31T23:00:00Z') },
      { ...record, id: 'gen_4', startedMs: Date.parse('2025-12-31T23:59:59.999Z') },
    );
    const { body } = await get('/admin/v1/usage?from=2026-01-01&to=2026-02-01T00:00:00%2B01:00');
    expect(body).toMatchObject({
      from: '2026-01-01T00:00:00.000Z', to: '2026-01-31T23:00:00.000Z', by: 'key-model',
      rows: [
        { key: { id: key.id, label: 'ci', mode: 'test' }, model: 'kimi-k2', estimated: 1 },
        { key: { id: 'key_gone', label: null, mode: null }, model: 'kimi-k2-thinking', estimated: 0 },
      ],
      total: { generations: 2, estimated: 1, tokens: { inputUncached: 30, cacheRead: 15, cacheWrite: 3, cacheWrite1h: 0, output: 21, reasoning: 3 } },
    });
    expect((await get('/admin/v1/usage?by=model')).body).toMatchObject({ from: null, to: null, rows: [{ model: 'kimi-k2', generations: 3 }, { generations: 1 }] });
  });

  it('adds up exactly, each currency for itself, what is free, unknown and charged apart', async () => {
    const { chargeNanos: _charge, chargeCurrency: _chargeCurrency, exchangeRate: _rate, cacheSavedNanos: _saved, flags: _flags, ...uncharged } = record;
    const { usage: _usage, upstreamId: _upstream, costNanos: _cost, currency: _currency, priceId: _price, ...bare } = uncharged;
    await store(
      { ...uncharged, id: 'gen_1', costNanos: 9_007_199_254_740_993n, chargeNanos: 9_007_199_254_740_995n, chargeCurrency: 'USD', cacheSavedNanos: 4n, lossNanos: 5n },
      { ...uncharged, id: 'gen_2', costNanos: 1n, state: 'partial', flags: ['rejected'] },
      { ...uncharged, id: 'gen_3', costNanos: 2n, costState: 'free', upstreamId: 'sandbox' },
      { ...uncharged, id: 'gen_4', costNanos: 3n, currency: 'CNY', chargeNanos: 4n, chargeCurrency: 'USD' },
      { ...bare, id: 'gen_5', costState: 'none', state: 'failed' },
      { ...bare, id: 'gen_6', costState: 'unpriced', upstreamId: 'moonshot' },
      { ...bare, id: 'gen_7', costState: 'unknown', state: 'unknown', keyId: 'key_7' },
    );
    const { body } = await get('/admin/v1/usage?by=upstream');
    expect(body).toMatchObject({
      total: {
        generations: 7, partial: 1, failed: 1, unknown: 1, flagged: 1, free: 1, unpriced: 1, estimated: 0, unmeasured: 3,
        costs: [
          { currency: 'CNY', charged: '0', cost: '0.000000003', free: '0', cacheSaved: '0', loss: '0', margin: null },
          { currency: 'USD', charged: '9007199.254740999', cost: '9007199.254740994', free: '0.000000002', cacheSaved: '0.000000004', loss: '0.000000005', margin: null },
        ],
      },
    });
    // Without the call that costs yuan and is paid for in dollars, the two sides can be compared.
    const { body: byState } = await get('/admin/v1/usage?by=day&from=2026-01-15&to=2026-01-16');
    expect(byState).toMatchObject({ by: 'day', rows: [{ day: '2026-01-15', generations: 7 }] });
    await database.commit([database.builder<RecordsTables>().deleteFrom('generations').where('id', '=', 'gen_4').compile()]);
    expect((await get('/admin/v1/usage?by=tenant')).body).toMatchObject({ rows: [{ tenant: 'ten_1', costs: [{ currency: 'USD', margin: '0.000000001' }] }] });
    const rows = (body as { rows: { upstream: string | null; generations: number }[] }).rows.map((row) => [row.upstream, row.generations]);
    expect(new Map(rows as [string | null, number][])).toEqual(new Map([['moonshot', 4], ['sandbox', 1], [null, 2]]));
  });
});
