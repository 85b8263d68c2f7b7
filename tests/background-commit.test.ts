import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from './doubles/databases.ts';
import { ManualClock } from './doubles/manual-clock.ts';
import { systemClock } from '../src/base/clock.ts';
import { newId } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { Sealer } from '../src/base/sealer.ts';
import { type ClaimedJob, JobStore } from '../src/jobs/job-store.ts';
import { jobsMigrations } from '../src/jobs/job-tables.ts';
import type { Database } from '../src/storage/database.ts';
import { ResponseEventStore } from '../src/threads/response-event-store.ts';
import { ResponseStore } from '../src/threads/response-store.ts';
import type { StoredResponse } from '../src/threads/stored-response.ts';
import type { TenantScope } from '../src/base/tenant-scope.ts';
import { threadsMigrations } from '../src/threads/thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const leaseMs = 1_000;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let responses: ResponseStore;
  let events: ResponseEventStore;
  let jobs: JobStore;

  beforeAll(async () => {
    database = await databases.open([...threadsMigrations, ...jobsMigrations]);
    const parts = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock };
    responses = new ResponseStore(parts);
    events = new ResponseEventStore(parts);
    jobs = new JobStore(parts);
  });

  /** A background response and its job, in one commit. */
  async function begun(): Promise<StoredResponse> {
    const response: StoredResponse = {
      id: newId('resp', systemClock, systemRandom), keyId: 'key_1', modelId: 'k2', generationId: 'gen_1', createdMs: clock.nowMs(),
      expiresMs: clock.nowMs() + 1e9, status: 'queued', background: true, body: {}, input: [], output: [],
    };
    const { guards, statements } = responses.saving(scope, response);
    const enqueueing = jobs.enqueueing({ id: newId('job', systemClock, systemRandom), kind: 'response', tenantId: 'ten_1', payload: response.id, notBeforeMs: clock.nowMs() });
    expect(await database.commitIf(guards, [...statements, enqueueing])).toMatchObject({ committed: true });
    return response;
  }

  async function claim(owner: string): Promise<ClaimedJob> {
    const [job] = await jobs.claim({ kind: 'response', owner, nowMs: clock.nowMs(), leaseMs, limit: 1 });
    if (job === undefined) throw new Error('no job was free');
    return job;
  }

  const event = (sequenceNumber: number, by: string) => [{ sequenceNumber, event: { by } }];

  describe('a background response', () => {
    it('is written by the owner of its job only, and ends together with it', async () => {
      const { id } = await begun();
      const stale = await claim('dead');
      expect(await database.commitIf([jobs.fenced(stale.id, stale.token), events.appending(scope, id, event(0, 'dead'))], [])).toMatchObject({ committed: true });
      clock.advance(leaseMs);
      const fresh = await claim('alive');
      expect(fresh).toMatchObject({ payload: id, attempts: 2 });
      const ending = (by: string) => responses.updating(scope, id, { status: by, output: [{ by }], endedMs: clock.nowMs() });
      expect(await database.commitIf([jobs.fenced(stale.id, stale.token), events.appending(scope, id, event(1, 'dead'))], [])).toEqual({ committed: false, guard: 0 });
      expect(await database.commitIf([jobs.finishing(stale.id, stale.token), ending('dead')], [])).toEqual({ committed: false, guard: 0 });
      const next = ((await events.lastSequence(scope, id)) ?? -1) + 1;
      expect(await database.commitIf([jobs.finishing(fresh.id, fresh.token), ending('alive'), events.appending(scope, id, event(next, 'alive'))], [])).toMatchObject({ committed: true });
      expect(await responses.get(scope, id)).toMatchObject({ status: 'alive', output: [{ by: 'alive' }] });
      expect((await events.read(scope, id, -1)).map((one) => one.event)).toEqual([{ by: 'dead' }, { by: 'alive' }]);
      expect(await jobs.claim({ kind: 'response', owner: 'x', nowMs: clock.nowMs() + 9e9, leaseMs, limit: 1 })).toEqual([]);
    });

    it('stays cancelled, and its job stays with its owner, when the end comes too late', async () => {
      const { id } = await begun();
      const job = await claim('alive');
      expect(await responses.update(scope, id, { status: 'cancelled', endedMs: clock.nowMs() })).toBe(true);
      const late = responses.updating(scope, id, { status: 'completed', endedMs: clock.nowMs() });
      expect(await database.commitIf([jobs.finishing(job.id, job.token), late], [])).toEqual({ committed: false, guard: 1 });
      expect(await responses.get(scope, id)).toMatchObject({ status: 'cancelled' });
      expect(await database.commitIf([jobs.finishing(job.id, job.token)], [])).toMatchObject({ committed: true });
    });
  });
});
