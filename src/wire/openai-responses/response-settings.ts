import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { ResponsesBody } from './responses-request-schema.ts';

/** The fields of a response that repeat the request, with the defaults filled in. */
export type ResponseSettings = JsonObject;

/**
 * What a response says of its request. For OpenAI every key that its types or Open Responses demand, with the types of the latter
 * (responses-ark-anthropic-batch.md 1.3, 1.9); for Ark those that Ark knows (2.3), unset ones left out. `expireAtS`: until when it is
 * kept, unix seconds, where the caller has not said it.
 */
export function settingsOf(body: ResponsesBody, expireAtS?: number): ResponseSettings {
  return body.vendor === 'ark' ? arkSettings(body, expireAtS) : openaiSettings(body);
}

/** A response names the tier that it had, whatever was asked for, and we have one. */
const serviceTier = 'default';

function openaiSettings(body: ResponsesBody): ResponseSettings {
  const { wire } = body;
  return {
    background: body.background,
    ...(body.conversationId === undefined ? {} : { conversation: { id: body.conversationId } }),
    instructions: body.instructions ?? null,
    max_output_tokens: body.outputTokensMax ?? null,
    max_tool_calls: body.toolCallsMax ?? null,
    metadata: body.metadata,
    parallel_tool_calls: wire.parallel_tool_calls ?? true,
    previous_response_id: body.previousResponseId ?? null,
    prompt_cache_key: wire.prompt_cache_key ?? null,
    ...(typeof wire.prompt_cache_retention === 'string' ? { prompt_cache_retention: wire.prompt_cache_retention } : {}),
    reasoning: { effort: wire.reasoning?.effort ?? null, summary: wire.reasoning?.summary ?? wire.reasoning?.generate_summary ?? null },
    safety_identifier: wire.safety_identifier ?? null,
    service_tier: serviceTier,
    store: body.store,
    temperature: wire.temperature ?? 1,
    top_p: wire.top_p ?? 1,
    presence_penalty: wire.presence_penalty ?? 0,
    frequency_penalty: wire.frequency_penalty ?? 0,
    top_logprobs: wire.top_logprobs ?? 0,
    text: textOf(body),
    tool_choice: valueOf(wire.tool_choice, 'auto'),
    tools: toolsOf(body, ['description', 'parameters', 'strict']),
    truncation: body.truncation,
    user: wire.user ?? null,
    access_programs: null,
  };
}

function arkSettings(body: ResponsesBody, expireAtS: number | undefined): ResponseSettings {
  const { wire } = body;
  const expireAt = body.expireAtS ?? expireAtS;
  return {
    ...(body.instructions === undefined ? {} : { instructions: body.instructions }),
    ...(body.outputTokensMax === undefined ? {} : { max_output_tokens: body.outputTokensMax }),
    ...(body.toolCallsMax === undefined ? {} : { max_tool_calls: body.toolCallsMax }),
    parallel_tool_calls: wire.parallel_tool_calls ?? true,
    ...(body.previousResponseId === undefined ? {} : { previous_response_id: body.previousResponseId }),
    ...(typeof wire.prompt_cache_key === 'string' ? { prompt_cache_key: wire.prompt_cache_key } : {}),
    ...(typeof wire.safety_identifier === 'string' ? { safety_identifier: wire.safety_identifier } : {}),
    ...(typeof wire.reasoning?.effort === 'string' ? { reasoning: { effort: wire.reasoning.effort } } : {}),
    service_tier: serviceTier,
    store: body.store,
    temperature: wire.temperature ?? 1,
    top_p: wire.top_p ?? 0.7,
    text: textOf(body),
    tool_choice: valueOf(wire.tool_choice, 'auto'),
    tools: toolsOf(body, ['description', 'parameters']),
    ...(wire.thinking?.type === undefined || wire.thinking.type === null ? {} : { thinking: { type: wire.thinking.type } }),
    caching: { type: body.caching?.enabled === true ? 'enabled' : 'disabled', ...(body.caching?.prefix === true ? { prefix: true } : {}) },
    ...(expireAt === undefined ? {} : { expire_at: expireAt }),
    ...kept(wire, 'context_management'),
    ...kept(wire, 'session'),
  };
}

function kept(wire: Readonly<Record<string, unknown>>, key: string): JsonObject {
  const value = wire[key];
  return isJsonObject(value) ? { [key]: value } : {};
}

function textOf({ wire }: ResponsesBody): JsonObject {
  const { text } = wire;
  return { ...(isJsonObject(text) ? text : {}), format: valueOf(text?.format, { type: 'text' }) };
}

/** The value as it was sent, `instead` where there is none. A body is JSON, which its type does not tell. */
function valueOf(value: unknown, instead: JsonValue): JsonValue {
  return typeof value === 'string' || isJsonObject(value) ? value : instead;
}

/** The tools, with the keys that functions must have. */
function toolsOf({ wire }: ResponsesBody, functionKeys: readonly string[]): JsonObject[] {
  return (wire.tools ?? []).flatMap((tool): JsonObject[] => {
    const value: unknown = tool;
    if (!isJsonObject(value)) return [];
    if (value['type'] !== 'function') return [value];
    const { strict: _strict, ...rest } = value;
    const known = functionKeys.includes('strict') ? value : rest;
    return [{ ...Object.fromEntries(functionKeys.map((key) => [key, null])), ...known }];
  });
}
