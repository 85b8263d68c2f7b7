import type { MessagesDialect } from '../wire/anthropic-messages/messages-dialect.ts';
import type { ChatDialect } from '../wire/openai-chat/chat-dialect.ts';
import type { ResponsesDialect } from '../wire/openai-responses/responses-dialect.ts';

/** The vendors and servers that we have a row for; `openai` is every other OpenAI-compatible one. */
export type DialectName = 'moonshot' | 'kimi-coding' | 'ark' | 'cometapi' | 'routerai' | 'openrouter' | 'vllm' | 'sglang' | 'llamacpp' | 'openai';

/*
 * What needs no row, since one lenient reading fits all of them:
 * - usage in `choices[].usage` of the finishing chunk (Moonshot, moonshot-api.md 2.2), in a last chunk with no choices
 *   (vLLM, SGLang, Ark), or in one more chunk whose choices repeat the finish_reason (OpenRouter, 6.2);
 * - `reasoning_content` (Moonshot, Ark) or `reasoning` (OpenRouter, newer vLLM; 2.3) in replies;
 * - comment lines before the first event and bodies padded with white space (OpenRouter, 6.2);
 * - errors with status 200, in a body or as a chunk in mid-stream (2.2 rule 7, OpenRouter 6.2);
 * - a stream that ends without `[DONE]` once each choice has its finish_reason.
 */

const moonshot: ChatDialect = {
  family: 'moonshot',
  // `max_tokens` is a deprecated alias, and loses when both are sent (2.1).
  outputLimitField: 'max_completion_tokens',
  // An assistant message with tool calls must carry it when thinking is on, else 400 (2.3).
  thinkingFields: ['reasoning_content'],
  thinkingSwitch: 'thinking-object',
  streamOptions: true,
  builtinTools: true,
  developerRole: false,
  partial: 'partial-field',
  promptCacheKey: true,
  jsonSchema: true,
  documents: false,
  // 0 to 1, unlike OpenAI's 2 (2.1).
  temperatureMax: 1,
  moonshotRules: true,
  stopMax: 5,
  // Bytes, not characters (2.1).
  stopBytesMax: 32,
  choicesMax: 5,
};

/**
 * Kimi Code's plan: Moonshot's models and API under keys of its own (moonshot-api.md 1.0). Searching is a service of its own there
 * (2.5).
 */
const kimiCoding: ChatDialect = { ...moonshot, builtinTools: false };

const ark: ChatDialect = {
  // responses-ark-anthropic-batch.md 2.2.
  family: 'ark',
  // Includes the thinking, which Ark's `max_tokens` does not.
  outputLimitField: 'max_completion_tokens',
  thinkingFields: ['reasoning_content'],
  thinkingSwitch: 'thinking-object',
  streamOptions: true,
  builtinTools: false,
  developerRole: false,
  // Whether Kimi on Ark continues a last assistant message is not documented.
  partial: undefined,
  promptCacheKey: false,
  jsonSchema: true,
  documents: false,
  temperatureMax: 2,
  moonshotRules: false,
  stopMax: 4,
  choicesMax: 5,
};

const openrouter: ChatDialect = {
  // moonshot-api.md 6.1.
  family: 'openrouter',
  outputLimitField: 'max_tokens',
  thinkingFields: ['reasoning'],
  thinkingSwitch: 'reasoning-object',
  streamOptions: true,
  builtinTools: false,
  developerRole: true,
  partial: 'last-assistant',
  promptCacheKey: true,
  jsonSchema: true,
  documents: true,
  temperatureMax: 2,
  moonshotRules: false,
  stopMax: 4,
  choicesMax: 128,
};

/** Any server that takes OpenAI's chat API and of which we know no more: only what all of them accept is sent. */
const openai: ChatDialect = {
  family: 'openai',
  // Deprecated by OpenAI, but the one name that every compatible server knows.
  outputLimitField: 'max_tokens',
  thinkingFields: ['reasoning_content'],
  thinkingSwitch: 'effort-only',
  streamOptions: true,
  builtinTools: false,
  developerRole: false,
  partial: undefined,
  promptCacheKey: false,
  jsonSchema: true,
  documents: true,
  temperatureMax: 2,
  moonshotRules: false,
  stopMax: 4,
  choicesMax: 128,
};

/**
 * Not OpenRouter-shaped: the vendors' own bare ids, OpenAI's chat format, `reasoning_content` (6.4 and the seed). Behind it
 * stands Moonshot's API, which knows the `thinking` object, refuses `reasoning_effort: "none"` (2.3), and keeps its limits.
 */
const cometapi: ChatDialect = {
  ...openai,
  documents: false,
  thinkingSwitch: 'thinking-object',
  moonshotRules: true,
  temperatureMax: moonshot.temperatureMax,
  stopMax: moonshot.stopMax,
  stopBytesMax: 32,
  choicesMax: moonshot.choicesMax,
};

