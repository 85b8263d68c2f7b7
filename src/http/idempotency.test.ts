import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest, LightMyRequestResponse } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { Caller } from '../access/caller.ts';
import { Fault } from '../base/fault.ts';
import { newId } from '../base/id.ts';
import { openLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { IdempotencyStore } from '../records/idempotency-store.ts';
import { recordsMigrations, type RecordsTables } from '../records/records-tables.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../storage/sqlite-database.ts';
import { UnknownOutcome } from '../storage/unknown-outcome.ts';
import { eventStreamHeaders } from './event-stream.ts';
import { type Answer, Idempotency } from './idempotency.ts';
import { keptBytesMax } from './reply-copy.ts';
import { buildServer } from './server.ts';

const log = openLog('silent');
const dayMs = 24 * 60 * 60 * 1000;

let folder: string;
let database: SqliteDatabase;
let store: IdempotencyStore;
let clock: ManualClock;
let idempotency: Idempotency;
let app: FastifyInstance;
/** Of a tenant of its own for each test: they share a database. */
let caller: Caller;
/** What the surface does; counted. */
let behave: (reply: FastifyReply, ...args: Parameters<Answer>) => Promise<FastifyReply>;
let runs: number;
let tenants = 0;

async function openDatabase(): Promise<void> {
  database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: recordsMigrations });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-idempotency-'));
  await openDatabase();
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function replica(): Idempotency {
  return new Idempotency({ store, encryptionKey: Buffer.alloc(32, 7), clock, random: systemRandom, log });
}

beforeEach(() => {
  store = new IdempotencyStore(database);
  clock = new ManualClock();
  idempotency = replica();
  tenants += 1;
  caller = { tenantId: `ten_${tenants}`, keyId: 'key_1', mode: 'live' };
  runs = 0;
  app = buildServer({ bodyBytesMax: 1_000_000, clock, random: systemRandom, log, stallMs: 30_000 });
  app.addHook('onRequest', (request, _reply, done) => {
    request.caller = caller;
    done();
  });
  const surface = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const generationId = newId('gen', clock, systemRandom);
    request.generationId = generationId;
    reply.header('x-generation-id', generationId);
    const answer: Answer = (copy) => {
      runs += 1;
      return behave(reply, copy);
    };
    return idempotency.once(request, reply, generationId, answer)();
  };
  for (const path of ['/v1/x', '/v1/y', '/api/v1/x']) app.post(path, surface);
});

afterEach(async () => {
  await app.close();
});

const whole = (text: string): typeof behave => async (reply, copy) => {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'x-generation-id': 'gen_first', 'x-moongate-upstream': 'up', 'x-request-id': 'req_first' };
  await copy?.keep({ status: 200, headers }, text);
  reply.hijack();
  reply.raw.writeHead(200, headers).end(text);
  return reply;
};
const failing = (fault: Fault): typeof behave => () => Promise.reject(fault);

function post(key: string | undefined, body: unknown = { a: 1 }, path = '/v1/x'): Promise<LightMyRequestResponse> {
  return app.inject({ method: 'POST', url: path, headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) }, payload: JSON.stringify(body) });
}

