import { createHash } from 'node:crypto';
import { StartRefusal } from '../base/start-refusal.ts';

/**
 * One step of a room's tables. Append-only: once released, neither its name nor its statements change. `name` is
 * `<room>/<four digits>-<what>`; within a room the digits rise, rooms do not wait for each other.
 */
export interface Migration {
  readonly name: string;
  /** Run in order, in one transaction. */
  readonly statements: readonly string[];
}

/** A row of `schema_migrations`, as a driver gives it. */
export type AppliedRow = Readonly<Record<string, unknown>>;

/** How `schema_migrations` is made and read, on every database. */
export const migrationTable = {
  creation: 'CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_ms BIGINT NOT NULL)',
  rows: 'SELECT name, checksum FROM schema_migrations',
} as const;

const nameForm = /^[a-z]+\/\d{4}-[a-z0-9-]+$/;

/**
 * Those of `migrations` that the database has yet to run, in order, given the rows of its `schema_migrations`. Throws
 * `StartRefusal` when it holds a migration that is not in the list (it was written by a newer Moongate) or one whose
 * statements have changed since.
 */
export function pendingMigrations(rows: readonly AppliedRow[], migrations: readonly Migration[]): readonly Migration[] {
  checkList(migrations);
  const applied = new Map<string, string>();
  for (const { name, checksum } of rows) {
    if (typeof name !== 'string' || typeof checksum !== 'string') throw new StartRefusal('the table schema_migrations is not ours');
    applied.set(name, checksum);
  }
  checkApplied(applied, migrations);
  return migrations.filter((migration) => !applied.has(migration.name));
}

/** By which a migration that has been changed since is known: the same on every database. */
export function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.statements.join('\0')).digest('hex');
}

/** A list that breaks its own rules is a bug of the release, found by every test that opens a database. */
function checkList(migrations: readonly Migration[]): void {
  const lastOfRoom = new Map<string, string>();
  for (const { name } of migrations) {
    if (!nameForm.test(name)) throw new Error(`migration "${name}": expected <room>/<four digits>-<what>`);
    const room = roomOf(name);
    const last = lastOfRoom.get(room);
    if (last !== undefined && name.slice(0, room.length + 5) <= last) throw new Error(`migration "${name}" is out of order`);
    lastOfRoom.set(room, name.slice(0, room.length + 5));
  }
}

function checkApplied(applied: ReadonlyMap<string, string>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.name));
  for (const name of applied.keys()) {
    if (!known.has(name)) {
      throw new StartRefusal(`the database was written by a newer Moongate (it holds migration "${name}"); start that version or a later one`);
    }
  }
  const roomsWithPending = new Set<string>();
  for (const migration of migrations) {
    const checksum = applied.get(migration.name);
    if (checksum === undefined) {
      roomsWithPending.add(roomOf(migration.name));
    } else if (checksum !== checksumOf(migration)) {
      throw new StartRefusal(`migration "${migration.name}" differs from the one that made this database; run the release that made it, or restore a backup`);
    } else if (roomsWithPending.has(roomOf(migration.name))) {
      throw new StartRefusal(`the database holds migration "${migration.name}" but not the ones before it; restore a backup`);
    }
  }
}

function roomOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}
