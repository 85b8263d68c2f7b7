import type { Clock } from './base/clock.ts';
import { type Log, stackOf } from './base/log.ts';
import { StorageBilling, type StorageEnd } from './gateway/storage-billing.ts';
import type { Tariff } from './gateway/tariff.ts';
import { StorageBooks } from './ledger/storage-books.ts';
import { StorageHours } from './records/storage-hours.ts';
import type { Database } from './storage/database.ts';
import type { ContextCacheStore } from './threads/context-cache-store.ts';
import type { ResponseStore } from './threads/response-store.ts';
import type { UpstreamSet } from './upstreams/upstream-set.ts';

interface HoldingParts {
  readonly database: Database;
  readonly tariff: Tariff;
  readonly upstreams: Pick<UpstreamSet, 'get'>;
  readonly caches: ContextCacheStore;
  readonly responses: ResponseStore;
  readonly clock: Clock;
  readonly log: Pick<Log, 'write'>;
}

/** Contexts that upstreams hold for us by name: what it costs to keep them, and how they are let go. */
export interface ContextHolding {
  readonly storage: StorageBilling;
  /** Tells an upstream to hold a context no longer; what goes wrong is logged, since it ends by itself, too. */
  dropContext(upstreamId: string, handle: string): void;
  /**
   * Bills what is due, and lets go of what cannot be paid for. To be called every minute, by every server. Rejects with what went wrong
   * first, when all that was possible has been done.
   */
  accrue(signal: AbortSignal): Promise<void>;
}

const dropMs = 30_000;

/** The billing of held contexts over `database`. */
export function openContextHolding({ database, tariff, upstreams, caches, responses, clock, log }: HoldingParts): ContextHolding {
  const storage = new StorageBilling({
    books: new StorageBooks({ database, clock }),
    hours: new StorageHours(database),
    tariff,
    database,
    onEnd: ({ cacheId, tenantId, mode, atMs, cause }) => [caches.ending({ tenantId, mode }, cacheId, atMs, cause === 'unpaid' ? 'inactive' : 'expired')],
  });
  const dropContext = (upstreamId: string, handle: string): void => {
    const upstream = upstreams.get(upstreamId);
    upstream?.dropContext?.(handle, AbortSignal.timeout(dropMs)).catch((thrown: unknown) => {
      const stack = stackOf(thrown);
      log.write('warn', 'an upstream could not be told to drop a context; it will expire there', { upstream: upstreamId, ...(stack === undefined ? {} : { stack }) });
    });
  };
  const letGo = async ({ cacheId, tenantId, mode }: StorageEnd): Promise<void> => {
    const cache = await caches.get({ tenantId, mode }, cacheId);
    const response = cache?.responseId === undefined ? undefined : await responses.get({ tenantId, mode }, cache.responseId);
    if (response?.upstreamId !== undefined && response.held !== undefined) dropContext(response.upstreamId, response.held.handle);
    log.write('info', 'a context is kept no longer, since it cannot be paid for', { count: 1 });
  };
  return {
    storage,
    dropContext,
    async accrue(signal) {
      const { ended, failure } = await storage.accrue(clock.nowMs(), signal);
      const failures: unknown[] = failure === undefined ? [] : [failure];
      for (const end of ended) {
        if (end.cause === 'unpaid') await letGo(end).catch((thrown: unknown) => failures.push(thrown));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
