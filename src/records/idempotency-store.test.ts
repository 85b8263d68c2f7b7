import { sql } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { systemClock } from '../base/clock.ts';
import { newId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import { type Claim, IdempotencyStore } from './idempotency-store.ts';
import { recordsMigrations } from './records-tables.ts';

onEveryDatabase((databases) => {
  let database: Database;
  let store: IdempotencyStore;

  beforeAll(async () => {
    database = await databases.open(recordsMigrations);
    store = new IdempotencyStore(database);
  });

  let keys = 0;

  function claim(change: Partial<Claim> = {}): Claim {
    keys += 1;
    return {
      tenantId: 'ten_1', mode: 'live', key: `key ${keys}`, generationId: newId('gen', systemClock, systemRandom), fingerprint: 'f', owner: 'me',
      nowMs: 1_000, leaseMs: 1_500, expiresMs: 2_000, ...change,
    };
  }

  /** The same request again, later perhaps. */
  const again = (first: Claim, change: Partial<Claim> = {}): Claim => ({ ...first, generationId: newId('gen', systemClock, systemRandom), ...change });

  describe('IdempotencyStore', () => {
    it('lets one of many have a key, whoever asks, and tells the others who', async () => {
      const first = claim();
      const all = await Promise.all(Array.from({ length: 50 }, () => again(first)).map(async (one) => ({ one, earlier: await store.claim(one) })));
      const winners = all.filter(({ earlier }) => earlier === undefined);
      expect(winners).toHaveLength(1);
      const { generationId } = winners[0]?.one ?? first;
      for (const { earlier } of all) if (earlier !== undefined) expect(earlier).toEqual({ generationId, fingerprint: 'f', state: 'open', leaseMs: 1_500, reply: undefined });
    });

    it('keeps tenants and modes apart', async () => {
      const first = claim();
      expect(await store.claim(first)).toBeUndefined();
      expect(await store.claim(again(first, { tenantId: 'ten_2' }))).toBeUndefined();
      expect(await store.claim(again(first, { mode: 'test' }))).toBeUndefined();
      expect(await store.claim(again(first))).toMatchObject({ generationId: first.generationId });
    });

    it('keeps a reply, and how a request ended without one', async () => {
      const [whole, large, broken] = [claim(), claim(), claim()];
      for (const one of [whole, large, broken]) await store.claim(one);
      await store.keep(whole, 'sealed');
      await store.close(large, 'too-large');
      await store.close(broken, 'cut');
      expect(await store.claim(again(whole))).toMatchObject({ state: 'kept', reply: 'sealed' });
      expect(await store.claim(again(large))).toMatchObject({ state: 'too-large', reply: undefined });
      expect(await store.claim(again(broken))).toMatchObject({ state: 'cut', reply: undefined });
      // Ended is ended.
      await store.keep(broken, 'late');
      await store.release(whole);
      expect(await store.claim(again(broken))).toMatchObject({ state: 'cut' });
      expect(await store.claim(again(whole))).toMatchObject({ state: 'kept' });
    });

    it('frees a key that was given up, and one whose time is over, for one request', async () => {
      const first = claim();
      await store.claim(first);
      await store.release(first);
      const second = again(first);
      expect(await store.claim(second)).toBeUndefined();
      expect(await store.claim(again(first, { nowMs: 1_999 }))).toMatchObject({ generationId: second.generationId });
      const later = Array.from({ length: 5 }, () => again(first, { nowMs: 2_000, expiresMs: 3_000 }));
      const outcomes = await Promise.all(later.map((one) => store.claim(one)));
      expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1);
      // Who had it before cannot touch what is no longer theirs.
      await store.keep(second, 'of another time');
      expect(await store.claim(again(first, { nowMs: 2_500 }))).toMatchObject({ state: 'open' });
    });

    it('renews the leases of its own, and ends those of the dead', async () => {
      const [mine, other, done] = [claim({ owner: 'a' }), claim({ owner: 'b' }), claim({ owner: 'a' })];
      for (const one of [mine, other, done]) await store.claim(one);
      await store.keep(done, 'x');
      await store.renew('a', 1_900);
      expect(await store.claim(again(mine))).toMatchObject({ leaseMs: 1_900 });
      expect(await store.claim(again(other))).toMatchObject({ leaseMs: 1_500 });
      await store.disownAll();
      expect(await store.claim(again(mine))).toMatchObject({ state: 'open', leaseMs: 0 });
      expect(await store.claim(again(done))).toMatchObject({ state: 'kept', reply: 'x' });
    });

    it('removes what is over, the oldest first and so many at a time', async () => {
      const tenantId = 'ten_sweep';
      const claims = [1, 2, 3].map((age) => claim({ tenantId, nowMs: 1, expiresMs: 10 * age }));
      for (const one of claims) await store.claim(one);
      expect(await store.removeExpired(25, 1)).toBe(1);
      expect(await store.removeExpired(25, 10)).toBe(1);
      expect(await store.removeExpired(25, 10)).toBe(0);
      const left = await database.query<{ expires_ms: number }>(
        sql<{ expires_ms: number }>`SELECT expires_ms FROM idempotent_requests WHERE tenant_id = ${tenantId}`.compile(database.builder()),
      );
      expect(left).toEqual([{ expires_ms: 30 }]);
    });

    if (databases.kind === 'SQLite') {
      it('finds leases and what is over by their indexes', async () => {
        const plan = async (statement: string): Promise<string> => {
          const rows = await database.query<{ detail: string }>(sql<{ detail: string }>`${sql.raw(`EXPLAIN QUERY PLAN ${statement}`)}`.compile(database.builder()));
          return rows.map(({ detail }) => detail).join('\n');
        };
        expect(await plan(`UPDATE idempotent_requests SET lease_ms = 1 WHERE owner = 'a' AND state = 'open'`)).toContain('idempotent_requests_open');
        expect(await plan('SELECT generation_id FROM idempotent_requests WHERE expires_ms <= 1 ORDER BY expires_ms LIMIT 5')).toContain('idempotent_requests_by_expiry');
      });
    }
  });
});
