import { describe, expect, it, onTestFinished } from 'vitest';
import { runOverdraft } from '../sim/overdraft.ts';
import { hasPostgres, openPostgres } from './doubles/postgres-server.ts';

// The short form of `npm run sim:overdraft`; docs/RELIABILITY.md has the long one.
describe('calls at once on a balance for half of them', () => {
  const right = { accepted: 100, refused: 100, others: 0, availableAtPeak: '0', breaches: [] };

  it('are let in as far as the money goes, in one process', async () => {
    expect(await runOverdraft({ processes: 1, calls: 200, enoughFor: 100 })).toMatchObject(right);
  }, 60_000);

  it.skipIf(!hasPostgres)('and over two servers on Postgres (needs postgres)', async () => {
    const host = await openPostgres();
    onTestFinished(() => host.stop());
    expect(await runOverdraft({ processes: 2, calls: 200, enoughFor: 100, databaseUrl: await host.createDatabase() })).toMatchObject(right);
  }, 60_000);
});
