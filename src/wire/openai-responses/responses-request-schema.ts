import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { checkItems } from './input-item-schema.ts';
import { invalidRequest, missingField, type ResponsesVendor, schemaFault } from './responses-fault.ts';

/**
 * The body of POST /responses as far as we understand it: OpenAI's fields (responses-ark-anthropic-batch.md 1.2) and Ark's
 * (2.3). Objects are loose: what is not named here is kept and passed on. `null` stands for absence, as the SDKs send it.
 */

const text = z.string();
const flag = z.boolean().nullish();
const count = z.int().min(1);
const object = z.looseObject({});

const tool = z.looseObject({
  type: text,
  name: text.min(1).max(128).nullish(),
  description: text.nullish(),
  parameters: object.nullish(),
  strict: flag,
  format: object.nullish(),
  tools: z.array(object).nullish(),
});

const toolChoice = z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: text })], {
  error: "one of 'none', 'auto', 'required' or an object that names a tool",
});

const format = z.looseObject({
  type: z.enum(['text', 'json_object', 'json_schema']),
  name: text.min(1).max(64).nullish(),
  schema: object.nullish(),
  description: text.nullish(),
  strict: flag,
});

const body = z.looseObject({
  model: text.min(1),
  instructions: text.nullish(),
  previous_response_id: text.min(1).nullish(),
  conversation: z.union([text.min(1), z.looseObject({ id: text.min(1) })], { error: 'a string or an object with an id' }).nullish(),
  background: flag,
  store: flag,
  stream: flag,
  stream_options: z.looseObject({ include_obfuscation: flag }).nullish(),
  max_output_tokens: count.nullish(),
  max_tool_calls: count.nullish(),
  metadata: z.record(text, text.max(512)).nullish(),
  parallel_tool_calls: flag,
  prompt: z.looseObject({ id: text }).nullish(),
  prompt_cache_key: text.nullish(),
  prompt_cache_options: object.nullish(),
  prompt_cache_retention: text.nullish(),
  reasoning: z.looseObject({ effort: text.min(1).nullish(), summary: text.nullish(), generate_summary: text.nullish() }).nullish(),
  safety_identifier: text.max(64).nullish(),
  service_tier: text.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  text: z.looseObject({ format: format.nullish(), verbosity: text.nullish() }).nullish(),
  tool_choice: toolChoice.nullish(),
  tools: z.array(tool).nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  user: text.nullish(),
  thinking: z.looseObject({ type: z.enum(['enabled', 'disabled', 'auto']).nullish() }).nullish(),
  caching: z.looseObject({ type: z.enum(['enabled', 'disabled']), prefix: flag }).nullish(),
  expire_at: count.nullish(),
});

const openaiIncludes = [
  'file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources', 'message.input_image.image_url',
  'computer_call_output.output.image_url', 'code_interpreter_call.outputs', 'reasoning.encrypted_content', 'message.output_text.logprobs',
] as const;
const arkIncludes = ['message.input_image.image_url', 'reasoning.encrypted_content', 'message.input_audio.audio_url'] as const;
const includes = {
  openai: z.looseObject({ include: z.array(z.enum(openaiIncludes)).nullish() }),
  ark: z.looseObject({ include: z.array(z.enum(arkIncludes)).nullish() }),
};

export type ResponsesWire = z.infer<typeof body>;
export type ResponsesToolWire = z.infer<typeof tool>;

/** The body of a request, checked. What the surface acts on has a name here; the rest is read from `wire` by the codec. */
export interface ResponsesBody {
  readonly vendor: ResponsesVendor;
  readonly model: string;
  readonly input: string | readonly JsonObject[];
  readonly instructions?: string;
  readonly previousResponseId?: string;
  readonly conversationId?: string;
  readonly store: boolean;
  readonly background: boolean;
  readonly stream: boolean;
  /** The caller asked for deltas padded to hide their lengths. */
  readonly obfuscated: boolean;
  readonly include: ReadonlySet<string>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly truncation: 'auto' | 'disabled';
  readonly outputTokensMax?: number;
  readonly toolCallsMax?: number;
  readonly caching?: { readonly enabled: boolean; readonly prefix: boolean };
  /** Ark: until when to keep the response and its cache, unix seconds. Not checked against the time. */
  readonly expireAtS?: number;
  readonly wire: ResponsesWire;
}

/**
 * Checks the body of POST /responses. Throws an `invalid_request` fault for the first thing that has the wrong type or range, or
 * goes not together, in OpenAI's manner of words, naming its field.
 */
