import { expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { UpstreamHistory, upstreamHistoryMigrations } from './upstream-history.ts';

onEveryDatabase((databases) => {
  it('UpstreamHistory knows over restarts whether an upstream was ever configured', async () => {
    const place = await databases.create();
    const first = await place.open(upstreamHistoryMigrations);
    expect(await new UpstreamHistory(first).note([], 1)).toBe(false);
    expect(await new UpstreamHistory(first).note(['moonshot', 'ark'], 2)).toBe(true);
    expect(await new UpstreamHistory(first).note(['moonshot'], 3)).toBe(true);
    await first[Symbol.asyncDispose]();
    const again = await place.open(upstreamHistoryMigrations);
    expect(await new UpstreamHistory(again).note([], 4)).toBe(true);
  });
});
