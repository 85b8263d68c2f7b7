import fc from 'fast-check';
import type { CompiledQuery } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { Caller } from '../access/caller.ts';
import type { ExchangeRate } from '../catalog/exchange-rate.ts';
import { Fault } from '../base/fault.ts';
import type { TenantId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { ExchangeRates } from '../catalog/exchange-rates.ts';
import type { Price } from '../catalog/offer.ts';
import type { SellRuleEntry } from '../catalog/sell-rule-schema.ts';
import { SellRules } from '../catalog/sell-rules.ts';
import { storageNanos } from '../catalog/storage-rating.ts';
import { houseMigrations } from '../house-migrations.ts';
import { StorageBooks } from '../ledger/storage-books.ts';
import { Wallets } from '../ledger/wallets.ts';
import { RecordsStore } from '../records/records-store.ts';
import { StorageHours } from '../records/storage-hours.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Database } from '../storage/database.ts';
import { UnknownOutcome } from '../storage/unknown-outcome.ts';
import { areSound, verifyBooks } from '../verify-books.ts';
import { StorageBilling, type StorageEndCause } from './storage-billing.ts';
import type { NewStorage } from './storage-terms.ts';
import { Tariff } from './tariff.ts';

const hourMs = 3_600_000;
/** Ark's price, in dollars to keep the sums readable: 1M tokens are 0.017 an hour. */
const price: Price = { id: 'ark/p', validFrom: '2020-01-01', currency: 'USD', input: '4', cacheRead: '0.8', output: '16', cacheStoragePerHour: '0.017' };
const perHour = 17_000_000n;
const tokens = 1_000_000;

function attemptAt(at: Price | undefined, costState: PlannedAttempt['costState'] = 'priced'): PlannedAttempt {
  const offer = { modelId: 'kimi-k2', upstreamId: 'ark', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 1_000, prices: at === undefined ? [] : [at] };
  return { offer, price: at, costState, sendModel: 'm', retired: false, successor: false };
}

function tariffOf(rules: readonly SellRuleEntry[] = [], rates: readonly ExchangeRate[] = []): Tariff {
  return new Tariff({ sellRules: new SellRules(rules, () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }, rates), officialPrice: () => undefined });
}

