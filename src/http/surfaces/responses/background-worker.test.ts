import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../tests/doubles/manual-clock.ts';
import { Fault } from '../../../base/fault.ts';
import type { Announcement } from '../../../storage/database.ts';
import { abandonedTopic } from './background-job.ts';
import { BackgroundWorker } from './background-worker.ts';

/** What a worker is seen to do. */
class Watched {
  readonly clock = new ManualClock();
  looks = 0;
  renewals = 0;
  /** What a look waits for. */
  gate: Promise<void> = Promise.resolve();
  announce: (announcement: Announcement) => void = () => undefined;
  readonly worker: BackgroundWorker;

  constructor() {
    this.worker = new BackgroundWorker({
      clock: this.clock,
      random: { bytes: (count) => Buffer.alloc(count) },
      log: { write: () => undefined },
      exchanges: { run: (_abort, exchange) => exchange() },
      jobs: {
        claim: async () => {
          this.looks += 1;
          await this.gate;
          return [];
        },
        renew: async () => {
          this.renewals += 1;
          return [];
        },
      },
      database: {
        onAnnouncement: (listener) => {
          this.announce = listener;
          return () => undefined;
        },
      },
      runOf: () => {
        throw new Error('there is nothing to run');
      },
    });
    this.worker.start();
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      this.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('BackgroundWorker', () => {
  it('takes up no more once it is stopped, but keeps what it has until it is disposed of', async () => {
    const watched = new Watched();
    await watched.pass(10_000);
    expect(watched.looks).toBeGreaterThan(5);
    await watched.worker.stop();
    const { looks, renewals } = watched;
    await watched.pass(20_000);
    expect(watched.looks).toBe(looks);
    expect(watched.renewals - renewals).toBeGreaterThanOrEqual(3);
    await watched.worker[Symbol.asyncDispose]();
    const { renewals: last } = watched;
    await watched.pass(20_000);
    expect(watched.renewals).toBe(last);
  });

  it('is stopped also when the database fails meanwhile: whoever closes the house has more to close', async () => {
    const watched = new Watched();
    await watched.pass(1_000);
    let fail: (cause: Fault) => void = () => undefined;
    watched.gate = new Promise((_, reject) => (fail = reject));
    // As after a response has been accepted.
    const looked = watched.worker.look();
    const stopped = watched.worker.stop();
    await new Promise((resolve) => setImmediate(resolve));
    fail(new Fault('storage_unavailable'));
    await expect(looked).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(stopped).resolves.toBeUndefined();
    await watched.worker[Symbol.asyncDispose]();
  });

  it('tells those who follow a response here that another server has decided over it', async () => {
    const watched = new Watched();
    let told = 0;
    const end = watched.worker.onKept('resp_1', () => (told += 1));
    watched.announce({ kind: 'heard', topic: abandonedTopic, payload: 'resp_2' });
    expect(told).toBe(0);
    watched.announce({ kind: 'heard', topic: abandonedTopic, payload: 'resp_1' });
    expect(told).toBe(1);
    end();
    watched.announce({ kind: 'heard', topic: abandonedTopic, payload: 'resp_1' });
    expect(told).toBe(1);
    await watched.worker[Symbol.asyncDispose]();
  });
});
