import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { limitedCaller } from '../../../tests/doubles/limited-caller.ts';
import { ManualClock } from '../../../tests/doubles/manual-clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Caller } from '../caller.ts';
import { FairQueue, type QueueSettings } from './fair-queue.ts';
import { LimitSets, type ServerLimits } from './limit-set.ts';
import { MemoryLimiter } from './memory-limiter.ts';
import { type LimitLease, type LimitRequest, unlimited } from './rate-limiter.ts';

interface Call {
  readonly caller: Caller;
  lease: LimitLease | undefined;
  fault: Fault | undefined;
  leave(): void;
}

function build(settings: QueueSettings = { waitMs: 10_000, length: 200 }, server: ServerLimits = { models: {} }) {
  const clock = new ManualClock();
  const sets = new LimitSets(server);
  const queue = new FairQueue(new MemoryLimiter(sets, clock), sets, settings, clock);
  const order: Call[] = [];
  const call = (caller: Caller, tokens = 1, modelId = 'kimi-k2'): Call => {
    const abort = new AbortController();
    const made: Call = { caller, lease: undefined, fault: undefined, leave: () => abort.abort() };
    void (async () => queue.take({ caller, modelId, tokens }, abort.signal))().then(
      (lease) => {
        made.lease = lease;
        order.push(made);
      },
      (thrown: unknown) => {
        if (!(thrown instanceof Fault)) throw thrown;
        made.fault = thrown;
      },
    );
    return made;
  };
  return { clock, queue, order, call };
}