onEveryDatabase((databases) => {
  let database: Database;
  let clock: ManualClock;
  let wallets: Wallets;
  let records: RecordsStore;
  /** What was told of caches that ended by themselves. */
  let ends: [string, number, StorageEndCause][];
  let caller: Caller;
  let tenants = 0;
  let startMs: number;

  beforeEach(async () => {
    database = await databases.open(houseMigrations);
    clock = new ManualClock(Math.ceil(Date.now() / hourMs) * hourMs);
    startMs = clock.nowMs();
    wallets = new Wallets({ database, clock, random: systemRandom });
    records = new RecordsStore(database);
    ends = [];
    caller = await openTenant(1_000_000_000n);
  });

  async function openTenant(topUpNanos: bigint, currency = 'USD'): Promise<Caller> {
    tenants += 1;
    const tenantId: TenantId = `ten_${tenants}`;
    await database.commit(wallets.openingStatements({ tenantId, currency, floorNanos: 0n }));
    if (topUpNanos > 0n) await wallets.topUp({ tenantId, currency, amountNanos: topUpNanos, openable: false });
    return { tenantId, keyId: `key_${tenants}`, mode: 'live', walletCurrency: currency };
  }

  /** A server: it remembers nothing that another one does not find in the database. */
  function server(tariff = tariffOf()): StorageBilling {
    return new StorageBilling({
      books: new StorageBooks({ database, clock }), hours: new StorageHours(database), tariff, database,
      onEnd({ cacheId, atMs, cause }): readonly CompiledQuery[] {
        ends.push([cacheId, atMs - startMs, cause]);
        return [];
      },
    });
  }

  async function open(billing: StorageBilling, more: Partial<NewStorage> = {}): Promise<void> {
    await database.commit(billing.opening({ cacheId: 'cache_1', caller, attempt: attemptAt(price), tokens, startedMs: startMs, endsMs: startMs + 72 * hourMs, ...more }));
  }

  const spent = async (who = caller): Promise<bigint> => (await wallets.of(who.tenantId)).reduce((sum, { spentNanos }) => sum + spentNanos, 0n);
  const usage = async () => (await records.usageTotals({ fromMs: 0, toMs: 8.64e15, tenantId: caller.tenantId, groupBy: 'key-model' }))[0];

  async function expectSound(): Promise<void> {
    const proof = await verifyBooks(database, clock.nowMs());
    expect(proof.laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
    expect(areSound(proof)).toBe(true);
  }

  const joinNothing = { guards: [], statements: [] };

  describe('StorageBilling', () => {
    it('bills a cache by the hour until it expires, and no further', async () => {
      const billing = server();
      await open(billing, { endsMs: startMs + 2.5 * hourMs });
      expect(await billing.accrue(startMs + hourMs / 2)).toEqual({ pieceCount: 0, ended: [] });
      expect(await spent()).toBe(0n);
      expect((await billing.accrue(startMs + hourMs)).pieceCount).toBe(1);
      expect(await spent()).toBe(perHour);
      expect(await billing.accrue(startMs + 9 * hourMs)).toMatchObject({ pieceCount: 2, ended: [{ cacheId: 'cache_1', cause: 'expired' }] });
      expect(await spent()).toBe((perHour * 5n) / 2n);
      expect(await billing.accrue(startMs + 99 * hourMs)).toEqual({ pieceCount: 0, ended: [] });
      expect(ends).toEqual([['cache_1', 2.5 * hourMs, 'expired']]);
      await expectSound();
    });

    it('reports it as what it is, with totals that agree with the wallet and the key', async () => {
      const billing = server();
      await open(billing, { endsMs: startMs + hourMs * 1.5 });
      await billing.accrue(startMs + 2 * hourMs);
      const nanos = (perHour * 3n) / 2n;
      expect(await usage()).toMatchObject({
        keyId: caller.keyId, modelId: 'kimi-k2', generations: { complete: 0 }, storage: { tokenSeconds: tokens * 5_400, unpricedTokenSeconds: 0 },
        amounts: [{ currency: 'USD', chargedNanos: nanos, storageNanos: nanos, costNanos: nanos, margin: 0n }],
      });
      expect(await records.keySpend(caller.keyId, 0)).toEqual([{ currency: 'USD', nanos }]);
      expect(await records.keySpend(caller.keyId, startMs + hourMs)).toEqual([{ currency: 'USD', nanos: perHour / 2n }]);
      expect(await spent()).toBe(nanos);
      expect(await wallets.credits(caller.tenantId, 10)).toMatchObject([{ kind: 'top-up' }]);
    });

    it('stops at the moment at which a cache is deleted, in one commit with that', async () => {
      const billing = server();
      await open(billing);
      clock.advance(hourMs + 1_800_000);
      const joined = { guards: [], statements: wallets.openingStatements({ tenantId: 'ten_joined', currency: 'USD' }) };
      expect(await billing.end('cache_1', clock.nowMs(), joined)).toBe(true);
      expect(await spent()).toBe((perHour * 3n) / 2n);
      expect(await wallets.of('ten_joined')).toHaveLength(1);
      expect((await billing.accrue(startMs + 99 * hourMs)).pieceCount).toBe(0);
      expect(ends).toEqual([]);
      // A cache that is not billed, or no longer, is ended all the same.
      expect(await billing.end('cache_1', clock.nowMs(), joinNothing)).toBe(true);
      expect(await billing.end('cache_none', clock.nowMs(), joinNothing)).toBe(true);
      await expectSound();
    });

    it('bills a deletion that comes after the expiry up to the expiry', async () => {
      const billing = server();
      await open(billing, { endsMs: startMs + hourMs });
      expect(await billing.end('cache_1', startMs + 5 * hourMs, joinNothing)).toBe(true);
      expect(await spent()).toBe(perHour);
      await expectSound();
    });

    it('leaves a cache as it is when what was to join refuses', async () => {
      const billing = server();
      await open(billing);
      const [opening] = wallets.openingStatements({ tenantId: caller.tenantId, currency: 'USD' });
      if (opening === undefined) throw new Error('no statement opens a wallet');
      expect(await billing.end('cache_1', startMs + hourMs / 2, { guards: [opening], statements: [] })).toBe(false);
      expect(await spent()).toBe(0n);
      await billing.accrue(startMs + hourMs);
      expect(await spent()).toBe(perHour);
    });

    it('lets a cache live longer, but not again', async () => {
      const billing = server();
      await open(billing, { endsMs: startMs + hourMs });
      const prolong = async (endsMs: number, nowMs: number): Promise<boolean> =>
        (await database.commitIf([billing.prolongation('cache_1', endsMs, nowMs)], [])).committed;
      expect(await prolong(startMs + 2 * hourMs, startMs + hourMs / 2)).toBe(true);
      expect(await billing.accrue(startMs + hourMs)).toEqual({ pieceCount: 1, ended: [] });
      await billing.accrue(startMs + 3 * hourMs);
      expect(await spent()).toBe(2n * perHour);
      expect(await prolong(startMs + 9 * hourMs, startMs + 3 * hourMs)).toBe(false);
      await expectSound();
    });

    it('bills two servers\' caches once, however they come by', async () => {
      await open(server());
      await Promise.all([server().accrue(startMs + 3 * hourMs), server().accrue(startMs + 3 * hourMs), server().accrue(startMs + 3 * hourMs + 1_000)]);
      await Promise.all([server().end('cache_1', startMs + 4 * hourMs, joinNothing), server().accrue(startMs + 4 * hourMs)]);
      expect(await spent()).toBe(4n * perHour);
      await expectSound();
    });

    it('is paid as long as there is money, to the millisecond; the rest is the operator\'s loss, and the cache ends', async () => {
      caller = await openTenant(perHour + perHour / 4n);
      const billing = server();
      await open(billing);
      await billing.accrue(startMs + hourMs);
      expect(await billing.accrue(startMs + 4 * hourMs)).toMatchObject({ pieceCount: 3, ended: [{ cacheId: 'cache_1', cause: 'unpaid' }] });
      expect(ends).toEqual([['cache_1', 4 * hourMs, 'unpaid']]);
      const [wallet] = await wallets.of(caller.tenantId);
      expect(wallet).toMatchObject({ balanceNanos: 0n, heldNanos: 0n });
      expect((await usage())?.amounts).toMatchObject([{ chargedNanos: (perHour * 5n) / 4n, lossNanos: (perHour * 11n) / 4n, costNanos: 4n * perHour, margin: (perHour * -11n) / 4n }]);
      await wallets.topUp({ tenantId: caller.tenantId, currency: 'USD', amountNanos: perHour, openable: false });
      expect((await billing.accrue(startMs + 99 * hourMs)).pieceCount).toBe(0);
      await expectSound();
    });

    it('takes nothing from a tenant that has no wallet in that currency, and opens one where that is allowed', async () => {
      const { walletCurrency: _currency, ...openable } = await openTenant(0n);
      caller = { ...openable, tenantId: 'ten_open' };
      const billing = server();
      await open(billing);
      await billing.accrue(startMs + hourMs);
      expect(await wallets.of('ten_open')).toMatchObject([{ currency: 'USD', balanceNanos: -perHour }]);
      await open(billing, { cacheId: 'cache_2', caller: { ...openable, tenantId: 'ten_none', walletCurrency: 'USD' } });
      expect((await billing.accrue(startMs + hourMs)).ended).toMatchObject([{ cacheId: 'cache_2', tenantId: 'ten_none', mode: 'live', upstreamId: 'ark', cause: 'unpaid' }]);
      await expectSound();
    });

    it('draws on the budgets of key and tenant, each in its period, and ends when one is used up', async () => {
      const limit = { currency: 'USD', period: 'day', amountNanos: 2n * perHour } as const;
      caller = { ...caller, keyBudgets: [limit, { ...limit, modelId: 'another', amountNanos: 1n }], tenantBudgets: [{ ...limit, period: 'total', amountNanos: 100n * perHour }] };
      const midnightMs = Math.ceil(startMs / 86_400_000) * 86_400_000 + 86_400_000;
      const billing = server();
      await open(billing, { startedMs: midnightMs - hourMs, endsMs: midnightMs + 10 * hourMs });
      await billing.accrue(midnightMs);
      // The second day has a budget of its own.
      expect(await billing.accrue(midnightMs + 2.5 * hourMs)).toMatchObject({ pieceCount: 3, ended: [{ cacheId: 'cache_1', cause: 'unpaid' }] });
      expect(await spent()).toBe(3n * perHour);
      expect((await wallets.budgetsOf(caller.keyId)).map(({ posted_nanos: left, pending_nanos: held }) => [left, held])).toEqual([[perHour, 0n], [0n, 0n]]);
      expect((await wallets.budgetsOf(caller.tenantId)).filter(({ kind }) => kind === 'budget')).toMatchObject([{ posted_nanos: 97n * perHour }]);
      await expectSound();
    });

    it('applies sell rule and exchange rate as they were when the cache began', async () => {
      caller = await openTenant(10_000_000_000n, 'RUB');
      const rates = [{ from: 'USD', to: 'RUB', rate: '92.5', validFrom: '2020-01-01', source: 'config' }] as const;
      await open(server(tariffOf([{ id: 'margin', percent: '+20' }], rates)));
      // Later servers know other prices.
      await server(tariffOf([{ id: 'margin', percent: '+900' }], [{ ...rates[0], rate: '1000' }])).accrue(startMs + 2 * hourMs);
      expect(await spent()).toBe((2n * perHour * 120n * 925n) / 1_000n);
      expect((await usage())?.amounts).toMatchObject([{ currency: 'RUB', margin: (2n * perHour * 20n * 925n) / 1_000n }, { currency: 'USD', costNanos: 2n * perHour }]);
      await expectSound();
    });

    it('refuses to begin without an exchange rate', () => {
      caller = { ...caller, walletCurrency: 'RUB' };
      expect(() => server().opening({ cacheId: 'c', caller, attempt: attemptAt(price), tokens, startedMs: startMs, endsMs: startMs + 1 })).toThrow(expect.objectContaining({ code: 'exchange_rate_missing' }));
      const free = { ...price, cacheStoragePerHour: '0' };
      expect(server().opening({ cacheId: 'c', caller, attempt: attemptAt(free), tokens, startedMs: startMs, endsMs: startMs + 1 })).toHaveLength(1);
    });

    it('refuses what no wallet could pay', () => {
      const dear = { ...price, cacheStoragePerHour: '999999999' };
      expect(() => server().opening({ cacheId: 'c', caller, attempt: attemptAt(dear), tokens: 10_000_000, startedMs: startMs, endsMs: startMs + 1 })).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
    });

    it('meters what is free or has no price, and charges nobody', async () => {
      const { cacheStoragePerHour: _rate, ...withoutRate } = price;
      const billing = server();
      await open(billing, { cacheId: 'cache_free', attempt: attemptAt(price, 'free') });
      await open(billing, { cacheId: 'cache_unknown', attempt: attemptAt(withoutRate) });
      await open(billing, { cacheId: 'cache_unpriced', attempt: attemptAt(undefined, 'unpriced') });
      await billing.accrue(startMs + hourMs);
      expect(await spent()).toBe(0n);
      expect(await usage()).toMatchObject({
        storage: { tokenSeconds: 3 * tokens * 3_600, unpricedTokenSeconds: 2 * tokens * 3_600 }, amounts: [{ freeNanos: perHour, chargedNanos: 0n, costNanos: 0n }],
      });
      await expectSound();
    });

    it('asks nothing by a price of its own that states no rate for storage; what the upstream asks is booked', async () => {
      const billing = server(tariffOf([{ id: 'flat', price: { currency: 'USD', input: '5', output: '20' } }]));
      await open(billing);
      await billing.accrue(startMs + hourMs);
      expect(await spent()).toBe(0n);
      expect((await usage())?.amounts).toMatchObject([{ chargedNanos: 0n, costNanos: perHour, margin: -perHour }]);
      await expectSound();
    });

    it('looks more often after what costs more', async () => {
      const billing = server();
      // Moonshot's, for its caches of moonshot-v1: 5 yuan per 1M tokens and minute (moonshot-api.md 1.7).
      await open(billing, { cacheId: 'cache_dear', attempt: attemptAt({ ...price, cacheStoragePerHour: '300' }), tokens: 100_000 });
      expect((await billing.accrue(startMs + 59_999)).pieceCount).toBe(0);
      expect((await billing.accrue(startMs + 60_000)).pieceCount).toBe(1);
      expect(await spent()).toBe(500_000_000n);
    });

    it('bills a piece once whose commit happened though the news of it was lost', async () => {
      await open(server());
      let lost = 1;
      const books = new StorageBooks({
        clock,
        database: {
          builder: () => database.builder(),
          query: (statement) => database.query(statement),
          async commitIf(guards, statements) {
            const result = await database.commitIf(guards, statements);
            if (lost-- > 0) throw new Fault('storage_unavailable', { cause: new UnknownOutcome('gone') });
            return result;
          },
        },
      });
      const billing = new StorageBilling({ books, hours: new StorageHours(database), tariff: tariffOf(), database, onEnd: () => [] });
      expect(await billing.accrue(startMs + hourMs)).toMatchObject({ failure: { code: 'storage_unavailable' } });
      await billing.accrue(startMs + 2 * hourMs);
      expect(await spent()).toBe(2n * perHour);
      await expectSound();
    });

    it('bills all that is due, however many, each once', async () => {
      const billing = server();
      const opened = Array.from({ length: 205 }, (_, index) => billing.opening({
        cacheId: `cache_${(index * 89) % 205}`, caller, attempt: attemptAt(price), tokens: 1, startedMs: startMs - (index % 3), endsMs: startMs + 72 * hourMs,
      }));
      await database.commit(opened.flat());
      // What began a moment before the hour has a piece on either side of it.
      expect((await billing.accrue(startMs + 1)).pieceCount).toBe(2 * 136);
      expect((await billing.accrue(startMs + hourMs)).pieceCount).toBe(205);
      await expectSound();
    });

    if (databases.kind === 'SQLite') {
      it('finds what is due without reading the meters of all caches that ever were', async () => {
        const plans: string[] = [];
        const books = new StorageBooks({
          clock,
          database: {
            builder: () => database.builder(),
            commitIf: (guards, statements) => database.commitIf(guards, statements),
            async query(statement) {
              const { query, queryId, parameters } = statement;
              const steps = await database.query<{ detail: string }>({ query, queryId, parameters, sql: `EXPLAIN QUERY PLAN ${statement.sql}` });
              plans.push(steps.map(({ detail }) => detail).join('; '));
              return database.query(statement);
            },
          },
        });
        await books.due(startMs, 100);
        await books.due(startMs, 100, { due_ms: startMs - 1, cache_id: 'cache_1' });
        expect(plans).toEqual([expect.stringContaining('ledger_storage_meters_due'), expect.stringContaining('ledger_storage_meters_due')]);
      });
    }

    it('goes on with the others when one cannot be billed', async () => {
      const billing = server();
      await open(billing, { cacheId: 'cache_a' });
      await open(billing, { cacheId: 'cache_b' });
      const broken = new StorageBilling({
        books: new StorageBooks({ database, clock }), tariff: tariffOf(), database, onEnd: () => [],
        hours: { addition(piece) {
          if (ends.length === 0) {
            ends.push(['cache_a', 0, 'expired']);
            throw new Error('broken');
          }
          return new StorageHours(database).addition(piece);
        } },
      });
      expect(await broken.accrue(startMs + hourMs)).toMatchObject({ failure: { message: 'broken' }, pieceCount: 1 });
      expect(await spent()).toBe(perHour);
      await expectSound();
    });
  });

  describe('the law of storage', () => {
    const anyStep = fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 5 * hourMs }), fc.constantFrom(0, 1, hourMs)),
      act: fc.constantFrom('accrue', 'twice', 'top-up', 'prolong', 'other prices'),
      endsInMs: fc.integer({ min: 0, max: 20 * hourMs }),
    });

    it('is that whatever happens when, a cache comes to its time at its terms, and no wallet falls below its floor', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyStep, { minLength: 1, maxLength: 8 }),
          fc.record({
            tokens: fc.oneof(fc.integer({ min: 256, max: 1_000_000 }), fc.constantFrom(1, 333)), lifeMs: fc.integer({ min: 1, max: 12 * hourMs }),
            topUpNanos: fc.bigInt({ min: 0n, max: 300_000_000n }), percent: fc.constantFrom('0', '-12.5', '+33.33'), rate: fc.constantFrom('7.13', '0.140252454417', '1'),
          }),
          async (steps, { tokens: kept, lifeMs, topUpNanos, percent, rate }) => {
            caller = await openTenant(topUpNanos, 'EUR');
            const cacheId = `cache_${caller.tenantId}`;
            const rates = [{ from: 'USD', to: 'EUR', rate, validFrom: '2020-01-01', source: 'config' }] as const;
            let tariff = tariffOf([{ id: 'r', percent }], rates);
            startMs += 12_345;
            let endsMs = startMs + lifeMs;
            await open(server(tariff), { cacheId, tokens: kept, endsMs });
            let nowMs = startMs;
            for (const { afterMs, act, endsInMs } of steps) {
              nowMs += afterMs;
              if (act === 'accrue') await server(tariff).accrue(nowMs);
              if (act === 'twice') await Promise.all([server(tariff).accrue(nowMs), server(tariff).accrue(nowMs)]);
              if (act === 'top-up') await wallets.topUp({ tenantId: caller.tenantId, currency: 'EUR', amountNanos: 1_000_001n, openable: false });
              if (act === 'other prices') tariff = tariffOf([{ id: 's', percent: '+700' }], [{ ...rates[0], rate: '3' }]);
              if (act === 'prolong' && (await database.commitIf([server(tariff).prolongation(cacheId, nowMs + endsInMs, nowMs)], [])).committed) endsMs = nowMs + endsInMs;
              const [wallet] = await wallets.of(caller.tenantId);
              expect(wallet?.balanceNanos ?? -1n).toBeGreaterThanOrEqual(0n);
              expect(wallet?.heldNanos).toBe(0n);
            }
            const unpaid = ends.find(([id, , cause]) => id === cacheId && cause === 'unpaid');
            await server(tariff).end(cacheId, nowMs, joinNothing);
            const keptMs = unpaid === undefined ? Math.min(nowMs, endsMs) - startMs : unpaid[1];
            const sum = (await usage())?.amounts.find(({ currency }) => currency === 'EUR');
            const points = BigInt(Math.round(Number(percent) * 100));
            const terms = { tokens: kept, ratePerHour: '0.017', adjustBasisPoints: points, exchangeRate: rate };
            expect((sum?.chargedNanos ?? 0n) + (sum?.lossNanos ?? 0n)).toBe(storageNanos(terms, keptMs));
            expect(await spent()).toBe(sum?.chargedNanos ?? 0n);
          },
        ),
        { numRuns: 20 },
      );
      await expectSound();
    });
  });
});
