import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WindowCounter } from './window-counter.ts';

const shape = { windowMs: 1_000, bucketMs: 100 };

describe('WindowCounter', () => {
  it('counts a grant until the end of its bucket lies a window back', () => {
    const counter = new WindowCounter(shape);
    counter.add(150, 3);
    expect(counter.sum(150)).toBe(3);
    expect(counter.sum(1_199)).toBe(3);
    expect(counter.sum(1_200)).toBe(0);
  });

  it('says how long until so much is free, and until all is', () => {
    const counter = new WindowCounter(shape);
    counter.add(0, 2);
    counter.add(500, 2);
    expect(counter.waitMs(600, 1)).toBe(500);
    expect(counter.waitMs(600, 2)).toBe(500);
    expect(counter.waitMs(600, 3)).toBe(1_000);
    expect(counter.waitMs(600, 5)).toBeUndefined();
    expect(counter.resetMs(600)).toBe(1_000);
    expect(counter.resetMs(1_600)).toBe(0);
  });

  it('corrects where it was added, never to less than nothing, and not once that has expired', () => {
    const counter = new WindowCounter(shape);
    counter.add(0, 5);
    counter.add(500, 5);
    counter.correct(0, -9);
    expect(counter.sum(600)).toBe(5);
    counter.correct(500, 2);
    expect(counter.sum(600)).toBe(7);
    expect(counter.sum(1_550)).toBe(7);
    expect(counter.sum(1_600)).toBe(0);
    counter.correct(500, 4);
    expect(counter.sum(1_600)).toBe(0);
  });

  it('takes what comes late into its own bucket', () => {
    const counter = new WindowCounter(shape);
    counter.add(900, 1);
    counter.add(100, 2);
    counter.add(500, 4);
    expect(counter.entries(900)).toEqual([1, 2, 5, 4, 9, 1]);
    expect(counter.sum(1_200)).toBe(5);
  });

  it('keeps no more buckets than a window has', () => {
    const counter = new WindowCounter(shape);
    for (let nowMs = 0; nowMs < 1_000_000; nowMs += 10) {
      counter.sum(nowMs);
      counter.add(nowMs, 1);
    }
    expect(counter.entries(999_990).length / 2).toBeLessThanOrEqual(11);
    expect(counter.sum(999_990)).toBeLessThanOrEqual(110);
  });

  it('never counts less than a log of grants shows, nor anything that is older than a window and a bucket', () => {
    const step = fc.record({ passMs: fc.integer({ min: 0, max: 400 }), amount: fc.integer({ min: 0, max: 9 }), correctAt: fc.nat(), delta: fc.integer({ min: -9, max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counter = new WindowCounter(shape);
        const log: { atMs: number; amount: number }[] = [];
        let nowMs = 0;
        for (const { passMs, amount, correctAt, delta } of steps) {
          nowMs += passMs;
          counter.add(nowMs, amount);
          log.push({ atMs: nowMs, amount });
          // Corrections as leases make them: each takes back at most what it has given.
          const corrected = log[correctAt % log.length];
          if (corrected !== undefined && nowMs - corrected.atMs < shape.windowMs) {
            const change = Math.max(-corrected.amount, delta);
            counter.correct(corrected.atMs, change);
            corrected.amount += change;
          }
          const within = (ms: number): number => log.filter(({ atMs }) => atMs > nowMs - ms).reduce((sum, entry) => sum + entry.amount, 0);
          expect(counter.sum(nowMs)).toBeGreaterThanOrEqual(within(shape.windowMs));
          expect(counter.sum(nowMs)).toBeLessThanOrEqual(within(shape.windowMs + shape.bucketMs));
        }
      }),
      { numRuns: 300 },
    );
  });
});
