import { Fault } from '../../base/fault.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { invalidRequest, shortened } from './responses-fault.ts';
import type { ResponsesBody } from './responses-request-schema.ts';

/** Beginnings of the ids of items, as OpenAI has them; others are those of a message. */
const prefixes: Readonly<Record<string, string>> = {
  message: 'msg', reasoning: 'rs', function_call: 'fc', function_call_output: 'fco', custom_tool_call: 'ctc', custom_tool_call_output: 'ctco',
  compaction: 'cmp', local_shell_call: 'lsh', local_shell_call_output: 'lsho', shell_call: 'sh', shell_call_output: 'sho',
  apply_patch_call: 'apc', apply_patch_call_output: 'apco',
};

/** The prefix of the id of an item of that type, without the underscore. */
export function idPrefix(type: string): string {
  return (Object.hasOwn(prefixes, type) ? prefixes[type] : undefined) ?? 'item';
}

/** Ids that the input refers to instead of holding the item: what `normaliseInput` has to be given. */
export function referencedIds(body: ResponsesBody): string[] {
  if (typeof body.input === 'string') return [];
  return body.input.flatMap((item) => (item['type'] === 'item_reference' ? [String(item['id'])] : []));
}

/**
 * The input as items in the form in which they are stored, listed and given back by `normaliseInput` again: each with a type and an id
 * (its own, else a new one by `newId`, which is given the prefix), messages with a list of parts. References are replaced by what
 * `known` holds under their id. Throws `not_found` for one that it does not, and `invalid_request` for one that comes twice.
 */
export function normaliseInput(body: ResponsesBody, newId: (prefix: string) => string, known: ReadonlyMap<string, JsonObject> = new Map()): JsonObject[] {
  if (typeof body.input === 'string') {
    return [{ id: newId('msg'), type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: body.input }] }];
  }
  return normaliseItems(body.input, newId, known);
}

/** The same for a list of items that has been checked. */
export function normaliseItems(items: readonly JsonObject[], newId: (prefix: string) => string, known: ReadonlyMap<string, JsonObject>): JsonObject[] {
  const named = new Set<string>();
  return items.map((item, index) => (item['type'] === 'item_reference' ? referenced(item, index, known, named) : normalised(item, newId)));
}

/** `named`: ids that were referred to before it. A few bytes each would make as many copies of something large. */
function referenced(item: JsonObject, index: number, known: ReadonlyMap<string, JsonObject>, named: Set<string>): JsonObject {
  const id = String(item['id']);
  if (named.has(id)) throw invalidRequest(`input.${index}`, `Duplicate item found with id ${shortened(id)}. Remove duplicate items from your input and try again.`);
  named.add(id);
  const found = known.get(id);
  if (found !== undefined) return found;
  throw new Fault('not_found', {
    message: `Item with id '${shortened(id)}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    field: `input.${index}`,
  });
}

function normalised(item: JsonObject, newId: (prefix: string) => string): JsonObject {
  const { id: given, type: givenType, content, status, ...rest } = item;
  const type = typeof givenType === 'string' ? givenType : 'message';
  const id = typeof given === 'string' && given !== '' ? given : newId(idPrefix(type));
  if (type !== 'message') {
    // OpenAI's reasoning items have no status of their own.
    const kept = status ?? (type === 'reasoning' || type === 'compaction' ? undefined : 'completed');
    return { id, type, ...(kept === undefined ? {} : { status: kept }), ...rest, ...(content === undefined ? {} : { content }) };
  }
  return { id, type, status: status ?? 'completed', ...rest, content: partsOf(content, item['role'] === 'assistant') };
}

function partsOf(content: JsonValue | undefined, isOutput: boolean): JsonValue {
  if (typeof content !== 'string') return (content ?? []) as JsonValue;
  return isOutput ? [{ type: 'output_text', text: content, annotations: [] }] : [{ type: 'input_text', text: content }];
}
