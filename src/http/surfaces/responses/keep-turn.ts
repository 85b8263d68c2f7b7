import type { GenerationId } from '../../../base/id.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { ConversationTurn } from '../../../threads/conversation-appending.ts';
import type { HeldItems, ResponseFacts, StoredResponse } from '../../../threads/stored-response.ts';
import { expireAtOf } from './caching-terms.ts';
import { holdingStatements } from './hold-context.ts';
import type { Turn } from './open-turn.ts';
import type { ResponsesDeps } from './responses-deps.ts';
import type { TurnEnd } from './turn-end.ts';

/**
 * Keeps a turn that has ended, if its caller wants it kept, together with the meter of what its upstream holds of it; of one that did not
 * end well it is to hold nothing. Throws `storage_unavailable`.
 */
export async function keepTurn(deps: ResponsesDeps, turn: Turn, end: TurnEnd): Promise<void> {
  if (!turn.body.store) return;
  const { attempt, contextHandle, usage } = end;
  if (usage === undefined && attempt !== undefined && contextHandle !== undefined) deps.dropContext(attempt.offer.upstreamId, contextHandle);
  const stored = storedTurn(deps, turn, end);
  const holding = holdingStatements(deps, turn, end);
  const added = conversationTurn(deps, turn, end);
  // Without it: the conversation was deleted meanwhile, and the response stands by itself.
  for (const conversation of added === undefined ? [undefined] : [added, undefined]) {
    const { guards, statements } = deps.responses.saving(turn.scope, stored, conversation);
    const { committed } = await deps.database.commitIf(guards, [...statements, ...holding]);
    if (committed) return;
  }
}

/** A turn that has ended, as it is stored. */
export function storedTurn(deps: ResponsesDeps, turn: Turn, end: TurnEnd): StoredResponse {
  return {
    ...openTurnFacts(deps, turn, end.generationId),
    endedMs: deps.clock.nowMs(),
    status: String(end.body['status']),
    ...(end.attempt === undefined ? {} : { upstreamId: end.attempt.offer.upstreamId }),
    ...(end.contextHandle === undefined || end.usage === undefined ? {} : { held: heldItems(turn, end.output, end.contextHandle) }),
    body: end.body,
    input: turn.input,
    output: end.output,
  };
}

/** What an upstream holds of a thread after the turn. */
export function heldItems({ context, input }: Turn, output: readonly JsonObject[], handle: string): HeldItems {
  return { handle, itemCount: context.history.length + input.length + output.length };
}

/** What is known of a turn from its beginning. */
export function openTurnFacts(deps: ResponsesDeps, turn: Turn, generationId: GenerationId): Omit<ResponseFacts, 'status'> {
  const { body, context, caller, request, responseId, createdMs } = turn;
  return {
    id: responseId,
    keyId: caller.keyId,
    modelId: deps.modelIdOf(request.model) ?? request.model,
    generationId,
    createdMs,
    expiresMs: body.vendor === 'ark' ? expireAtOf(body, createdMs) * 1000 : createdMs + deps.keptForMs,
    ...(body.vendor === 'ark' && body.expireAtS !== undefined ? { expiryFixed: true as const } : {}),
    background: body.background,
    ...(context.previousId === undefined ? {} : { previousId: context.previousId }),
    ...(context.conversationId === undefined ? {} : { conversationId: context.conversationId }),
  };
}

/** What the turn adds to its conversation; undefined: it is of none, or did not end well. */
export function conversationTurn(deps: ResponsesDeps, { context, input, createdMs }: Turn, { body, output }: Pick<TurnEnd, 'body' | 'output'>): ConversationTurn | undefined {
  // Who tries a turn again that failed would have said it twice.
  const said = body['status'] === 'completed' || body['status'] === 'incomplete';
  if (context.conversationId === undefined || !said) return undefined;
  const items = [...input, ...output].map((item) => ({ id: String(item['id']), item }));
  return { conversationId: context.conversationId, items, expiresMs: createdMs + deps.keptForMs };
}
