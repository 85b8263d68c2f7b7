import fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { anyRecord, record, withSmallAmounts } from '../../tests/doubles/any-record.ts';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { systemClock } from '../base/clock.ts';
import { newId, type TenantId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import type { GenerationRecord } from './generation-record.ts';
import { RecordsStore } from './records-store.ts';
import { recordsMigrations } from './records-tables.ts';
import { StorageHours, type StoredPiece } from './storage-hours.ts';
import type { UsageGrouping } from './usage-rows.ts';
import type { UsageTotal } from './usage-total.ts';

const freshTenant = (): TenantId => newId('ten', systemClock, systemRandom);

onEveryDatabase((databases) => {
  let database: Database;
  let store: RecordsStore;

  beforeAll(async () => {
    database = await databases.open(recordsMigrations);
    store = new RecordsStore(database);
  });

  const save = (...records: GenerationRecord[]): Promise<unknown> => Promise.all(records.map((one) => database.commit([store.insertion(one)])));

  describe('RecordsStore', () => {
    it('gives back what was put in, for any record', async () => {
      await fc.assert(
        fc.asyncProperty(anyRecord, async (one) => {
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

    // Of a table with next to no rows, Postgres' planner prefers to read all.
    if (databases.kind === 'SQLite') {
      it('looks both ids up by an index', async () => {
        const plan = await database.query<{ detail: string }>(
          sql<{ detail: string }>`EXPLAIN QUERY PLAN SELECT * FROM generations WHERE tenant_id = ${'t'} AND (id = ${'x'} OR upstream_reply_id = ${'x'})`.compile(database.builder()),
        );
        expect(plan.map((row) => row.detail).join('\n')).not.toMatch(/SCAN/);
      });
    }

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

    it('lists those of one key, model or state', async () => {
      const tenantId = freshTenant();
      const [plain, other, unknown] = [
        record({ tenantId, id: 'gen_c1' }), record({ tenantId, id: 'gen_c2', keyId: 'key_C', modelId: 'm' }), record({ tenantId, id: 'gen_c3', state: 'unknown' }),
      ];
      await save(plain, other, unknown);
      const ids = async (filter: object): Promise<string[]> => (await store.list({ limit: 10, tenantId, ...filter })).map((one) => one.id);
      expect(await ids({ keyId: 'key_C' })).toEqual(['gen_c2']);
      expect(await ids({ modelId: 'm' })).toEqual(['gen_c2']);
      expect(await ids({ state: 'unknown' })).toEqual(['gen_c3']);
      expect(await ids({ state: 'complete', keyId: 'key_A' })).toEqual(['gen_c1']);
    });

    it('replaces a record of unknown outcome by one that knows, and no other', async () => {
      const tenantId = freshTenant();
      const unknown = record({ tenantId, state: 'unknown' });
      const known = record({ tenantId, id: unknown.id, state: 'partial', chargeNanos: 5n, chargeCurrency: 'USD', flags: ['late'] });
      expect(await database.commit([store.upsertion(unknown)])).toEqual([1]);
      expect(await store.get(tenantId, unknown.id)).toEqual(unknown);
      expect(await database.commit([store.upsertion(known)])).toEqual([1]);
      expect(await store.get(tenantId, unknown.id)).toEqual(known);
      expect(await database.commit([store.upsertion(unknown)])).toEqual([0]);
      expect(await store.get(tenantId, unknown.id)).toEqual(known);
    });

    it('refuses a second record of the same generation', async () => {
      const one = record();
      await save(one);
      await expect(save(one)).rejects.toMatchObject({ constraint: 'unique' });
    });
  });

  describe('keySpend', () => {
    it('adds up what a key was charged since a moment, by currency, and nothing else', async () => {
      const keyId = 'key_spend';
      const charge = (chargeNanos: bigint, change: Partial<GenerationRecord> = {}): GenerationRecord =>
        record({ keyId, costState: 'priced', costNanos: 3n, currency: 'EUR', chargeNanos, chargeCurrency: 'USD', startedMs: 5_000, ...change });
      await save(
        charge(1n), charge(9_007_199_254_740_993n), charge(20n, { startedMs: 4_999 }), charge(7n, { chargeCurrency: 'CNY' }),
        charge(100n, { keyId: 'key_other' }), record({ keyId, costState: 'unpriced', startedMs: 5_000 }),
      );
      expect(await store.keySpend(keyId, 5_000)).toEqual([{ currency: 'CNY', nanos: 7n }, { currency: 'USD', nanos: 9_007_199_254_740_994n }]);
      expect(await store.keySpend(keyId, 0)).toEqual([{ currency: 'CNY', nanos: 7n }, { currency: 'USD', nanos: 9_007_199_254_741_014n }]);
      expect(await store.keySpend('key_none', 0)).toEqual([]);
    });

    if (databases.kind === 'SQLite') {
      it('is answered by an index of the key', async () => {
        const plan = await database.query<{ detail: string }>(
          sql<{ detail: string }>`EXPLAIN QUERY PLAN SELECT charge_currency, sum(charge_nanos) FROM generations WHERE key_id = ${'k'} AND charge_nanos IS NOT NULL AND started_ms >= ${0} GROUP BY charge_currency`.compile(database.builder()),
        );
        expect(plan.map((row) => row.detail).join('\n')).toContain('INDEX generations_charged_by_key');
      });
    }
  });

  describe('usageTotals', () => {
    const usage = { inputUncached: 100, cacheRead: 40, cacheWrite: 3, cacheWrite1h: 2, output: 50, reasoning: 20, webSearches: 1, estimated: false };

    async function totals(tenantId: TenantId, groupBy: UsageGrouping, fromMs = 0, toMs = 10_000): Promise<UsageTotal[]> {
      return store.usageTotals({ tenantId, groupBy, fromMs, toMs });
    }

    const zero = { chargedNanos: 0n, costNanos: 0n, freeNanos: 0n, cacheSavedNanos: 0n, lossNanos: 0n, storageNanos: 0n };
    const storage = { tokenSeconds: 0, unpricedTokenSeconds: 0 };

    async function example(): Promise<TenantId> {
      const tenantId = freshTenant();
      const base = { tenantId, upstreamId: 'moonshot', usage };
      await save(
        record({ ...base, costState: 'priced', costNanos: 9_007_199_254_740_000n, currency: 'USD', chargeNanos: 9_007_199_254_740_992n, chargeCurrency: 'USD', cacheSavedNanos: 3n }),
        record({
          ...base, costState: 'priced', costNanos: 1n, currency: 'USD', chargeNanos: 1n, chargeCurrency: 'USD', lossNanos: 2n, flags: ['rejected', 'rate-stale'],
          state: 'partial', usage: { ...usage, estimated: true },
        }),
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
          generations: { complete: 3, partial: 1, failed: 1, unknown: 0 },
          tokens: { inputUncached: 400, cacheRead: 160, cacheWrite: 12, cacheWrite1h: 8, output: 200, reasoning: 80 },
          webSearchCount: 4,
          storage,
          estimatedCount: 1,
          unmeasuredCount: 1,
          unpricedCount: 0,
          freeCount: 1,
          flaggedCount: 1,
          amounts: [
            { ...zero, currency: 'CNY', costNanos: 7n, margin: -7n },
            { ...zero, currency: 'USD', chargedNanos: 9_007_199_254_740_993n, costNanos: 9_007_199_254_740_001n, freeNanos: 5n, cacheSavedNanos: 3n, lossNanos: 2n, margin: 992n },
          ],
        },
        {
          modelId: 'new-model',
          generations: { complete: 1, partial: 0, failed: 0, unknown: 0 },
          tokens: { inputUncached: 100, cacheRead: 40, cacheWrite: 3, cacheWrite1h: 2, output: 50, reasoning: 20 },
          webSearchCount: 1,
          storage,
          estimatedCount: 0,
          unmeasuredCount: 0,
          unpricedCount: 1,
          freeCount: 0,
          flaggedCount: 0,
          amounts: [],
        },
      ]);
    });

    it('count what was kept in context caches by its hours, in groups of its own or with the calls', async () => {
      const tenantId = freshTenant();
      const hour = 3_600_000;
      const hours = new StorageHours(database);
      const piece = (fromMs: number, more: Partial<StoredPiece> = {}): StoredPiece => ({
        fromMs, tenantId, keyId: 'key_A', modelId: 'kimi-k2', upstreamId: 'ark', costState: 'priced', tokenSeconds: 3_600_000,
        cost: { currency: 'CNY', amountNanos: 10n }, charge: { currency: 'RUB', amountNanos: 120n, lossNanos: 3n }, exchangeRate: '11', ...more,
      });
      const unknown = { costState: 'unpriced', cost: undefined, charge: undefined, exchangeRate: undefined } as const;
      await database.commit([
        hours.addition(piece(23 * hour)), hours.addition(piece(23.5 * hour)), hours.addition(piece(24 * hour)),
        hours.addition(piece(24 * hour, { modelId: 'other', ...unknown })), hours.addition(piece(24 * hour, { tenantId: freshTenant() })),
      ]);
      await save(record({ tenantId, upstreamId: 'ark', costState: 'priced', currency: 'CNY', costNanos: 1n, chargeNanos: 2n, chargeCurrency: 'CNY', startedMs: 1 }));
      const [first, second] = await totals(tenantId, 'day', 0, 99 * hour);
      expect(first).toMatchObject({ day: 0, generations: { complete: 1 }, storage: { tokenSeconds: 7_200_000, unpricedTokenSeconds: 0 }, amounts: [
        { currency: 'CNY', costNanos: 21n, chargedNanos: 2n, storageNanos: 0n, margin: 1n }, { currency: 'RUB', chargedNanos: 240n, storageNanos: 240n, lossNanos: 6n, margin: 20n },
      ] });
      expect(second).toMatchObject({ day: 1, generations: { complete: 0 }, storage: { tokenSeconds: 7_200_000, unpricedTokenSeconds: 3_600_000 } });
      expect((await totals(tenantId, 'upstream', 0, 99 * hour)).map((total) => [total.upstreamId, total.storage.tokenSeconds])).toEqual([['ark', 14_400_000]]);
      expect((await totals(tenantId, 'model', 24 * hour, 99 * hour)).map((total) => total.modelId)).toEqual(['kimi-k2', 'other']);
      expect(await totals(tenantId, 'model', 24 * hour + 1, 99 * hour)).toEqual([]);
      expect(await totals(tenantId, 'key', 1, 23 * hour)).toMatchObject([{ storage: { tokenSeconds: 0 } }]);
    });

    it('tell calls whose outcome is unknown from those whose model has no price', async () => {
      const tenantId = freshTenant();
      await save(record({ tenantId, costState: 'unknown', state: 'unknown' }), record({ tenantId, costState: 'unpriced' }), record({ tenantId, costState: 'unpriced' }));
      expect(await totals(tenantId, 'model')).toMatchObject([{ generations: { unknown: 1 }, unpricedCount: 2 }]);
    });

    it('tell the margin only where charge and cost can be compared', async () => {
      const tenantId = freshTenant();
      const charged = { tenantId, costState: 'priced', chargeCurrency: 'RUB', chargeNanos: 1_000n } as const;
      const margins = async (): Promise<Record<string, bigint | string>> =>
        Object.fromEntries((await totals(tenantId, 'key')).flatMap((total) => total.amounts).map(({ currency, margin }) => [currency, margin]));
      // Two rates: each sum is converted at its own. 3 × 92.5 = 277.5 and 1 × 90.4 = 90.4, each rounded to the even.
      await save(
        record({ ...charged, currency: 'USD', costNanos: 1n, exchangeRate: '92.5' }),
        record({ ...charged, currency: 'USD', costNanos: 2n, exchangeRate: '92.5' }),
        record({ ...charged, currency: 'USD', costNanos: 1n, exchangeRate: '90.4' }),
        record({ ...charged, currency: 'RUB', costNanos: 400n }),
      );
      expect(await margins()).toEqual({ RUB: 4_000n - 278n - 90n - 400n, USD: 'none' });
      await save(record({ tenantId, costState: 'priced', currency: 'USD', costNanos: 5n }));
      expect(await margins()).toEqual({ RUB: 3_232n, USD: -5n });
      await save(record({ ...charged, currency: 'USD', costNanos: 1n }));
      expect(await margins()).toEqual({ RUB: 'unknown', USD: -5n });
      await save(record({ tenantId, costState: 'unpriced', chargeCurrency: 'USD', chargeNanos: 9n }));
      expect(await margins()).toEqual({ RUB: 'unknown', USD: 'unknown' });
    });

    it('group by UTC day, by tenant, and by day and model, days in their order', async () => {
      const tenantId = freshTenant();
      const day = 86_400_000;
      await save(
        record({ tenantId, startedMs: 20_000 * day - 1, usage }),
        record({ tenantId, startedMs: 20_000 * day, usage, modelId: 'b' }),
        record({ tenantId, startedMs: 20_001 * day - 1, modelId: 'a' }),
        record({ tenantId, startedMs: 20_001 * day, state: 'unknown' }),
      );
      const until = 30_000 * day;
      expect((await totals(tenantId, 'day', 0, until)).map((total) => [total.day, total.generations.complete, total.generations.unknown])).toEqual([
        [19_999, 1, 0], [20_000, 2, 0], [20_001, 0, 1],
      ]);
      expect((await totals(tenantId, 'day-model', 0, until)).map((total) => [total.day, total.modelId])).toEqual([
        [19_999, 'kimi-k2'], [20_000, 'b'], [20_000, 'a'], [20_001, 'kimi-k2'],
      ]);
      expect((await totals(tenantId, 'tenant', 0, until)).map((total) => [total.tenantId, total.generations.complete])).toEqual([[tenantId, 3]]);
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
        fc.asyncProperty(fc.array(anyRecord, { maxLength: 12 }), async (records) => {
          const tenantId = freshTenant();
          const mine = records.map((one) => ({ ...withSmallAmounts(one), id: newId('gen', systemClock, systemRandom), tenantId }));
          await save(...mine);
          const all = await totals(tenantId, 'key-model', 0, 2 ** 46);
          const sum = (pick: (one: GenerationRecord) => number): number => mine.reduce((total, one) => total + pick(one), 0);
          const summed = (pick: (one: UsageTotal) => number): number => all.reduce((total, one) => total + pick(one), 0);
          expect(summed((one) => one.tokens.output)).toBe(sum((one) => one.usage?.output ?? 0));
          expect(summed((one) => one.generations.partial)).toBe(sum((one) => (one.state === 'partial' ? 1 : 0)));
          expect(summed((one) => one.unmeasuredCount)).toBe(sum((one) => (one.usage === undefined ? 1 : 0)));
          for (const currency of ['USD', 'CNY', 'RUB']) {
            const amounts = all.flatMap((one) => one.amounts).filter((amount) => amount.currency === currency);
            const cost = mine.filter((one) => one.costState === 'priced' && one.currency === currency);
            expect(amounts.reduce((total, amount) => total + amount.costNanos, 0n)).toBe(cost.reduce((total, one) => total + (one.costNanos ?? 0n), 0n));
            const charged = mine.filter((one) => one.chargeCurrency === currency);
            expect(amounts.reduce((total, amount) => total + amount.chargedNanos, 0n)).toBe(charged.reduce((total, one) => total + (one.chargeNanos ?? 0n), 0n));
            expect(amounts.reduce((total, amount) => total + amount.cacheSavedNanos, 0n)).toBe(charged.reduce((total, one) => total + (one.cacheSavedNanos ?? 0n), 0n));
          }
        }),
        { numRuns: 30 },
      );
    });
  });
});
