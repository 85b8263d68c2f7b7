import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { pause, Recurring } from './recurring.ts';

describe('Recurring', () => {
  it('runs at once and again after each delay, also after a failure, until it is disposed of', async () => {
    const clock = new ManualClock(0);
    const atMs: number[] = [];
    const failures: unknown[] = [];
    const recurring = new Recurring({
      clock,
      delayMs: () => 1_000,
      async run() {
        atMs.push(clock.nowMs());
        if (atMs.length === 2) throw new Error('once');
      },
      onFailure: (thrown) => failures.push(thrown),
    });
    recurring.start();
    for (let turn = 0; turn < 3; turn += 1) {
      await setImmediate();
      clock.advance(1_000);
    }
    await recurring[Symbol.asyncDispose]();
    clock.advance(10_000);
    expect(atMs).toEqual([0, 1_000, 2_000, 3_000]);
    expect(failures).toEqual([new Error('once')]);
  });

  it('waits for the run that is under way, tells it to end, and hides how it ended', async () => {
    const failures: unknown[] = [];
    let ended = false;
    const clock = new ManualClock(0);
    const recurring = new Recurring({
      clock,
      delayMs: () => 1,
      async run(signal) {
        await pause(clock, 1_000_000, signal);
        ended = true;
        throw new Error('aborted');
      },
      onFailure: (thrown) => failures.push(thrown),
    });
    recurring.start();
    await recurring[Symbol.asyncDispose]();
    expect([ended, failures]).toEqual([true, []]);
  });
});

describe('pause', () => {
  it('ends after its time, and at once when it is no longer wanted', async () => {
    const clock = new ManualClock(0);
    let over = false;
    const waiting = pause(clock, 10, new AbortController().signal).then(() => void (over = true));
    clock.advance(9);
    await setImmediate();
    expect(over).toBe(false);
    clock.advance(1);
    await waiting;
    await pause(clock, 10, AbortSignal.abort());
  });
});
