import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));

/** The laws of the ledger that are broken, by `moongate ledger verify`; empty: the books are sound. */
export function brokenLaws(place: { readonly dataDir: string } | { readonly databaseUrl: string }): readonly string[] {
  const environment = 'dataDir' in place ? {} : { MOONGATE_DATABASE_URL: place.databaseUrl, MOONGATE_SECRET: 's'.repeat(32) };
  const { stdout, stderr } = spawnSync(process.execPath, [program, 'ledger', 'verify', '--json', ...('dataDir' in place ? ['--data-dir', place.dataDir] : [])], {
    encoding: 'utf8', env: { PATH: process.env['PATH'], ...environment },
  });
  const { laws } = JSON.parse(stdout === '' ? '{}' : stdout) as { laws?: readonly { law: string; breach: string | null }[] };
  if (laws === undefined) throw new Error(`the books were not verified: ${stderr}${stdout}`);
  return laws.flatMap(({ law, breach }) => (breach === null ? [] : [`${law}: ${breach}`]));
}

/** Of each recorded call of a surface: how it ended, and how many charges there are for it. */
export function recordedCalls(dataDir: string, surface: string): readonly { readonly state: string; readonly charges: number }[] {
  const database = new DatabaseSync(join(dataDir, 'moongate.db'), { readOnly: true });
  try {
    const rows = database
      .prepare(`SELECT g.state AS state, COUNT(t.id) AS charges FROM generations g
        LEFT JOIN ledger_transfers t ON t.generation_id = g.id AND t.kind = 'charge' AND t.phase = 'posted'
        WHERE g.surface = ? GROUP BY g.id, g.state ORDER BY g.id`)
      .all(surface);
    return rows.map(({ state, charges }) => ({ state: String(state), charges: Number(charges) }));
  } finally {
    database.close();
  }
}
