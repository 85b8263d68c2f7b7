import { describe, expect, it, onTestFinished } from 'vitest';
import { batchFaultsOf, runBatchKills } from '../sim/batch-kills.ts';
import { hasPostgres, openPostgres } from './doubles/postgres-server.ts';

// The short form of `npm run sim:batches`; docs/RELIABILITY.md has the long one.
describe('a batch whose servers are killed with -9', () => {
  it('has every line answered once and charged once, in order', async () => {
    const report = await runBatchKills({ lines: 120, kills: 4, seed: 21 });
    expect(batchFaultsOf(report)).toEqual([]);
    expect(report.kills).toBeGreaterThanOrEqual(3);
  }, 90_000);

  it.skipIf(!hasPostgres)('on Postgres as well, by two replicas that lose their leases (needs postgres)', async () => {
    const host = await openPostgres();
    onTestFinished(() => host.stop());
    // That the dead give back what they have held takes half a minute, and is proved by tests/kills.test.ts.
    const report = await runBatchKills({ lines: 120, kills: 2, seed: 22, turns: ['batch-staged'], databaseUrl: await host.createDatabase(), heldMsMax: 0 });
    expect(batchFaultsOf(report)).toEqual([]);
    expect(report.kills).toBeGreaterThanOrEqual(2);
  }, 120_000);
});
