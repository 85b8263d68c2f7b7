import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { newId, type ResponseId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import { type ResponseEvent, ResponseEventStore } from './response-event-store.ts';
import { ResponseStore } from './response-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const strangers: readonly TenantScope[] = [{ tenantId: 'ten_2', mode: 'live' }, { tenantId: 'ten_1', mode: 'test' }];
const events = (from: number, to: number): readonly ResponseEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ sequenceNumber: from + index, event: { type: 'delta', text: `secret ${from + index}` } }));

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let responses: ResponseStore;
  let store: ResponseEventStore;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    const parts = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock };
    responses = new ResponseStore(parts);
    store = new ResponseEventStore(parts);
  });

  async function response(background = true): Promise<ResponseId> {
    const id = newId('resp', systemClock, systemRandom);
    await responses.save(scope, {
      id, keyId: 'key_1', modelId: 'k2', generationId: 'gen_1', createdMs: clock.nowMs(), expiresMs: clock.nowMs() + 1e6, status: 'queued',
      background, body: {}, input: [], output: [],
    });
    return id;
  }

  describe('ResponseEventStore', () => {
    it('reads what came after a number, from within a batch as well, and says nothing of it in the table', async () => {
      const id = await response();
      expect(await store.lastSequence(scope, id)).toBeUndefined();
      expect(await store.append(scope, id, events(0, 3))).toBe(true);
      expect(await store.append(scope, id, events(4, 4))).toBe(true);
      expect(await store.append(scope, id, events(5, 11))).toBe(true);
      expect(await store.read(scope, id, -1)).toEqual(events(0, 11));
      expect(await store.read(scope, id, 2)).toEqual(events(3, 11));
      expect(await store.read(scope, id, 3)).toEqual(events(4, 11));
      expect(await store.read(scope, id, 2, 2)).toEqual(events(3, 4));
      expect(await store.read(scope, id, 11)).toEqual([]);
      expect(await store.lastSequence(scope, id)).toBe(11);
      const rows = await database.query(database.builder<ThreadTables>().selectFrom('response_events').selectAll().compile());
      expect(rows.length).toBeGreaterThan(0);
      expect(JSON.stringify(rows)).not.toContain('secret');
    });

    it('has all of a response, of more batches than one read takes', async () => {
      const id = await response();
      for (let sequence = 0; sequence < 150; sequence += 1) await store.append(scope, id, events(sequence, sequence));
      expect((await store.read(scope, id, -1)).length).toBeLessThan(150);
      expect(await store.all(scope, id)).toEqual(events(0, 149));
      expect(await store.all(scope, await response())).toEqual([]);
    });

    it('has nothing for another tenant, nor for the other mode, and takes nothing from them', async () => {
      const id = await response();
      await store.append(scope, id, events(0, 1));
      for (const stranger of strangers) {
        expect(await store.read(stranger, id, -1)).toEqual([]);
        expect(await store.lastSequence(stranger, id)).toBeUndefined();
        expect(await store.append(stranger, id, events(2, 3))).toBe(false);
      }
      expect(await store.lastSequence(scope, id)).toBe(1);
    });

    it('keeps none of a response that does not run in the background, and none once it is deleted', async () => {
      expect(await store.append(scope, await response(false), events(0, 1))).toBe(false);
      const id = await response();
      await store.append(scope, id, events(0, 1));
      await responses.delete(scope, id);
      expect(await store.read(scope, id, -1)).toEqual([]);
      expect(await store.append(scope, id, events(2, 3))).toBe(false);
      const left = database.builder<ThreadTables>().selectFrom('response_events').select('response_id').where('response_id', '=', id);
      expect(await database.query(left.compile())).toEqual([]);
    });

    if (databases.kind === 'SQLite') {
      it('reads on from its place by the key: whoever follows a long response asks ten times a second', async () => {
        const plans: string[] = [];
        const explaining = new ResponseEventStore({
          sealer: new Sealer(Buffer.alloc(32, 1), systemRandom),
          database: {
            builder: () => database.builder(),
            commit: (statements) => database.commit(statements),
            commitIf: (guards, statements) => database.commitIf(guards, statements),
            async query(statement) {
              const { query, queryId, parameters } = statement;
              const steps = await database.query<{ detail: string }>({ query, queryId, parameters, sql: `EXPLAIN QUERY PLAN ${statement.sql}` });
              plans.push(steps.map(({ detail }) => detail).join('\n'));
              return database.query(statement);
            },
          },
        });
        await explaining.read(scope, await response(), 5);
        expect(plans).toEqual([expect.stringMatching(/SEARCH response_events USING INDEX \S+ \(response_id=\? AND first_sequence>\?\)/)]);
      });
    }

    it('refuses a number that is there already', async () => {
      const id = await response();
      await store.append(scope, id, events(0, 3));
      await expect(store.append(scope, id, events(0, 1))).rejects.toMatchObject({ constraint: 'unique' });
    });
  });
});
