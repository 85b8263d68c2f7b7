import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type CompiledQuery, type Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { type Clock, systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { fromCallFailure } from './call-failure.ts';
import { compileOnlyBuilder } from './compile-only-builder.ts';
import type { CommitResult, Database, GuardedCommitResult } from './database.ts';
import { migrateSqlite } from './migrate-sqlite.ts';
import type { Migration } from './migration.ts';
import { openWriter } from './sqlite-connection.ts';
import { type OpenedLane, WorkerLane } from './worker-lane.ts';
import type { CommitOutcome, DatabaseSettings, QueryOutcome } from './worker-message.ts';

/**
 * Waking the writer and syncing the disk cost the same for one commit and for twenty. A lone client never waits; from
 * some thousand commits a second on, each waits up to 4 ms for company, which no caller of a language model can feel.
 */
const groupCommit = { windowMs: 4, busyGapMs: 0.8, clock: systemClock };

const writerScript = new URL('./sqlite-writer.ts', import.meta.url);
const readerScript = new URL('./sqlite-reader.ts', import.meta.url);

export interface SqliteOptions {
  /** Of the database file; its folder must exist and be locked for this process (see `data-folder.ts`). */
  readonly path: string;
  /** Of all rooms. */
  readonly migrations: readonly Migration[];
  /** Called once, if a database thread dies; from then on every call fails with `storage_unavailable`. */
  readonly onFailure?: (cause: unknown) => void;
  readonly clock?: Clock;
}

/**
 * Opens the database file (creating it, 0600), migrates it and starts its threads.
 * Throws `StartRefusal` when the file is no database, cannot be opened, or was written by another version.
 */
export async function openSqliteDatabase(options: SqliteOptions): Promise<SqliteDatabase> {
  prepareFile(options.path, options.migrations, (options.clock ?? systemClock).nowMs());
  return SqliteDatabase.start(options.path, options.onFailure ?? (() => {}));
}

/**
 * Opens the database file as it is, to be read only: beside a server that is running on it, or without one. Needs no lock and
 * changes nothing; whatever is committed fails. Throws `StartRefusal` when it cannot be opened.
 */
export function openSqliteToRead(path: string): Promise<SqliteDatabase> {
  return SqliteDatabase.startReading(path);
}

/**
 * `Database` over `node:sqlite`: one thread that writes in group commits, one that answers short reads, and one for
 * reports, started with the first of them.
 */
export class SqliteDatabase implements Database {
  /** As the writing connection itself reports them. */
  readonly settings: DatabaseSettings;
  readonly #path: string;
  readonly #onFailure: (cause: unknown) => void;
  /** Undefined: opened to be read only. */
  readonly #writer: WorkerLane<CommitOutcome> | undefined;
  readonly #reader: WorkerLane<QueryOutcome>;
  #reporter: Promise<WorkerLane<QueryOutcome>> | undefined;
  #closed = false;

  private constructor(
    path: string,
    onFailure: (cause: unknown) => void,
    writer: OpenedLane<CommitOutcome> | undefined,
    reader: OpenedLane<QueryOutcome>,
  ) {
    this.settings = (writer ?? reader).settings;
    this.#path = path;
    this.#onFailure = onFailure;
    this.#writer = writer?.lane;
    this.#reader = reader.lane;
  }

  /** Use `openSqliteDatabase`: the file must have been migrated. */
  static async start(path: string, onFailure: (cause: unknown) => void): Promise<SqliteDatabase> {
    let told = false;
    const onFirstFailure = (cause: unknown): void => {
      if (told) return;
      told = true;
      onFailure(cause);
    };
    const writer = await WorkerLane.start<CommitOutcome>(writerScript, path, onFirstFailure, groupCommit);
    try {
      const reader = await WorkerLane.start<QueryOutcome>(readerScript, path, onFirstFailure);
      return new SqliteDatabase(path, onFirstFailure, writer, reader);
    } catch (error) {
      await writer.lane.close();
      throw error;
    }
  }

  /** Use `openSqliteToRead`. */
  static async startReading(path: string): Promise<SqliteDatabase> {
    return new SqliteDatabase(path, () => {}, undefined, await WorkerLane.start<QueryOutcome>(readerScript, path, () => {}));
  }

  builder<Tables>(): Kysely<Tables> {
    return compileOnlyBuilder<Tables>({ adapter: SqliteAdapter, introspector: SqliteIntrospector, compiler: SqliteQueryCompiler });
  }

  async commit(statements: readonly CompiledQuery[]): Promise<CommitResult> {
    if (statements.length === 0) return [];
    const outcome = await this.#writing().call(statements);
    if (typeof outcome === 'number') return [outcome];
    if ('failed' in outcome) throw fromCallFailure(outcome);
    if ('refusedBy' in outcome) throw new Error('a commit without guards cannot be refused');
    return outcome;
  }

  async commitIf(guards: readonly CompiledQuery[], statements: readonly CompiledQuery[]): Promise<GuardedCommitResult> {
    if (guards.length === 0) return { committed: true, changes: await this.commit(statements) };
    const outcome = await this.#writing().call([...guards, ...statements], guards.length);
    if (typeof outcome === 'number') throw new Error('a guarded call reports the changes of each statement');
    if ('failed' in outcome) throw fromCallFailure(outcome);
    if ('refusedBy' in outcome) return { committed: false, guard: outcome.refusedBy };
    return { committed: true, changes: outcome.slice(guards.length) };
  }

  async query<Row>(statement: CompiledQuery<Row>): Promise<Row[]> {
    return rowsOf<Row>(await this.#reader.call([statement]));
  }

  async report<Row>(statement: CompiledQuery<Row>): Promise<Row[]> {
    if (this.#closed) throw new Fault('storage_unavailable', { message: 'the database is closed' });
    this.#reporter ??= this.#startReporter();
    return rowsOf<Row>(await (await this.#reporter).call([statement]));
  }

  /** The data folder's lock has made sure that there is only this process. */
  announcement(): readonly CompiledQuery[] {
    return [];
  }

  onAnnouncement(): () => void {
    return () => {};
  }

  exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    return task();
  }

  /** Waits for what was begun, moves the write-ahead log into the database file, and ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const reporter = await this.#reporter?.catch(() => undefined);
    // Readers first: a check point cannot pass a reader.
    await Promise.all([this.#reader.close(), reporter?.close()]);
    await this.#writer?.close();
  }

  #writing(): WorkerLane<CommitOutcome> {
    if (this.#writer === undefined) throw new Error('this database was opened to be read only');
    return this.#writer;
  }

  async #startReporter(): Promise<WorkerLane<QueryOutcome>> {
    try {
      return (await WorkerLane.start<QueryOutcome>(readerScript, this.#path, this.#onFailure)).lane;
    } catch (error) {
      this.#reporter = undefined;
      throw new Fault('storage_unavailable', { cause: error });
    }
  }
}

function rowsOf<Row>(outcome: QueryOutcome): Row[] {
  if ('failed' in outcome) throw fromCallFailure(outcome);
  const { columns } = outcome;
  const rows: unknown[] = outcome.rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1) row[columns[index] as string] = values[index];
    return row;
  });
  return rows as Row[];
}

/** Migrating blocks this thread, which has nothing else to do yet; each refusal names the file. */
function prepareFile(path: string, migrations: readonly Migration[], nowMs: number): void {
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    database = openWriter(path).database;
    migrateSqlite(database, migrations, nowMs);
  } catch (error) {
    if (error instanceof Error && ('errcode' in error || error instanceof StartRefusal || 'syscall' in error)) {
      throw new StartRefusal(`${path}: ${error.message}`, error);
    }
    throw error;
  } finally {
    database?.close();
  }
}
