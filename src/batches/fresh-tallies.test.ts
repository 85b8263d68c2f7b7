import { expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { BatchId } from '../base/id.ts';
import { emptyTally } from './batch.ts';
import { FreshTallies } from './fresh-tallies.ts';

it('asks for all at once, and again only after a while that is as long as the asking is dear', async () => {
  const clock = new ManualClock();
  const asked: (readonly BatchId[])[] = [];
  const tallies = new FreshTallies({
    clock,
    outcomes: {
      async tallies(ids) {
        asked.push(ids);
        clock.advance(10);
        return new Map([['batch_a', { ...emptyTally, completed: asked.length }]]);
      },
    },
  });
  const completed = async (...ids: readonly BatchId[]): Promise<unknown> => [...(await tallies.of(ids))].map(([id, tally]) => [id, tally.completed]);
  expect(await completed('batch_a', 'batch_b')).toEqual([['batch_a', 1], ['batch_b', 0]]);
  clock.advance(199);
  expect(await completed('batch_b', 'batch_a')).toEqual([['batch_b', 0], ['batch_a', 1]]);
  expect(asked).toEqual([['batch_a', 'batch_b']]);
  clock.advance(1);
  expect(await completed('batch_a')).toEqual([['batch_a', 2]]);
});