export function parseResponsesBody(value: unknown, vendor: ResponsesVendor): ResponsesBody {
  const result = body.safeParse(value);
  if (!result.success) throw schemaFault(result.error.issues[0], value);
  const include = includes[vendor].safeParse(value);
  if (!include.success) throw schemaFault(include.error.issues[0], value);
  const wire = result.data;
  checkTogether(wire, vendor);
  const { conversation, caching } = wire;
  const conversationId = typeof conversation === 'object' ? conversation?.id : conversation;
  return {
    vendor,
    model: wire.model,
    input: inputOf(wire),
    ...(typeof wire.instructions === 'string' ? { instructions: wire.instructions } : {}),
    ...(typeof wire.previous_response_id === 'string' ? { previousResponseId: wire.previous_response_id } : {}),
    ...(conversationId === undefined ? {} : { conversationId }),
    store: wire.store ?? true,
    background: wire.background ?? false,
    stream: wire.stream ?? false,
    obfuscated: wire.stream_options?.include_obfuscation === true,
    include: new Set(include.data.include ?? []),
    metadata: checkedMetadata(wire.metadata),
    truncation: wire.truncation ?? 'disabled',
    ...(typeof wire.max_output_tokens === 'number' ? { outputTokensMax: wire.max_output_tokens } : {}),
    ...(typeof wire.max_tool_calls === 'number' ? { toolCallsMax: wire.max_tool_calls } : {}),
    ...(caching === undefined || caching === null ? {} : { caching: { enabled: caching.type === 'enabled', prefix: caching.prefix === true } }),
    ...(typeof wire.expire_at === 'number' ? { expireAtS: wire.expire_at } : {}),
    wire,
  };
}

function inputOf(wire: ResponsesWire): string | readonly JsonObject[] {
  const input = wire['input'] ?? [];
  if (typeof input === 'string') return input;
  if (!Array.isArray(input)) throw invalidRequest('input', "Invalid type for 'input': expected one of a string or array of input items.");
  const continues = (wire.previous_response_id ?? wire.conversation ?? null) !== null;
  if (input.length === 0 && !continues) {
    throw invalidRequest('input', "One of 'input', 'previous_response_id' or 'conversation' must be provided.");
  }
  const list: readonly unknown[] = input;
  checkItems(list);
  return list;
}

const metadataSchema = z.object({ metadata: z.record(text, text.max(512)).nullish() });
const metadataPairsMax = 16;
const metadataKeyLengthMax = 64;

/** The pairs that a caller keeps with a response or a conversation; none where there are none. Throws `invalid_request` for too many or too long ones. */
export function checkedMetadata(value: unknown): Readonly<Record<string, string>> {
  const result = metadataSchema.safeParse({ metadata: value });
  if (!result.success) throw schemaFault(result.error.issues[0], { metadata: value });
  const metadata = result.data.metadata ?? {};
  const keys = Object.keys(metadata);
  if (keys.length > metadataPairsMax) {
    throw invalidRequest('metadata', `Invalid 'metadata': too many properties. Expected an object with at most ${metadataPairsMax} properties, but got an object with ${keys.length} properties instead.`);
  }
  for (const key of keys) {
    if (key.length <= metadataKeyLengthMax) continue;
    throw invalidRequest('metadata', `Invalid 'metadata': key too long. Expected keys with maximum length ${metadataKeyLengthMax}, but got a key with length ${key.length} instead.`);
  }
  return metadata;
}

function checkTogether(wire: ResponsesWire, vendor: ResponsesVendor): void {
  const isSet = (value: unknown): boolean => value !== undefined && value !== null;
  if (isSet(wire.previous_response_id) && isSet(wire.conversation)) {
    throw invalidRequest('previous_response_id', "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Send only one of them.");
  }
  if (isSet(wire.prompt)) {
    throw invalidRequest('prompt.id', 'Prompt templates are not kept here: send the text of the prompt as instructions and input.');
  }
  const { format: output } = wire.text ?? {};
  if (output?.type === 'json_schema') {
    if (!isSet(output.name)) throw missingField('text.format.name');
    if (!isJsonObject(output.schema)) throw missingField('text.format.schema');
  }
  if (vendor === 'ark') checkCaching(wire);
}

/** What Ark does not let stand beside caching (responses-ark-anthropic-batch.md 2.3, 2.4). */
function checkCaching(wire: ResponsesWire): void {
  const { caching } = wire;
  if (caching === undefined || caching === null) return;
  if (caching.type !== 'enabled') {
    if (caching.prefix === true) throw invalidRequest('caching.prefix', "caching.prefix needs caching.type 'enabled'.");
    return;
  }
  if (typeof wire.instructions === 'string') throw invalidRequest('instructions', 'instructions cannot be combined with caching; send them as a system message of the input.');
  if (caching.prefix === true && typeof wire.max_output_tokens === 'number') {
    throw invalidRequest('max_output_tokens', 'max_output_tokens is not allowed with caching.prefix: a prefix is only stored, and not answered.');
  }
}
