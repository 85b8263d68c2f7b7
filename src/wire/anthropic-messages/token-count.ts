import type { JsonObject } from '../../base/json.ts';

/** The answer of `/v1/messages/count_tokens` (responses-ark-anthropic-batch.md 3.5). */
export function encodeTokenCount(tokens: number): JsonObject {
  return { input_tokens: tokens };
}
