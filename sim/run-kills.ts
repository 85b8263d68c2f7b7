/**
 * `npm run sim:kills [-- --kills 500] [--seed 1] [--clients 32] [--postgres URL] [--background]`: kills a real server with -9 again and again
 * under load, and proves the books. Ends with 0 when nothing was lost, doubled or left held.
 */
import { parseArgs } from 'node:util';
import { faultsOf, runKills } from './kills.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '32' },
    postgres: { type: 'string' },
    background: { type: 'boolean', default: false },
  },
});

const report = await runKills({
  kills: Number(values.kills),
  seed: Number(values.seed),
  clients: Number(values.clients),
  background: values.background,
  ...(values.postgres === undefined ? {} : { databaseUrl: values.postgres }),
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify({ seed: Number(values.seed), ...report }, null, 2)}\n`);
process.exitCode = faultsOf(report).length === 0 ? 0 : 1;