describe('FairQueue', () => {
  it('has a call wait until a slot is free', async () => {
    const { call } = build();
    const caller = limitedCaller({ keyLimits: { all: { concurrency: 1 } } });
    const [first, second] = [call(caller), call(caller)];
    await turn();
    expect([first.lease, second.lease, second.fault]).toEqual([expect.anything(), undefined, undefined]);
    first.lease?.settle(1);
    await turn();
    expect(second.lease).toBeDefined();
  });

  it('has a call wait until the window has moved on, and exactly as many get in', async () => {
    const { call, clock } = build({ waitMs: 200_000, length: 200 });
    const caller = limitedCaller({ keyLimits: { all: { rpm: 2 } } });
    const calls = Array.from({ length: 5 }, () => call(caller));
    const inside = (): number => calls.filter(({ lease }) => lease !== undefined).length;
    await turn();
    expect(inside()).toBe(2);
    for (const [passMs, expected] of [[59_000, 2], [1_200, 4], [59_000, 4], [1_500, 5]] as const) {
      for (let ms = 0; ms < passMs; ms += 100) {
        clock.advance(100);
        await turn();
      }
      expect(inside()).toBe(expected);
    }
  });

  it('lets keys take turns: one that waits alone is not behind a hundred of another', async () => {
    const { call, order } = build();
    const greedy = limitedCaller({ tenantLimits: { all: { concurrency: 1 } } });
    const modest: Caller = { ...greedy, keyId: `${greedy.keyId}m` };
    call(greedy);
    for (let calls = 0; calls < 100; calls += 1) call(greedy);
    await turn();
    call(modest);
    await turn();
    for (let served = 0; served < 4; served += 1) {
      order.at(-1)?.lease?.settle(1);
      await turn();
    }
    const served = order.map(({ caller }) => (caller === modest ? 'modest' : 'greedy'));
    expect(served).toEqual(['greedy', 'greedy', 'modest', 'greedy', 'greedy']);
  });

  it('lets two keys that both wait have one each in turn', async () => {
    const { call, order } = build();
    const one = limitedCaller({ tenantLimits: { all: { concurrency: 1 } } });
    const other: Caller = { ...one, keyId: `${one.keyId}o` };
    call(one);
    for (let calls = 0; calls < 4; calls += 1) call(one);
    for (let calls = 0; calls < 4; calls += 1) call(other);
    for (let served = 0; served < 9; served += 1) {
      await turn();
      order.at(-1)?.lease?.settle(1);
    }
    expect(order.map(({ caller }) => (caller === one ? 1 : 2))).toEqual([1, 1, 2, 1, 2, 1, 2, 1, 2]);
  });

  it('lets nobody overtake those who wait for the same', async () => {
    const { call, order, clock } = build();
    const caller = limitedCaller({ tenantLimits: { all: { tpm: 100 } } });
    const lease = call(caller, 60);
    await turn();
    const large = call(caller, 60);
    const small = call(caller, 10);
    const unrelated = call(limitedCaller({ keyLimits: { all: { rpm: 1 } } }));
    await turn();
    expect([large.lease, small.lease]).toEqual([undefined, undefined]);
    expect(unrelated.lease).toBeDefined();
    lease.lease?.settle(0);
    await turn();
    expect(order.slice(-2)).toEqual([large, small]);
    clock.advance(20_000);
    await turn();
    expect(small.fault).toBeUndefined();
  });

  it('refuses after the wait, as it would have at once', async () => {
    const { call, clock } = build({ waitMs: 2_000, length: 200 });
    const caller = limitedCaller({ keyLimits: { all: { rpm: 1 } } });
    call(caller);
    const late = call(caller);
    await turn();
    for (let passedMs = 0; passedMs < 1_900; passedMs += 100) {
      clock.advance(100);
      await turn();
    }
    clock.advance(99);
    await turn();
    expect(late.fault).toBeUndefined();
    clock.advance(1);
    await turn();
    expect(late.fault).toMatchObject({ code: 'rate_limited', metLimit: { kind: 'rpm', limit: 1 } });
    expect(late.fault?.retryAfterMs).toBeLessThanOrEqual(58_400);
  });

  it('refuses at once what waits beyond its length, and what could never pass', async () => {
    const { call } = build({ waitMs: 2_000, length: 3 });
    const caller = limitedCaller({ keyLimits: { all: { rpm: 1, tpm: 10 } } });
    const calls = Array.from({ length: 6 }, () => call(caller));
    const sibling = call(limitedCaller({ keyLimits: { all: { tpm: 10 } } }), 11);
    await turn();
    expect(calls.map(({ lease, fault }) => (lease !== undefined ? 'in' : (fault?.metLimit?.kind ?? 'waits')))).toEqual(['in', 'waits', 'waits', 'waits', 'rpm', 'rpm']);
    expect(sibling.fault).toMatchObject({ retryable: false, metLimit: { kind: 'tpm' } });
  });

  it('forgets who has left, and gives its turn to the next', async () => {
    const { call } = build();
    const caller = limitedCaller({ keyLimits: { all: { concurrency: 1 } } });
    const first = call(caller);
    await turn();
    const [gone, next] = [call(caller), call(caller)];
    await turn();
    gone.leave();
    await turn();
    expect(gone.fault?.code).toBe('caller_gone');
    first.lease?.cancel();
    await turn();
    expect(next.lease).toBeDefined();
    next.lease?.settle(1);
    const direct = call(caller);
    await turn();
    expect(direct.lease).toBeDefined();
  });

  it('asks again by itself, for what is freed elsewhere', async () => {
    const clock = new ManualClock();
    const sets = new LimitSets({ models: {} });
    const inner = new MemoryLimiter(sets, clock);
    const queue = new FairQueue(inner, sets, { waitMs: 10_000, length: 5 }, clock);
    const request = { caller: limitedCaller({ keyLimits: { all: { concurrency: 1 } } }), modelId: 'm', tokens: 1 };
    const elsewhere = inner.take(request);
    const waiting = queue.take(request, new AbortController().signal);
    await turn();
    elsewhere.settle(1);
    clock.advance(250);
    expect(await waiting).toBeDefined();
  });

  it('gives back what comes for a caller that has just left', async () => {
    const clock = new ManualClock();
    const sets = new LimitSets({ models: {} });
    const inner = new MemoryLimiter(sets, clock);
    // As it is with shared counters: the answer takes a while.
    const slow = { take: async (request: LimitRequest) => (await turn(), inner.take(request)), [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose]() };
    const queue = new FairQueue(slow, sets, { waitMs: 10_000, length: 5 }, clock);
    const request = { caller: limitedCaller({ keyLimits: { all: { concurrency: 1 } } }), modelId: 'm', tokens: 1 };
    const first = await queue.take(request, new AbortController().signal);
    const abort = new AbortController();
    const waiting = Promise.allSettled([queue.take(request, abort.signal)]);
    await turn();
    await turn();
    first.settle(1);
    abort.abort();
    expect(await waiting).toMatchObject([{ reason: { code: 'caller_gone' } }]);
    await turn();
    await turn();
    expect(inner.take(request)).toBeDefined();
  });

  it('tells those who wait when the server closes, and does not touch whom nothing limits', async () => {
    const { call, queue } = build();
    const caller = limitedCaller({ keyLimits: { all: { concurrency: 1 } } });
    call(caller);
    const waiting = call(caller);
    expect(queue.take({ caller: limitedCaller({}), modelId: 'm', tokens: 1 }, new AbortController().signal)).toBe(unlimited);
    await turn();
    await queue[Symbol.asyncDispose]();
    await turn();
    expect(waiting.fault?.code).toBe('shutting_down');
  });
});
