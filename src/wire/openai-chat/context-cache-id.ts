import type { ContextCacheId } from '../../base/id.ts';

const stored = 'cache_';
const shown = 'cache-';

/** The id of a held context as Moonshot writes such ids: `cache-…` (platform.moonshot.ai, docs/api/caching). */
export function shownCacheId(id: ContextCacheId): string {
  return shown + id.slice(stored.length);
}

/** The id that is shown as `text`; undefined: no id is. */
export function cacheIdOf(text: string): ContextCacheId | undefined {
  return text.startsWith(shown) ? `${stored}${text.slice(shown.length)}` : undefined;
}
