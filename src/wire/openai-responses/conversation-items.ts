import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { checkItems } from './input-item-schema.ts';
import { invalidRequest, missingField } from './responses-fault.ts';

/** Most items that can be added to a conversation at a time (responses-ark-anthropic-batch.md 1.1). */
export const conversationItemsMax = 20;

/**
 * The `items` of a body that makes a conversation or adds to one, checked; to be normalised with `normaliseItems`. None where the
 * conversation may be empty (`required` false). Throws `invalid_request`.
 */
export function parseConversationItems(body: unknown, required: boolean): readonly JsonObject[] {
  const items = isJsonObject(body) ? (body['items'] ?? undefined) : undefined;
  if (items === undefined) {
    if (required) throw missingField('items');
    return [];
  }
  if (!Array.isArray(items)) throw invalidRequest('items', "Invalid type for 'items': expected an array of items.");
  const list: readonly unknown[] = items;
  checkItems(list, 'items', conversationItemsMax);
  return list;
}