/** The engines that serve the open weights: thinking is switched in the chat template (2.3, 5.6). */
const openWeights: ChatDialect = {
  ...openai,
  documents: false,
  family: 'open-weights',
  thinkingSwitch: 'chat-template-kwargs',
  partial: 'continue-final-message',
  // The engines set no limit of their own.
  stopMax: 64,
};

/** New versions of vLLM read only `reasoning` in requests, older ones only `reasoning_content` (tool-calls.md F15). */
const vllm: ChatDialect = { ...openWeights, thinkingFields: ['reasoning_content', 'reasoning'] };

/** llama-server goes on from a last assistant message without being told to. */
const llamacpp: ChatDialect = { ...openWeights, partial: 'last-assistant' };

const dialects: Readonly<Record<DialectName, ChatDialect>> = {
  moonshot,
  'kimi-coding': kimiCoding,
  ark,
  cometapi,
  // Slugs with variants, `reasoning`, `/api/v1` (6.4 and the seed).
  routerai: openrouter,
  openrouter,
  vllm,
  sglang: openWeights,
  llamacpp,
  openai,
};

/** The row of `name`. Facts are from moonshot-api.md unless the row says otherwise. */
export function dialectOf(name: DialectName): ChatDialect {
  return dialects[name];
}

const none: ReadonlySet<string> = new Set();

/** Any server with a Responses API of which we know no more. */
const openaiResponses: ResponsesDialect = {
  thinkingSwitch: 'effort-only',
  contextCache: false,
  // Nothing is stored there, so that reasoning which is not shown must come along (responses-ark-anthropic-batch.md 1.2).
  encryptedReasoning: true,
  strictTools: true,
  otherTools: true,
  developerRole: true,
  documents: true,
  temperatureMax: 2,
  fixedSampling: true,
  moonshotRules: false,
  missingFields: none,
};

/** Moonshot's fields are OpenAI's, of which it names a few (moonshot-api.md 1.9); the limits are those of its models. */
const moonshotResponses: ResponsesDialect = { ...openaiResponses, otherTools: false, developerRole: false, documents: false, temperatureMax: 1, moonshotRules: true };

/** responses-ark-anthropic-batch.md 2.3. */
const arkResponses: ResponsesDialect = {
  thinkingSwitch: 'thinking-object',
  contextCache: true,
  // Kimi's reasoning comes as a summary, in plain words.
  encryptedReasoning: false,
  strictTools: false,
  otherTools: false,
  developerRole: false,
  documents: false,
  temperatureMax: 2,
  fixedSampling: false,
  moonshotRules: false,
  missingFields: new Set([
    // Beside the effort, its `reasoning` holds nothing.
    'reasoning', 'user', 'top_logprobs', 'prompt_cache_options', 'prompt_cache_retention', 'moderation', 'access_programs', 'image',
  ]),
};

/** The row of `name` for its Responses API. */
export function responsesDialectOf(name: DialectName): ResponsesDialect {
  if (name === 'ark') return arkResponses;
  return name === 'moonshot' || name === 'kimi-coding' ? moonshotResponses : openaiResponses;
}

/** Any server that takes Anthropic's Messages and of which we know no more: what the protocol's oldest form has (responses-ark-anthropic-batch.md 3.2). */
const plainMessages: MessagesDialect = {
  thinkingTypes: ['enabled', 'disabled'],
  thinkingBudget: true,
  efforts: [],
  contextManagement: false,
  thinkingBesideCalls: false,
  jsonSchema: false,
  namedToolChoice: true,
  parallelSwitch: true,
  temperatureMax: 1,
  stopMax: 64,
  systemMessages: false,
  prefill: false,
  documents: false,
  imageUrlSchemes: ['https:', 'http:'],
  metadata: true,
  fieldsRefused: [],
  toolFieldsRefused: [],
  blocksRefused: [],
  moonshotRules: false,
};

/** moonshot-api.md 1.8, unless the line says otherwise. Thinking is wanted back whatever its signature (responses-ark-anthropic-batch.md 3.8). */
const moonshotMessages: MessagesDialect = {
  ...plainMessages,
  // Beside `type`, and for some models `keep`, Moonshot's object takes nothing (2.3).
  thinkingBudget: false,
  efforts: ['low', 'high', 'max'],
  contextManagement: true,
  // responses-ark-anthropic-batch.md 3.8.
  thinkingBesideCalls: true,
  jsonSchema: true,
  namedToolChoice: false,
  parallelSwitch: false,
  // Its schema has no sampling at all.
  temperatureMax: undefined,
  stopMax: 5,
  stopBytesMax: 32,
  prefill: true,
  imageUrlSchemes: ['ms:'],
  // responses-ark-anthropic-batch.md 3.8.
  toolFieldsRefused: ['input_examples'],
  blocksRefused: ['tool_reference'],
  moonshotRules: true,
};

/** The row of `name` for its Messages API. */
export function messagesDialectOf(name: DialectName): MessagesDialect {
  return name === 'moonshot' || name === 'kimi-coding' ? moonshotMessages : plainMessages;
}
