import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { invalidRequest, invalidValue, missingField, schemaFault } from './responses-fault.ts';

/** Most items that one `input` may hold: as many as an hour of an agent's work makes, and still read in a moment. */
export const inputItemsMax = 10_000;

const text = z.string();
const callId = z.string().min(1);

const part = z.looseObject({ type: z.string() });
const content = z.union([text, z.array(part)], { error: 'a string or an array of content parts' });
const textPart = z.looseObject({ text });

/** What may stand in a message or in the result of a call. OpenAI's, and Ark's two further media. */
const parts: Readonly<Record<string, z.ZodType>> = {
  input_text: textPart,
  input_image: z.looseObject({ image_url: text.nullish(), file_id: text.nullish(), detail: text.nullish() }),
  output_text: textPart,
  refusal: z.looseObject({ refusal: text }),
  input_file: z.looseObject({ file_data: text.nullish(), file_id: text.nullish(), file_url: text.nullish(), filename: text.nullish() }),
  computer_screenshot: z.looseObject({}),
  summary_text: textPart,
  input_video: z.looseObject({ video_url: text }),
  input_audio: z.looseObject({}),
};
const partTypes = Object.keys(parts);

const output = z.looseObject({ call_id: callId, output: content });
const hosted = z.looseObject({});
const strings = z.array(text);

/** The items that an input may hold (responses-ark-anthropic-batch.md 1.4), with what is checked of each. */
const items: Readonly<Record<string, z.ZodType>> = {
  message: z.looseObject({ role: z.enum(['user', 'assistant', 'system', 'developer']), content, phase: text.nullish(), partial: z.boolean().nullish() }),
  reasoning: z.looseObject({
    summary: z.array(z.looseObject({ text })).nullish(),
    content: z.array(z.looseObject({ text })).nullish(),
    encrypted_content: text.nullish(),
  }),
  function_call: z.looseObject({ call_id: callId, name: text.min(1), arguments: text, namespace: text.nullish() }),
  function_call_output: output,
  custom_tool_call: z.looseObject({ call_id: callId, name: text.min(1), input: text, namespace: text.nullish() }),
  custom_tool_call_output: output,
  local_shell_call: z.looseObject({ call_id: callId, action: z.looseObject({ command: strings }) }),
  local_shell_call_output: z.looseObject({ call_id: callId.nullish(), id: callId.nullish(), output: text }),
  shell_call: z.looseObject({ call_id: callId, action: z.looseObject({ commands: strings }) }),
  shell_call_output: z.looseObject({ call_id: callId, output: z.array(z.looseObject({})) }),
  apply_patch_call: z.looseObject({ call_id: callId, operation: z.looseObject({ type: text, path: text }) }),
  apply_patch_call_output: z.looseObject({ call_id: callId, status: text, output: text.nullish() }),
  compaction: z.looseObject({ encrypted_content: text }),
  item_reference: z.looseObject({ id: z.string().min(1) }),
  file_search_call: hosted, web_search_call: hosted, computer_call: hosted, computer_call_output: hosted, image_generation_call: hosted,
  code_interpreter_call: hosted, mcp_list_tools: hosted, mcp_call: hosted, mcp_approval_request: hosted, mcp_approval_response: hosted,
  tool_search_call: hosted, tool_search_output: hosted, additional_tools: hosted, configuration_update: hosted, compaction_trigger: hosted,
  program: hosted, program_output: hosted,
};
const itemTypes = Object.keys(items);

/**
 * Checks a list of items one by one. `field`: where it stands (`input`; `items` of a conversation), `itemsMax`: how long it may be.
 * Throws an `invalid_request` fault that names the first field at fault. Types with a vendor's prefix (`slug:`) are let through as
 * they are, which Open Responses asks for.
 */
export function checkItems(list: readonly unknown[], field = 'input', itemsMax = inputItemsMax): asserts list is readonly JsonObject[] {
  if (list.length > itemsMax) {
    throw invalidRequest(
      field,
      `Invalid '${field}': array too long. Expected an array with maximum length ${itemsMax}, but got an array with length ${list.length} instead. ` +
        (field === 'input' ? 'Carry earlier turns by previous_response_id or conversation, or compact them.' : 'Send the rest in further requests.'),
    );
  }
  for (let index = 0; index < list.length; index += 1) if (!isPlainItem(list[index])) checkItem(list[index], field, index);
}

function checkItem(item: unknown, field: string, index: number): void {
  if (!isJsonObject(item)) throw invalidRequest(`${field}.${index}`, `Invalid type for '${field}[${index}]': expected an object.`);
  const type = item['type'] ?? (item['role'] === undefined ? undefined : 'message');
  if (type === undefined) throw missingField(`${field}.${index}.type`);
  if (typeof type !== 'string') throw invalidRequest(`${field}.${index}.type`, `Invalid type for '${field}[${index}].type': expected a string.`);
  if (hasVendorPrefix(type)) return;
  const schema = Object.hasOwn(items, type) ? items[type] : undefined;
  if (schema === undefined) throw invalidValue(`${field}.${index}.type`, type, itemTypes);
  const result = schema.safeParse(item);
  if (!result.success) throw schemaFault(result.error.issues[0], item, [field, index]);
  checkParts(item['content'], [field, index, 'content']);
  if (type.endsWith('_output')) checkParts(item['output'], [field, index, 'output']);
}

function checkParts(list: unknown, path: readonly PropertyKey[]): void {
  if (!Array.isArray(list)) return;
  for (let index = 0; index < list.length; index += 1) {
    const each: unknown = list[index];
    if (!isJsonObject(each)) continue;
    const type = each['type'];
    // The texts of a reasoning item, and what a shell printed, have been checked with their item.
    if (typeof type !== 'string' || type === 'reasoning_text' || hasVendorPrefix(type)) continue;
    const schema = Object.hasOwn(parts, type) ? parts[type] : undefined;
    if (schema === undefined) throw invalidValue([...path, index, 'type'].join('.'), type, partTypes);
    const result = schema.safeParse(each);
    if (!result.success) throw schemaFault(result.error.issues[0], each, [...path, index]);
  }
}

/** `acme:search_result`: a kind of item or part that its vendor alone knows. */
export function hasVendorPrefix(type: string): boolean {
  return /^[a-z0-9_-]+:/i.test(type);
}

const plainRoles: ReadonlySet<unknown> = new Set(['user', 'assistant', 'system', 'developer']);

/** Nearly all items are texts, calls and their results, for which a schema costs more than reading them does. */
function isPlainItem(item: unknown): boolean {
  if (!isJsonObject(item)) return false;
  switch (item['type']) {
    case undefined:
    case 'message':
      return plainRoles.has(item['role']) && typeof item['content'] === 'string' && item['phase'] === undefined && item['partial'] === undefined;
    case 'function_call':
      return isFilled(item['call_id']) && isFilled(item['name']) && typeof item['arguments'] === 'string' && item['namespace'] === undefined;
    case 'function_call_output':
      return isFilled(item['call_id']) && typeof item['output'] === 'string';
    default:
      return false;
  }
}

function isFilled(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
