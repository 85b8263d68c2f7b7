import type pg from 'pg';
import { checksumOf, type Migration, migrationTable, pendingMigrations } from './migration.ts';

/**
 * Brings the database up to `migrations`, each in a transaction of its own, and returns the names of those that it ran. The
 * caller holds the advisory lock, so that of several servers that start at once one migrates. Throws `StartRefusal` for
 * the reasons of `pendingMigrations`, and the driver's errors.
 */
export async function migratePostgres(client: pg.Client, migrations: readonly Migration[], nowMs: number): Promise<readonly string[]> {
  await client.query(migrationTable.creation);
  const { rows } = await client.query<Record<string, unknown>>(migrationTable.rows);
  const pending = pendingMigrations(rows, migrations);
  for (const migration of pending) {
    await client.query('BEGIN');
    try {
      for (const statement of migration.statements) await client.query(statement);
      const values = [migration.name, checksumOf(migration), nowMs];
      await client.query('INSERT INTO schema_migrations (name, checksum, applied_ms) VALUES ($1, $2, $3)', values);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }
  return pending.map((migration) => migration.name);
}
