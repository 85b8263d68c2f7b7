import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { newId, type TenantId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../storage/sqlite-database.ts';
import type { GenerationRecord } from './generation-record.ts';
import { RecordsStore } from './records-store.ts';
import { recordsMigrations } from './records-tables.ts';
import type { UsageGrouping, UsageTotal } from './usage-total.ts';

let folder: string;
let database: SqliteDatabase;
let store: RecordsStore;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-records-'));
  database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: recordsMigrations });
  store = new RecordsStore(database);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const freshTenant = (): TenantId => newId('ten', systemClock, systemRandom);

function record(change: Partial<GenerationRecord> = {}): GenerationRecord {
  return {
    id: newId('gen', systemClock, systemRandom),
    tenantId: 'ten_1',
    keyId: 'key_A',
    mode: 'live',
    surface: 'openai-chat',
    requestedModel: 'Kimi-K2',
    modelId: 'kimi-k2',
    streamed: true,
    state: 'complete',
    cancelled: false,
    attempts: 1,
    costState: 'none',
    startedMs: 1_000,
    durationMs: 12.5,
    ...change,
  };
}

const save = (...records: GenerationRecord[]): Promise<unknown> => Promise.all(records.map((one) => database.commit([store.insertion(one)])));

const text = fc.string({ maxLength: 30 });
const tokens = fc.nat({ max: 2 ** 40 });
const someUsage = fc.record(
  { inputUncached: tokens, cacheRead: tokens, cacheWrite: tokens, output: tokens, reasoning: tokens, estimated: fc.boolean() },
  { requiredKeys: ['inputUncached', 'cacheRead', 'cacheWrite', 'output', 'estimated'] },
);
const someRecord: fc.Arbitrary<GenerationRecord> = fc
  .tuple(
    fc.record(
      {
        keyId: text,
        mode: fc.constantFrom('live', 'test'),
        surface: text,
        requestedModel: text,
        modelId: text,
        upstreamId: text,
        upstreamModel: text,
        upstreamReplyId: text,
        streamed: fc.boolean(),
        state: fc.constantFrom('complete', 'partial', 'failed'),
        finishReason: text,
        faultCode: text,
        cancelled: fc.boolean(),
        attempts: fc.nat(9),
        usage: someUsage,
        costState: fc.constantFrom('priced', 'unpriced', 'free', 'none'),
        priceId: text,
        startedMs: fc.nat({ max: 2 ** 45 }),
        firstEventAfterMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
        durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      },
      { requiredKeys: ['keyId', 'mode', 'surface', 'requestedModel', 'modelId', 'streamed', 'state', 'cancelled', 'attempts', 'costState', 'startedMs', 'durationMs'] },
    ),
    fc.option(fc.record({ costNanos: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), currency: fc.constantFrom('USD', 'CNY') }), { nil: {} }),
  )
  .map(([fields, cost]) => record({ ...fields, ...cost }));

describe('RecordsStore', () => {
  it('gives back what was put in, for any record', async () => {
    await fc.assert(
      fc.asyncProperty(someRecord, async (one) => {
        const fresh = { ...one, id: newId('gen', systemClock, systemRandom), tenantId: freshTenant() };
        await save(fresh);
        expect(await store.get(fresh.tenantId, fresh.id)).toEqual(fresh);
      }),
      { numRuns: 60 },
    );
  });

  it('finds a generation by either id, within its tenant only', async () => {
    const [tenantId, otherTenantId] = [freshTenant(), freshTenant()];
    const mine = record({ tenantId, upstreamReplyId: 'chatcmpl-1' });
    const theirs = record({ tenantId: otherTenantId, upstreamReplyId: 'chatcmpl-1' });
    await save(mine, theirs);
    expect(await store.get(tenantId, mine.id)).toEqual(mine);
    expect(await store.get(tenantId, 'chatcmpl-1')).toEqual(mine);
    expect(await store.get(tenantId, theirs.id)).toBeUndefined();
    expect(await store.get(freshTenant(), 'chatcmpl-1')).toBeUndefined();
    expect(await store.get(tenantId, 'chatcmpl-2')).toBeUndefined();
  });

  it('prefers its own id, then the newest of an id that an upstream gave twice', async () => {
    const tenantId = freshTenant();
    const older = record({ tenantId, id: 'gen_a1', upstreamReplyId: 'twice' });
    const newer = record({ tenantId, id: 'gen_a2', upstreamReplyId: 'twice' });
    const posing = record({ tenantId, id: 'gen_a3', upstreamReplyId: 'gen_a1' });
    await save(older, newer, posing);
    expect(await store.get(tenantId, 'twice')).toEqual(newer);
    expect(await store.get(tenantId, 'gen_a1')).toEqual(older);
  });

  it('looks both ids up by an index', async () => {
    const plan = await database.query<{ detail: string }>(
      sql<{ detail: string }>`EXPLAIN QUERY PLAN SELECT * FROM generations WHERE tenant_id = ${'t'} AND (id = ${'x'} OR upstream_reply_id = ${'x'})`.compile(database.builder()),
    );
    expect(plan.map((row) => row.detail).join('\n')).not.toMatch(/SCAN/);
  });

  it('lists the newest first, page by page', async () => {
    const tenantId = freshTenant();
    const all = Array.from({ length: 7 }, (_, index) => record({ tenantId, id: `gen_b${index}` }));
    await save(...all);
    const ids = async (before?: string): Promise<string[]> =>
      (await store.list({ limit: 3, tenantId, ...(before === undefined ? {} : { before }) })).map((one) => one.id);
    expect(await ids()).toEqual(['gen_b6', 'gen_b5', 'gen_b4']);
    expect(await ids('gen_b4')).toEqual(['gen_b3', 'gen_b2', 'gen_b1']);
    expect(await ids('gen_b1')).toEqual(['gen_b0']);
  });

  it('refuses a second record of the same generation', async () => {
    const one = record();
    await save(one);
    await expect(save(one)).rejects.toMatchObject({ constraint: 'unique' });
  });
});

