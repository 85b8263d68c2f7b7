import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { limitedCaller } from '../../../tests/doubles/limited-caller.ts';
import { startRedis } from '../../../tests/doubles/redis-server.ts';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../base/random.ts';
import type { Caller } from '../caller.ts';
import { LimitSets, type ServerLimits } from './limit-set.ts';
import { MemoryLimiter } from './memory-limiter.ts';
import { type LimitLease, type RateLimiter, unlimited } from './rate-limiter.ts';
import { ValkeyLimiter } from './valkey-limiter.ts';

const redis = await startRedis();
const quiet = { writes: () => false, write() {}, flush() {} };
const open: RateLimiter[] = [];
afterEach(async () => {
  for (const limiter of open.splice(0)) await limiter[Symbol.asyncDispose]();
});
afterAll(() => redis?.stop());

async function valkey(server: ServerLimits): Promise<ValkeyLimiter> {
  const limiter = new ValkeyLimiter({
    sets: new LimitSets(server), clock: systemClock, random: systemRandom, log: quiet, url: redis?.url ?? '', whenGone: 'refuse',
    prefix: `test:${systemRandom.bytes(6).toString('hex')}:`,
  });
  await limiter.start(5_000);
  return limiter;
}

const { signal } = new AbortController();

type Build = (server: ServerLimits) => Promise<RateLimiter>;
type Take = (caller: Caller, tokens?: number, modelId?: string) => Promise<LimitLease>;

async function taking(build: Build, server: ServerLimits = { models: {} }): Promise<Take> {
  const limiter = await build(server);
  open.push(limiter);
  return async (caller, tokens = 1, modelId = 'kimi-k2') => limiter.take({ caller, modelId, tokens }, signal);
}

async function refusal(call: Promise<LimitLease>): Promise<Fault> {
  const thrown: unknown = await call.then(() => undefined, (error: unknown) => error);
  if (thrown instanceof Fault) return thrown;
  throw new Error('was let in');
}

describe('limits in memory', () => {
  suite((server) => Promise.resolve(new MemoryLimiter(new LimitSets(server), systemClock)));
});

describe.skipIf(redis === undefined)('limits in Valkey (needs redis-server or MOONGATE_TEST_REDIS_URL)', () => {
  suite(valkey);
});

function suite(build: Build): void {
  countsExactly(build);
  namesLimits(build);
  corrects(build);
  holdsFor(build);
}

function countsExactly(build: Build): void {
  it('let in as many as the limit says when 64 come at once, for each kind', async () => {
    const take = await taking(build);
    for (const [keyLimits, tokens, expected] of [
      [{ all: { rpm: 10 } }, 1, 10],
      [{ all: { tpm: 100 } }, 9, 11],
      [{ all: { tpd: 50 } }, 10, 5],
      [{ all: { concurrency: 7 } }, 1, 7],
      [{ all: { rpm: 20, tpm: 150, concurrency: 30 }, models: { 'kimi-k2': { rpm: 18 } } }, 10, 15],
    ] as const) {
      const caller = limitedCaller({ keyLimits });
      const outcomes = await Promise.allSettled(Array.from({ length: 64 }, () => take(caller, tokens)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length, JSON.stringify(keyLimits)).toBe(expected);
    }
  });

  it('take nothing when they refuse', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ keyLimits: { all: { rpm: 2, tpm: 100 }, models: { 'kimi-k2': { concurrency: 1 } } } });
    const lease = await take(caller, 60);
    await refusal(take(caller, 10));
    await refusal(take(caller, 60, 'kimi-k3'));
    lease.settle(60);
    (await take(caller, 40)).settle(40);
    expect((await refusal(take(caller, 0))).metLimit?.kind).toBe('rpm');
  });

  it('lose no slot over 10,000 aborted requests, and win none', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ tenantLimits: { all: { concurrency: 3 } }, keyLimits: { models: { 'kimi-k2': { concurrency: 2 } } } });
    for (let call = 0; call < 5_000; call += 1) {
      const [one, other] = await Promise.all([take(caller), take(caller)]);
      one.cancel();
      one.settle(0);
      other.settle(0);
      other.settle(0);
    }
    await take(caller);
    await take(caller);
    expect((await refusal(take(caller))).metLimit).toMatchObject({ kind: 'concurrency', limit: 2 });
    await take(caller, 1, 'kimi-k3');
    expect((await refusal(take(caller, 1, 'kimi-k3'))).metLimit).toMatchObject({ kind: 'concurrency', limit: 3 });
  });
}

