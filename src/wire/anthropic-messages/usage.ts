import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Usage, UsageFlag } from '../../dialogue/usage.ts';

/**
 * A `usage` object (responses-ark-anthropic-batch.md 3.3): `input_tokens` leaves out what was read from a cache and written to one, so
 * that the buckets need not be taken apart. Undefined when there is none, or it does not count the output. `rejected` when a
 * figure cannot be true: negative, no integer, no number, beyond `countMax`, or more thinking than output.
 */
export function decodeMessagesUsage(value: JsonValue | undefined): Usage | 'rejected' | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) return 'rejected';
  if ((value['output_tokens'] ?? null) === null) return undefined;
  const lifetimes = innerOf(value, 'cache_creation');
  const input = countOf(value['input_tokens']);
  const output = countOf(value['output_tokens']);
  const cacheRead = countOf(value['cache_read_input_tokens']);
  const written = countOf(value['cache_creation_input_tokens']);
  const written5m = countOf(lifetimes['ephemeral_5m_input_tokens']);
  const written1h = countOf(lifetimes['ephemeral_1h_input_tokens']);
  const thinking = innerOf(value, 'output_tokens_details')['thinking_tokens'] ?? undefined;
  const reasoning = countOf(thinking);
  const searches = countOf(innerOf(value, 'server_tool_use')['web_search_requests']);
  if (input === undefined || output === undefined || cacheRead === undefined || written === undefined) return 'rejected';
  if (written5m === undefined || written1h === undefined || reasoning === undefined || searches === undefined) return 'rejected';
  // Some tell the lifetimes apart and leave out their sum.
  const cacheWrite = written > 0 ? written : written5m + written1h;
  if (written1h > cacheWrite || reasoning > output || input + cacheRead + cacheWrite + output > countMax) return 'rejected';
  const flags: UsageFlag[] = input + cacheRead + cacheWrite === 0 ? ['prompt-empty'] : [];
  return {
    inputUncached: input,
    cacheRead,
    cacheWrite,
    ...(written1h > 0 ? { cacheWrite1h: written1h } : {}),
    output,
    ...(thinking === undefined ? {} : { reasoning }),
    ...(searches > 0 ? { webSearches: searches } : {}),
    estimated: value['estimated'] === true,
    ...(flags.length > 0 ? { flags } : {}),
  };
}

/** The buckets of the prompt. */
const promptFields: readonly string[] = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];

/**
 * The usage that stands in `message_start` with that of a `message_delta` over it, which is cumulative and wins, as in the SDKs.
 * Zeros alone do not win: a prompt that has been counted does not shrink to nothing, and some gateways leave zeros where they know
 * nothing. Beside a bucket that now holds something else a zero does: the prompt is told anew, and what it was told to be first has
 * moved to that bucket.
 */
export function mergedUsage(start: JsonObject | undefined, delta: JsonObject): JsonObject {
  if (start === undefined) return delta;
  const toldAnew = promptFields.some((field) => (delta[field] ?? 0) !== 0 && delta[field] !== start[field]);
  const merged: Record<string, JsonValue> = { ...start };
  for (const [field, value] of Object.entries(delta)) {
    const before = merged[field];
    const idle = value === 0 && typeof before === 'number' && before > 0 && !(toldAnew && promptFields.includes(field));
    if (value === null || idle) continue;
    merged[field] = value;
  }
  return merged;
}

/**
 * Usage as Messages have it. `original` is the upstream's own object, whose other fields are kept. `undefined`: nobody knows, and
 * the zeros that the SDKs' types demand are sent. Counted by ourselves: `estimated: true`.
 */
export function encodeMessagesUsage(usage: Usage | undefined, original?: JsonObject): JsonObject {
  const { inputUncached = 0, cacheRead = 0, cacheWrite = 0, cacheWrite1h = 0, output = 0, reasoning, webSearches = 0, estimated = false } = usage ?? {};
  const { estimated: _estimated, ...rest } = original ?? {};
  return {
    ...rest,
    input_tokens: inputUncached,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite - cacheWrite1h, ephemeral_1h_input_tokens: cacheWrite1h },
    output_tokens: output,
    ...(reasoning === undefined ? {} : { output_tokens_details: { ...innerOf(rest, 'output_tokens_details'), thinking_tokens: reasoning } }),
    ...(webSearches > 0 ? { server_tool_use: { ...innerOf(rest, 'server_tool_use'), web_search_requests: webSearches } } : {}),
    ...(estimated ? { estimated: true } : {}),
  };
}

const nothing: JsonObject = {};

function innerOf(object: JsonObject, key: string): JsonObject {
  const inner = object[key];
  return isJsonObject(inner) ? inner : nothing;
}

/** A thousand times the largest window there is: what a reply costs must fit into 64 bits of nano-units. */
const countMax = 1_000_000_000;

/** A count; 0 for none; undefined for what is no count. */
function countOf(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return 0;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= countMax ? value : undefined;
}
