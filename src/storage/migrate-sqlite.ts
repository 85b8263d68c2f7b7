import type { DatabaseSync } from 'node:sqlite';
import { checksumOf, type Migration, migrationTable, pendingMigrations } from './migration.ts';

/**
 * Brings the database up to `migrations`, each in a transaction of its own, and returns the names of those that it ran.
 * Throws `StartRefusal`, before anything is changed, for the reasons of `pendingMigrations`.
 */
export function migrateSqlite(database: DatabaseSync, migrations: readonly Migration[], nowMs: number): readonly string[] {
  database.exec(migrationTable.creation);
  const pending = pendingMigrations(database.prepare(migrationTable.rows).all(), migrations);
  const note = database.prepare('INSERT INTO schema_migrations (name, checksum, applied_ms) VALUES (?, ?, ?)');
  for (const migration of pending) {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const statement of migration.statements) database.exec(statement);
      note.run(migration.name, checksumOf(migration), nowMs);
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
  return pending.map((migration) => migration.name);
}
