import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { record } from '../../tests/doubles/any-record.ts';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { GenerationRecord } from './generation-record.ts';
import { Reconciliation } from './reconciliation.ts';
import { RecordsStore } from './records-store.ts';
import { recordsMigrations } from './records-tables.ts';
import { Retention } from './retention.ts';
import { StorageHours, type StoredPiece } from './storage-hours.ts';
import type { UpstreamAccount } from './upstream-account.ts';
import { parseUtcDay, utcDayText } from './utc-day.ts';

const dayOf = (text: string): number => parseUtcDay(text) ?? -1;
const atMs = (text: string): number => Date.parse(text);
const usd = (units: number): Nanos => BigInt(units) * 1_000_000_000n;
const always = { fromDay: 0, toDay: 100_000_000 };

onEveryDatabase((databases) => {
  let database: Database;
  let records: RecordsStore;
  let clock: ManualClock;
  let accounts: Map<string, UpstreamAccount>;
  let reconciliation: Reconciliation;
  let upstreams = 0;
  /** A fresh upstream for each test. */
  let upstream: string;

  beforeEach(async () => {
    database ??= await databases.open(recordsMigrations);
    records = new RecordsStore(database);
    clock = new ManualClock(atMs('2026-06-01T12:00:00Z'));
    upstreams += 1;
    upstream = `upstream-${upstreams}`;
    accounts = new Map();
    reconciliation = new Reconciliation({ database, clock, accounts, upstreamIds: new Set([upstream]) });
  });

  const save = (...changes: Partial<GenerationRecord>[]): Promise<unknown> =>
    database.commit(changes.map((change) => records.insertion(record({ upstreamId: upstream, costState: 'priced', currency: 'USD', costNanos: usd(1), ...change }))));

  async function shown(): Promise<unknown[]> {
    const { days } = await reconciliation.show(upstream, always);
    return days.map(({ day, ...rest }) => ({ day: utcDayText(day), ...rest }));
  }

  describe('an imported file', () => {
    it('stands beside what is recorded, with the drift and with what either side lacks', async () => {
      await save(
        { startedMs: atMs('2026-05-01T00:00:00Z'), costNanos: usd(2) },
        { startedMs: atMs('2026-05-01T23:59:59.999Z'), costNanos: usd(1) },
        { startedMs: atMs('2026-05-01T12:00:00Z'), costNanos: 7n, currency: 'CNY' },
        { startedMs: atMs('2026-05-03T00:00:00Z') },
        { startedMs: atMs('2026-05-01T12:00:00Z'), upstreamId: 'somewhere-else', costNanos: usd(50) },
        { startedMs: atMs('2026-05-01T12:00:00Z'), costState: 'free', costNanos: usd(50) },
      );
      const { costNanos: _, currency: _currency, ...bare } = record({ upstreamId: upstream, costState: 'unpriced', startedMs: atMs('2026-05-01T12:00:00Z') });
      await database.commit([records.insertion(bare)]);
      await reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-01,2.9,USD\n2026-05-02,4,USD\n');
      expect(await shown()).toEqual([
        { day: '2026-05-01', currency: 'CNY', ownNanos: 7n, unpricedCount: 1 },
        { day: '2026-05-01', currency: 'USD', source: 'csv', ownNanos: usd(3), theirNanos: 2_900_000_000n, driftNanos: -100_000_000n, driftPercent: '-3.33', unpricedCount: 1 },
        { day: '2026-05-02', currency: 'USD', source: 'csv', theirNanos: usd(4), unpricedCount: 0 },
        { day: '2026-05-03', currency: 'USD', ownNanos: usd(1), unpricedCount: 0 },
      ]);
      expect((await reconciliation.show(upstream, { fromDay: dayOf('2026-05-02'), toDay: dayOf('2026-05-03') })).days).toHaveLength(1);
      expect((await reconciliation.show(upstream, always)).totals).toEqual([
        { source: 'csv', currency: 'USD', days: 1, ownNanos: usd(3), theirNanos: 2_900_000_000n, driftNanos: -100_000_000n, driftPercent: '-3.33' },
      ]);
    });

    it('takes the place of what was imported before, and of nothing when a line of it is wrong', async () => {
      await reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-01,1,USD\n2026-05-02,1,USD\n');
      await reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-02,5,USD\n');
      await expect(reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-01,9,USD\n2026-05-02,?,USD\n')).rejects.toMatchObject({ code: 'invalid_request' });
      expect(await shown()).toMatchObject([{ day: '2026-05-01', theirNanos: usd(1) }, { day: '2026-05-02', theirNanos: usd(5) }]);
    });

    it('is compared with what was kept in context caches too', async () => {
      const piece: StoredPiece = {
        fromMs: atMs('2026-05-01T23:00:00Z'), tenantId: 'ten_1', keyId: 'key_1', modelId: 'kimi-k2', upstreamId: upstream, costState: 'priced', tokenSeconds: 1,
        cost: { currency: 'USD', amountNanos: usd(2) }, charge: { currency: 'USD', amountNanos: usd(9), lossNanos: 0n }, exchangeRate: undefined,
      };
      const hours = new StorageHours(database);
      await database.commit([hours.addition(piece), hours.addition({ ...piece, costState: 'free', charge: undefined }), hours.addition({ ...piece, fromMs: atMs('2026-05-02T00:00:00Z') })]);
      await save({ startedMs: atMs('2026-05-01T10:00:00Z') });
      await reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-01,3,USD\n');
      expect(await shown()).toMatchObject([{ day: '2026-05-01', ownNanos: usd(3), driftNanos: 0n }, { day: '2026-05-02', ownNanos: usd(2) }]);
    });

    it('is compared with pruned days as with others', async () => {
      await save({ startedMs: atMs('2026-05-01T10:00:00Z') }, { startedMs: atMs('2026-05-01T11:00:00Z') }, { startedMs: atMs('2026-05-31T11:00:00Z') });
      await reconciliation.importCsv(upstream, 'day,amount,currency\n2026-05-01,2,USD\n');
      const before = await shown();
      const quick = { ...systemClock, nowMs: () => clock.nowMs(), after: (_ms: number, task: () => void) => systemClock.after(0, task) };
      expect(await new Retention({ database, clock: quick, generationsDays: 7 }).sweep(new AbortController().signal)).toBeGreaterThan(1);
      expect(await shown()).toEqual(before);
      expect(before).toMatchObject([{ driftNanos: 0n, driftPercent: '0' }, { day: '2026-05-31', ownNanos: usd(1) }]);
    });

    it('is refused for an upstream that nobody knows, unless calls at it are recorded', async () => {
      await expect(reconciliation.importCsv('typo', 'day,amount,currency\n2026-05-01,1,USD\n')).rejects.toMatchObject({ code: 'not_found', field: 'upstream' });
      await expect(reconciliation.show('typo', always)).rejects.toMatchObject({ code: 'not_found' });
      await save({ upstreamId: 'taken-away', startedMs: atMs('2026-05-20T10:00:00Z') });
      expect((await reconciliation.show('taken-away', always)).days).toHaveLength(1);
    });
  });

  describe('a balance', () => {
    async function read(at: string, balance: Nanos): Promise<unknown> {
      clock.advance(atMs(at) - clock.nowMs());
      accounts.set(upstream, { balance: { currency: 'USD', read: () => Promise.resolve(balance) } });
      return reconciliation.fetch(upstream, { limit: 1 });
    }

    it('becomes what was spent on each day; what was paid in is told apart', async () => {
      await save({ startedMs: atMs('2026-06-02T10:00:00Z'), costNanos: usd(10) });
      expect(reconciliation.balanceUpstreams).toEqual([]);
      expect(await read('2026-06-01T18:00:00Z', usd(100))).toMatchObject({ source: 'balance', figures: [], balance: { amountNanos: usd(100), currency: 'USD' } });
      expect(reconciliation.balanceUpstreams).toEqual([upstream]);
      await read('2026-06-02T00:00:00.500Z', usd(97));
      await read('2026-06-02T08:00:00Z', usd(97));
      await read('2026-06-02T16:00:00Z', usd(88));
      await read('2026-06-02T20:00:00Z', usd(138));
      const { figures } = (await read('2026-06-03T00:00:00.200Z', usd(136))) as { figures: unknown };
      expect(figures).toEqual([{ upstreamId: upstream, day: dayOf('2026-06-02'), currency: 'USD', source: 'balance', amountNanos: usd(11) }]);
      expect(await shown()).toEqual([
        { day: '2026-06-01', currency: 'USD', source: 'balance', theirNanos: usd(3), unpricedCount: 0, coveredMs: 21_600_500 },
        {
          day: '2026-06-02', currency: 'USD', source: 'balance', ownNanos: usd(10), theirNanos: usd(11), driftNanos: usd(1), driftPercent: '10', unpricedCount: 0,
          coveredMs: 86_399_700, toppedUpNanos: usd(50),
        },
      ]);
    });

    it('adds nothing twice, however often it is read', async () => {
      for (const [minute, units] of [[0, 9], [1, 8], [2, 8], [2, 8], [3, 5]] as const) await read(`2026-06-02T10:0${minute}:00Z`, usd(units));
      expect(await shown()).toMatchObject([{ theirNanos: usd(4) }]);
    });

    it('that was not read for days is shown, and given to none of them', async () => {
      await read('2026-06-02T10:00:00Z', usd(9));
      await read('2026-06-05T10:00:00Z', usd(2));
      expect(await reconciliation.show(upstream, always)).toMatchObject({
        days: [], unplaced: [{ fromMs: atMs('2026-06-02T10:00:00Z'), toMs: atMs('2026-06-05T10:00:00Z'), currency: 'USD', fellNanos: usd(7) }],
      });
      expect((await reconciliation.show(upstream, { fromDay: dayOf('2026-06-06'), toDay: dayOf('2026-06-09') })).unplaced).toEqual([]);
    });

    it('that cannot be read leaves everything as it was', async () => {
      accounts.set(upstream, { balance: { currency: 'USD', read: () => Promise.reject(new Fault('upstream_failed')) } });
      await expect(reconciliation.fetch(upstream, { limit: 1 })).rejects.toMatchObject({ code: 'upstream_failed' });
      expect(await shown()).toEqual([]);
    });
  });

  describe('the cost of single calls', () => {
    const yesterday = '2026-05-31';

    function answering(costs: Readonly<Record<string, Nanos>>): string[] {
      const asked: string[] = [];
      const cost = async (replyId: string): Promise<Nanos | undefined> => {
        asked.push(replyId);
        return costs[replyId];
      };
      accounts.set(upstream, { replies: { currency: 'USD', cost } });
      return asked;
    }

    it('is asked for the dearest calls of a day, and compared with what is recorded of those', async () => {
      const started = { startedMs: atMs(`${yesterday}T10:00:00Z`) };
      await save(
        { ...started, id: `gen_${upstream}a`, upstreamReplyId: 'a', costNanos: usd(5) }, { ...started, upstreamReplyId: 'b', costNanos: usd(3) },
        { ...started, id: `gen_${upstream}c`, upstreamReplyId: 'c', costNanos: usd(4) }, { ...started, upstreamReplyId: 'd', costNanos: usd(1) },
        { ...started, upstreamReplyId: 'e', costNanos: usd(9), currency: 'CNY' }, { ...started, costNanos: usd(9) },
        { startedMs: atMs('2026-06-01T00:00:00Z'), upstreamReplyId: 'f', costNanos: usd(9) },
      );
      const asked = answering({ a: usd(5), b: usd(4) });
      expect(await reconciliation.fetch(upstream, { limit: 3 })).toMatchObject({ source: 'generation', missing: [`gen_${upstream}c`] });
      expect(asked).toEqual(['a', 'c', 'b']);
      expect(await shown()).toEqual(
        expect.arrayContaining([
          {
            day: yesterday, currency: 'USD', source: 'generation', ownNanos: usd(8), theirNanos: usd(9), driftNanos: usd(1), driftPercent: '12.5', unpricedCount: 0,
            compared: { ownNanos: usd(8), count: 3, missingCount: 1 },
          },
        ]),
      );
      expect(await reconciliation.fetch(upstream, { day: dayOf('2026-05-02'), limit: 3 })).toEqual({ source: 'generation', figures: [], missing: [] });
    });

    it('is stored of all calls asked about, or of none', async () => {
      await save(...['a', 'b', 'c'].map((upstreamReplyId) => ({ upstreamReplyId, startedMs: atMs(`${yesterday}T10:00:00Z`) })));
      accounts.set(upstream, {
        replies: { currency: 'USD', cost: (id) => (id === 'b' ? Promise.reject(new Fault('upstream_timeout')) : Promise.resolve(usd(1))) },
      });
      await expect(reconciliation.fetch(upstream, { limit: 50 })).rejects.toMatchObject({ code: 'upstream_timeout' });
      expect(await shown()).toMatchObject([{ ownNanos: usd(3) }]);
    });

    it('is waited for no longer than an admin client waits', async () => {
      await save({ upstreamReplyId: 'a', startedMs: atMs(`${yesterday}T10:00:00Z`) });
      let waiting = false;
      accounts.set(upstream, {
        replies: {
          currency: 'USD',
          cost: (_id, signal) => {
            waiting = true;
            return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Fault('caller_gone'))));
          },
        },
      });
      const failure = reconciliation.fetch(upstream, { limit: 1 }).then(() => undefined, (thrown: unknown) => thrown);
      while (!waiting) await setImmediate();
      clock.advance(20_000);
      expect(await failure).toMatchObject({ code: 'upstream_timeout' });
    });
  });

  it('says that an upstream tells nothing', async () => {
    await expect(reconciliation.fetch(upstream, { limit: 1 })).rejects.toMatchObject({ code: 'invalid_request', field: 'upstream' });
  });
});
