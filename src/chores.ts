import type { Clock } from './base/clock.ts';
import { Fault } from './base/fault.ts';
import { type Log, stackOf } from './base/log.ts';
import { RecurringTask } from './base/recurring-task.ts';
import type { Config } from './config/config.ts';
import type { Reconciliation } from './records/reconciliation.ts';
import { Retention, type RetentionDatabase } from './records/retention.ts';
import { dayMs } from './records/utc-day.ts';
import type { ThreadRetention } from './threads/thread-retention.ts';
import type { ContextHolding } from './open-context-holding.ts';

export interface ChoreParts {
  readonly config: Pick<Config, 'retention' | 'reconciliation'>;
  readonly database: RetentionDatabase;
  readonly reconciliation: Pick<Reconciliation, 'balanceUpstreams' | 'fetch'>;
  readonly threadRetention: Pick<ThreadRetention, 'sweep'>;
  readonly holding: Pick<ContextHolding, 'accrue'>;
  readonly clock: Clock;
  readonly log: Log;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** Starts what is to be done from time to time beside the calls, some of it only if the configuration wants it, now for the first time; it ends with `stack`. */
export function startChores(parts: ChoreParts, stack: AsyncDisposableStack): void {
  const { generationsDays } = parts.config.retention;
  if (generationsDays !== undefined) stack.use(pruning(parts, generationsDays));
  stack.use(threadSweeping(parts));
  stack.use(storageBilling(parts));
  const { everyHours } = parts.config.reconciliation;
  if (everyHours !== undefined && parts.reconciliation.balanceUpstreams.length > 0) stack.use(balanceReading(parts, everyHours));
}

function pruning({ database, clock, log }: ChoreParts, generationsDays: number): RecurringTask {
  const retention = new Retention({ database, clock, generationsDays });
  return new RecurringTask({
    clock,
    atOnce: true,
    everyMs: dayMs,
    async run(signal) {
      const count = await retention.sweep(signal);
      if (count > 0) log.write('info', 'old generations are now sums of their day', { count });
    },
    onFailure: (thrown) => logFailure(log, 'old generations could not be pruned', thrown),
  });
}

/** Each thread says itself when it is over, so there is nothing to configure here. */
function threadSweeping({ threadRetention, clock, log }: ChoreParts): RecurringTask {
  return new RecurringTask({
    clock,
    atOnce: true,
    everyMs: hourMs,
    async run(signal) {
      const swept = await threadRetention.sweep(signal);
      const count = Object.values(swept).reduce((sum, removed) => sum + removed, 0);
      if (count > 0) log.write('info', 'stored responses and conversations that had expired or were deleted have been removed', { count });
    },
    onFailure: (thrown) => logFailure(log, 'stored responses and conversations could not be swept', thrown),
  });
}

/** What upstreams hold costs something by the hour. */
function storageBilling({ holding, clock, log }: ChoreParts): RecurringTask {
  return new RecurringTask({
    clock,
    atOnce: true,
    everyMs: minuteMs,
    run: (signal) => holding.accrue(signal),
    onFailure: (thrown) => logFailure(log, 'the storage of held contexts could not be billed; it is tried again', thrown),
  });
}

/** A balance that cannot be read does not keep the others from being read. */
function balanceReading({ reconciliation, clock, log }: ChoreParts, everyHours: number): RecurringTask {
  return new RecurringTask({
    clock,
    atOnce: true,
    everyMs: () => untilReadingMs(clock.nowMs(), everyHours),
    async run(signal) {
      for (const upstream of reconciliation.balanceUpstreams) {
        if (signal.aborted) return;
        try {
          await reconciliation.fetch(upstream, { limit: 1, signal });
        } catch (thrown) {
          if (!signal.aborted) logFailure(log, 'the balance of an upstream could not be read', thrown, upstream);
        }
      }
    },
    onFailure: (thrown) => logFailure(log, 'balances could not be read', thrown),
  });
}

/** Milliseconds to the next reading: every so many hours of the UTC day, midnight always among them, so that days can be told apart. */
function untilReadingMs(nowMs: number, everyHours: number): number {
  const intoDayMs = nowMs % dayMs;
  const everyMs = everyHours * hourMs;
  return Math.min((Math.floor(intoDayMs / everyMs) + 1) * everyMs, dayMs) - intoDayMs;
}

function logFailure(log: Log, message: string, thrown: unknown, upstream?: string): void {
  const named = upstream === undefined ? {} : { upstream };
  if (thrown instanceof Fault) return log.write('warn', message, { ...named, faultCode: thrown.code });
  const stack = stackOf(thrown);
  log.write('error', message, { ...named, ...(stack === undefined ? {} : { stack }) });
}