it('keeps the rows of a database that was made before idempotency keys', async () => {
  const path = join(folder, 'old.db');
  const one = record({ costState: 'priced', costNanos: 5n, currency: 'USD', keyId: 'key_old' });
  const old = await openSqliteDatabase({ path, migrations: recordsMigrations.slice(0, 1) });
  await old.commit([new RecordsStore(old).insertion(one)]);
  await old[Symbol.asyncDispose]();
  await using now = await openSqliteDatabase({ path, migrations: recordsMigrations });
  expect(await new RecordsStore(now).get(one.tenantId, one.id)).toEqual(one);
  expect(await new RecordsStore(now).keySpend('key_old', 0)).toEqual([{ currency: 'USD', nanos: 5n }]);
});

describe('keySpend', () => {
  it('adds up what a key was charged since a moment, by currency, and nothing else', async () => {
    const keyId = 'key_spend';
    const charge = (costNanos: bigint, change: Partial<GenerationRecord> = {}): GenerationRecord =>
      record({ keyId, costState: 'priced', costNanos, currency: 'USD', startedMs: 5_000, ...change });
    await save(
      charge(1n), charge(9_007_199_254_740_993n), charge(20n, { startedMs: 4_999 }), charge(7n, { currency: 'CNY' }),
      charge(100n, { costState: 'free' }), charge(100n, { keyId: 'key_other' }), record({ keyId, costState: 'unpriced', startedMs: 5_000 }),
    );
    expect(await store.keySpend(keyId, 5_000)).toEqual([{ currency: 'CNY', nanos: 7n }, { currency: 'USD', nanos: 9_007_199_254_740_994n }]);
    expect(await store.keySpend(keyId, 0)).toEqual([{ currency: 'CNY', nanos: 7n }, { currency: 'USD', nanos: 9_007_199_254_741_014n }]);
    expect(await store.keySpend('key_none', 0)).toEqual([]);
  });

  it('is answered by an index alone', async () => {
    const plan = await database.query<{ detail: string }>(
      sql<{ detail: string }>`EXPLAIN QUERY PLAN SELECT currency, sum(cost_nanos) FROM generations WHERE key_id = ${'k'} AND cost_state = 'priced' AND started_ms >= ${0} GROUP BY currency`.compile(database.builder()),
    );
    expect(plan.map((row) => row.detail).join('\n')).toContain('COVERING INDEX generations_charged_by_key');
  });
});

