import type { ContextCacheId } from '../../base/id.ts';
import type { JsonObject } from '../../base/json.ts';
import { shownCacheId } from './context-cache-id.ts';

/** What is told of a held context. Times in milliseconds since the epoch. */
export interface ShownContextCache {
  readonly id: ContextCacheId;
  readonly state: string;
  /** The family of models that may read it. */
  readonly modelId: string;
  readonly tokens: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly ttlS?: number;
  readonly labels: { readonly name?: string; readonly description?: string; readonly metadata?: JsonObject };
  readonly tags: readonly string[];
  /** Absent once it has ended. */
  readonly content?: { readonly messages: readonly JsonObject[]; readonly tools?: readonly JsonObject[] };
}

/** A held context as Moonshot tells it (platform.moonshot.ai, docs/api/caching). Of one that has ended, what it said is null. */
export function encodeContextCache(cache: ShownContextCache): JsonObject {
  const { content, labels, ttlS } = cache;
  return {
    id: shownCacheId(cache.id),
    // "For expired caches, the status changes to inactive."
    status: cache.state === 'expired' ? 'inactive' : cache.state,
    object: 'context-cache',
    created_at: Math.floor(cache.createdMs / 1_000),
    expired_at: Math.floor(cache.expiresMs / 1_000),
    ...(ttlS === undefined ? {} : { ttl: ttlS }),
    tokens: cache.tokens,
    model: cache.modelId,
    messages: content?.messages ?? null,
    tools: content === undefined ? null : (content.tools ?? []),
    name: labels.name ?? '',
    description: labels.description ?? '',
    metadata: labels.metadata ?? {},
    tags: cache.tags,
  };
}

/** A page of held contexts. */
export function encodeContextCaches(caches: readonly ShownContextCache[]): JsonObject {
  return { object: 'list', data: caches.map(encodeContextCache) };
}

/** What is left of a deleted context. */
export function encodeDeletedCache(id: ContextCacheId): JsonObject {
  return { deleted: true, id: shownCacheId(id), object: 'context_cache_object.deleted' };
}

/** A tag of a held context. When it was made is not kept, and so not told. */
export function encodeCacheTag(tag: string, id: ContextCacheId, tenantId: string): JsonObject {
  return { tag, cache_id: shownCacheId(id), object: 'cache_object.tag', owned_by: tenantId };
}

/** What is left of a deleted tag. */
export function encodeDeletedTag(tag: string): JsonObject {
  return { deleted: true, object: 'cache_object.tag.deleted', tag };
}
