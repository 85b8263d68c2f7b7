import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { pause } from './pause.ts';

it('ends after its time', async () => {
  const clock = new ManualClock();
  let over = false;
  const waiting = pause(clock, 10, new AbortController().signal).then(() => void (over = true));
  clock.advance(9);
  await setImmediate();
  expect(over).toBe(false);
  clock.advance(1);
  await waiting;
});

it('ends at once when it is no longer wanted', async () => {
  const clock = new ManualClock();
  const enough = new AbortController();
  const waiting = pause(clock, 10, enough.signal);
  enough.abort();
  await waiting;
  await pause(clock, 10, enough.signal);
});
