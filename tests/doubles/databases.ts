import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import type { Migration } from '../../src/storage/migration.ts';
import { openPostgresDatabase } from '../../src/storage/postgres-database.ts';
import { openSqliteDatabase } from '../../src/storage/sqlite-database.ts';
import { hasPostgres, openPostgres, type PostgresHost } from './postgres-server.ts';

export type DatabaseKind = 'SQLite' | 'Postgres';

/** One database, empty at first, that can be opened again and again; on Postgres by several at once. */
export interface TestDatabase {
  /** What is still open at the end of the suite is closed then. */
  open(migrations: readonly Migration[]): Promise<Database>;
}

export interface TestDatabases {
  readonly kind: DatabaseKind;
  create(): Promise<TestDatabase>;
  /** Opens a new one. */
  open(migrations: readonly Migration[]): Promise<Database>;
}

/**
 * Declares `suite` once for each kind of database, the tests of Postgres as skipped where there is none. To be called
 * once in a test file, around all of it: it has one Postgres server, started before the first of its tests.
 */
export function onEveryDatabase(suite: (databases: TestDatabases) => void): void {
  describe('on SQLite', () => {
    let folder = '';
    let created = 0;
    beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'moongate-databases-'))));
    const opened = closedAfterAll(() => rmSync(folder, { recursive: true, force: true }));
    suite(
      databasesOf('SQLite', async () => {
        created += 1;
        const path = join(folder, `${created}.db`);
        return { open: async (migrations) => opened(await openSqliteDatabase({ path, migrations })) };
      }),
    );
  });
  describe.skipIf(!hasPostgres)('on Postgres (needs postgres)', () => {
    let host: PostgresHost | undefined;
    beforeAll(async () => void (host = await openPostgres()));
    const opened = closedAfterAll(() => host?.stop());
    suite(
      databasesOf('Postgres', async () => {
        const url = await host?.createDatabase();
        if (url === undefined) throw new Error('the server is started before the first test');
        return { open: async (migrations) => opened(await openPostgresDatabase({ url, migrations })) };
      }),
    );
  });
}

function databasesOf(kind: DatabaseKind, create: () => Promise<TestDatabase>): TestDatabases {
  return { kind, create, open: async (migrations) => (await create()).open(migrations) };
}

/** Notes what is opened; after the suite it is closed, and then `remove` runs. */
function closedAfterAll(remove: () => void | Promise<void>): (database: Database) => Database {
  const databases: Database[] = [];
  afterAll(async () => {
    await Promise.all(databases.map((database) => database[Symbol.asyncDispose]()));
    await remove();
  });
  return (database) => {
    databases.push(database);
    return database;
  };
}
