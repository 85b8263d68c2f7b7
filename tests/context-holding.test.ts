import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { onEveryDatabase } from './doubles/databases.ts';
import { ManualClock } from './doubles/manual-clock.ts';
import type { Caller } from '../src/access/caller.ts';
import { newId } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { Sealer } from '../src/base/sealer.ts';
import { ExchangeRates } from '../src/catalog/exchange-rates.ts';
import { SellRules } from '../src/catalog/sell-rules.ts';
import { Tariff } from '../src/gateway/tariff.ts';
import { houseMigrations } from '../src/house-migrations.ts';
import { Wallets } from '../src/ledger/wallets.ts';
import { openContextHolding } from '../src/open-context-holding.ts';
import type { PlannedAttempt } from '../src/routing/plan.ts';
import { ContextCacheStore } from '../src/threads/context-cache-store.ts';
import { ResponseStore } from '../src/threads/response-store.ts';

const hourMs = 3_600_000;
const offer = { modelId: 'kimi-k2', upstreamId: 'ark', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 1_000, prices: [] };
const attempt: PlannedAttempt = {
  offer, costState: 'priced', sendModel: 'm', retired: false, successor: false,
  price: { id: 'ark/p', validFrom: '2020-01-01', currency: 'CNY', input: '4', cacheRead: '0.8', output: '16', cacheStoragePerHour: '1' },
};

onEveryDatabase((databases) => {
  it('lets go of what cannot be paid for, also when another cache cannot be billed', async () => {
    const database = await databases.open(houseMigrations);
    const clock = new ManualClock(Math.ceil(Date.now() / hourMs) * hourMs);
    const parts = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock };
    const caches = new ContextCacheStore(parts);
    const responses = new ResponseStore(parts);
    const wallets = new Wallets({ database, clock, random: systemRandom });
    const dropped: string[] = [];
    const upstream = { id: 'ark', generate: () => Promise.resolve(undefined), dropContext: (handle: string) => Promise.resolve(void dropped.push(handle)), [Symbol.asyncDispose]: () => Promise.resolve() };
    const holding = openContextHolding({
      database, caches, responses, clock, log: { write: () => undefined }, upstreams: { get: (id) => (id === 'ark' ? upstream : undefined) },
      tariff: new Tariff({ sellRules: new SellRules([], () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }), officialPrice: () => undefined }),
    });
    const caller: Caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', walletCurrency: 'CNY' };
    await database.commit(wallets.openingStatements({ tenantId: 'ten_1', currency: 'CNY', floorNanos: 0n }));
    const [startedMs, endsMs] = [clock.nowMs(), clock.nowMs() + 9 * hourMs];
    const cacheIds: string[] = [];
    for (const handle of ['broken', 'poor']) {
      const responseId = newId('resp', clock, systemRandom);
      const cacheId = newId('cache', clock, systemRandom);
      cacheIds.push(cacheId);
      await responses.save(caller, {
        id: responseId, keyId: 'key_1', modelId: 'kimi-k2', generationId: newId('gen', clock, systemRandom), createdMs: startedMs, endedMs: startedMs, expiresMs: endsMs,
        status: 'completed', background: false, upstreamId: 'ark', held: { handle, itemCount: 0 }, body: {}, input: [], output: [],
      });
      await database.commit([
        ...caches.creating(caller, {
          id: cacheId, keyId: 'key_1', modelId: 'kimi-k2', tokens: 1_000_000, state: 'ready', createdMs: startedMs, expiresMs: endsMs, upstreamId: 'ark', responseId,
          labels: {}, tags: [], content: { messages: [] },
        }),
        ...holding.storage.opening({ cacheId, caller, attempt, tokens: 1_000_000, startedMs, endsMs }),
      ]);
    }
    await database.commit([sql`UPDATE ledger_storage_meters SET exchange_rate = 'none' WHERE cache_id = ${cacheIds[0]}`.compile(database.builder<never>())]);
    clock.advance(hourMs);
    await expect(holding.accrue(AbortSignal.timeout(60_000))).rejects.toThrow();
    expect(dropped).toEqual(['poor']);
    expect(await caches.get(caller, cacheIds[1] ?? '')).toMatchObject({ state: 'inactive' });
  });
});
