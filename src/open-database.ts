import { deriveAdminToken, mintKey } from './access/api-key.ts';
import { type Log, stackOf } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { parseRootSecret } from './base/secret.ts';
import type { Config } from './config/config.ts';
import { type DataFolder, openDataFolder } from './storage/data-folder.ts';
import type { Database } from './storage/database.ts';
import type { Migration } from './storage/migration.ts';
import { openPostgresDatabase } from './storage/postgres-database.ts';
import { openSqliteDatabase } from './storage/sqlite-database.ts';

/**
 * Opens the data folder. Servers that share a database share the admin token too, which then follows from the root secret; else
 * the folder has one of its own. Throws `StartRefusal`.
 */
export function openFolder({ dataDir, databaseUrl, rootSecret }: Config): Promise<DataFolder> {
  const shared = databaseUrl !== undefined && rootSecret !== undefined;
  return openDataFolder(dataDir, {
    mintAdminToken: () => mintKey('admin', systemRandom).token,
    ...(shared ? { sharedAdminToken: deriveAdminToken(parseRootSecret(rootSecret)) } : {}),
  });
}

export interface DatabaseParts {
  readonly config: Config;
  readonly folder: DataFolder;
  /** Of all rooms. */
  readonly migrations: readonly Migration[];
  readonly log: Log;
  /** Called once, when it is lost for good; Postgres never is. */
  readonly onBroken: (reason: string) => void;
}

/** Opens the database that the configuration names: Postgres, or SQLite in the data folder. Throws `StartRefusal`. */
export async function openDatabase({ config, folder, migrations, log, onBroken }: DatabaseParts): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    const database = await openPostgresDatabase({ url: config.databaseUrl, migrations });
    database.onAnnouncement(({ kind }) => {
      if (kind === 'lost') log.write('warn', 'the connection to the database was lost');
      if (kind === 'missed') log.write('info', 'the database is connected again');
    });
    return database;
  }
  return openSqliteDatabase({
    path: folder.databasePath,
    migrations,
    onFailure(cause) {
      const stack = stackOf(cause);
      log.write('error', 'the database failed', stack === undefined ? {} : { stack });
      log.flush();
      onBroken('the database failed; see the log. Start again to recover.');
    },
  });
}