describe('a first reply', () => {
  it('is given again with its status, body and headers', async () => {
    behave = whole('{"said":"月"}');
    const first = await post('k');
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    const again = await post('k');
    expect([again.statusCode, again.body, runs]).toEqual([200, first.body, 1]);
    expect(again.headers).toMatchObject({
      'idempotent-replayed': 'true', 'content-type': 'application/json; charset=utf-8', 'x-generation-id': 'gen_first', 'x-moongate-upstream': 'up',
    });
    expect(again.headers['x-request-id']).not.toBe('req_first');
    expect(again.headers).not.toHaveProperty('x-should-retry');
  });

  it('is given again as the stream that it was', async () => {
    behave = async (reply, copy) => {
      reply.hijack();
      reply.raw.writeHead(200, eventStreamHeaders);
      for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
        copy?.add(text);
        reply.raw.write(text);
      }
      await copy?.keep({ status: 200, headers: { ...eventStreamHeaders } }, 'data: [DONE]\n\n');
      reply.raw.end('data: [DONE]\n\n');
      return reply;
    };
    await post('k');
    const again = await post('k');
    expect(again.body).toBe('data: 1\n\ndata: 2\n\ndata: [DONE]\n\n');
    expect(again.headers).toMatchObject({ ...eventStreamHeaders, 'idempotent-replayed': 'true' });
    expect(runs).toBe(1);
  });

  it.each([
    ['an upstream failed', new Fault('upstream_failed', { upstream: 'up' }), 502],
    ['an upstream refused', new Fault('content_filtered', { upstream: 'up' }), 400],
    ['an upstream asks us to slow down', new Fault('upstream_rate_limited', { upstream: 'up', retryAfterMs: 5_000 }), 429],
    ['an upstream sent nonsense', new Fault('upstream_invalid_reply'), 502],
    ['we failed', new Fault('internal'), 500],
  ])('is given again when %s, and the client is told not to go on', async (_name, fault, status) => {
    behave = failing(fault);
    const first = await post('k', {}, '/api/v1/x');
    behave = whole('{}');
    const again = await post('k', {}, '/api/v1/x');
    expect([first.statusCode, again.statusCode, again.body, runs]).toEqual([status, status, first.body, 1]);
    expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', 'x-should-retry': 'false', 'content-type': first.headers['content-type'], 'x-generation-id': first.headers['x-generation-id'] });
    expect(again.headers).not.toHaveProperty('retry-after');
  });

  it.each(['rate_limited', 'quota_exceeded', 'model_not_found', 'model_unpriced', 'permission_denied', 'no_upstream', 'upstream_rate_limited', 'exchange_rate_missing'] as const)(
    'is not kept when nothing was called (%s)',
    async (code) => {
      behave = failing(new Fault(code));
      const first = await post('k');
      expect(first.statusCode).toBe(new Fault(code).status);
      behave = whole('{"now":1}');
      const second = await post('k', { other: true });
      expect([second.body, runs]).toEqual(['{"now":1}', 2]);
      expect(second.headers).not.toHaveProperty('idempotent-replayed');
    },
  );

  it.each(['caller_gone', 'shutting_down', 'storage_unavailable'] as const)('that was broken off (%s) is never tried again', async (code) => {
    behave = failing(new Fault(code, { upstream: 'up' }));
    const first = await post('k');
    behave = whole('{}');
    const again = await post('k');
    expect([again.statusCode, runs]).toEqual([409, 1]);
    expect(again.headers['x-should-retry']).toBe('false');
    expect(again.headers).not.toHaveProperty('retry-after');
    const { error } = again.json<{ error: { message: string } }>();
    expect(error.message).toMatch(/broken off.*use a new key/);
    expect(error.message).toContain(first.headers['x-generation-id']);
    expect(again.headers['x-generation-id']).toBe(first.headers['x-generation-id']);
  });

  it('counts as broken off when it could not be made durable, and is not acknowledged', async () => {
    store.keep = () => Promise.reject(new Fault('storage_unavailable'));
    behave = whole('{}');
    expect((await post('k')).statusCode).toBe(503);
    expect((await post('k')).statusCode).toBe(409);
    expect(runs).toBe(1);
  });

  it('that is too large is remembered, not kept', async () => {
    behave = whole('x'.repeat(keptBytesMax + 1));
    expect((await post('large')).statusCode).toBe(200);
    behave = whole('y'.repeat(keptBytesMax));
    const fits = await post('fits');
    expect((await post('fits')).body).toBe(fits.body);
    const again = await post('large');
    expect(again.statusCode).toBe(409);
    expect(again.json<{ error: { message: string } }>().error.message).toMatch(/too large/);
    expect(runs).toBe(2);
  });
});

