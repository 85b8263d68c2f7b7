import type { JsonObject } from '../../base/json.ts';
import { promptTokens, totalTokens, type Usage } from '../../dialogue/usage.ts';

/**
 * Usage as the protocol has it: the input with what was read from a cache and written to one. Reasoning is 0 where the upstream does
 * not say, since the key is required and must hold a number. Counted by ourselves: `estimated: true`.
 */
export function encodeResponsesUsage(usage: Usage): JsonObject {
  return {
    input_tokens: promptTokens(usage),
    input_tokens_details: { cached_tokens: usage.cacheRead, cache_write_tokens: usage.cacheWrite },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: totalTokens(usage),
    ...(usage.estimated ? { estimated: true } : {}),
  };
}
