import type { CompiledQuery } from 'kysely';
import type { PoolClient, QueryArrayResult } from 'pg';
import type { GuardedCommitResult } from './database.ts';
import { postgresParameters } from './postgres-compiler.ts';
import { isConnectionLost, postgresErrorText } from './postgres-failure.ts';
import { UnknownOutcome } from './unknown-outcome.ts';

type Result = QueryArrayResult<(string | null)[]>;

/** Sends one statement, without waiting for those that were sent before. */
export function send(connection: PoolClient, statement: CompiledQuery): Promise<Result> {
  return connection.query<(string | null)[], unknown[]>({ text: statement.sql, values: postgresParameters(statement), rowMode: 'array' });
}

/**
 * Runs guards and statements as one transaction. What need not wait for an answer travels together: the guards in one round
 * trip, the statements with the COMMIT in another, so that row locks are held for two round trips and not for one a statement.
 * A lone statement is its own transaction. Throws the driver's error, or `UnknownOutcome`; then, and when a guard refuses,
 * nothing of it has happened.
 */
export async function runTransaction(
  connection: PoolClient,
  guards: readonly CompiledQuery[],
  statements: readonly CompiledQuery[],
): Promise<GuardedCommitResult> {
  const [lone, ...others] = [...guards, ...statements];
  if (lone !== undefined && others.length === 0) return runAlone(connection, lone, guards.length === 1);
  // Nothing is sent behind it: were it refused, each of the others would be a transaction of its own.
  await connection.query('BEGIN');
  const refusedBy = await runGuards(connection, guards);
  if (refusedBy !== undefined) return { committed: false, guard: refusedBy };
  const sent = statements.map((statement) => send(connection, statement));
  const [ended, ...outcomes] = await Promise.allSettled([connection.query('COMMIT'), ...sent]);
  const changes: number[] = [];
  for (const outcome of outcomes) {
    // The first error is the one that counts: what followed it was refused because of it, and the COMMIT undid everything.
    if (outcome.status === 'rejected') throw asCommitError(outcome.reason);
    changes.push(changesOf(outcome.value));
  }
  if (ended.status === 'rejected') throw asCommitError(ended.reason);
  return { committed: true, changes };
}

/** The position of the first guard that changes no row; the transaction is over then, and when this throws. */
async function runGuards(connection: PoolClient, guards: readonly CompiledQuery[]): Promise<number | undefined> {
  const outcomes = await Promise.allSettled(guards.map((guard) => send(connection, guard)));
  for (const [position, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled' && changesOf(outcome.value) > 0) continue;
    // Should even this fail, the pool sees that the transaction is open and throws the connection away.
    await connection.query('ROLLBACK').catch(() => {});
    if (outcome.status === 'rejected') throw outcome.reason;
    return position;
  }
  return undefined;
}

async function runAlone(connection: PoolClient, statement: CompiledQuery, isGuard: boolean): Promise<GuardedCommitResult> {
  let result: Result;
  try {
    result = await send(connection, statement);
  } catch (error) {
    throw asCommitError(error);
  }
  const changed = changesOf(result);
  if (!isGuard) return { committed: true, changes: [changed] };
  return changed === 0 ? { committed: false, guard: 0 } : { committed: true, changes: [] };
}

/** Once a COMMIT is on its way, only an answer tells what became of it. */
function asCommitError(error: unknown): unknown {
  return isConnectionLost(error) ? new UnknownOutcome(postgresErrorText(error)) : error;
}

/** Rows that were changed: what a SELECT finds does not count, as it does not on SQLite. */
function changesOf({ command, rowCount }: Result): number {
  return command === 'SELECT' ? 0 : (rowCount ?? 0);
}
