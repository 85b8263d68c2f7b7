import { invalidRequest } from './chat-request-schema.ts';

/** How long a held context lives. Times in milliseconds since the epoch. */
export interface ContextCacheLife {
  readonly expiresMs: number;
  readonly ttlS: number;
}

/** Moonshot's default (platform.moonshot.ai, docs/api/caching). */
const ttlSDefault = 3_600;
/** Moonshot's was an hour; Ark's contexts, which lie in the same store, live for a week at most. */
const ttlSMax = 7 * 86_400;

/** A life of `ttlS` seconds from `nowMs` on. Throws `invalid_request` for one that is too short or too long. */
export function lifeOfTtl(ttlS: number, field: string, nowMs: number): ContextCacheLife {
  if (!Number.isInteger(ttlS) || ttlS < 1 || ttlS > ttlSMax) throw invalidRequest(field, `expected seconds, from 1 to ${ttlSMax}`);
  return { expiresMs: nowMs + ttlS * 1_000, ttlS };
}

/**
 * The life that `ttl` (seconds) or `expiredAt` (unix seconds) asks for, an hour where neither does; 0 asks for nothing, as at Moonshot.
 * Throws `invalid_request` when both do, or beyond the limits.
 */
export function lifeOf(ttl: number, expiredAt: number, nowMs: number): ContextCacheLife {
  if (ttl !== 0 && expiredAt !== 0) throw invalidRequest('ttl', 'send either ttl or expired_at');
  if (expiredAt === 0) return lifeOfTtl(ttl === 0 ? ttlSDefault : ttl, 'ttl', nowMs);
  const ttlS = expiredAt - Math.floor(nowMs / 1_000);
  if (ttlS < 1 || ttlS > ttlSMax) throw invalidRequest('expired_at', `expected unix seconds later than now, by ${ttlSMax} at most`);
  return { expiresMs: expiredAt * 1_000, ttlS };
}
