import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Message } from '../../dialogue/message.ts';
import type { DialogueRequest, OutputFormat, Sampling, Thinking } from '../../dialogue/request.ts';
import type { ThinkingSeals } from '../../dialogue/thinking-seal.ts';
import { decodeHistory } from './history-decode.ts';
import { responsesExtensions } from './responses-extensions.ts';
import type { ResponsesBody, ResponsesWire } from './responses-request-schema.ts';
import { decodeToolChoice, decodeTools } from './tool-decode.ts';

/** What becomes part of the neutral request, and what is for us and not for the model: both stand in no extension. */
const requestFields: ReadonlySet<string> = new Set([
  'model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'temperature', 'top_p', 'presence_penalty', 'frequency_penalty',
  'max_output_tokens', 'prompt_cache_key', 'reasoning', 'thinking', 'text', 'stream', 'stream_options',
  'previous_response_id', 'conversation', 'store', 'background', 'include', 'metadata', 'truncation', 'caching', 'expire_at', 'prompt',
]);
/** We always stream what the model thinks as its summary, which is all of it. */
const reasoningFields: ReadonlySet<string> = new Set(['effort', 'summary', 'generate_summary']);
const thinkingFields: ReadonlySet<string> = new Set(['type']);
const textFields: ReadonlySet<string> = new Set(['format']);
const formatFields: ReadonlySet<string> = new Set(['type', 'name', 'schema', 'description', 'strict']);

export interface ResponsesRequestOptions {
  readonly seals: ThinkingSeals;
}

/**
 * One turn in the neutral language. `history`: the stored items of the turns before it, input and output, in their order; `input`: the
 * new ones, as `normaliseInput` gives them. The instructions of earlier turns are not inherited. What we do not understand is kept in
 * `extensions['openai-responses']`, at every level. Throws `invalid_request` faults in OpenAI's words with the field at fault.
 */
export function responsesRequestOf(
  body: ResponsesBody,
  history: readonly JsonObject[],
  input: readonly JsonObject[],
  { seals }: ResponsesRequestOptions,
): DialogueRequest {
  const { wire } = body;
  const { tools } = decodeTools(wire);
  const toolChoice = wire.tool_choice === undefined || wire.tool_choice === null ? undefined : decodeToolChoice(wire.tool_choice, tools);
  const items = history.length === 0 ? input : [...history, ...input];
  const messages: Message[] = decodeHistory(items, input.length, seals);
  if (body.instructions !== undefined && body.instructions !== '') messages.unshift({ role: 'system', content: body.instructions });
  const thinking = thinkingOf(wire);
  const outputFormat = outputFormatOf(wire);
  return {
    protocol: responsesExtensions.protocol,
    model: body.model,
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(typeof wire.parallel_tool_calls === 'boolean' ? { parallelToolCalls: wire.parallel_tool_calls } : {}),
    sampling: samplingOf(wire),
    ...(thinking === undefined ? {} : { thinking }),
    ...(outputFormat === undefined ? {} : { outputFormat }),
    ...(body.outputTokensMax === undefined ? {} : { outputTokensMax: body.outputTokensMax }),
    ...(typeof wire.prompt_cache_key === 'string' ? { cacheKey: wire.prompt_cache_key } : {}),
    stream: body.stream,
    ...responsesExtensions.of(withoutNulls(wire), requestFields, {
      reasoning: responsesExtensions.unknownIn(wire.reasoning, reasoningFields),
      thinking: responsesExtensions.unknownIn(wire.thinking, thinkingFields),
      text: unknownText(wire),
    }),
  };
}

function withoutNulls(wire: ResponsesWire): object {
  return Object.fromEntries(Object.entries(wire).filter(([, value]) => value !== null));
}

function unknownText({ text }: ResponsesWire): JsonObject | undefined {
  const beside = responsesExtensions.unknownIn(text, textFields);
  const inside = responsesExtensions.unknownIn(text?.format, formatFields);
  return inside === undefined ? beside : { ...beside, format: inside };
}

function samplingOf(wire: ResponsesWire): Sampling {
  const { temperature, top_p: topP, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty } = wire;
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { topP } : {}),
    ...(typeof presencePenalty === 'number' ? { presencePenalty } : {}),
    ...(typeof frequencyPenalty === 'number' ? { frequencyPenalty } : {}),
  };
}

const modes = { enabled: 'on', disabled: 'off', auto: 'auto' } as const;

/** Ark's `thinking` is the switch, `reasoning.effort` how hard; an effort of `none` is the switch turned off. */
function thinkingOf(wire: ResponsesWire): Thinking | undefined {
  const effort = wire.reasoning?.effort ?? undefined;
  const type = wire.thinking?.type ?? undefined;
  const mode = type === undefined ? (effort === 'none' ? 'off' : undefined) : modes[type];
  if (mode === undefined && effort === undefined) return undefined;
  return { ...(mode === undefined ? {} : { mode }), ...(effort === undefined || effort === 'none' ? {} : { effort }) };
}

function outputFormatOf(wire: ResponsesWire): OutputFormat | undefined {
  const format = wire.text?.format;
  if (format === undefined || format === null) return undefined;
  if (format.type === 'text') return { type: 'text' };
  if (format.type === 'json_object') return { type: 'json' };
  const schema: unknown = format.schema;
  return {
    type: 'json-schema',
    name: format.name ?? 'output',
    schema: isJsonObject(schema) ? schema : {},
    ...(typeof format.description === 'string' ? { description: format.description } : {}),
    ...(typeof format.strict === 'boolean' ? { strict: format.strict } : {}),
  };
}
