import type { CompiledQuery } from 'kysely';
import { newId } from '../../../base/id.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { TurnEnd } from './turn-end.ts';
import type { Turn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';

/**
 * What is committed with a turn that its upstream holds by name: the cache, and the meter by which its storage is billed from now on until
 * it expires or is deleted (docs/decisions/0018). What the turn read from the cache is held, and billed, already; so only the rest counts.
 * None for a turn that nobody holds: its state is replayed, which costs nobody storage.
 */
export function holdingStatements(deps: ResponsesDeps, turn: Turn, { contextHandle, attempt, usage }: TurnEnd): readonly CompiledQuery[] {
  const { caching, caller, scope, responseId } = turn;
  if (caching === undefined || contextHandle === undefined || attempt === undefined || usage === undefined) return [];
  const cacheId = newId('cache', deps.clock, deps.random);
  const tokens = usage.inputUncached + usage.cacheWrite + usage.output;
  const startedMs = deps.clock.nowMs();
  const endsMs = Math.max(startedMs, caching.expireAtS * 1000);
  const { modelId, upstreamId } = attempt.offer;
  return [
    ...deps.caches.creating(scope, {
      id: cacheId, keyId: caller.keyId, modelId, tokens, state: 'ready', createdMs: startedMs, expiresMs: endsMs, upstreamId, responseId,
      // What it says stands in the responses themselves.
      labels: {}, tags: [], content: { messages: [] },
    }),
    ...deps.storage.opening({ cacheId, caller, attempt, tokens, startedMs, endsMs }),
  ];
}

/**
 * Removes a response, and ends what its upstream holds of it: its storage is billed until now and no further. `further` is committed
 * with it. False: there was none.
 */
export async function deleteResponse(deps: ResponsesDeps, scope: TenantScope, id: string, further: readonly CompiledQuery[]): Promise<boolean> {
  const { caches, responses, storage, clock, database } = deps;
  const cache = await caches.ofResponse(scope, id);
  if (cache?.state !== 'ready') return (await database.commitIf([responses.deletion(scope, id)], further)).committed;
  const nowMs = clock.nowMs();
  const stored = await responses.get(scope, id);
  const deleted = await storage.end(cache.id, nowMs, { guards: [responses.deletion(scope, id)], statements: [caches.endingOfResponse(scope, id, nowMs), ...further] });
  if (deleted && stored?.upstreamId !== undefined && stored.held !== undefined) deps.dropContext(stored.upstreamId, stored.held.handle);
  return deleted;
}
