import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import { promptTokens, totalTokens, type Usage } from '../../dialogue/usage.ts';
import { usageCost, withoutUpstreamCost } from './usage-cost.ts';

/**
 * A `usage` object as buckets that do not overlap. Reads Moonshot's (`cached_tokens` at the top), OpenAI's and
 * OpenRouter's (`…_details`), DeepSeek's (`prompt_cache_hit_tokens`) and Mistral's (`num_cached_tokens`) forms; xAI counts
 * reasoning beside `completion_tokens`, which shows in `total_tokens`. Undefined when there is none, or when a figure
 * cannot be true: negative, no integer, no number, cached more than prompted, or reasoning more than generated.
 */
export function decodeChatUsage(value: JsonValue | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const promptDetails = detailsOf(value, 'prompt_tokens_details');
  const completionDetails = detailsOf(value, 'completion_tokens_details');
  const prompt = value['prompt_tokens'];
  const completion = value['completion_tokens'];
  const { cached_tokens: top, prompt_cache_hit_tokens: hit, num_cached_tokens: counted } = value;
  const cached = first(top, promptDetails['cached_tokens'], hit, counted) ?? 0;
  const written = promptDetails['cache_write_tokens'] ?? 0;
  const reasoning = first(completionDetails['reasoning_tokens'], value['reasoning_tokens']);
  if (!isCount(prompt) || !isCount(completion) || !isCount(cached) || !isCount(written)) return undefined;
  if (reasoning !== undefined && !isCount(reasoning)) return undefined;
  if (cached + written > prompt) return undefined;
  const total = value['total_tokens'];
  const apart = reasoning !== undefined && reasoning > 0 && total === prompt + completion + reasoning;
  const output = apart ? completion + reasoning : completion;
  if (reasoning !== undefined && reasoning > output) return undefined;
  if (!isCount(prompt + output)) return undefined;
  return {
    inputUncached: prompt - cached - written,
    cacheRead: cached,
    cacheWrite: written,
    output,
    ...(reasoning === undefined ? {} : { reasoning }),
    estimated: value['estimated'] === true,
  };
}

/**
 * Usage as the chat protocol has it: cached and reasoning tokens at the top level, as Moonshot does, and in the details,
 * as OpenAI does. `original` is the upstream's own object, whose other fields are kept, but for what they say of money. `cost`:
 * what the caller pays, where that is to stand in the usage. Counted by ourselves: `estimated: true`.
 */
export function encodeChatUsage(usage: Usage, original?: JsonObject, cost?: ReplyCost): JsonObject {
  const promptDetails = original === undefined ? {} : detailsOf(original, 'prompt_tokens_details');
  const completionDetails = original === undefined ? {} : detailsOf(original, 'completion_tokens_details');
  const { reasoning, cacheRead, cacheWrite } = usage;
  return {
    ...(original === undefined ? {} : withoutUpstreamCost(original)),
    prompt_tokens: promptTokens(usage),
    completion_tokens: usage.output,
    total_tokens: totalTokens(usage),
    cached_tokens: cacheRead,
    ...(reasoning === undefined ? {} : { reasoning_tokens: reasoning }),
    prompt_tokens_details: {
      ...promptDetails,
      cached_tokens: cacheRead,
      ...(cacheWrite > 0 || promptDetails['cache_write_tokens'] !== undefined ? { cache_write_tokens: cacheWrite } : {}),
    },
    ...(reasoning === undefined ? {} : { completion_tokens_details: { ...completionDetails, reasoning_tokens: reasoning } }),
    ...(usage.estimated ? { estimated: true } : {}),
    ...(cost === undefined ? {} : usageCost(cost)),
  };
}

/** Two parts of one reply's usage (the choices of an `n` > 1 reply) that had the same prompt. */
export function addChoiceUsage(one: Usage, other: Usage): Usage {
  const { reasoning, ...rest } = one;
  return {
    ...rest,
    output: one.output + other.output,
    ...(reasoning === undefined || other.reasoning === undefined ? {} : { reasoning: reasoning + other.reasoning }),
  };
}

const noDetails: JsonObject = {};

function detailsOf(object: JsonObject, key: string): JsonObject {
  const details = object[key];
  return isJsonObject(details) ? details : noDetails;
}

function first(...values: readonly (JsonValue | undefined)[]): JsonValue | undefined {
  return values.find((value) => value !== undefined && value !== null);
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
