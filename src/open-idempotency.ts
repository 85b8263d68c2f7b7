import { systemClock } from './base/clock.ts';
import { type Log, stackOf } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { RecurringTask } from './base/recurring-task.ts';
import type { RootSecret } from './base/secret.ts';
import { Idempotency, idempotencySweepMs, leaseRenewMs } from './http/idempotency.ts';
import { IdempotencyStore } from './records/idempotency-store.ts';
import type { Database } from './storage/database.ts';

export interface IdempotencyParts {
  readonly database: Database;
  /** No other server works on this database. */
  readonly alone: boolean;
  readonly secret: RootSecret;
  readonly log: Log;
}

/** Replies that are kept for their `Idempotency-Key`. What is to be done again and again for them ends with `stack`, before the database does. */
export async function openIdempotency({ database, alone, secret, log }: IdempotencyParts, stack: AsyncDisposableStack): Promise<Idempotency> {
  const store = new IdempotencyStore(database);
  // One folder, one server: who claimed a key before this start is dead.
  if (alone) await store.disownAll();
  const idempotency = new Idempotency({ store, encryptionKey: secret.derive('encryption', 1), clock: systemClock, random: systemRandom, log });
  const onFailure = (cause: unknown): void => {
    const stack = stackOf(cause);
    log.write('warn', 'the care of idempotency keys failed; it is tried again', stack === undefined ? {} : { stack });
  };
  stack.use(new RecurringTask({ clock: systemClock, everyMs: leaseRenewMs, run: () => idempotency.renewLeases(), onFailure }));
  stack.use(new RecurringTask({ clock: systemClock, everyMs: idempotencySweepMs, run: () => idempotency.sweep(), onFailure }));
  return idempotency;
}
