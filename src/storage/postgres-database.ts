import { type CompiledQuery, type Kysely, PostgresAdapter, PostgresIntrospector, sql } from 'kysely';
import type pg from 'pg';
import { type Clock, systemClock } from '../base/clock.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { checkParameters } from './check-parameters.ts';
import { compileOnlyBuilder } from './compile-only-builder.ts';
import type { Announcement, CommitResult, Database, GuardedCommitResult } from './database.ts';
import { migratePostgres } from './migrate-postgres.ts';
import type { Migration } from './migration.ts';
import { PostgresCompiler } from './postgres-compiler.ts';
import { connect, placeOf } from './postgres-connection.ts';
import { fromPostgresError, isConflict, postgresErrorText } from './postgres-failure.ts';
import { announcementChannel, PostgresListener } from './postgres-listener.ts';
import { advisoryLockMs, takeAdvisoryLock } from './postgres-lock.ts';
import { PostgresPool } from './postgres-pool.ts';
import { rowsOf } from './postgres-rows.ts';
import { runTransaction, send } from './postgres-transaction.ts';

const versionMin = 150_000;
const waitingMax = 2_000;

/**
 * Connections of one process: 8 that commit, 4 that read, 2 for reports and 1 that listens, so that neither a wallet that everybody
 * waits for nor a long report holds up the lookup of a key, and six processes fit into Postgres' default of 100.
 */
const commitTerms = { connectionsMax: 8, waitingMax, statementMs: 3_000, readOnly: false };
const readTerms = { connectionsMax: 4, waitingMax, statementMs: 3_000, readOnly: true };
const reportTerms = { connectionsMax: 2, waitingMax: 100, statementMs: 60_000, readOnly: true };
const listenerTerms = { statementMs: 1_000, readOnly: true };
const exclusiveTerms = { lockMs: advisoryLockMs, readOnly: false };

/** A commit that others got in the way of is run this often in all; a little later each time. */
const attemptsMax = 5;
const retryAfterMs = 5;

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with what else `pg` understands; told to nobody. */
  readonly url: string;
  /** Of all rooms. */
  readonly migrations: readonly Migration[];
  readonly clock?: Clock;
}

/**
 * Connects to the database (Postgres 15 or later, UTF-8, the primary), migrates it under the advisory lock, and listens for
 * announcements. Throws `StartRefusal` in one line, which names host and database and no more, when it cannot. Once
 * it is open it never fails for good: connections that are lost are made anew.
 */
export async function openPostgresDatabase(options: PostgresOptions): Promise<PostgresDatabase> {
  const { url, migrations, clock = systemClock } = options;
  const listener = new PostgresListener({ connect: () => connect(url, listenerTerms), clock });
  try {
    await prepare(url, migrations, clock.nowMs());
    await listener.start();
    return new PostgresDatabase(url, listener, clock);
  } catch (error) {
    await listener.close();
    const text = error instanceof StartRefusal ? error.message : postgresErrorText(error);
    throw new StartRefusal(`${placeOf(url)}: ${text}`, error);
  }
}

/**
 * Connects to the database as it is, to be read only: nothing is migrated, announced or heard. Throws `StartRefusal` as
 * `openPostgresDatabase` does.
 */
export async function openPostgresToRead(url: string, clock: Clock = systemClock): Promise<Database> {
  try {
    const client = await connect(url, readTerms);
    await client.end();
  } catch (error) {
    throw new StartRefusal(`${placeOf(url)}: ${postgresErrorText(error)}`, error);
  }
  return new PostgresDatabase(url, new PostgresListener({ connect: () => connect(url, listenerTerms), clock }), clock, readTerms);
}

/**
 * `Database` over Postgres. Each commit is a transaction of its own, unlike on SQLite, where commits share one: guards hold
 * row locks, which a group would hold for its slowest member, and Postgres lets the commits of several connections
 * share an fsync by itself.
 */
export class PostgresDatabase implements Database {
  readonly #url: string;
  readonly #clock: Clock;
  readonly #commits: PostgresPool;
  readonly #reads: PostgresPool;
  readonly #reports: PostgresPool;
  readonly #listener: PostgresListener;
  readonly #notification: Kysely<unknown>;

