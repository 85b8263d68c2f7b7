import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { toCallFailure } from './call-failure.ts';
import type { StatementTable } from './statement-table.ts';
import type { CallFailure, CallMessage, CommitOutcome } from './worker-message.ts';

/**
 * Runs many calls in one transaction, so that they share one fsync, while each still fails alone.
 *
 * Calls nearly always succeed, so the first try goes without savepoints; when any call fails, everything is rolled back
 * and run again with a savepoint around each. A call with several guards has its savepoint at once, since to be refused is an
 * ordinary outcome of it, and not a failure that the others should pay for; with one guard, which comes first, a refusal
 * leaves nothing to take back. (A savepoint costs as much as two statements.) When even that cannot be committed as a whole (a deferred foreign key, an
 * `OR ROLLBACK`), each call gets a transaction of its own.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #table: StatementTable;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #rollbackTo: StatementSync;

  constructor(database: DatabaseSync, table: StatementTable) {
    this.#database = database;
    this.#table = table;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#rollback = database.prepare('ROLLBACK');
    this.#savepoint = database.prepare('SAVEPOINT call');
    this.#release = database.prepare('RELEASE call');
    this.#rollbackTo = database.prepare('ROLLBACK TO call');
  }

  /** One outcome for each call, in order; those that succeeded are durable on return. Does not throw. */
  run(calls: readonly CallMessage[], guards: readonly number[] = []): readonly CommitOutcome[] {
    try {
      this.#begin.run();
    } catch (error) {
      return allFailed(calls, toCallFailure(error));
    }
    const outcomes: CommitOutcome[] = [];
    try {
      for (let index = 0; index < calls.length; index += 1) {
        const guardCount = guards[index] ?? 0;
        const call = calls[index] as CallMessage;
        outcomes.push(guardCount > 1 ? this.#executeApart(call, guardCount) : guardCount === 1 ? this.#executeIf(call, 1) : this.#execute(call));
      }
      this.#commit.run();
      return outcomes;
    } catch (error) {
      this.#abandon();
      const failure = toCallFailure(error);
      return calls.length === 1 || failure.failed === 'unavailable' ? allFailed(calls, failure) : this.#runApart(calls, guards);
    }
  }

  /** With a savepoint around each. */
  #runApart(calls: readonly CallMessage[], guards: readonly number[]): readonly CommitOutcome[] {
    try {
      this.#begin.run();
    } catch (error) {
      return allFailed(calls, toCallFailure(error));
    }
    const outcomes: CommitOutcome[] = [];
    try {
      for (let index = 0; index < calls.length; index += 1) outcomes.push(this.#executeApart(calls[index] as CallMessage, guards[index] ?? 0));
      this.#commit.run();
      return outcomes;
    } catch (error) {
      this.#abandon();
      const failure = toCallFailure(error);
      return failure.failed === 'unavailable' ? allFailed(calls, failure) : calls.flatMap((call, index) => this.run([call], [guards[index] ?? 0]));
    }
  }

  /** Throws only what spoils the whole transaction. */
  #executeApart(call: CallMessage, guardCount: number): CommitOutcome {
    this.#savepoint.run();
    try {
      const outcome = guardCount === 0 ? this.#execute(call) : this.#executeIf(call, guardCount);
      if (typeof outcome === 'object' && 'refusedBy' in outcome && outcome.refusedBy > 0) this.#rollbackTo.run();
      this.#release.run();
      return outcome;
    } catch (error) {
      if (!this.#database.isTransaction) throw error;
      this.#rollbackTo.run();
      this.#release.run();
      return toCallFailure(error);
    }
  }

  #execute(call: CallMessage): CommitOutcome {
    if (call.length === 2) return this.#executeAt(call, 0);
    const changes: number[] = [];
    for (let at = 0; at < call.length; at += 2) changes.push(this.#executeAt(call, at));
    return changes;
  }

  /** All of the call, or, from the first guard that changes no row on, nothing more of it. */
  #executeIf(call: CallMessage, guardCount: number): CommitOutcome {
    const changes: number[] = [];
    for (let at = 0; at < call.length; at += 2) {
      const changed = this.#executeAt(call, at);
      if (changed === 0 && at < 2 * guardCount) return { refusedBy: at / 2 };
      changes.push(changed);
    }
    return changes;
  }

  #executeAt(call: CallMessage, at: number): number {
    const number = call[at];
    const parameters = call[at + 1];
    if (typeof number !== 'number' || typeof parameters !== 'object') throw new Error('a call is pairs of number and parameters');
    return Number(this.#table.get(number).run(...parameters).changes);
  }

  #abandon(): void {
    if (this.#database.isTransaction) this.#rollback.run();
  }
}

function allFailed(calls: readonly CallMessage[], failure: CallFailure): readonly CommitOutcome[] {
  return calls.map(() => failure);
}
