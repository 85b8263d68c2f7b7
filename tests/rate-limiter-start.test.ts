import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { limitedCaller } from './doubles/limited-caller.ts';
import { startRedis } from './doubles/redis-server.ts';
import { buildRateLimiter } from '../src/build-rate-limiter.ts';
import { LimitSets } from '../src/access/limits/limit-set.ts';
import { systemClock } from '../src/base/clock.ts';
import { Fault } from '../src/base/fault.ts';
import { systemRandom } from '../src/base/random.ts';
import { StartRefusal } from '../src/base/start-refusal.ts';
import type { LimitsConfig } from '../src/config/limits-config.ts';

const redis = await startRedis();
afterAll(() => redis?.stop());

const { signal } = new AbortController();
const written: string[] = [];
const limits: LimitsConfig = { models: { 'kimi-k2': { concurrency: 1 } }, whenCountersAreGone: 'share' };
const parts = {
  sets: new LimitSets(limits),
  clock: systemClock, random: systemRandom,
  log: { writes: () => true, write: (level: string, message: string) => void written.push(`${level} ${message}`), flush() {} },
};
const request = { caller: limitedCaller({}), modelId: 'kimi-k2', tokens: 1 };

describe('buildRateLimiter', () => {
  it('counts in memory, and refuses at once', async () => {
    await using limiter = await buildRateLimiter({ ...parts, config: { limits } });
    await limiter.take(request, signal);
    expect(() => limiter.take(request, signal)).toThrow(Fault);
  });

  it('has calls wait where there is a queue', async () => {
    await using limiter = await buildRateLimiter({ ...parts, config: { limits: { ...limits, queue: { waitMs: 5_000, length: 5 } } } });
    const lease = await limiter.take(request, signal);
    const waiting = limiter.take(request, signal);
    lease.settle(1);
    (await waiting).settle(1);
  });

  it.skipIf(redis === undefined)('shares its counters by MOONGATE_VALKEY_URL, by any of its names (needs redis-server)', async () => {
    const valkeyUrl = (redis?.url ?? '').replace('redis:', 'valkey:');
    await using one = await buildRateLimiter({ ...parts, config: { limits, valkeyUrl } });
    await using other = await buildRateLimiter({ ...parts, config: { limits, valkeyUrl } });
    const lease = await one.take(request, signal);
    await expect(other.take(request, signal)).rejects.toMatchObject({ code: 'rate_limited' });
    lease.cancel();
    expect(written).toContain('info the limit counters are shared');
  });

  it('starts without them, and says so', async () => {
    await using limiter = await buildRateLimiter({ ...parts, config: { limits, valkeyUrl: 'redis://127.0.0.1:1' } });
    expect(written).toContain('warn the limit counters (MOONGATE_VALKEY_URL) are not reachable');
    expect(() => limiter.take(request, signal)).toThrow(expect.objectContaining({ code: 'storage_unavailable' }));
  });

  // Not on a server that others use: they would be shut out.
  it.skipIf(redis === undefined || process.env['MOONGATE_TEST_REDIS_URL'] !== undefined)('does not start with a password that is not taken (needs redis-server of its own)', async () => {
    const client = new Redis(redis?.url ?? '');
    await client.config('SET', 'requirepass', 'right');
    const refused = buildRateLimiter({ ...parts, config: { limits, valkeyUrl: (redis?.url ?? '').replace('://', '://:very-wrong@') } });
    await expect(refused).rejects.toThrow(StartRefusal);
    await expect(refused).rejects.toThrow(/^(?!.*very-wrong).*MOONGATE_VALKEY_URL/);
    await client.config('SET', 'requirepass', '');
    client.disconnect();
  });
});
