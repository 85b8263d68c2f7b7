import pg from 'pg';
import { Fault } from '../base/fault.ts';
import { type BrokenConstraint, StatementError } from './statement-error.ts';
import { UnknownOutcome } from './unknown-outcome.ts';

const constraintByCode: ReadonlyMap<string, BrokenConstraint> = new Map([
  ['23502', 'not-null'],
  ['23503', 'foreign-key'],
  ['23505', 'unique'],
  ['23514', 'check'],
]);

/**
 * SQLSTATE classes and codes (postgresql.org/docs/15/errcodes-appendix.html) that tell of the database and not of the
 * statement: connection (08), read-only since it is no longer the primary (25006), a session that was idle too long (25P0),
 * authorization (28), unknown database (3D), conflicts that outlasted every retry (40), resources (53), locks (55P03),
 * operator's intervention and time-outs (57), the system (58), internal errors (XX).
 */
const unavailable = /^(08|25006|25P0|28|3D|40|53|55P03|57|58|XX)/;
/** Those of them after which there is no connection any more, or nothing that it says can be counted on. */
const connectionLost = /^(08|25P0|40003|57P|58|XX)/;
/** Of the other classes a message may quote a value ("invalid input syntax for type bigint: …"). */
const messageIsSafe = /^(08|23|25|28|3D|40|42|53|55|57|58)/;
/** A transaction that another one got in the way of: all of it has been undone, and it may succeed when it is run again. */
const conflict = /^(40001|40P01)$/;

/** Whether the same transaction should be run again: it was undone because of another one. */
export function isConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && conflict.test(error.code ?? '');
}

/** Whether the connection that gave this error is of no more use. Errors without an SQLSTATE come from the socket or a time-out. */
export function isConnectionLost(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || connectionLost.test(error.code ?? '');
}

/** An error of `pg` as the caller of `commit` or `query` gets it. No message holds a value of a row or a parameter. */
export function fromPostgresError(error: unknown): Fault | StatementError {
  if (error instanceof Fault) return error;
  if (error instanceof UnknownOutcome) return new Fault('storage_unavailable', { cause: error });
  const message = postgresErrorText(error);
  if (!(error instanceof pg.DatabaseError)) return new Fault('storage_unavailable', { cause: new Error(message) });
  const code = error.code ?? '';
  if (unavailable.test(code)) return new Fault('storage_unavailable', { cause: new Error(message) });
  return new StatementError(message, code.startsWith('23') ? (constraintByCode.get(code) ?? 'other') : undefined);
}

/** What went wrong, in words that hold no value; `detail`, which quotes rows, is left out. */
export function postgresErrorText(error: unknown): string {
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? '';
    return messageIsSafe.test(code) ? `${error.message} (SQLSTATE ${code})` : `SQLSTATE ${code}`;
  }
  // Of a name with several addresses, each of which refused.
  if (error instanceof AggregateError) return error.errors.map(postgresErrorText).join('; ');
  return error instanceof Error ? error.message : String(error);
}