function namesLimits(build: Build): void {
  it('say which limit was met, in the words of Moonshot, and when to come back', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ tenantLimits: { all: { rpm: 3 } } });
    for (let call = 0; call < 3; call += 1) await take(caller);
    const fault = await refusal(take(caller));
    expect(fault).toMatchObject({ code: 'rate_limited', retryable: true, metLimit: { kind: 'rpm', limit: 3, current: 3, requested: 1 } });
    expect(fault.message).toMatch(/^Your account (ten_\w+)<(key_\w+)> request reached organization max RPM: 3, please try again after (59|60|61) seconds$/);
    expect(fault.message).toContain(`${caller.tenantId}<${caller.keyId}>`);
    expect(fault.retryAfterMs).toBeGreaterThan(55_000);
    expect(fault.retryAfterMs).toBeLessThanOrEqual(60_100);
    expect(fault.standing?.requests).toMatchObject({ limit: 3, remaining: 0 });
  });

  it('name concurrency, TPM and TPD as Moonshot does, and whose limit it is', async () => {
    const take = await taking(build, { models: { 'kimi-k2': { concurrency: 1 } } });
    const one = limitedCaller({});
    await take(one);
    const busy = await refusal(take(one));
    expect(busy.message).toContain('request reached organization max concurrency: 1, please try again after 1 seconds (limit of this server for kimi-k2)');
    expect(busy).toMatchObject({ retryAfterMs: 1_000, metLimit: { kind: 'concurrency', limit: 1, current: 1 } });
    for (const kind of ['tpm', 'tpd'] as const) {
      const caller = limitedCaller({ keyLimits: { all: { [kind]: 100 } } });
      await take(caller, 90, 'kimi-k3');
      const fault = await refusal(take(caller, 20, 'kimi-k3'));
      expect(fault.message).toContain(`request reached organization ${kind.toUpperCase()} rate limit, current:110, limit:100 (limit of this key)`);
      expect(fault.metLimit).toEqual({ kind, limit: 100, current: 90, requested: 20 });
      expect(fault.standing?.tokens).toMatchObject({ limit: 100, remaining: 10 });
    }
  });

  it('refuse for good what alone is more than the limit', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ keyLimits: { all: { tpm: 100, rpm: 1 } } });
    await take(caller, 1);
    const fault = await refusal(take(caller, 101));
    expect(fault.message).toContain('so that it can never pass');
    expect(fault).toMatchObject({ code: 'rate_limited', retryable: false, retryAfterMs: undefined, metLimit: { kind: 'tpm', requested: 101 } });
    expect((await refusal(take(caller, NaN))).retryable).toBe(false);
  });
}

function corrects(build: Build): void {
  it('count what was used in place of what was reserved, both ways', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ keyLimits: { all: { tpm: 100 } } });
    const small = await take(caller, 80);
    expect(small.standing?.tokens).toMatchObject({ limit: 100, remaining: 20 });
    small.settle(10);
    const large = await take(caller, 50);
    expect(large.standing?.tokens?.remaining).toBe(40);
    large.settle(85);
    large.settle(0);
    large.cancel();
    const none = await take(caller, 5);
    expect(none.standing?.tokens?.remaining).toBe(0);
    none.settle(NaN);
    await refusal(take(caller, 1));
  });

  it('give a call that was never made back whole', async () => {
    const take = await taking(build);
    const caller = limitedCaller({ keyLimits: { all: { rpm: 1, tpm: 10, tpd: 10, concurrency: 1 } } });
    for (let call = 0; call < 5; call += 1) {
      const lease = await take(caller, 10);
      lease.cancel();
      lease.cancel();
      lease.settle(10);
    }
    await take(caller, 10);
    await refusal(take(caller, 1));
  });
}

function holdsFor(build: Build): void {
  it('hold for a key, for its tenant, and for a model over all tenants', async () => {
    const take = await taking(build, { models: { 'kimi-k2': { rpm: 4 } }, tenantDefault: { all: { rpm: 3 } } });
    const one = limitedCaller({ keyLimits: { all: { rpm: 2 } }, mode: 'test' });
    const sibling: Caller = { ...one, keyId: `${one.keyId}s`, keyLimits: { all: { rpm: 2 } } };
    const stranger = limitedCaller({});
    await take(one);
    await take(one);
    expect((await refusal(take(one))).message).toContain('(limit of this key)');
    await take(sibling);
    expect((await refusal(take(sibling))).message).toMatch(/seconds$/);
    await take(stranger);
    expect((await refusal(take(stranger))).message).toContain('(limit of this server for kimi-k2)');
    await take(stranger, 1, 'kimi-k3');
  });

  it('leave alone whom nothing limits, and allocate nothing for it', async () => {
    const limiter: RateLimiter = await build({ models: { 'kimi-k2': { rpm: 1 } } });
    open.push(limiter);
    const free = limitedCaller({});
    expect(limiter.take({ caller: free, modelId: 'constructor', tokens: 1 }, signal)).toBe(unlimited);
    const other = limitedCaller({ keyLimits: { models: { 'kimi-k2': { rpm: 1 } } } });
    expect(limiter.take({ caller: other, modelId: 'toString', tokens: 1 }, signal)).toBe(unlimited);
    unlimited.settle(5);
    unlimited.cancel();
    expect(unlimited.standing).toBeUndefined();
  });
}