describe('a key', () => {
  it('costs a request without one nothing', () => {
    const request = { headers: {} } as FastifyRequest;
    const answer: Answer = () => Promise.reject(new Error('not run'));
    expect(idempotency.once(request, {} as FastifyReply, 'gen_1', answer)).toBe(answer);
  });

  it.each([['empty', ''], ['too long', 'x'.repeat(256)], ['not ASCII', 'schlüssel']])('that is %s is refused', async (_name, key) => {
    behave = whole('{}');
    const refused = await post(key);
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ error: { message: expect.stringContaining('Idempotency-Key'), param: 'Idempotency-Key' } });
    expect(runs).toBe(0);
  });

  it('may be 255 characters, blanks among them', async () => {
    behave = whole('{}');
    const key = `a b~${'x'.repeat(251)}`;
    await post(key);
    expect((await post(key)).headers['idempotent-replayed']).toBe('true');
  });

  it.each([['another body', { a: 2 }, '/v1/x'], ['another path', { a: 1 }, '/v1/y'], ['another base path', { a: 1 }, '/api/v1/x']])(
    'is refused with %s, naming the header, whatever became of the first',
    async (_name, body, path) => {
      for (const first of [whole('{}'), failing(new Fault('caller_gone')), failing(new Fault('upstream_failed', { upstream: 'up' }))]) {
        const key = `k${runs}`;
        behave = first;
        await post(key);
        const before = runs;
        const refused = await post(key, body, path);
        expect(refused.statusCode).toBe(400);
        expect(refused.body).toContain('Idempotency-Key');
        expect(runs).toBe(before);
      }
    },
  );

  it('means the same path with a query or a slash behind it', async () => {
    behave = whole('{}');
    await post('k');
    expect((await post('k', { a: 1 }, '/v1/x/?api-version=1')).headers['idempotent-replayed']).toBe('true');
  });

  it('belongs to a tenant, and to live or test', async () => {
    behave = whole('{"of":1}');
    await post('k');
    behave = whole('{"of":2}');
    const { tenantId } = caller;
    caller = { ...caller, tenantId: 'ten_another' };
    expect((await post('k')).body).toBe('{"of":2}');
    caller = { ...caller, tenantId, mode: 'test' };
    expect((await post('k')).body).toBe('{"of":2}');
    caller = { ...caller, mode: 'live', keyId: 'key_2' };
    expect((await post('k')).body).toBe('{"of":1}');
  });

  it('is free again after 24 h, swept or not', async () => {
    behave = whole('{"n":1}');
    for (const key of ['swept', 'not swept']) await post(key);
    clock.advance(dayMs - 1);
    await idempotency.sweep();
    expect((await post('swept')).body).toBe('{"n":1}');
    behave = whole('{"n":2}');
    clock.advance(1);
    expect((await post('not swept')).body).toBe('{"n":2}');
    await idempotency.sweep();
    expect((await post('swept')).body).toBe('{"n":2}');
    clock.advance(dayMs);
    expect(await keysLeft()).toBe(2);
    await idempotency.sweep();
    expect(await keysLeft()).toBe(0);
  });
});

async function keysLeft(): Promise<number> {
  const left = await database.query(
    database.builder<RecordsTables>().selectFrom('idempotent_requests').select('idempotency_key').where('tenant_id', '=', caller.tenantId).compile(),
  );
  return left.length;
}

describe('a twin', () => {
  it('waits while the first is under way, and has its reply later; 50 are one call', async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    behave = async (reply, copy) => {
      begun.resolve();
      await gate.promise;
      return whole('{"once":true}')(reply, copy);
    };
    const all = Array.from({ length: 50 }, () => post('k'));
    await begun.promise;
    const refused = await post('k');
    expect(refused.statusCode).toBe(409);
    expect(refused.headers).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1000' });
    expect(refused.headers).not.toHaveProperty('x-should-retry');
    gate.resolve();
    const statuses = (await Promise.all(all)).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
    expect((await post('k')).body).toBe('{"once":true}');
    expect(runs).toBe(1);
  });

  it('is refused by every replica, as long as the first one lives, and for good when it has died', async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const mine = idempotency;
    behave = async (reply, copy) => {
      begun.resolve();
      await gate.promise;
      return whole('{}')(reply, copy);
    };
    const first = post('k');
    await begun.promise;
    idempotency = replica();
    clock.advance(19_000);
    await mine.renewLeases();
    clock.advance(19_000);
    expect((await post('k')).headers['retry-after']).toBe('1');
    clock.advance(1_000);
    const dead = await post('k');
    expect([dead.statusCode, dead.headers['x-should-retry'], runs]).toEqual([409, 'false', 1]);
    // It was only slow.
    gate.resolve();
    expect((await first).statusCode).toBe(200);
    expect((await post('k')).headers['idempotent-replayed']).toBe('true');
  });
});

it('whose claim may have been made and was not heard of is free again soon: nobody answers it', async () => {
  behave = whole('{}');
  const { claim } = store;
  store.claim = async (...args) => {
    await claim.apply(store, args);
    throw new Fault('storage_unavailable', { cause: new UnknownOutcome('the connection was lost') });
  };
  expect((await post('k')).statusCode).toBe(503);
  store.claim = claim;
  expect((await post('k')).statusCode).toBe(409);
  await idempotency.renewLeases();
  expect([(await post('k')).statusCode, runs]).toEqual([200, 1]);
});

it('what is kept can be read by nobody who has the database', async () => {
  behave = whole('{"canary":"canary-reply-7f3a"}');
  await post('k', { prompt: 'canary-prompt-7f3a' });
  // Closed, so that all of it stands in the one file.
  await database[Symbol.asyncDispose]();
  const bytes = readFileSync(join(folder, 'test.db')).toString('latin1');
  await openDatabase();
  expect(bytes).toContain(caller.tenantId);
  expect(bytes).not.toContain('canary');
});
