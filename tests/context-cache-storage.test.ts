import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEveryDatabase } from './doubles/databases.ts';
import { ManualClock } from './doubles/manual-clock.ts';
import type { Caller } from '../src/access/caller.ts';
import { type ContextCacheId, newId } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { Sealer } from '../src/base/sealer.ts';
import { ExchangeRates } from '../src/catalog/exchange-rates.ts';
import type { Price } from '../src/catalog/offer.ts';
import { SellRules } from '../src/catalog/sell-rules.ts';
import { StorageBilling } from '../src/gateway/storage-billing.ts';
import { Tariff } from '../src/gateway/tariff.ts';
import { houseMigrations } from '../src/house-migrations.ts';
import { StorageBooks } from '../src/ledger/storage-books.ts';
import { Wallets } from '../src/ledger/wallets.ts';
import { StorageHours } from '../src/records/storage-hours.ts';
import type { Database } from '../src/storage/database.ts';
import { ContextCacheStore } from '../src/threads/context-cache-store.ts';
import { verifyBooks } from '../src/verify-books.ts';

const hourMs = 3_600_000;
const price: Price = { id: 'ark/p', validFrom: '2020-01-01', currency: 'CNY', input: '4', cacheRead: '0.8', output: '16', cacheStoragePerHour: '0.017' };
const offer = { modelId: 'kimi-k2', upstreamId: 'ark', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 1_000, prices: [price] };
const attempt = { offer, price, costState: 'priced', sendModel: 'm', retired: false, successor: false } as const;
const caller: Caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', walletCurrency: 'CNY' };
const tokens = 1_000_000;
const perHour = 17_000_000n;

onEveryDatabase((databases) => {
  let database: Database;
  let clock: ManualClock;
  let caches: ContextCacheStore;
  let storage: StorageBilling;
  let wallets: Wallets;
  let id: ContextCacheId;

  beforeEach(async () => {
    database = await databases.open(houseMigrations);
    clock = new ManualClock(Math.ceil(Date.now() / hourMs) * hourMs);
    caches = new ContextCacheStore({ database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock });
    wallets = new Wallets({ database, clock, random: systemRandom });
    storage = new StorageBilling({
      books: new StorageBooks({ database, clock }),
      hours: new StorageHours(database),
      tariff: new Tariff({ sellRules: new SellRules([], () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }), officialPrice: () => undefined }),
      database,
      onEnd: ({ cacheId, tenantId, mode, atMs, cause }) => [caches.ending({ tenantId, mode }, cacheId, atMs, cause === 'unpaid' ? 'inactive' : 'expired')],
    });
    await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'CNY', floorNanos: 0n }));
    await wallets.topUp({ tenantId: 'ten_1', currency: 'CNY', amountNanos: 3n * perHour, openable: false });
    id = newId('cache', clock, systemRandom);
    const [startedMs, endsMs] = [clock.nowMs(), clock.nowMs() + 2 * hourMs];
    await database.commit([
      ...caches.creating(caller, {
        id, keyId: caller.keyId, modelId: 'kimi-k2', tokens, state: 'ready', createdMs: startedMs, expiresMs: endsMs, upstreamId: 'ark', labels: {}, tags: [], content: { messages: [] },
      }),
      ...storage.opening({ cacheId: id, caller, attempt, tokens, startedMs, endsMs }),
    ]);
  });

  const spent = async (): Promise<bigint | undefined> => (await wallets.of('ten_1'))[0]?.spentNanos;
  const breaches = async (): Promise<readonly string[]> =>
    (await verifyBooks(database, clock.nowMs())).laws.flatMap(({ law, breach }) => (breach === undefined ? [] : [`${law}: ${breach}`]));
  const byHand = (statement: string): Promise<unknown> => database.commit([sql.raw(statement).compile(database.builder<never>())]);
  const end = (): Promise<boolean> =>
    storage.end(id, clock.nowMs(), { guards: [caches.ending(caller, id, clock.nowMs(), 'deleted')], statements: [] });

  describe('a context cache', () => {
    it('is billed until it is deleted, which happens once', async () => {
      clock.advance(hourMs / 2);
      expect(await end()).toBe(true);
      expect(await end()).toBe(false);
      expect(await caches.get(caller, id)).toBeUndefined();
      clock.advance(9 * hourMs);
      await storage.accrue(clock.nowMs());
      expect(await spent()).toBe(perHour / 2n);
      expect(await breaches()).toEqual([]);
    });

    it('is prolonged with its meter, and billed until it expires', async () => {
      clock.advance(hourMs);
      const expiresMs = clock.nowMs() + 1.5 * hourMs;
      expect((await database.commitIf([storage.prolongation(id, expiresMs, clock.nowMs()), caches.prolonging(caller, id, { expiresMs })], [])).committed).toBe(true);
      clock.advance(9 * hourMs);
      await storage.accrue(clock.nowMs());
      expect(await spent()).toBe((perHour * 5n) / 2n);
      expect(await caches.get(caller, id)).toMatchObject({ state: 'expired', endedMs: expiresMs });
      expect((await database.commitIf([storage.prolongation(id, expiresMs + hourMs, clock.nowMs())], [])).committed).toBe(false);
      expect(await breaches()).toEqual([]);
    });

    it('becomes inactive when it cannot be paid for', async () => {
      await wallets.withdraw({ tenantId: 'ten_1', currency: 'CNY', amountNanos: (perHour * 5n) / 2n });
      clock.advance(hourMs);
      await storage.accrue(clock.nowMs());
      expect(await caches.get(caller, id)).toMatchObject({ state: 'inactive', endedMs: clock.nowMs() });
      expect(await wallets.of('ten_1')).toMatchObject([{ balanceNanos: 0n }]);
      expect(await breaches()).toEqual([]);
    });

    it.each([
      ['UPDATE ledger_storage_meters SET billed_until_ms = billed_until_ms + 60000', 'each context cache has been billed'],
      ['UPDATE ledger_storage_meters SET tokens = tokens + 1', 'each context cache has been billed'],
      [`UPDATE ledger_storage_meters SET cost_rate = '0.018'`, 'each context cache has been billed'],
      [`DELETE FROM ledger_transfers WHERE kind = 'storage'`, 'each context cache has been billed'],
      [`UPDATE ledger_transfers SET tenant_id = 'ten_2' WHERE kind = 'storage-cost'`, 'each transfer for storage is of a cache of that tenant'],
      [`UPDATE ledger_transfers SET cache_id = NULL WHERE kind = 'storage-cost'`, 'each transfer for storage is of a cache of that tenant'],
      [`UPDATE ledger_storage_meters SET ends_ms = billed_until_ms - 1`, 'no cache is billed for a time'],
      ['UPDATE storage_hours SET charge_nanos = charge_nanos + 1', 'storage is reported by the hour as it was booked'],
      ['DELETE FROM storage_hours', 'storage is reported by the hour as it was booked'],
      [`UPDATE context_caches SET tenant_id = 'ten_2'`, 'each metered cache is of the same tenant'],
      ['UPDATE ledger_storage_meters SET open = 0', 'each metered cache is of the same tenant'],
      [`UPDATE context_caches SET state = 'deleted', ended_ms = created_ms, content = NULL`, 'each metered cache is of the same tenant'],
    ])('is not as it should be after %s', async (change, law) => {
      clock.advance(1.5 * hourMs);
      await storage.accrue(clock.nowMs());
      expect(await breaches()).toEqual([]);
      await byHand(change);
      expect(await breaches()).toEqual(expect.arrayContaining([expect.stringContaining(law)]));
    });
  });
});
