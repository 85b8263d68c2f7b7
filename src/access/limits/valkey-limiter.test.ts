import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limitedCaller } from '../../../tests/doubles/limited-caller.ts';
import { startRedis, type TestRedis } from '../../../tests/doubles/redis-server.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../base/random.ts';
import type { Caller } from '../caller.ts';
import { LimitSets } from './limit-set.ts';
import type { LimitLease } from './rate-limiter.ts';
import { replicaTiming } from './replica-membership.ts';
import { ValkeyLimiter, type ValkeyLimiterParts } from './valkey-limiter.ts';

const timing = { beatMs: 40, memberMs: 400, commandMs: 100 };
/** The least that a replica must have had to learn of the others, and they of it. */
const acquaintedMs = 5 * timing.beatMs;
const backWithinMs = 5_000;
const own = await startRedis();
const canPause = own !== undefined && process.env['MOONGATE_TEST_REDIS_URL'] === undefined;
await own?.stop();

let redis: TestRedis;
let prefix: string;
const open: ValkeyLimiter[] = [];
const written: string[] = [];
const log = { writes: () => true, write: (_level: string, message: string, facts?: object) => void written.push(message + JSON.stringify(facts ?? {})), flush() {} };
beforeEach(async () => {
  const started = await startRedis();
  if (started !== undefined) redis = started;
  prefix = `test:${systemRandom.bytes(6).toString('hex')}:`;
});
afterEach(async () => {
  redis.resume();
  for (const limiter of open.splice(0)) await limiter[Symbol.asyncDispose]();
  await redis.stop();
});

async function replica(parts: Partial<ValkeyLimiterParts> = {}): Promise<ValkeyLimiter> {
  const limiter = new ValkeyLimiter({
    sets: new LimitSets({ models: {} }), clock: systemClock, random: systemRandom, log, url: redis.url, whenGone: 'share', timing, prefix, ...parts,
  });
  open.push(limiter);
  await limiter.start(5_000);
  return limiter;
}

