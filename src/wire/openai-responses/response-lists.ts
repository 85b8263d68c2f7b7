import type { JsonObject } from '../../base/json.ts';
import type { Usage } from '../../dialogue/usage.ts';
import { encodeResponsesUsage } from './usage-encode.ts';

/** A page of items (responses-ark-anthropic-batch.md 1.1). Of an empty one the ids are null. */
export function itemPage(items: readonly JsonObject[], hasMore: boolean): JsonObject {
  return { object: 'list', data: items, first_id: items[0]?.['id'] ?? null, last_id: items.at(-1)?.['id'] ?? null, has_more: hasMore };
}

/** What is left of a deleted response. */
export function deletedResponse(id: string): JsonObject {
  return { id, object: 'response', deleted: true };
}

/** A conversation, without its items. */
export function conversationObject(id: string, createdS: number, metadata: JsonObject): JsonObject {
  return { id, object: 'conversation', created_at: createdS, metadata };
}

/** What is left of a deleted conversation; its items are not deleted with it (responses-ark-anthropic-batch.md 1.1). */
export function deletedConversation(id: string): JsonObject {
  return { id, object: 'conversation.deleted', deleted: true };
}

/** How many tokens an input has. */
export function inputTokensObject(inputTokens: number): JsonObject {
  return { object: 'response.input_tokens', input_tokens: inputTokens };
}

/** An item that stands for the turns before it. `sealed`: their summary, by `ThinkingSeals.seal({ text }, false)`. */
export function compactionItem(id: string, sealed: string): JsonObject {
  return { id, type: 'compaction', encrypted_content: sealed };
}

/** The result of a compaction. `usage` undefined: not known. */
export function compactionObject(id: string, createdS: number, output: readonly JsonObject[], usage: Usage | undefined): JsonObject {
  return { id, object: 'response.compaction', created_at: createdS, output, usage: usage === undefined ? null : encodeResponsesUsage(usage) };
}