describe('usageTotals', () => {
  const usage = { inputUncached: 100, cacheRead: 40, cacheWrite: 3, output: 50, reasoning: 20, estimated: false };

  async function totals(tenantId: TenantId, groupBy: UsageGrouping, fromMs = 0, toMs = 10_000): Promise<UsageTotal[]> {
    return store.usageTotals({ tenantId, groupBy, fromMs, toMs });
  }

  async function example(): Promise<TenantId> {
    const tenantId = freshTenant();
    const base = { tenantId, upstreamId: 'moonshot', usage };
    await save(
      record({ ...base, costState: 'priced', costNanos: 9_007_199_254_740_993n, currency: 'USD' }),
      record({ ...base, costState: 'priced', costNanos: 1n, currency: 'USD', state: 'partial', usage: { ...usage, estimated: true } }),
      record({ ...base, costState: 'priced', costNanos: 7n, currency: 'CNY' }),
      record({ ...base, costState: 'free', costNanos: 5n, currency: 'USD', upstreamId: 'sandbox', keyId: 'key_B' }),
      record({ ...base, costState: 'unpriced', modelId: 'new-model' }),
      record({ tenantId, state: 'failed', faultCode: 'no_upstream' }),
    );
    return tenantId;
  }

  it('never add up two currencies, nor what is charged and what is free', async () => {
    const byModel = await totals(await example(), 'model');
    expect(byModel).toEqual([
      {
        modelId: 'kimi-k2',
        generations: { complete: 3, partial: 1, failed: 1 },
        tokens: { inputUncached: 400, cacheRead: 160, cacheWrite: 12, output: 200, reasoning: 80 },
        estimatedCount: 1,
        unmeasuredCount: 1,
        unpricedCount: 0,
        freeCount: 1,
        costs: [
          { currency: 'CNY', chargedNanos: 7n, freeNanos: 0n },
          { currency: 'USD', chargedNanos: 9_007_199_254_740_994n, freeNanos: 5n },
        ],
      },
      {
        modelId: 'new-model',
        generations: { complete: 1, partial: 0, failed: 0 },
        tokens: { inputUncached: 100, cacheRead: 40, cacheWrite: 3, output: 50, reasoning: 20 },
        estimatedCount: 0,
        unmeasuredCount: 0,
        unpricedCount: 1,
        freeCount: 0,
        costs: [],
      },
    ]);
  });

  it('group by key, by upstream, and by key and model', async () => {
    const tenantId = await example();
    const counted = (list: UsageTotal[]): Record<string, number> =>
      Object.fromEntries(
        list.map((total) => [
          [total.keyId, total.modelId, total.upstreamId].filter((part) => part !== undefined).join('/'),
          total.generations.complete + total.generations.partial + total.generations.failed,
        ]),
      );
    expect(counted(await totals(tenantId, 'key'))).toEqual({ key_A: 5, key_B: 1 });
    expect(counted(await totals(tenantId, 'upstream'))).toEqual({ moonshot: 4, sandbox: 1, '': 1 });
    expect(counted(await totals(tenantId, 'key-model'))).toEqual({ 'key_A/kimi-k2': 4, 'key_A/new-model': 1, 'key_B/kimi-k2': 1 });
  });

  it('hold the first moment of the time asked for, and not the last', async () => {
    const tenantId = freshTenant();
    await save(record({ tenantId, startedMs: 10 }), record({ tenantId, startedMs: 20 }));
    const complete = async (fromMs: number, toMs: number): Promise<number[]> =>
      (await totals(tenantId, 'key', fromMs, toMs)).map((total) => total.generations.complete);
    expect(await complete(10, 20)).toEqual([1]);
    expect(await complete(10, 21)).toEqual([2]);
    expect(await complete(11, 20)).toEqual([]);
  });

  it('are the sum of the records, whatever the records', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someRecord, { maxLength: 12 }), async (records) => {
        const tenantId = freshTenant();
        // Small enough for the sum to fit into 63 bits.
        const mine = records.map((one) => ({
          ...one,
          id: newId('gen', systemClock, systemRandom),
          tenantId,
          ...(one.costNanos === undefined ? {} : { costNanos: one.costNanos % 2n ** 55n }),
        }));
        await save(...mine);
        const all = await totals(tenantId, 'key-model', 0, 2 ** 46);
        const sum = (pick: (one: GenerationRecord) => number): number => mine.reduce((total, one) => total + pick(one), 0);
        const summed = (pick: (one: UsageTotal) => number): number => all.reduce((total, one) => total + pick(one), 0);
        expect(summed((one) => one.tokens.output)).toBe(sum((one) => one.usage?.output ?? 0));
        expect(summed((one) => one.generations.partial)).toBe(sum((one) => (one.state === 'partial' ? 1 : 0)));
        expect(summed((one) => one.unmeasuredCount)).toBe(sum((one) => (one.usage === undefined ? 1 : 0)));
        for (const currency of ['USD', 'CNY']) {
          const charged = mine.filter((one) => one.costState === 'priced' && one.currency === currency);
          expect(all.flatMap((one) => one.costs).reduce((total, cost) => (cost.currency === currency ? total + cost.chargedNanos : total), 0n)).toBe(
            charged.reduce((total, one) => total + (one.costNanos ?? 0n), 0n),
          );
        }
      }),
      { numRuns: 30 },
    );
  });
});
