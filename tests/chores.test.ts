import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from './doubles/manual-clock.ts';
import { Fault } from '../src/base/fault.ts';
import type { LogFacts } from '../src/base/log.ts';
import { type ChoreParts, startChores } from '../src/chores.ts';

const nothing: ChoreParts['database'] = {
  builder: () => {
    throw new Error('not asked');
  },
  commitIf: () => Promise.resolve({ committed: true, changes: [] }),
  query: () => Promise.resolve([]),
};

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

interface Watched {
  readonly clock: ManualClock;
  /** Upstream and time of each reading. */
  readonly read: string[];
  /** What each reading was told to end by. */
  readonly given: (AbortSignal | undefined)[];
  readonly logged: [string, LogFacts | undefined][];
  /** Time of each sweep of the threads. */
  readonly swept: string[];
  /** Time of each billing of storage. */
  readonly billed: string[];
}

function start(everyHours: number | undefined, startsAt: string, failing = ''): Watched {
  const clock = new ManualClock(Date.parse(startsAt));
  const read: string[] = [];
  const logged: Watched['logged'] = [];
  const given: Watched['given'] = [];
  const swept: string[] = [];
  const billed: string[] = [];
  const parts: ChoreParts = {
    config: { retention: { responsesDays: 30 }, reconciliation: everyHours === undefined ? {} : { everyHours } },
    database: nothing,
    threadRetention: {
      sweep() {
        swept.push(new Date(clock.nowMs()).toISOString().slice(11, 16));
        if (failing === 'sweep') return Promise.reject(new Fault('storage_unavailable'));
        const old = everyHours === undefined && swept.length === 2 ? { responses: 3, conversationItems: 4 } : { responses: 0, conversationItems: 0 };
        return Promise.resolve({ ...old, eventBatches: 0, conversations: 0, contextCaches: 0 });
      },
    },
    holding: {
      accrue() {
        billed.push(new Date(clock.nowMs()).toISOString().slice(11, 16));
        return failing === 'billing' ? Promise.reject(new Fault('storage_unavailable')) : Promise.resolve();
      },
    },
    clock,
    log: { write: (_level, message, facts) => void logged.push([message, facts]), writes: () => true, flush: () => undefined },
    reconciliation: {
      balanceUpstreams: ['moonshot', 'moonshot-2'],
      async fetch(upstream, { signal }) {
        given.push(signal);
        if (failing === 'hanging') await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Fault('caller_gone'))));
        read.push(`${upstream} ${new Date(clock.nowMs()).toISOString().slice(5, 16)}`);
        if (upstream === failing) throw new Fault('upstream_timeout');
        return { source: 'balance', figures: [], missing: [] };
      },
    },
  };
  startChores(parts, stack);
  return { clock, read, logged, given, swept, billed };
}

/** Passes `hours` in steps of a minute, so that each reading is seen at its time. */
async function pass(clock: ManualClock, hours: number): Promise<void> {
  for (let minute = 0; minute < hours * 60; minute += 1) {
    clock.advance(60_000);
    await setImmediate();
  }
}

describe('billing what upstreams hold', () => {
  it('happens at once and every minute, also after a failure, which is logged', async () => {
    const { clock, billed, logged } = start(undefined, '2026-05-01T10:00:00Z', 'billing');
    await setImmediate();
    await pass(clock, 2 / 60);
    expect(billed).toEqual(['10:00', '10:01', '10:02']);
    expect(logged.map(([message]) => message)).toContainEqual(expect.stringContaining('storage of held contexts'));
  });
});

describe('reading balances', () => {
  it('begins at once, and goes on every so many hours of the UTC day and at each midnight', async () => {
    const { clock, read } = start(7, '2026-05-01T09:30:00Z');
    await setImmediate();
    await pass(clock, 24);
    expect(read.filter((line) => line.startsWith('moonshot '))).toEqual(['09:30', '14:00', '21:00'].map((time) => `moonshot 05-01T${time}`).concat(['00:00', '07:00'].map((time) => `moonshot 05-02T${time}`)));
  });

  it('reads the others when one cannot be read, and tries that one again', async () => {
    const { clock, read, logged } = start(24, '2026-05-01T23:00:00Z', 'moonshot');
    await setImmediate();
    await pass(clock, 2);
    expect(read).toEqual(['moonshot 05-01T23:00', 'moonshot-2 05-01T23:00', 'moonshot 05-02T00:00', 'moonshot-2 05-02T00:00']);
    expect(logged).toEqual(Array.from({ length: 2 }, () => ['the balance of an upstream could not be read', { upstream: 'moonshot', faultCode: 'upstream_timeout' }]));
  });

  it('is given up when the server closes, without a word', async () => {
    const { logged, given } = start(6, '2026-05-01T09:30:00Z', 'hanging');
    await setImmediate();
    await stack.disposeAsync();
    expect([given.map((signal) => signal?.aborted), logged]).toEqual([[true], []]);
  });

  it('is not done unless it is wanted', async () => {
    const { clock, read } = start(undefined, '2026-05-01T09:30:00Z');
    await setImmediate();
    await pass(clock, 24);
    expect(read).toEqual([]);
  });
});

describe('sweeping threads', () => {
  it('begins at once, goes on every hour, and says how much was removed', async () => {
    const { clock, swept, logged } = start(undefined, '2026-05-01T09:30:00Z');
    await setImmediate();
    await pass(clock, 3);
    expect(swept).toEqual(['09:30', '10:30', '11:30', '12:30']);
    expect(logged).toEqual([['stored responses and conversations that had expired or were deleted have been removed', { count: 7 }]]);
  });

  it('goes on after one that failed', async () => {
    const { clock, swept, logged } = start(undefined, '2026-05-01T09:30:00Z', 'sweep');
    await setImmediate();
    await pass(clock, 1);
    expect(swept).toEqual(['09:30', '10:30']);
    expect(logged).toEqual(Array.from({ length: 2 }, () => ['stored responses and conversations could not be swept', { faultCode: 'storage_unavailable' }]));
  });
});
