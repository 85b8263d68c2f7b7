import type { CompiledQuery, Kysely } from 'kysely';

/** Rows changed by each statement of a commit, in order. */
export type CommitResult = readonly number[];

/**
 * What became of a commit under conditions: all of it, with the rows changed by each statement after the guards, or nothing
 * of it, because the guard at position `guard` changed no row.
 */
export type GuardedCommitResult =
  | { readonly committed: true; readonly changes: CommitResult }
  | { readonly committed: false; readonly guard: number };

/** What the processes that share a database tell each other. */
export type Announcement =
  | { readonly kind: 'heard'; readonly topic: string; readonly payload: string }
  /** From here on nothing can be heard: what is known may change unnoticed. */
  | { readonly kind: 'lost' }
  /** Heard again, but what was announced since `lost` has been missed. */
  | { readonly kind: 'missed' };

/**
 * The database, async by contract. Rooms build queries with Kysely and hand over compiled statements; no transaction is
 * held across an `await`, so that commits of many requests share one fsync.
 *
 * Columns whose name ends in `_nanos` are read as bigint; other integers as number (which must be safe). Booleans are
 * stored as 0/1, JSON as text, times as integer milliseconds.
 */
export interface Database extends AsyncDisposable {
  /** A typed query builder for a room's tables. It only compiles; nothing runs before `commit`, `query` or `report`. */
  builder<Tables>(): Kysely<Tables>;
  /**
   * Runs the statements in one transaction; resolves when it is durable. All or none: if one throws, none happened.
   * Throws a `storage_unavailable` fault when the database is gone, whose cause is an `UnknownOutcome` when it may have
   * happened all the same, and a `StatementError` for a broken constraint.
   */
  commit(statements: readonly CompiledQuery[]): Promise<CommitResult>;
  /**
   * Runs `guards` and then `statements` in one transaction, provided that every guard changes at least one row: the way to
   * state a condition (`UPDATE … WHERE balance >= …`) that must hold at the very moment of the change. Guards take their row
   * locks in the order given: callers give rows in one fixed order. A guard must test the row that it changes: on Postgres
   * (READ COMMITTED) what it reads of other rows may change until the commit. Throws as `commit` does.
   */
  commitIf(guards: readonly CompiledQuery[], statements: readonly CompiledQuery[]): Promise<GuardedCommitResult>;
  /** A short, indexed read. */
  query<Row>(statement: CompiledQuery<Row>): Promise<Row[]>;
  /** A read that may scan: runs on a connection of its own, so that it holds up no request. */
  report<Row>(statement: CompiledQuery<Row>): Promise<Row[]>;
  /**
   * Statements that announce `payload` (an id or two, not a text) under `topic` (a word) to every process that shares the database, this one
   * included, if the commit that they are put at the end of happens. None where there is only this process.
   */
  announcement(topic: string, payload: string): readonly CompiledQuery[];
  /** Calls `listener` for each announcement, and when some may go unheard; returns what ends that. It must not throw. */
  onAnnouncement(listener: (announcement: Announcement) => void): () => void;
  /** Runs `task` while no other process that shares the database runs one: for what must happen once, such as the first keys. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result>;
}
