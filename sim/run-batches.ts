/**
 * `npm run sim:batches [-- --lines 10000] [--kills 50] [--seed 1] [--postgres URL]`: kills servers with -9 again and again while they answer one
 * batch, on Postgres two replicas in turn, and proves its files and the books. Ends with 0 when every line was answered once and charged once.
 */
import { parseArgs } from 'node:util';
import { batchFaultsOf, runBatchKills } from './batch-kills.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    postgres: { type: 'string' },
  },
});

const report = await runBatchKills({
  lines: Number(values.lines),
  kills: Number(values.kills),
  seed: Number(values.seed),
  ...(values.postgres === undefined ? {} : { databaseUrl: values.postgres }),
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify({ seed: Number(values.seed), ...report }, null, 2)}\n`);
const faults = batchFaultsOf(report);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
