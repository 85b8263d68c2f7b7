import { Redis } from 'ioredis';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../../tests/doubles/redis-server.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { LimitCounter } from './limit-counter.ts';
import { LocalCounters } from './local-counters.ts';
import { ValkeyLink } from './valkey-link.ts';

const redis = await startRedis();
afterAll(() => redis?.stop());

const set: readonly LimitCounter[] = [
  { id: 'r', kind: 'rpm', limit: 7, scope: 'key', modelId: undefined },
  { id: 't', kind: 'tpm', limit: 150, scope: 'key', modelId: undefined },
  { id: 'd', kind: 'tpd', limit: 400, scope: 'key', modelId: undefined },
  { id: 'c', kind: 'concurrency', limit: 4, scope: 'key', modelId: undefined },
];

/** The script over raw calls, with keys of its own, and with a clock that can be put forward by a minute in all. */
class RawScript {
  readonly #prefix = `raw:${systemRandom.bytes(6).toString('hex')}:`;
  readonly #link: ValkeyLink;
  readonly #client: Redis;
  era = '';

  constructor(link: ValkeyLink, client: Redis) {
    this.#link = link;
    this.#client = client;
  }

  call(act: string, counters: readonly string[], args: readonly (string | number)[], load = false, member = 'n.1'): Promise<readonly unknown[]> {
    return this.#link.call({ keys: ['meta', 'nodes', ...counters].map((name) => this.#prefix + name), args: [act, 100_000, member, ...args], limitMs: 5_000, load });
  }

  async enter(): Promise<number> {
    const [nowMs, era] = await this.call('enter', [], ['n.0', 'era-1'], true);
    this.era = String(era);
    return Number(nowMs);
  }

  async putForward(toMs: number): Promise<void> {
    await this.#client.hset(`${this.#prefix}meta`, 'now', toMs);
  }

  numbersOf(id: string): Promise<Record<string, string>> {
    return this.#client.hgetall(this.#prefix + id);
  }
}

