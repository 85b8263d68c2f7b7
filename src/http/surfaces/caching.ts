import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Fault } from '../../base/fault.ts';
import { newId } from '../../base/id.ts';
import { modelFamily, moonshotV1Family } from '../../catalog/model-family.ts';
import { modelNotFound } from '../../routing/plan.ts';
import type { StoredContextCache } from '../../threads/context-cache-row.ts';
import type { ContextCachePlace } from '../../threads/context-cache-store.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import { invalidRequest } from '../../wire/openai-chat/chat-request-schema.ts';
import { decodeContextCache, decodeContextCacheChange, decodeContextCacheTag, type ContextCacheWish } from '../../wire/openai-chat/context-cache-decode.ts';
import { encodeCacheTag, encodeContextCache, encodeContextCaches, encodeDeletedCache, encodeDeletedTag } from '../../wire/openai-chat/context-cache-encode.ts';
import { cacheIdOf, shownCacheId } from '../../wire/openai-chat/context-cache-id.ts';
import { callerOf } from '../authentication.ts';
import { foundCache } from './found-cache.ts';
import { type ResponsesDeps, scopeOf } from './responses/responses-deps.ts';

type CachingDeps = Pick<ResponsesDeps, 'caches' | 'clock' | 'random' | 'modelIdOf' | 'contextTokensOf' | 'estimatePrompt'>;

interface ById {
  Params: { id: string };
}
interface ByTag {
  Params: { tag: string };
}

const path = '/v1/caching';

/** What one tenant may have kept for nothing, in each mode, as it is stored. Moonshot drew the line at a million tokens. */
const keptCharsMax = 64 * 1024 * 1024;

/** The widest model of Moonshot's group, whose name is the name of no model. */
const moonshotV1Widest = `${moonshotV1Family}-128k`;

/**
 * `/v1/caching`: Moonshot's older caches (moonshot-api.md 1.7; platform.moonshot.ai, docs/api/caching). What they hold is replayed by us,
 * so that there is nothing to wait for and nothing to pay (docs/decisions/0020).
 */
export function registerCaching(app: FastifyInstance, deps: CachingDeps): void {
  const { caches, clock } = deps;

  app.post(path, async (request) => {
    const caller = callerOf(request);
    const scope = scopeOf(caller);
    const nowMs = clock.nowMs();
    const wish = decodeContextCache(request.body, nowMs);
    const { modelId, tokens } = await measured(deps, scope, wish);
    if ((await caches.keptChars(scope)) + JSON.stringify(wish.content).length > keptCharsMax) throw tooMuch();
    const id = newId('cache', clock, deps.random);
    const { expiresMs, ttlS } = wish.life;
    await caches.create(scope, {
      id, keyId: caller.keyId, modelId: modelFamily(modelId), tokens, state: 'ready', createdMs: nowMs, expiresMs, ttlS,
      labels: wish.labels, tags: wish.tags, content: wish.content,
    });
    return shown(request, deps, shownCacheId(id));
  });

  app.get(path, async (request) => {
    const query = queryOf(request);
    return encodeContextCaches(await listed(deps, scopeOf(callerOf(request)), placeOf(query), metadataOf(query)));
  });

  app.get<ById>(`${path}/:id`, (request) => shown(request, deps, request.params.id));

  app.put<ById>(`${path}/:id`, async (request) => {
    const scope = scopeOf(callerOf(request));
    const { life, metadata } = decodeContextCacheChange(request.body, clock.nowMs());
    const { id, labels } = await foundCache(caches, scope, { by: 'id', name: request.params.id });
    const kept = life === undefined || (await caches.prolong(scope, id, life));
    if (!kept || (metadata !== undefined && !(await caches.relabel(scope, id, { ...labels, metadata })))) throw ended(request.params.id);
    return shown(request, deps, request.params.id);
  });

  app.delete<ById>(`${path}/:id`, async (request) => {
    const scope = scopeOf(callerOf(request));
    const { id } = await foundCache(caches, scope, { by: 'id', name: request.params.id });
    if (!(await caches.end(scope, id, clock.nowMs(), 'deleted'))) throw ended(request.params.id);
    return encodeDeletedCache(id);
  });

  registerTags(app, `${path}/refs/tags`, deps);
}

