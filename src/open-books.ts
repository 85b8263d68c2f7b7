import { existsSync } from 'node:fs';
import { StartRefusal } from './base/start-refusal.ts';
import type { Config } from './config/config.ts';
import { databasePathIn } from './storage/data-folder.ts';
import type { Database } from './storage/database.ts';
import { openPostgresToRead } from './storage/postgres-database.ts';
import { openSqliteToRead } from './storage/sqlite-database.ts';

/**
 * The database that the configuration names, to be read only, whether or not a server is running on it; no folder is locked,
 * and nothing is migrated. Throws `StartRefusal` when there is none.
 */
export async function openBooks({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>): Promise<Database> {
  if (databaseUrl !== undefined) return openPostgresToRead(databaseUrl);
  const path = databasePathIn(dataDir);
  if (!existsSync(path)) throw new StartRefusal(`there is no database at ${path}; name the data folder of the server with --data-dir, or its Postgres with MOONGATE_DATABASE_URL`);
  return openSqliteToRead(path);
}