/** What came of a call: a lease, or the fault. */
async function call(limiter: ValkeyLimiter, caller: Caller, tokens = 1): Promise<LimitLease | Fault> {
  try {
    return await limiter.take({ caller, modelId: 'kimi-k2', tokens });
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
}

async function accepted(limiter: ValkeyLimiter, caller: Caller, calls: number): Promise<LimitLease[]> {
  const outcomes = await Promise.all(Array.from({ length: calls }, () => call(limiter, caller)));
  return outcomes.filter((outcome) => !(outcome instanceof Fault)) as LimitLease[];
}

/** A clock whose timers do nothing while it is frozen: a process that hangs, or is no more. */
function freezable(): Clock & { frozen: boolean } {
  const clock = {
    ...systemClock, frozen: false,
    after: (delayMs: number, task: () => void): (() => void) => systemClock.after(delayMs, () => (clock.frozen ? clock.after(delayMs, task) : task())),
  };
  return clock;
}

async function isBack(...limiters: readonly ValkeyLimiter[]): Promise<void> {
  await vi.waitFor(() => expect(limiters.every(({ isShared }) => isShared)).toBe(true), { timeout: backWithinMs, interval: 10 });
}

async function isGone(...limiters: readonly ValkeyLimiter[]): Promise<void> {
  await vi.waitFor(() => expect(limiters.some(({ isShared }) => isShared)).toBe(false), { timeout: 3_000, interval: 5 });
}

describe.skipIf(!canPause)('ValkeyLimiter with a Redis that fails (needs redis-server of its own)', () => {
  it('frees the slots of a replica that is gone, and counts them again when it was only asleep', async () => {
    const clock = freezable();
    const [asleep, awake] = [await replica({ clock }), await replica()];
    const caller = limitedCaller({ keyLimits: { all: { concurrency: 4 } } });
    const first = await accepted(asleep, caller, 4);
    expect(first).toHaveLength(4);
    expect(await accepted(awake, caller, 1)).toHaveLength(0);
    clock.frozen = true;
    const second: LimitLease[] = [];
    await vi.waitFor(async () => expect(second.push(...(await accepted(awake, caller, 1)))).toBe(1), { timeout: 3_000, interval: 10 });
    second.push(...(await accepted(awake, caller, 5)));
    expect(second).toHaveLength(4);
    clock.frozen = false;
    for (const lease of second.splice(0, 3)) lease.settle(0);
    // Four of the sleeper's and one of ours are open.
    await vi.waitFor(async () => {
      const extra = await accepted(awake, caller, 1);
      for (const lease of extra) lease.cancel();
      expect(extra).toHaveLength(0);
    }, { timeout: 3_000, interval: 10 });
    for (const lease of [...first, ...second]) lease.settle(0);
    await vi.waitFor(async () => expect((await accepted(awake, caller, 1)).length).toBe(1), { timeout: 1_000, interval: 10 });
    expect(await accepted(asleep, caller, 9)).toHaveLength(3);
  });

  it('frees them within 15 s at the real figures', () => {
    expect(replicaTiming.memberMs + replicaTiming.beatMs).toBeLessThan(15_000);
    expect(replicaTiming.memberMs).toBeGreaterThanOrEqual(5 * replicaTiming.beatMs);
  });

  it('without the counters, lets each replica have its share, and all of them together the limit', async () => {
    const replicas = [await replica(), await replica(), await replica()];
    const caller = limitedCaller({ keyLimits: { all: { rpm: 10 } } });
    const slots = limitedCaller({ keyLimits: { all: { concurrency: 2 } } });
    await sleep(acquaintedMs);
    await redis.stop();
    await isGone(...replicas);
    const counts = await Promise.all(replicas.map(async (one) => (await accepted(one, caller, 20)).length));
    expect(counts.toSorted()).toEqual([3, 3, 4]);
    const held = await Promise.all(replicas.map((one) => accepted(one, slots, 5)));
    expect(held.map(({ length }) => length).toSorted()).toEqual([0, 1, 1]);
    for (const lease of held.flat()) lease.settle(0);
    expect((await Promise.all(replicas.map((one) => accepted(one, slots, 5)))).flat()).toHaveLength(2);
    const [without] = await Promise.all(replicas.map((one) => call(one, limitedCaller({ keyLimits: { all: { tpm: 30 } } }), 20)));
    expect(without).toMatchObject({ code: 'rate_limited', retryable: true, retryAfterMs: 5_000, metLimit: { kind: 'tpm', limit: 30, requested: 20 } });
  });

  it('begins alone with what it has let in before, and tells it afterwards', async () => {
    const [one, other] = [await replica(), await replica()];
    const caller = limitedCaller({ keyLimits: { all: { rpm: 10 } } });
    await sleep(acquaintedMs);
    expect(await accepted(one, caller, 3)).toHaveLength(3);
    redis.pause();
    await isGone(one, other);
    expect(await accepted(one, caller, 9)).toHaveLength(2);
    redis.resume();
    await isBack(one, other);
    expect(await accepted(other, caller, 64)).toHaveLength(5);
    expect(await accepted(one, caller, 64)).toHaveLength(0);
  });

  it('holds nobody up while the counters hang, counts nothing twice, and uses them again within 5 s', async () => {
    const limiter = await replica();
    const caller = limitedCaller({ keyLimits: { all: { rpm: 50, concurrency: 60 } } });
    await sleep(acquaintedMs);
    expect(await accepted(limiter, caller, 5)).toHaveLength(5);
    redis.pause();
    const startedMs = performance.now();
    const first = await accepted(limiter, caller, 10);
    expect(performance.now() - startedMs).toBeLessThan(timing.commandMs + 200);
    expect(first).toHaveLength(10);
    const againMs = performance.now();
    for (let calls = 0; calls < 10; calls += 1) expect(await accepted(limiter, caller, 1)).toHaveLength(1);
    expect(performance.now() - againMs).toBeLessThan(100);
    redis.resume();
    await isBack(limiter);
    for (const lease of first) lease.settle(1);
    expect(await accepted(limiter, caller, 64)).toHaveLength(25);
    expect(written.join('\n')).toContain('are gone');
    expect(written.join('\n')).not.toContain(redis.url);
  });

  it('does not take its own being busy for a failure of the counters', async () => {
    const limiter = await replica();
    const caller = limitedCaller({ keyLimits: { all: { rpm: 5 } } });
    // In this phase of the event loop, timers come before what the network brings.
    await turn();
    const calls = accepted(limiter, caller, 10);
    for (const untilMs = performance.now() + 3 * timing.commandMs; performance.now() < untilMs; );
    expect(await calls).toHaveLength(5);
    expect(limiter.isShared).toBe(true);
    expect(await accepted(limiter, caller, 1)).toHaveLength(0);
  });

  it('refuses with a fault of ours where the operator wants that', async () => {
    const limiter = await replica({ whenGone: 'refuse' });
    const caller = limitedCaller({ keyLimits: { all: { rpm: 10 } } });
    expect(await accepted(limiter, caller, 1)).toHaveLength(1);
    await redis.restart();
    await isBack(limiter);
    await redis.stop();
    await isGone(limiter);
    expect(await call(limiter, caller)).toMatchObject({ code: 'storage_unavailable', status: 503, blame: 'platform', retryAfterMs: 1_000 });
    expect(await call(limiter, limitedCaller({}))).not.toBeInstanceOf(Fault);
  });

  it('who has just come in has no share until the others know of him, unless there are none', async () => {
    const slow = { ...timing, beatMs: 60_000, memberMs: 600_000 };
    const [first, second] = [await replica({ timing: slow }), await replica({ timing: slow })];
    const caller = limitedCaller({ keyLimits: { all: { rpm: 10 } } });
    await redis.stop();
    await isGone(first, second);
    expect(await call(second, caller)).toMatchObject({ code: 'storage_unavailable' });
    expect(await accepted(first, caller, 20)).toHaveLength(10);
  });

  it('refuses when it has never seen the counters, since nobody knows its share, and lets in whom nothing limits', async () => {
    const limiter = new ValkeyLimiter({
      sets: new LimitSets({ models: {} }), clock: systemClock, random: systemRandom, log, url: 'valkey://u:very-secret@127.0.0.1:1', whenGone: 'share', timing, prefix,
    });
    open.push(limiter);
    await limiter.start(50);
    expect(await call(limiter, limitedCaller({ keyLimits: { all: { rpm: 10 } } }))).toMatchObject({ code: 'storage_unavailable' });
    expect(await call(limiter, limitedCaller({}))).not.toBeInstanceOf(Fault);
    expect(written.join('\n')).not.toContain('very-secret');
  });

  it.each([
    ['FLUSHALL', async (client: Redis) => void (await client.flushall())],
    ['a restart that forgets everything', () => redis.restart()],
    ['SCRIPT FLUSH', async (client: Redis) => void (await client.call('SCRIPT', 'FLUSH'))],
  ])('counts exactly over %s', async (_what, harm) => {
    const [one, other] = [await replica(), await replica()];
    const caller = limitedCaller({ keyLimits: { all: { rpm: 10, concurrency: 8, tpm: 1_000 } } });
    const mine = await accepted(one, caller, 3);
    const others = await accepted(other, caller, 2);
    const client = new Redis(redis.url, { lazyConnect: true });
    client.on('error', () => {});
    await client.connect();
    await harm(client);
    client.disconnect();
    // Both notice by their next beat, if not by a call.
    await sleep(acquaintedMs);
    await isBack(one, other);
    const more = await accepted(one, caller, 64);
    expect(more).toHaveLength(3);
    for (const lease of [...mine, ...others]) lease.settle(1);
    expect((await Promise.all([accepted(one, caller, 64), accepted(other, caller, 64)])).flat()).toHaveLength(2);
  });

  it('a call is let in on the very moment after FLUSHALL', async () => {
    const limiter = await replica({ whenGone: 'refuse', timing: { ...timing, beatMs: 100_000, memberMs: 200_000 } });
    const caller = limitedCaller({ keyLimits: { all: { rpm: 4 } } });
    expect(await accepted(limiter, caller, 1)).toHaveLength(1);
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    expect(await accepted(limiter, caller, 64)).toHaveLength(3);
  });

  it('corrects what ended while the counters were gone', async () => {
    const limiter = await replica();
    const caller = limitedCaller({ keyLimits: { all: { tpm: 100 } } });
    await sleep(acquaintedMs);
    const shared = await limiter.take({ caller, modelId: 'kimi-k2', tokens: 60 });
    redis.pause();
    await isGone(limiter);
    const alone = await limiter.take({ caller, modelId: 'kimi-k2', tokens: 30 });
    const late = await limiter.take({ caller, modelId: 'kimi-k2', tokens: 10 });
    shared.settle(20);
    alone.settle(5);
    redis.resume();
    await isBack(limiter);
    late.settle(2);
    const next = await limiter.take({ caller, modelId: 'kimi-k2', tokens: 0 });
    expect(next.standing?.tokens).toMatchObject({ limit: 100, remaining: 73 });
  });

  it('says that its password was not taken', async () => {
    const client = new Redis(redis.url);
    await client.config('SET', 'requirepass', 'very-secret');
    const limiter = await replica({ url: redis.url.replace('://', '://:wrong@') });
    expect(limiter.isKeyRefused).toBe(true);
    expect(limiter.isShared).toBe(false);
    await client.config('SET', 'requirepass', '');
    client.disconnect();
  });
});
