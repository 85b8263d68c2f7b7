import { expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { RecurringTask } from './recurring-task.ts';

/** Lets everything that waits for a settled promise go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('runs again and again, each time after the one before has ended', async () => {
  const clock = new ManualClock();
  const ends: (() => void)[] = [];
  let runs = 0;
  await using _task = new RecurringTask({
    clock, everyMs: 1_000, onFailure: () => undefined,
    run: () => {
      runs += 1;
      return new Promise((resolve) => ends.push(resolve));
    },
  });
  clock.advance(999);
  expect(runs).toBe(0);
  clock.advance(1);
  expect(runs).toBe(1);
  clock.advance(60_000);
  expect(runs).toBe(1);
  ends.shift()?.();
  await settle();
  clock.advance(1_000);
  expect(runs).toBe(2);
  ends.shift()?.();
});

it('reports a failure and goes on', async () => {
  const clock = new ManualClock();
  const failures: unknown[] = [];
  await using _task = new RecurringTask({
    clock, everyMs: 10, onFailure: (cause) => failures.push(cause),
    run: () => Promise.reject(new Error('no')),
  });
  for (let count = 0; count < 2; count += 1) {
    clock.advance(10);
    await settle();
  }
  expect(failures).toHaveLength(2);
});

it('ends after the run that is under way', async () => {
  const clock = new ManualClock();
  let end = (): void => undefined;
  let runs = 0;
  const task = new RecurringTask({
    clock, everyMs: 10, onFailure: () => undefined,
    run: () => {
      runs += 1;
      return new Promise((resolve) => { end = resolve; });
    },
  });
  clock.advance(10);
  let closed = false;
  const closing = task[Symbol.asyncDispose]().then(() => { closed = true; });
  await settle();
  expect(closed).toBe(false);
  end();
  await closing;
  clock.advance(1_000);
  expect(runs).toBe(1);
});

it('begins at once and asks each time how long to wait, when it is told to', async () => {
  const clock = new ManualClock(0);
  const atMs: number[] = [];
  await using _task = new RecurringTask({
    clock, atOnce: true, everyMs: () => 100 - (clock.nowMs() % 100), onFailure: () => undefined,
    run: async () => void atMs.push(clock.nowMs()),
  });
  clock.advance(30);
  await settle();
  clock.advance(100);
  await settle();
  clock.advance(100);
  expect(atMs).toEqual([0, 100, 200]);
});

it('tells a long run that it is no longer wanted, and does not report how that ended', async () => {
  const failures: unknown[] = [];
  const task = new RecurringTask({
    clock: new ManualClock(), atOnce: true, everyMs: 10, onFailure: (cause) => failures.push(cause),
    run: (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cut')))),
  });
  await task[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
});
