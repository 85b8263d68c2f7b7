import type { CompiledQuery } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { type JobId, newId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import type { Database } from '../storage/database.ts';
import { type ClaimedJob, JobStore } from './job-store.ts';
import { jobsMigrations, type JobTables } from './job-tables.ts';

const leaseMs = 1_000;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let store: JobStore;
  /** Of another process, where there can be one. */
  let elsewhere: JobStore;
  let kinds = 0;

  beforeAll(async () => {
    const shared = await databases.create();
    database = await shared.open(jobsMigrations);
    store = new JobStore({ database, clock });
    elsewhere = databases.kind === 'Postgres' ? new JobStore({ database: await shared.open(jobsMigrations), clock }) : store;
  });

  /** A kind of its own for each test. */
  function newKind(): string {
    kinds += 1;
    return `kind-${kinds}`;
  }

  async function enqueued(kind: string, count: number, notBeforeMs = clock.nowMs()): Promise<readonly JobId[]> {
    const ids = Array.from({ length: count }, () => newId('job', systemClock, systemRandom));
    await database.commit(ids.map((id) => store.enqueueing({ id, kind, tenantId: 'ten_1', payload: `sealed ${id}`, notBeforeMs })));
    return ids;
  }

  const claim = (kind: string, owner = 'me', limit = 10): Promise<readonly ClaimedJob[]> => store.claim({ kind, owner, nowMs: clock.nowMs(), leaseMs, limit });

  async function claimedOne(kind: string, owner = 'me'): Promise<ClaimedJob> {
    const [job] = await claim(kind, owner, 1);
    if (job === undefined) throw new Error('no job was free');
    return job;
  }

  /** Whether a commit with this guard happens. */
  const holds = async (guard: CompiledQuery): Promise<boolean> => (await database.commitIf([guard], [])).committed;

  const left = async (kind: string): Promise<number> =>
    (await database.query(database.builder<JobTables>().selectFrom('jobs').select('id').where('kind', '=', kind).compile())).length;

  describe('JobStore', () => {
    it('gives each job to one of many owners who ask at the same time', async () => {
      const kind = newKind();
      const ids = await enqueued(kind, 60);
      const owners = [['a', store], ['b', elsewhere], ['c', store], ['d', elsewhere]] as const;
      const taken = await Promise.all(
        owners.map(async ([owner, at]) => {
          const jobs: ClaimedJob[] = [];
          for (;;) {
            const more = await at.claim({ kind, owner, nowMs: clock.nowMs(), leaseMs, limit: 7 });
            if (more.length === 0) return jobs;
            jobs.push(...more);
          }
        }),
      );
      const all = taken.flat();
      expect(all.map((job) => job.id).sort()).toEqual([...ids].sort());
      for (const job of all) expect(job).toMatchObject({ kind, tenantId: 'ten_1', payload: `sealed ${job.id}`, token: 1, attempts: 1 });
    });

    it('gives what has waited longest, not before its time, only of the kind, and no more than is asked for', async () => {
      const kind = newKind();
      const [late] = await enqueued(kind, 1, clock.nowMs() + 50);
      const [old] = await enqueued(kind, 1, clock.nowMs() - 10);
      const [older] = await enqueued(kind, 1, clock.nowMs() - 20);
      expect((await claim(kind, 'me', 1)).map((job) => job.id)).toEqual([older]);
      expect((await claim(kind)).map((job) => job.id)).toEqual([old]);
      expect(await claim(newKind())).toEqual([]);
      clock.advance(50);
      expect((await claim(kind)).map((job) => job.id)).toEqual([late]);
    });

    it('gives a job to another when the lease is over, and takes nothing more from the one before', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const stale = await claimedOne(kind, 'dead');
      expect(await claim(kind)).toEqual([]);
      clock.advance(leaseMs - 1);
      expect(await claim(kind)).toEqual([]);
      clock.advance(1);
      // Nobody has taken it yet: it may still be finished.
      expect(await holds(store.fenced(stale.id, stale.token))).toBe(true);
      const fresh = await claimedOne(kind);
      expect(fresh).toEqual({ ...stale, token: 2, attempts: 2 });
      expect(await holds(store.fenced(stale.id, stale.token))).toBe(false);
      expect(await holds(store.releasing(stale.id, stale.token, 0))).toBe(false);
      expect(await holds(store.finishing(stale.id, stale.token))).toBe(false);
      expect(await store.renew([stale], clock.nowMs() + 9_999)).toEqual([]);
      expect(await holds(store.fenced(fresh.id, fresh.token))).toBe(true);
      expect(await holds(store.finishing(fresh.id, fresh.token))).toBe(true);
      expect(await left(kind)).toBe(0);
    });

    it('leaves a job to its owner as long as it renews', async () => {
      const kind = newKind();
      await enqueued(kind, 2);
      const jobs = await claim(kind);
      clock.advance(leaseMs - 1);
      expect([...(await store.renew(jobs, clock.nowMs() + leaseMs))].sort()).toEqual(jobs.map((job) => job.id).sort());
      clock.advance(leaseMs - 1);
      expect(await claim(kind, 'other')).toEqual([]);
      clock.advance(1);
      expect(await claim(kind, 'other')).toHaveLength(2);
      expect(await store.renew([], 0)).toEqual([]);
    });

    it('writes the outcome and the end of a job together, or neither', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const stale = await claimedOne(kind, 'dead');
      clock.advance(leaseMs);
      const fresh = await claimedOne(kind);
      // In the place of another room's write.
      const outcome = (payload: string): CompiledQuery => store.enqueueing({ id: newId('job', systemClock, systemRandom), kind: `${kind}-outcome`, tenantId: 'ten_1', payload, notBeforeMs: 0 });
      expect(await database.commitIf([store.finishing(stale.id, stale.token)], [outcome('stale')])).toEqual({ committed: false, guard: 0 });
      expect(await database.commitIf([store.finishing(fresh.id, fresh.token)], [outcome('fresh')])).toMatchObject({ committed: true });
      expect(await database.commitIf([store.finishing(fresh.id, fresh.token)], [outcome('twice')])).toMatchObject({ committed: false });
      expect((await claim(`${kind}-outcome`)).map((job) => job.payload)).toEqual(['fresh']);
    });

    it('lets one of two ends happen, when both come at the same time', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const job = await claimedOne(kind);
      const ends = await Promise.all([holds(store.finishing(job.id, job.token)), holds(store.releasing(job.id, job.token, 0)), holds(store.finishing(job.id, job.token))]);
      expect(ends.filter(Boolean).length).toBeGreaterThanOrEqual(1);
      expect(ends[0] && ends[2]).toBe(false);
    });

    it('takes a job back, to be given again later, and to nobody in the name of the old claim', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const job = await claimedOne(kind);
      expect(await holds(store.releasing(job.id, job.token, clock.nowMs() + 300))).toBe(true);
      expect(await holds(store.fenced(job.id, job.token))).toBe(false);
      expect(await claim(kind)).toEqual([]);
      clock.advance(300);
      expect(await claimedOne(kind)).toMatchObject({ id: job.id, token: 2, attempts: 2 });
    });

    it('knows how many a tenant has of a kind, taken or not', async () => {
      const kind = newKind();
      await enqueued(kind, 3);
      const [job] = await claim(kind, 'me', 1);
      const tenantId = job?.tenantId ?? 'ten_none';
      expect(await store.openCount(kind, tenantId)).toBe(3);
      expect(await store.openCount(newKind(), tenantId)).toBe(0);
      expect(await store.openCount(kind, 'ten_other')).toBe(0);
      if (job !== undefined) await database.commitIf([store.finishing(job.id, job.token)], []);
      expect(await store.openCount(kind, tenantId)).toBe(2);
    });

    it('refuses whatever is written for a job that was cancelled', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const job = await claimedOne(kind);
      await database.commit([store.cancelling(job.id)]);
      expect(await holds(store.fenced(job.id, job.token))).toBe(false);
      expect(await left(kind)).toBe(0);
    });

    it('frees at once what a dead server had, and nothing that waits for its time', async () => {
      const kind = newKind();
      await enqueued(kind, 1);
      const job = await claimedOne(kind);
      await enqueued(kind, 1, clock.nowMs() + 5_000);
      await store.disownAll();
      expect(await holds(store.fenced(job.id, job.token))).toBe(false);
      expect(await claim(kind)).toEqual([{ ...job, token: 2, attempts: 2 }]);
    });

    it('passes over tenants whose turn it is not', async () => {
      const kind = newKind();
      const [first] = await enqueued(kind, 1);
      const other = newId('job', systemClock, systemRandom);
      await database.commit([store.enqueueing({ id: other, kind, tenantId: 'ten_2', payload: 'p', notBeforeMs: clock.nowMs() })]);
      const asked = { kind, owner: 'me', nowMs: clock.nowMs(), leaseMs, limit: 10 };
      expect((await store.claim({ ...asked, exceptTenants: ['ten_1', 'ten_3'] })).map(({ id }) => id)).toEqual([other]);
      expect((await store.claim(asked)).map(({ id }) => id)).toEqual([first]);
    });

    it('lets a job that nobody has be taken earlier, or withdraws it, and leaves one that somebody has', async () => {
      const kind = newKind();
      const [later = 'job_', unwanted = 'job_'] = await enqueued(kind, 2, clock.nowMs() + 60_000);
      expect(await claim(kind)).toEqual([]);
      await database.commit([store.rescheduling(later, clock.nowMs())]);
      expect((await claim(kind)).map(({ id }) => id)).toEqual([later]);
      await database.commit([store.rescheduling(later, 0)]);
      expect(await claim(kind, 'another')).toEqual([]);
      expect([await holds(store.withdrawing(later)), await holds(store.withdrawing(unwanted))]).toEqual([false, true]);
      expect(await store.idsOf(kind, 'ten_1')).toEqual([later]);
      expect(await store.idsOf(kind, 'ten_2')).toEqual([]);
    });
  });
});
