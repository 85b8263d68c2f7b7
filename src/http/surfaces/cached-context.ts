import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { modelFamily } from '../../catalog/model-family.ts';
import type { ContextCacheContent, StoredContextCache } from '../../threads/context-cache-row.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import type { CacheReference } from '../../wire/openai-chat/cache-reference.ts';
import { invalidRequest } from '../../wire/openai-chat/chat-request-schema.ts';
import { shownCacheId } from '../../wire/openai-chat/context-cache-id.ts';
import { type ContextCacheLife, lifeOfTtl } from '../../wire/openai-chat/context-cache-life.ts';
import { type DecodedChatRequest, decodeChatRequest } from '../../wire/openai-chat/request-decode.ts';
import type { ReplyWriter } from '../reply-writer.ts';
import { foundCache } from './found-cache.ts';
import type { ResponsesDeps } from './responses/responses-deps.ts';

export type CachedContextDeps = Pick<ResponsesDeps, 'modelIdOf' | 'clock'> & { readonly caches: Pick<ResponsesDeps['caches'], 'get' | 'byTag' | 'prolong'> };

/** A chat request that names a held context. */
export interface CachedChatRequest {
  /** With all of the messages and tools. */
  readonly decoded: DecodedChatRequest;
  /** What is told of the context; undefined: the request goes its way without it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The chat request `body`, under /v1, with the context that `reference` names. In place of a first message the held messages and tools come
 * before the request's own. Beside a header the request says it all again, and must begin with what is held; where it does not, or the
 * context has ended, it is answered as it stands, as Moonshot did (platform.moonshot.ai, docs/api/caching). Throws `not_found`, and
 * `invalid_request` with the caller's own field.
 */
export async function cachedChatRequest(deps: CachedContextDeps, scope: TenantScope, body: unknown, reference: CacheReference): Promise<CachedChatRequest> {
  const life = reference.resetTtlS === undefined ? undefined : lifeOfTtl(reference.resetTtlS, reference.ttlField, deps.clock.nowMs());
  const cache = await foundCache(deps.caches, scope, reference);
  const content = cache.state === 'ready' ? cache.content : undefined;
  if (reference.place === 'header') {
    const decoded = decodeChatRequest(body, 'moonshot');
    if (content === undefined || !beginsWith(body, content) || !mayRead(deps, decoded, cache)) return { decoded };
    return used(deps, scope, decoded, cache, life);
  }
  const id = shownCacheId(cache.id);
  if (content === undefined) throw invalidRequest(reference.field, `the cache ${id} has ended (${cache.state}); create it again with POST /v1/caching`);
  const decoded = decodedTogether(body, content);
  if (!mayRead(deps, decoded, cache)) {
    throw invalidRequest('model', `the cache ${id} is for ${cache.modelId}, and the request for ${decoded.request.model.slice(0, 200).toWellFormed()}`);
  }
  return used(deps, scope, decoded, cache, life);
}

/** `writer`, whose replies tell of the context. How much of it an upstream had in its cache is known at the end, and so told with whole replies only. */
export function cacheTelling(writer: ReplyWriter, told: Readonly<Record<string, string>>): ReplyWriter {
  let headers = told;
  return {
    ...writer,
    get headers() {
      return headers;
    },
    whole(end) {
      // A count of ours knows nothing of an upstream's cache.
      if (!end.usage.estimated) headers = { ...told, 'msh-context-cache-token-saved': String(end.usage.cacheRead) };
      return writer.whole(end);
    },
  };
}

/** Prolongs the context's life and marks the request, so that upstreams that cache by prefix find it. */
async function used(
  { caches, clock }: CachedContextDeps,
  scope: TenantScope,
  decoded: DecodedChatRequest,
  cache: StoredContextCache,
  life: ContextCacheLife | undefined,
): Promise<CachedChatRequest> {
  const id = shownCacheId(cache.id);
  const prolonged = life !== undefined && (await caches.prolong(scope, cache.id, life));
  const { expiresMs } = prolonged ? life : cache;
  return {
    decoded: { ...decoded, request: { ...decoded.request, cacheKey: decoded.request.cacheKey ?? id } },
    headers: {
      'msh-context-cache-id': id,
      'msh-context-cache-token-ttl': String(Math.max(0, Math.ceil((expiresMs - clock.nowMs()) / 1_000))),
      'msh-context-cache-token-exp': String(Math.floor(expiresMs / 1_000)),
    },
  };
}

/** A model that nobody knows is the gateway's to refuse. */
function mayRead({ modelIdOf }: CachedContextDeps, { request }: DecodedChatRequest, cache: StoredContextCache): boolean {
  const modelId = modelIdOf(request.model);
  return modelId === undefined || modelFamily(modelId) === cache.modelId;
}

function beginsWith(body: unknown, { messages, tools = [] }: ContextCacheContent): boolean {
  const sent = listsOf(body);
  return isDeepStrictEqual(sent.messages.slice(0, messages.length), messages) && isDeepStrictEqual(sent.tools, tools);
}

/** With the held messages in place of the first, and the held tools before the request's own. */
function decodedTogether(body: unknown, { messages, tools = [] }: ContextCacheContent): DecodedChatRequest {
  const sent = listsOf(body);
  const together: Record<string, unknown> = { ...(isJsonObject(body) ? body : {}), messages: [...messages, ...sent.messages.slice(1)] };
  if (tools.length > 0 && !sent.oddTools) together['tools'] = [...tools, ...sent.tools];
  try {
    return decodeChatRequest(together, 'moonshot');
  } catch (thrown) {
    throw thrown instanceof Fault ? toldOfOwn(thrown, messages, tools) : thrown;
  }
}

/** `oddTools`: they are no list, which the decoder is to refuse. */
function listsOf(body: unknown): { readonly messages: readonly unknown[]; readonly tools: readonly unknown[]; readonly oddTools: boolean } {
  const { messages, tools = null }: Partial<JsonObject> = isJsonObject(body) ? body : {};
  return { messages: Array.isArray(messages) ? messages : [], tools: Array.isArray(tools) ? tools : [], oddTools: tools !== null && !Array.isArray(tools) };
}

/** The decoder counts messages and tools as they were put together; the caller knows the numbers of its own. */
function toldOfOwn(fault: Fault, messages: readonly unknown[], tools: readonly unknown[]): Fault {
  const { field = '', message, code } = fault;
  const [, list, at, rest = ''] = /^(messages|tools)\.(\d+)(.*)$/s.exec(field) ?? [];
  if (list === undefined) return fault;
  const index = Number(at) - (list === 'messages' ? messages.length - 1 : tools.length);
  // What is held was checked when it was stored; it can only clash with what the request says beside it.
  const own = index < (list === 'messages' ? 1 : 0) ? 'messages.0' : `${list}.${index}${rest}`;
  return new Fault(code, { message: message.replace(field, () => own), field: own });
}
