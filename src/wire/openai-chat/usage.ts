import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import { promptTokens, totalTokens, type Usage, type UsageFlag, withFlag } from '../../dialogue/usage.ts';
import { usageCost, withoutUpstreamCost } from './usage-cost.ts';

/**
 * A `usage` object as buckets that do not overlap. Prompt totals include what was read from a cache and written to one in
 * every dialect of this protocol, so that both are taken out of them. Read are the forms of Moonshot (`cached_tokens` at the
 * top; moonshot-api.md 2.2), OpenAI, Ark, OpenRouter, vLLM, SGLang, llama-server and Groq (`…_details`), DeepSeek
 * (`prompt_cache_hit_tokens`), Mistral (`num_cached_tokens`), New API, which CometAPI and others run (`cached_creation_tokens`),
 * and LiteLLM (`cache_creation_tokens`). xAI counts reasoning beside `completion_tokens`, which shows in `total_tokens`.
 *
 * Undefined when there is no usage. `rejected` when a figure cannot be true: negative, no integer, no number, beyond `countMax`,
 * more cached than prompted, or more reasoning than output. What is merely odd is taken as stated, and flagged.
 */
export function decodeChatUsage(value: JsonValue | undefined): Usage | 'rejected' | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) return 'rejected';
  const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = value;
  if ((prompt ?? null) === null && (completion ?? null) === null) return undefined;
  const completionDetails = detailsOf(value, 'completion_tokens_details');
  const cache = cacheOf(value);
  const reasoning = first(completionDetails['reasoning_tokens'], value['reasoning_tokens']);
  if (cache === 'rejected' || !isCount(prompt) || !isCount(completion)) return 'rejected';
  if (reasoning !== undefined && !isCount(reasoning)) return 'rejected';
  if (cache.read + cache.written > prompt) return 'rejected';
  const apart = reasoning !== undefined && reasoning > 0 && total === prompt + completion + reasoning;
  const output = apart ? completion + reasoning : completion;
  if (reasoning !== undefined && reasoning > output) return 'rejected';
  if (!isCount(prompt + output)) return 'rejected';
  const flags: UsageFlag[] = [];
  if (typeof total === 'number' && total !== prompt + output) flags.push('total-differs');
  if (cache.differs) flags.push('cache-differs');
  if (prompt === 0) flags.push('prompt-empty');
  return {
    inputUncached: prompt - cache.read - cache.written,
    cacheRead: cache.read,
    cacheWrite: cache.written,
    ...(cache.written1h > 0 ? { cacheWrite1h: cache.written1h } : {}),
    output,
    ...(reasoning === undefined ? {} : { reasoning }),
    estimated: value['estimated'] === true,
    ...(flags.length > 0 ? { flags } : {}),
  };
}

interface CacheCounts {
  readonly read: number;
  readonly written: number;
  readonly written1h: number;
  readonly differs: boolean;
}

/**
 * What was read from a cache and written to one. A gateway on the way may state a count in two places and leave a zero in one
 * of them (New API did: QuantumNous/new-api#6144), so that the larger figure counts.
 */
function cacheOf(usage: JsonObject): CacheCounts | 'rejected' {
  const details = detailsOf(usage, 'prompt_tokens_details');
  const lifetimes = detailsOf(details, 'cache_creation_token_details');
  const read = largest(usage['cached_tokens'], details['cached_tokens'], usage['prompt_cache_hit_tokens'], usage['num_cached_tokens']);
  const written = largest(details['cache_write_tokens'], details['cache_creation_tokens'], details['cached_creation_tokens']);
  const written5m = largest(lifetimes['ephemeral_5m_input_tokens'], usage['claude_cache_creation_5_m_tokens']);
  const written1h = largest(lifetimes['ephemeral_1h_input_tokens'], usage['claude_cache_creation_1_h_tokens']);
  if (read === undefined || written === undefined || written5m === undefined || written1h === undefined) return 'rejected';
  // Some tell the lifetimes apart and leave out their sum.
  const sum = written.count > 0 ? written.count : written5m.count + written1h.count;
  if (written1h.count > sum) return 'rejected';
  return { read: read.count, written: sum, written1h: written1h.count, differs: read.differs || written.differs };
}

/** The largest of the counts that are there, 0 for none; undefined when one of them is no count. */
function largest(...values: readonly (JsonValue | undefined)[]): { readonly count: number; readonly differs: boolean } | undefined {
  let count = 0;
  let differs = false;
  for (const value of values) {
    if (value === undefined || value === null || value === 0) continue;
    if (!isCount(value)) return undefined;
    differs ||= count !== 0 && value !== count;
    count = Math.max(count, value);
  }
  return { count, differs };
}

/**
 * Usage as the chat protocol has it: cached and reasoning tokens at the top level, as Moonshot does, and in the details,
 * as OpenAI does. `original` is the upstream's own object, whose other fields are kept, but for what they say of money. `cost`:
 * what the caller pays, where that is to stand in the usage. Counted by ourselves: `estimated: true`.
 */
export function encodeChatUsage(usage: Usage, original?: JsonObject, cost?: ReplyCost): JsonObject {
  const promptDetails = original === undefined ? {} : detailsOf(original, 'prompt_tokens_details');
  const completionDetails = original === undefined ? {} : detailsOf(original, 'completion_tokens_details');
  const { reasoning, cacheRead, cacheWrite, cacheWrite1h = 0 } = usage;
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
      // LiteLLM's form; OpenAI's own tells other lifetimes apart.
      ...(cacheWrite1h > 0 ? { cache_creation_token_details: { ephemeral_5m_input_tokens: cacheWrite - cacheWrite1h, ephemeral_1h_input_tokens: cacheWrite1h } } : {}),
    },
    ...(reasoning === undefined ? {} : { completion_tokens_details: { ...completionDetails, reasoning_tokens: reasoning } }),
    ...(usage.estimated ? { estimated: true } : {}),
    ...(cost === undefined ? {} : usageCost(cost)),
  };
}

/** Two parts of one reply's usage (the choices of an `n` > 1 reply) that had the same prompt. */
export function addChoiceUsage(one: Usage, other: Usage): Usage {
  const { reasoning, ...rest } = one;
  const sum: Usage = {
    ...rest,
    output: one.output + other.output,
    ...(reasoning === undefined || other.reasoning === undefined ? {} : { reasoning: reasoning + other.reasoning }),
  };
  return (other.flags ?? []).reduce(withFlag, sum);
}

const noDetails: JsonObject = {};

function detailsOf(object: JsonObject, key: string): JsonObject {
  const details = object[key];
  return isJsonObject(details) ? details : noDetails;
}

function first(...values: readonly (JsonValue | undefined)[]): JsonValue | undefined {
  return values.find((value) => value !== undefined && value !== null);
}

/**
 * A thousand times the largest window there is. What a reply costs must fit into 64 bits of nano-units, and sums of many replies
 * too: one upstream's nonsense must not keep its call from being booked, or all others from being added up.
 */
const countMax = 1_000_000_000;

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= countMax;
}