describe.skipIf(redis === undefined)(`the script in Redis (needs redis-server or MOONGATE_TEST_REDIS_URL)`, () => {
  async function raw(test: (newScript: () => RawScript) => Promise<void>): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const link = new ValkeyLink({ url: redis?.url ?? '', clock: systemClock, onReady: ready.resolve, onClose() {} });
    link.open();
    await ready.promise;
    const client = new Redis(redis?.url ?? '');
    try {
      await test(() => new RawScript(link, client));
    } finally {
      link.close();
      client.disconnect();
    }
  }

  it('counts as the counters in memory do, call by call', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), tokens: fc.integer({ min: 0, max: 160 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), used: fc.integer({ min: 0, max: 160 }), cancel: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 9_000 }) }) },
    );
    await raw(async (newScript) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 6 }), fc.array(step, { maxLength: 40 }), async (earlier, steps) => {
          const script = newScript();
          const local = new LocalCounters();
          const startMs = await script.enter();
          // What lies in the past is told as another replica's would be.
          for (const ageMs of earlier) {
            const bucket = Math.floor((startMs - ageMs) / 100);
            await script.call('publish', ['t'], ['tpm', 2, bucket, 20]);
            local.add(set.slice(1, 2), 20, bucket * 100);
          }
          const taken: { readonly atMs: number; readonly tokens: number }[] = [];
          let passedMs = 0;
          for (const one of steps) {
            if (one.do === 'pass' && passedMs + one.ms < 50_000) {
              passedMs += one.ms;
              await script.putForward(startMs + passedMs);
            }
            if (one.do === 'end') {
              const [grant] = taken.splice(one.which % Math.max(1, taken.length), 1);
              if (grant === undefined) continue;
              const [requests, tokens] = one.cancel ? [-1, -grant.tokens] : [0, one.used - grant.tokens];
              await script.call('end', set.map(({ id }) => id), [script.era, grant.atMs, requests, tokens, 1, ...set.map(({ kind }) => kind)]);
              local.correct(set, grant.atMs, requests, tokens);
              local.free(set);
            }
            if (one.do !== 'take') continue;
            const answer = await script.call('take', set.map(({ id }) => id), [one.tokens, ...set.flatMap(({ kind, limit }) => [kind, limit])]);
            const [atMs = 0, place = 0, wait, ...readings] = answer.map(Number);
            const verdict = local.take(set, one.tokens, atMs, ({ limit }) => limit);
            expect({ place, wait: place === 0 ? undefined : wait, readings }).toEqual({
              place: verdict.met === undefined ? 0 : verdict.met.index + 1,
              wait: verdict.met === undefined ? undefined : (verdict.met.waitMs ?? -1),
              readings: verdict.readings.flatMap(({ count, resetMs }) => [count, resetMs]),
            });
            if (verdict.met === undefined) taken.push({ atMs, tokens: one.tokens });
          }
        }),
        { numRuns: 60 },
      );
    });
  });

  it('counts a bucket until its end lies a window back, to the millisecond', async () => {
    await raw(async (newScript) => {
      const script = newScript();
      const startMs = await script.enter();
      // Ahead of the server's clock, time stands where it was put.
      const atMs = Math.ceil((startMs + 10_000) / 100) * 100;
      const bucket = (atMs - 60_000) / 100;
      await script.putForward(atMs - 200);
      await script.call('publish', ['t'], ['tpm', 4, bucket - 1, 5, bucket, 7]);
      const count = async (): Promise<unknown> => (await script.call('take', ['t'], [0, 'tpm', 100]))[3];
      expect(await count()).toBe(12);
      await script.putForward(atMs - 1);
      expect(await count()).toBe(12);
      await script.putForward(atMs);
      expect(await count()).toBe(7);
      await script.putForward(atMs + 100);
      expect(await count()).toBe(0);
    });
  });

  it('knows nobody who has not come in, and counts nothing for him', async () => {
    await raw(async (newScript) => {
      const script = newScript();
      await script.enter();
      const ask = (act: string, args: readonly (string | number)[]): Promise<readonly unknown[]> => script.call(act, ['r'], args, false, 'stranger.1');
      expect(await ask('take', [1, 'rpm', 5])).toEqual([-1]);
      expect(await ask('beat', [])).toEqual([-1]);
      expect(await ask('publish', ['rpm', 2, 17_900_000_000, 5])).toEqual([-1]);
      expect(await script.numbersOf('r')).toEqual({});
    });
  });

  it('frees the slots of a member that has left, and never more than it holds', async () => {
    await raw(async (newScript) => {
      const script = newScript();
      await script.enter();
      await script.call('enter', [], ['m.0', 'x'], false, 'm.1');
      const take = (member: string): Promise<readonly unknown[]> => script.call('take', ['c'], [1, 'concurrency', 2], false, member);
      expect((await take('m.1'))[1]).toBe(0);
      expect((await take('m.1'))[1]).toBe(0);
      expect((await take('n.1'))[1]).toBe(1);
      for (let end = 0; end < 3; end += 1) await script.call('end', ['c'], [script.era, 0, 0, 0, 1, 'concurrency']);
      expect((await take('n.1'))[1]).toBe(1);
      await script.call('leave', [], [], false, 'm.1');
      expect((await take('n.1'))[1]).toBe(0);
      expect(await script.numbersOf('c')).toEqual({ 'n.1': '1' });
    });
  });

  it('corrects nothing that belongs to data which are lost', async () => {
    await raw(async (newScript) => {
      const script = newScript();
      await script.enter();
      const [atMs] = await script.call('take', ['t'], [50, 'tpm', 100]);
      await script.call('end', ['t'], ['another era', Number(atMs), 0, -50, 0, 'tpm']);
      expect((await script.numbersOf('t'))['s']).toBe('50');
      await script.call('end', ['t'], [script.era, Number(atMs), 0, -20, 0, 'tpm']);
      expect((await script.numbersOf('t'))['s']).toBe('30');
    });
  });

  it('forgets counters that lie far in the future, which only a wrong clock can have made', async () => {
    await raw(async (newScript) => {
      const script = newScript();
      const nowMs = await script.enter();
      await script.call('publish', ['t'], ['tpm', 2, Math.floor((nowMs + 3_600_000) / 100), 100]);
      expect((await script.call('take', ['t'], [1, 'tpm', 100]))[1]).toBe(0);
    });
  });
});
