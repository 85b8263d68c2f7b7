import type { Caller } from '../../../access/caller.ts';
import { newId, type ResponseId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { HeldContext } from '../../../dialogue/context-cache.ts';
import type { DialogueRequest } from '../../../dialogue/request.ts';
import { withoutOldest } from '../../../dialogue/turns.ts';
import { newCallerName } from '../../../threads/caller-name.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import { countMessages } from '../../../wire/openai-responses/history-decode.ts';
import { normaliseInput, referencedIds } from '../../../wire/openai-responses/input-items.ts';
import { responsesRequestOf } from '../../../wire/openai-responses/request-decode.ts';
import type { ResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import { type CachingTerms, cachingTerms } from './caching-terms.ts';
import { newItemId } from './new-item-id.ts';
import { type ResponsesDeps, scopeOf } from './responses-deps.ts';
import { type HeldPart, type ThreadContext, threadContext } from './thread-context.ts';

/** One turn, ready to be sent to the gateway. */
export interface Turn {
  readonly caller: Caller;
  readonly scope: TenantScope;
  readonly body: ResponsesBody;
  readonly responseId: ResponseId;
  readonly createdMs: number;
  readonly context: ThreadContext;
  /** What this turn adds, as it is stored and listed. */
  readonly input: readonly JsonObject[];
  readonly request: DialogueRequest;
  /** Ark's explicit context cache, where the turn asks for it. */
  readonly caching: CachingTerms | undefined;
}

/** What may be known of a turn before: all but the context when it was accepted earlier, the context when it need not be read. */
export type KnownTurn = Partial<Pick<Turn, 'responseId' | 'createdMs' | 'input' | 'context'>>;

/**
 * Reads what the turn goes on from and puts the whole request together. `known`: what stays as it is. Throws `not_found` for what is not there and
 * `invalid_request` for what cannot be gone on from.
 */
export async function openTurn(deps: ResponsesDeps, caller: Caller, body: ResponsesBody, known: KnownTurn = {}): Promise<Turn> {
  const scope = scopeOf(caller);
  const createdMs = known.createdMs ?? deps.clock.nowMs();
  const caching = cachingTerms(body, createdMs);
  const context = known.context ?? (await threadContext(deps, scope, body));
  const input = known.input ?? normaliseInput(body, (prefix) => newItemId(prefix, deps.random), await knownItems(deps, scope, body, context));
  if (context.conversationId !== undefined) checkItemIds(input);
  const responseId = known.responseId ?? newId('resp', deps.clock, deps.random);
  const seals = deps.sealsOf(caller.tenantId);
  const plain = responsesRequestOf(body, context.history, input, { seals });
  const messagesOf = (itemCount: number): number => countMessages(context.history.slice(0, itemCount), seals);
  const request: DialogueRequest = {
    ...plain,
    ...(body.truncation === 'auto' ? { messages: await truncated(deps, scope, plain) } : {}),
    // Turns of one thread share a prefix, also where their caller has no name for it.
    ...(plain.cacheKey === undefined && (context.threadKey ?? caching) !== undefined ? { cacheKey: context.threadKey ?? responseId } : {}),
    ...(context.lastUpstreamId === undefined ? {} : { lastUpstreamId: context.lastUpstreamId }),
    ...contextCacheOf(body, context, caching, createdMs, messagesOf),
  };
  return { caller, scope, body, responseId, createdMs, context, input, request, caching };
}

/** Items of a conversation are found by their ids: said now, and not when the answer has been paid for. */
function checkItemIds(input: readonly JsonObject[]): void {
  for (const [index, item] of input.entries()) newCallerName(String(item['id']), `input.${index}.id`);
}

/** What the input may refer to by id. */
async function knownItems(deps: ResponsesDeps, scope: TenantScope, body: ResponsesBody, context: ThreadContext): Promise<ReadonlyMap<string, JsonObject>> {
  const ids = new Set(referencedIds(body));
  if (ids.size === 0) return new Map();
  const known = new Map<string, JsonObject>();
  for (const item of context.history) {
    const id = item['id'];
    if (typeof id === 'string' && ids.delete(id)) known.set(id, item);
  }
  return ids.size === 0 ? known : new Map([...known, ...(await deps.responses.outputItems(scope, [...ids]))]);
}

/**
 * How much of the window is left for the answer: no more than it may take, nor than this, since the limit that a caller states may be
 * the whole window (kimi-code's is).
 */
const answerShare = 1 / 8;

/** The messages without as many of the oldest as do not fit into the model's window (`truncation: "auto"`). */
async function truncated(deps: ResponsesDeps, scope: TenantScope, request: DialogueRequest): Promise<DialogueRequest['messages']> {
  const modelId = deps.modelIdOf(request.model);
  if (modelId === undefined) return request.messages;
  const window = deps.contextTokensOf(modelId);
  const promptMax = window - Math.min(request.outputTokensMax ?? Infinity, window * answerShare);
  return withoutOldest(request.messages, async (messages) => (await deps.estimatePrompt(scope, { ...request, messages }, modelId)) <= promptMax);
}

/** What upstreams hold of the thread, and whether this turn is to be held. A truncated thread is none that anybody holds. */
function contextCacheOf(
  body: ResponsesBody,
  { held }: ThreadContext,
  caching: CachingTerms | undefined,
  nowMs: number,
  messagesOf: (itemCount: number) => number,
): Pick<DialogueRequest, 'contextCache'> {
  const alive = body.truncation === 'auto' || body.instructions !== undefined ? [] : held.filter(({ untilMs }) => untilMs > nowMs);
  if (alive.length === 0 && caching === undefined) return {};
  const contexts = alive.map(({ upstreamId, handle, itemCount }: HeldPart): HeldContext => ({ upstreamId, handle, messageCount: messagesOf(itemCount) }));
  return {
    contextCache: {
      held: contexts,
      ...(caching === undefined ? {} : { keepUntilS: caching.expireAtS }),
      ...(caching?.prefixOnly === true ? { prefixOnly: true as const } : {}),
    },
  };
}
