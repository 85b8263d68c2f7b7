import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitedCaller } from '../../../tests/doubles/limited-caller.ts';
import { ManualClock } from '../../../tests/doubles/manual-clock.ts';
import { Fault } from '../../base/fault.ts';
import { LimitSets } from './limit-set.ts';
import { MemoryLimiter } from './memory-limiter.ts';
import type { LimitLease } from './rate-limiter.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

function limiterAt(clock: ManualClock): MemoryLimiter {
  return new MemoryLimiter(new LimitSets({ models: {} }), clock);
}

describe('MemoryLimiter', () => {
  it('lets in again as the window slides, and says exactly when', () => {
    const clock = new ManualClock(0);
    const limiter = limiterAt(clock);
    const caller = limitedCaller({ keyLimits: { all: { rpm: 2 } } });
    const take = (): LimitLease => limiter.take({ caller, modelId: 'm', tokens: 1 });
    take();
    clock.advance(30_000);
    take();
    const waitMs = ((): number => {
      try {
        take();
      } catch (thrown) {
        if (thrown instanceof Fault) return thrown.retryAfterMs ?? NaN;
      }
      return NaN;
    })();
    expect(waitMs).toBe(30_100);
    clock.advance(waitMs - 1);
    expect(take).toThrow(Fault);
    clock.advance(1);
    take();
    expect(take).toThrow(Fault);
  });

  it('keeps a day in buckets of five minutes', () => {
    const clock = new ManualClock(0);
    const limiter = limiterAt(clock);
    const caller = limitedCaller({ keyLimits: { all: { tpd: 10 } } });
    const take = (): LimitLease => limiter.take({ caller, modelId: 'm', tokens: 10 });
    take();
    clock.advance(dayMs);
    expect(take).toThrow(/TPD rate limit, current:20, limit:10/);
    clock.advance(300_000);
    take();
  });

  it('drops the counters of those who have been idle for a window', async () => {
    const clock = new ManualClock(0);
    const limiter = limiterAt(clock);
    for (let key = 0; key < 1_000; key += 1) {
      limiter.take({ caller: limitedCaller({ keyLimits: { all: { rpm: 5, tpm: 5, concurrency: 1 } } }), modelId: 'm', tokens: 1 }).settle(1);
    }
    expect(limiter.size).toBe(2_000);
    clock.advance(3 * minuteMs);
    expect(limiter.size).toBe(0);
    await limiter[Symbol.asyncDispose]();
  });

  it('keeps every limit in every window, gives all back, and refuses nothing that a naive log would let in but for one bucket', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), tokens: fc.integer({ min: 0, max: 60 }), model: fc.constantFrom('a', 'b') }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(), part: fc.double({ min: 0, max: 1, noNaN: true }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 25_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 250 }), (steps) => {
        const clock = new ManualClock(0);
        const limiter = limiterAt(clock);
        const caller = limitedCaller({ keyLimits: { all: { rpm: 6, tpm: 200, concurrency: 4 }, models: { a: { rpm: 4, tpm: 90 } } } });
        const log: Entry[] = [];
        for (const one of steps) {
          const nowMs = clock.monotonicMs();
          const entry = 'which' in one ? log[one.which % Math.max(1, log.length)] : undefined;
          if (one.do === 'pass') clock.advance(one.ms);
          if (one.do === 'settle' && entry !== undefined) {
            const used = Math.floor(entry.tokens * one.part);
            entry.lease.settle(used);
            if (entry.open) Object.assign(entry, { open: false, tokens: used });
          }
          if (one.do === 'cancel' && entry !== undefined) {
            entry.lease.cancel();
            if (entry.open) Object.assign(entry, { open: false, tokens: 0, requests: 0 });
          }
          if (one.do !== 'take') continue;
          const wish = { atMs: nowMs, tokens: one.tokens, requests: 1, open: true, model: one.model };
          try {
            const lease = limiter.take({ caller, modelId: one.model, tokens: one.tokens });
            log.push({ ...wish, lease });
            expect(fits(log, nowMs, minuteMs)).toBe(true);
          } catch (thrown) {
            if (!(thrown instanceof Fault)) throw thrown;
            expect(fits([...log, wish], nowMs, minuteMs + 100)).toBe(false);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

interface Taken {
  readonly atMs: number;
  readonly model: string;
  readonly tokens: number;
  readonly requests: number;
  readonly open: boolean;
}

type Entry = Taken & { readonly lease: LimitLease };

/** Whether the limits of the property hold for the window that ends at `nowMs`, recomputed from the log. */
function fits(log: readonly Taken[], nowMs: number, windowMs: number): boolean {
  const recent = log.filter(({ atMs }) => atMs > nowMs - windowMs);
  const ofA = recent.filter(({ model }) => model === 'a');
  const sum = (entries: readonly Taken[], of: (entry: Taken) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
  return (
    sum(recent, ({ requests }) => requests) <= 6 && sum(recent, ({ tokens }) => tokens) <= 200 && log.filter(({ open }) => open).length <= 4 &&
    sum(ofA, ({ requests }) => requests) <= 4 && sum(ofA, ({ tokens }) => tokens) <= 90
  );
}
