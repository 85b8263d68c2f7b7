import { Fault } from '../../../base/fault.ts';
import type { ConversationId, ResponseId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { ChainedResponse } from '../../../threads/stored-response.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { ResponsesDeps } from './responses-deps.ts';

/** The part of a conversation that an upstream holds under a name of its own. */
export interface HeldPart {
  readonly upstreamId: string;
  readonly handle: string;
  /** Items of `history`, from the first on. */
  readonly itemCount: number;
  /** It is held until then, unless it is deleted. */
  readonly untilMs: number;
}

/** What a new turn goes on from. */
export interface ThreadContext {
  readonly previousId?: ResponseId;
  readonly conversationId?: ConversationId;
  /** All earlier items, the oldest first. */
  readonly history: readonly JsonObject[];
  /** One of each upstream, newest first. */
  readonly held: readonly HeldPart[];
  /** Who answered the turn before. */
  readonly lastUpstreamId?: string;
  /** The same for all turns of one thread. */
  readonly threadKey?: string;
}

type Stores = Pick<ResponsesDeps, 'responses' | 'conversations'>;

/**
 * What a turn with `previous_response_id` or `conversation` goes on from; nothing for a turn with neither. Throws `not_found` where it is not there, or is
 * another tenant's, and `invalid_request` where it cannot be gone on from.
 */
export async function threadContext(stores: Stores, scope: TenantScope, ids: { readonly previousResponseId?: string; readonly conversationId?: string }): Promise<ThreadContext> {
  if (ids.previousResponseId !== undefined) return chainContext(stores, scope, ids.previousResponseId);
  if (ids.conversationId !== undefined) return conversationContext(stores, scope, ids.conversationId);
  return { history: [], held: [] };
}

async function chainContext({ responses }: Stores, scope: TenantScope, id: string): Promise<ThreadContext> {
  const chain = await responses.chain(scope, id);
  if (!chain.found) throw brokenChain(id, chain.why, chain.id);
  const last = chain.responses.at(-1);
  if (last === undefined) throw notFound(id);
  if (last.endedMs === undefined) {
    throw new Fault('invalid_request', { message: `Response '${shown(id)}' is still ${last.status}, so that nothing can go on from it yet: wait for its end, or cancel it.`, field: 'previous_response_id' });
  }
  return {
    previousId: last.id,
    history: chain.responses.flatMap(({ input, output }) => [...input, ...output]),
    held: heldParts(chain.responses),
    ...(last.upstreamId === undefined ? {} : { lastUpstreamId: last.upstreamId }),
    threadKey: chain.responses[0]?.id ?? last.id,
  };
}

/** The newest of each upstream: one more is never asked for, and each costs a reading of all that it holds. */
function heldParts(responses: readonly ChainedResponse[]): HeldPart[] {
  const parts = new Map<string, HeldPart>();
  for (const { upstreamId, held, expiresMs } of responses.toReversed()) {
    if (upstreamId === undefined || held === undefined || parts.has(upstreamId)) continue;
    parts.set(upstreamId, { upstreamId, ...held, untilMs: expiresMs });
  }
  return [...parts.values()];
}

function brokenChain(asked: string, why: 'missing' | 'cycle' | 'too-long', at: string): Fault {
  if (why === 'missing' && at === asked) return notFound(asked);
  const what = {
    missing: `it goes on from '${at}', which has been deleted or has expired`,
    cycle: `it goes on from itself, by way of '${at}'`,
    'too-long': 'it has more turns, or longer ones, than can be read again; start anew, or compact it first',
  };
  return new Fault('invalid_request', { message: `Previous response with id '${shown(asked)}' cannot be gone on from: ${what[why]}.`, field: 'previous_response_id' });
}

function notFound(id: string): Fault {
  return new Fault('not_found', {
    message: `Previous response with id '${shown(id)}' not found. Responses are kept unless store is false, until they expire or are deleted.`,
    field: 'previous_response_id',
  });
}

async function conversationContext({ conversations }: Stores, scope: TenantScope, id: string): Promise<ThreadContext> {
  const conversation = await conversations.get(scope, id);
  if (conversation === undefined) throw conversationNotFound(id);
  const whole = await conversations.whole(scope, id);
  if (!whole.found && whole.why === 'missing') throw conversationNotFound(id);
  if (!whole.found) {
    throw new Fault('invalid_request', { message: `Conversation '${shown(id)}' has more items, or longer ones, than can be read again: delete some, or start a new one.`, field: 'conversation' });
  }
  return { conversationId: conversation.id, history: whole.items.map(({ item }) => item), held: [], threadKey: conversation.id };
}

/** The answer for a conversation that is not there, or another tenant's. */
export function conversationNotFound(id: string): Fault {
  return new Fault('not_found', { message: `Conversation with id '${shown(id)}' not found.`, field: 'conversation' });
}

/** Ids are the caller's to choose, but not how long our answer is. */
function shown(id: string): string {
  return id.length <= 128 ? id : `${id.slice(0, 128).toWellFormed()}…`;
}
