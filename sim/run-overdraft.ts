/**
 * `npm run sim:overdraft [-- --calls 1000] [--enough-for 500] [--runs 20]`: calls at once on a prepaid balance for half of them, on
 * SQLite in one process and, where Debian's Postgres is there, on Postgres in 1, 2 and 4. Ends with 0 when exactly as many were
 * let in as there was money for, every time.
 */
import { parseArgs } from 'node:util';
import { hasPostgres, openPostgres } from '../tests/doubles/postgres-server.ts';
import { runOverdraft } from './overdraft.ts';

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '1000' }, 'enough-for': { type: 'string', default: '500' }, runs: { type: 'string', default: '1' } },
});
const calls = Number(values.calls);
const enoughFor = Number(values['enough-for']);
let sound = true;

async function show(name: string, processes: number, databaseUrl?: string): Promise<void> {
  const report = await runOverdraft({ processes, calls, enoughFor, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  const right = report.accepted === enoughFor && report.refused === calls - enoughFor && report.availableAtPeak === '0' && report.breaches.length === 0;
  sound &&= right;
  process.stdout.write(`${name}: ${right ? 'ok' : 'WRONG'} ${JSON.stringify(report)}\n`);
}

for (let run = 0; run < Number(values.runs); run += 1) {
  await show('SQLite, 1 process', 1);
  if (!hasPostgres) {
    process.stdout.write('Postgres: left out, there is none here\n');
    continue;
  }
  const host = await openPostgres();
  try {
    for (const processes of [1, 2, 4]) await show(`Postgres, ${processes} processes`, processes, await host.createDatabase());
  } finally {
    await host.stop();
  }
}
process.exitCode = sound ? 0 : 1;
