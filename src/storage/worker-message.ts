import type { BrokenConstraint } from './statement-error.ts';

/** What crosses between the main thread and the database workers. Kept flat and small: it is cloned for each commit. */

export type SqlValue = string | number | bigint | null | Uint8Array;

/** The statements of one call, flat: number of the SQL text, its parameters, number, parameters … */
export type CallMessage = readonly (number | readonly SqlValue[])[];

/** `batch`: run the calls. `close`: check point, close and exit. */
export type WorkerRequest =
  | {
      readonly kind: 'batch';
      /** Forget all SQL texts known so far; numbers begin at 0 again. */
      readonly reset: boolean;
      /** SQL texts not sent before, numbered on from the last. */
      readonly sql: readonly string[];
      readonly calls: readonly CallMessage[];
      /** How many of each call's first statements are guards (`Database.commitIf`); missing: none. */
      readonly guards: readonly number[];
    }
  | { readonly kind: 'close' };

/** Why one call failed. `unavailable`: the database is at fault (disk full, locked, I/O), not the statement. */
export interface CallFailure {
  readonly failed: 'statement' | 'unavailable';
  readonly message: string;
  readonly constraint?: BrokenConstraint;
}

/** A guard changed no row, so that nothing of the call happened. */
export interface CallRefusal {
  /** Position of the guard. */
  readonly refusedBy: number;
}

/** Rows changed: one number for a call of one statement, else one for each. */
export type CommitOutcome = number | readonly number[] | CallFailure | CallRefusal;

export interface RowsOutcome {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

export type QueryOutcome = RowsOutcome | CallFailure;

export type WorkerReply<Outcome> =
  | { readonly kind: 'ready'; readonly settings: DatabaseSettings }
  | { readonly kind: 'refused'; readonly message: string }
  /** One outcome for each call of the batch, in order. */
  | { readonly kind: 'done'; readonly outcomes: readonly Outcome[] };

/** As read back from the connection itself after it was set up. */
export interface DatabaseSettings {
  readonly journalMode: string;
  /** 2 is FULL: every commit is synced before it is acknowledged. */
  readonly synchronous: number;
  readonly foreignKeys: boolean;
  readonly busyTimeoutMs: number;
}

/** Started with; `workerData` of a database worker. */
export interface WorkerStart {
  readonly path: string;
}
