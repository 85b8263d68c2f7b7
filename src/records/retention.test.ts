import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anyRecord, record, withSmallAmounts } from '../../tests/doubles/any-record.ts';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { systemClock } from '../base/clock.ts';
import { newId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import type { GenerationRecord } from './generation-record.ts';
import { RecordsStore } from './records-store.ts';
import { recordsMigrations, type RecordsTables } from './records-tables.ts';
import { Retention } from './retention.ts';
import type { UsageGrouping } from './usage-rows.ts';
import type { UsageTotal } from './usage-total.ts';
import { dayMs } from './utc-day.ts';

const groupings: readonly UsageGrouping[] = ['key', 'model', 'upstream', 'day', 'tenant', 'key-model', 'day-model'];
const today = 20_600;
/** Pauses end at once: what is tested here is not their length. */
const clock = { ...systemClock, nowMs: () => today * dayMs + 3_600_000, after: (_delayMs: number, task: () => void) => systemClock.after(0, task) };
const forever = new AbortController().signal;

/** Few enough of each that groups have several members. */
const crowded = fc
  .tuple(anyRecord, fc.record({ keyId: fc.constantFrom('key_A', 'key_B'), modelId: fc.constantFrom('k2', 'k3'), daysAgo: fc.nat(9), ms: fc.nat(dayMs - 1), upstream: fc.constantFrom('', 'ark', undefined) }))
  .map(([{ upstreamId: _, ...one }, { keyId, modelId, daysAgo, ms, upstream }]): GenerationRecord => ({
    ...withSmallAmounts(one), id: newId('gen', systemClock, systemRandom), keyId, modelId, startedMs: (today - daysAgo) * dayMs + ms,
    ...(upstream === undefined || upstream === '' ? {} : { upstreamId: upstream }),
  }));

onEveryDatabase((databases) => {
  let database: Database;
  let store: RecordsStore;

  beforeAll(async () => {
    database = await databases.open(recordsMigrations);
    store = new RecordsStore(database);
  });

  async function empty(): Promise<void> {
    const tables = database.builder<RecordsTables>();
    await database.commit([
      tables.deleteFrom('generations').compile(),
      tables.deleteFrom('usage_days').compile(),
      tables.updateTable('records_retention').set({ pruned_before_ms: 0 }).compile(),
    ]);
  }

  beforeEach(empty);

  const save = (records: readonly GenerationRecord[]): Promise<unknown> => database.commit(records.map((one) => store.insertion(one)));
  const retention = (generationsDays: number, at: Database = database): Retention => new Retention({ database: at, clock, generationsDays });

  /** Every report over all times, and one over some of the days. */
  async function reports(): Promise<readonly UsageTotal[][]> {
    const spans = [[0, 2 ** 46 - (2 ** 46 % dayMs)], [(today - 5) * dayMs, (today - 1) * dayMs]] as const;
    return Promise.all(spans.flatMap(([fromMs, toMs]) => groupings.map((groupBy) => store.usageTotals({ fromMs, toMs, groupBy }))));
  }

  describe('Retention', () => {
    it('leaves every report as it was, whatever the records, also with those that come late and those that are pruned twice', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(crowded, { maxLength: 25 }), fc.array(crowded, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), async (records, late, days) => {
          await empty();
          await save(records);
          const before = await reports();
          const pruned = await retention(days).sweep(forever);
          expect(pruned).toBe(records.filter((one) => one.startedMs < (today - days) * dayMs).length);
          expect(await reports()).toEqual(before);
          await save(late);
          const withLate = await reports();
          await retention(Math.max(1, days - 1)).sweep(forever);
          expect(await reports()).toEqual(withLate);
        }),
        { numRuns: databases.kind === 'SQLite' ? 30 : 10 },
      );
    });

    it('keeps whole UTC days, and says from which moment on calls are there one by one', async () => {
      const at = (ms: number, id: GenerationRecord['id']): GenerationRecord => record({ id, startedMs: ms });
      const limitMs = (today - 7) * dayMs;
      await save([at(limitMs - 1, 'gen_1'), at(limitMs, 'gen_2'), at(clock.nowMs(), 'gen_3')]);
      expect(await retention(7).sweep(forever)).toBe(1);
      expect((await store.list({ limit: 10 })).map((one) => one.id)).toEqual(['gen_3', 'gen_2']);
      expect(await store.prunedBeforeMs()).toBe(limitMs);
      expect(await retention(9).sweep(forever)).toBe(0);
      expect(await store.prunedBeforeMs()).toBe(limitMs);
    });

    it('refuses reports that would need half of a day of which only the sums are left', async () => {
      const limitMs = (today - 7) * dayMs;
      await save([record({ startedMs: limitMs - 1 })]);
      const half = { fromMs: limitMs - dayMs / 2, toMs: clock.nowMs(), groupBy: 'key' } as const;
      expect(await store.usageTotals(half)).toHaveLength(1);
      await retention(7).sweep(forever);
      await expect(store.usageTotals(half)).rejects.toMatchObject({ code: 'invalid_request', field: 'from' });
      await expect(store.usageTotals({ ...half, fromMs: 0, toMs: limitMs - 1 })).rejects.toMatchObject({ code: 'invalid_request', field: 'to' });
      expect(await store.usageTotals({ ...half, fromMs: limitMs - dayMs })).toHaveLength(1);
      expect(await store.usageTotals({ ...half, fromMs: limitMs + 1 })).toHaveLength(0);
    });

    it('prunes in batches, each once, when replicas sweep at the same time', async () => {
      const many = Array.from({ length: 901 }, (_, index) => record({ startedMs: index, costState: 'priced', costNanos: 1n, currency: 'USD' }));
      await save(many);
      const before = await reports();
      const counts = await Promise.all([1, 2, 3].map(() => retention(1).sweep(forever)));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(901);
      expect(await store.list({ limit: 1 })).toEqual([]);
      expect(await reports()).toEqual(before);
    });

    it('stops between two batches when it is told to', async () => {
      await save(Array.from({ length: 401 }, (_, index) => record({ startedMs: index })));
      const enough = new AbortController();
      const stopping: Database = {
        ...forwarding(database),
        commitIf(guards, statements) {
          enough.abort();
          return database.commitIf(guards, statements);
        },
      };
      expect(await retention(1, stopping).sweep(enough.signal)).toBe(200);
    });
  });
});

function forwarding(to: Database): Database {
  return {
    builder: () => to.builder(),
    commit: (statements) => to.commit(statements),
    commitIf: (guards, statements) => to.commitIf(guards, statements),
    query: (statement) => to.query(statement),
    report: (statement) => to.report(statement),
    announcement: (topic, payload) => to.announcement(topic, payload),
    onAnnouncement: (listener) => to.onAnnouncement(listener),
    exclusively: (task) => to.exclusively(task),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