function registerTags(app: FastifyInstance, tags: string, deps: CachingDeps): void {
  const { caches } = deps;

  app.post(tags, async (request) => {
    const { tenantId, mode } = callerOf(request);
    const { tag, cacheId } = decodeContextCacheTag(request.body);
    const { id } = await foundCache(caches, { tenantId, mode }, { by: 'id', name: cacheId, field: 'cache_id' });
    await caches.tag({ tenantId, mode }, tag, id);
    return encodeCacheTag(tag, id, tenantId);
  });

  app.get<ByTag>(`${tags}/:tag`, async (request) => {
    const { tenantId, mode } = callerOf(request);
    const { tag } = request.params;
    const { id } = await foundCache(caches, { tenantId, mode }, { by: 'tag', name: tag });
    return encodeCacheTag(tag, id, tenantId);
  });

  app.get<ByTag>(`${tags}/:tag/content`, async (request) =>
    encodeContextCache(await foundCache(caches, scopeOf(callerOf(request)), { by: 'tag', name: request.params.tag })));

  // "Will return success regardless of whether the tag exists or not."
  app.delete<ByTag>(`${tags}/:tag`, async (request) => {
    await caches.untag(scopeOf(callerOf(request)), request.params.tag);
    return encodeDeletedTag(request.params.tag);
  });
}

async function shown(request: FastifyRequest, { caches }: CachingDeps, id: string): Promise<ReturnType<typeof encodeContextCache>> {
  return encodeContextCache(await foundCache(caches, scopeOf(callerOf(request)), { by: 'id', name: id }));
}

/** For which model, and how many tokens. Throws `model_not_found`, and `prompt_too_long` for what none who serve it could read. */
async function measured(deps: CachingDeps, scope: TenantScope, { request }: ContextCacheWish): Promise<{ readonly modelId: string; readonly tokens: number }> {
  const { model } = request;
  const modelId = deps.modelIdOf(model.toLowerCase() === moonshotV1Family ? moonshotV1Widest : model);
  const window = modelId === undefined ? 0 : deps.contextTokensOf(modelId);
  // Known to compare with, and served by nobody.
  if (modelId === undefined || window === 0) throw modelNotFound(model);
  const tokens = await deps.estimatePrompt(scope, request, modelId);
  if (tokens <= window) return { modelId, tokens };
  throw new Fault('prompt_too_long', {
    message: `Invalid request: messages: the messages and tools have ${tokens} tokens, and ${modelId} reads ${window} at most`,
    field: 'messages',
  });
}

/** A page of those that have all of `metadata`. */
async function listed({ caches }: CachingDeps, scope: TenantScope, place: ContextCachePlace, metadata: readonly (readonly [string, string])[]): Promise<readonly StoredContextCache[]> {
  const found: StoredContextCache[] = [];
  // What they are labelled with is sealed, so that the database cannot choose.
  for (let next: ContextCachePlace | undefined = place; next !== undefined; ) {
    const page: readonly StoredContextCache[] = await caches.list(scope, next);
    found.push(...page.filter(({ labels }) => metadata.every(([key, value]) => labels.metadata?.[key] === value)));
    const last = page.at(-1);
    next = last === undefined || page.length < place.limit || found.length >= place.limit ? undefined : { ...place, after: last.id };
  }
  return found.slice(0, place.limit);
}

type Query = Readonly<Record<string, unknown>>;

function queryOf({ query }: FastifyRequest): Query {
  return typeof query === 'object' && query !== null ? { ...query } : {};
}

const pageDefault = 20;
const pageMax = 100;

function placeOf({ limit, order, after, before }: Query): ContextCachePlace {
  const count = limit === undefined ? pageDefault : Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > pageMax) throw invalidRequest('limit', `expected an integer from 1 to ${pageMax}`);
  if (order !== undefined && order !== 'asc' && order !== 'desc') throw invalidRequest('order', 'expected "asc" or "desc"');
  return { limit: count, order: order ?? 'desc', ...edge('after', after), ...edge('before', before) };
}

function edge(name: 'after' | 'before', value: unknown): { readonly after?: string; readonly before?: string } {
  if (value === undefined || value === '') return {};
  const id = typeof value === 'string' ? cacheIdOf(value) : undefined;
  if (id === undefined) throw invalidRequest(name, 'expected the id of a cache');
  return { [name]: id };
}

/** `metadata[biz_id]=110998541001`. */
function metadataOf(query: Query): readonly (readonly [string, string])[] {
  return Object.entries(query).flatMap(([name, value]) => {
    const key = /^metadata\[(.*)\]$/s.exec(name)?.[1];
    return key === undefined || typeof value !== 'string' ? [] : [[key, value] as const];
  });
}

function ended(id: string): Fault {
  return invalidRequest('id', `the cache ${id.slice(0, 128).toWellFormed()} has ended, and what it held is removed; create it again`);
}

function tooMuch(): Fault {
  return invalidRequest('messages', `your caches hold more than ${keptCharsMax / 1024 / 1024} MiB already; delete some, or let them expire`);
}
