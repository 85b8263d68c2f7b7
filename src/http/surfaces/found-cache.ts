import { Fault } from '../../base/fault.ts';
import type { ContextCacheStore } from '../../threads/context-cache-store.ts';
import type { StoredContextCache } from '../../threads/context-cache-row.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import { cacheIdOf } from '../../wire/openai-chat/context-cache-id.ts';

/** How a caller names a cache: by its id as it is shown, or by a tag. */
export interface CacheName {
  readonly by: 'id' | 'tag';
  readonly name: string;
  /** For what is wrong with it. */
  readonly field?: string;
}

/**
 * The cache that a caller means; it may have ended. Throws `not_found` where there is none: nobody's, another's, deleted, or one that a
 * response was cached in, which is gone on from by that response only.
 */
export async function foundCache(caches: Pick<ContextCacheStore, 'get' | 'byTag'>, scope: TenantScope, { by, name, field }: CacheName): Promise<StoredContextCache> {
  const id = by === 'id' ? cacheIdOf(name) : undefined;
  const cache = by === 'tag' ? await caches.byTag(scope, name) : id === undefined ? undefined : await caches.get(scope, id);
  if (cache !== undefined && cache.responseId === undefined) return cache;
  const what = by === 'tag' ? 'the cache of the tag' : 'the cache';
  throw new Fault('not_found', { message: `Not found ${what} ${name.slice(0, 128).toWellFormed()} or Permission denied`, ...(field === undefined ? {} : { field }) });
}