  /** Use `openPostgresDatabase`: the database must have been migrated, and the listener must listen. */
  constructor(url: string, listener: PostgresListener, clock: Clock, terms = commitTerms) {
    this.#url = url;
    this.#clock = clock;
    this.#commits = new PostgresPool(url, terms, clock);
    this.#reads = new PostgresPool(url, readTerms, clock);
    this.#reports = new PostgresPool(url, reportTerms, clock);
    this.#listener = listener;
    this.#notification = this.builder<unknown>();
  }

  builder<Tables>(): Kysely<Tables> {
    return compileOnlyBuilder<Tables>({ adapter: PostgresAdapter, introspector: PostgresIntrospector, compiler: PostgresCompiler });
  }

  async commit(statements: readonly CompiledQuery[]): Promise<CommitResult> {
    if (statements.length === 0) return [];
    const result = await this.#transact([], statements);
    if (!result.committed) throw new Error('a commit without guards cannot be refused');
    return result.changes;
  }

  async commitIf(guards: readonly CompiledQuery[], statements: readonly CompiledQuery[]): Promise<GuardedCommitResult> {
    if (guards.length === 0) return { committed: true, changes: await this.commit(statements) };
    return this.#transact(guards, statements);
  }

  query<Row>(statement: CompiledQuery<Row>): Promise<Row[]> {
    return read<Row>(this.#reads, statement);
  }

  report<Row>(statement: CompiledQuery<Row>): Promise<Row[]> {
    return read<Row>(this.#reports, statement);
  }

  announcement(topic: string, payload: string): readonly CompiledQuery[] {
    return [sql`SELECT pg_notify(${announcementChannel}, ${`${topic}:${payload}`})`.compile(this.#notification)];
  }

  onAnnouncement(listener: (announcement: Announcement) => void): () => void {
    return this.#listener.on(listener);
  }

  async exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    let client: pg.Client | undefined;
    try {
      client = await connect(this.#url, exclusiveTerms);
      await takeAdvisoryLock(client);
    } catch (error) {
      await client?.end();
      throw error instanceof StartRefusal ? error : fromPostgresError(error);
    }
    try {
      return await task();
    } finally {
      await client.end();
    }
  }

  /** Waits for what was begun and closes the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#commits, this.#reads, this.#reports].map((pool) => pool.close()));
    await this.#listener.close();
  }

  async #transact(guards: readonly CompiledQuery[], statements: readonly CompiledQuery[]): Promise<GuardedCommitResult> {
    for (const statement of guards) checkParameters(statement);
    for (const statement of statements) checkParameters(statement);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#commits.use((connection) => runTransaction(connection, guards, statements));
      } catch (error) {
        if (attempt === attemptsMax || !isConflict(error)) throw fromPostgresError(error);
      }
      await new Promise<void>((resolve) => this.#clock.after(retryAfterMs * attempt, resolve));
    }
  }
}

async function read<Row>(pool: PostgresPool, statement: CompiledQuery<Row>): Promise<Row[]> {
  checkParameters(statement);
  let result: Awaited<ReturnType<typeof send>>;
  try {
    result = await pool.use((connection) => send(connection, statement));
  } catch (error) {
    throw fromPostgresError(error);
  }
  return rowsOf<Row>(result);
}

async function prepare(url: string, migrations: readonly Migration[], nowMs: number): Promise<void> {
  const client = await connect(url, exclusiveTerms);
  try {
    await checkServer(client);
    await takeAdvisoryLock(client);
    await migratePostgres(client, migrations, nowMs);
  } finally {
    await client.end();
  }
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<Record<'version' | 'name' | 'encoding' | 'standby', string>>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS name,
      current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby`,
  );
  const [server] = rows;
  if (server === undefined) throw new StartRefusal('it does not say which version it is');
  if (Number(server.version) < versionMin) throw new StartRefusal(`Moongate needs Postgres 15 or later, and this is ${server.name}`);
  if (server.encoding !== 'UTF8') throw new StartRefusal(`its encoding is ${server.encoding}; make the database with: createdb --encoding=UTF8 --template=template0`);
  if (server.standby === 't') throw new StartRefusal('it is a standby, which takes no changes; name the primary');
}
