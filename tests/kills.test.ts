import { describe, expect, it, onTestFinished } from 'vitest';
import { faultsOf, runKills } from '../sim/kills.ts';
import { hasPostgres, openPostgres } from './doubles/postgres-server.ts';

// The short form of `npm run sim:kills`; docs/RELIABILITY.md has the long one.
describe('killed with -9 under load', () => {
  it('loses no reply that a client has had, charges none twice, and leaves no money held', async () => {
    const report = await runKills({ kills: 5, seed: 11, clients: 16 });
    expect(faultsOf(report)).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
  }, 60_000);

  it('nor any response that was to be made in the background, and leaves none unended', async () => {
    const report = await runKills({ kills: 4, seed: 13, clients: 16, background: true });
    expect(faultsOf(report)).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
  }, 60_000);

  it.skipIf(!hasPostgres)('on Postgres as well (needs postgres)', async () => {
    const host = await openPostgres();
    onTestFinished(() => host.stop());
    const report = await runKills({ kills: 3, seed: 12, clients: 16, databaseUrl: await host.createDatabase() });
    expect(faultsOf(report)).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
  }, 90_000);
});
