import type { JsonObject } from '../../base/json.ts';
import { isJsonObject } from '../../base/json.ts';
import type { DialogueRequest, OutputFormat, Sampling, Thinking } from '../../dialogue/request.ts';
import type { ToolChoice } from '../../dialogue/tool.ts';
import { chatExtensions } from './chat-extensions.ts';
import { type ChatRequestBody, checkChatRequest, invalidRequest, requestFields } from './chat-request-schema.ts';
import type { ChatStyle } from './chat-style.ts';
import { decodeMessages } from './message-decode.ts';
import { decodeFunctionCall, decodeFunctions, decodeToolChoice, decodeTools, type ToolNames } from './tool-decode.ts';

const thinkingFields: ReadonlySet<string> = new Set(['type', 'keep', 'effort', 'budget_tokens']);
const reasoningFields: ReadonlySet<string> = new Set(['effort', 'max_tokens', 'enabled', 'exclude']);
const templateFields: ReadonlySet<string> = new Set(['thinking', 'enable_thinking', 'preserve_thinking', 'thinking_effort']);
const streamFields: ReadonlySet<string> = new Set(['include_usage']);
const formatFields: ReadonlySet<string> = new Set(['type', 'json_schema']);
const schemaFields: ReadonlySet<string> = new Set(['name', 'schema', 'description', 'strict']);

/** A request, and how its reply is to be dressed. */
export interface DecodedChatRequest extends Pick<ChatStyle, 'includeUsage' | 'reasoningAlias' | 'thinking'> {
  readonly request: DialogueRequest;
}

/**
 * A chat completion request, of any of the vendors' dialects, in the neutral language. What we understand is checked (types,
 * ranges, tool calls against their results); what we do not is kept in `extensions['openai-chat']`, at every level.
 * `includeUsage`: a last chunk with the usage was asked for; `reasoningAlias`: OpenRouter's `reasoning` was; `thinking`:
 * whether to show it, which OpenRouter's callers may forbid (moonshot-api.md 6.1).
 * Throws an `invalid_request` fault in Moonshot's words with the field at fault.
 */
export function decodeChatRequest(body: unknown, vendor: ChatStyle['vendor']): DecodedChatRequest {
  checkChatRequest(body);
  const toolNames: ToolNames = new Set();
  const tools = [...decodeTools(body.tools ?? [], 'tools', toolNames), ...decodeFunctions(body.functions ?? [], toolNames)];
  const messages = decodeMessages(body.messages, toolNames);
  const toolChoice = decodeChoice(body, toolNames, tools.length > 0 || toolNames.size > 0);
  const thinking = decodeThinking(body);
  const outputFormat = decodeFormat(body, vendor);
  const outputTokensMax = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  const request: DialogueRequest = {
    protocol: chatExtensions.protocol,
    model: body.model,
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(typeof body.parallel_tool_calls === 'boolean' ? { parallelToolCalls: body.parallel_tool_calls } : {}),
    sampling: decodeSampling(body),
    ...(thinking === undefined ? {} : { thinking }),
    ...(outputFormat === undefined ? {} : { outputFormat }),
    ...(outputTokensMax === undefined ? {} : { outputTokensMax }),
    ...(typeof body.prompt_cache_key === 'string' ? { cacheKey: body.prompt_cache_key } : {}),
    stream: body.stream === true,
    ...chatExtensions.of(body, requestFields, unknownInside(body, outputFormat)),
  };
  const asksUsage = isJsonObject(body['usage']) && body['usage']['include'] === true;
  return {
    request,
    includeUsage: body.stream_options?.include_usage === true || asksUsage,
    reasoningAlias: isJsonObject(body.reasoning) || body['include_reasoning'] === true,
    thinking: body.reasoning?.exclude === true || body['include_reasoning'] === false ? 'excluded' : 'shown',
  };
}

/** What we do not understand inside the fields that we do. */
function unknownInside(body: ChatRequestBody, format: OutputFormat | undefined): Record<string, JsonObject | undefined> {
  const { response_format: responseFormat } = body;
  const inFormat = chatExtensions.unknownIn(responseFormat, formatFields);
  const inSchema = chatExtensions.unknownIn(responseFormat?.json_schema, schemaFields);
  // A form of output that only OpenRouter knows (`grammar`, `python`) travels whole.
  const wholeFormat: unknown = format === undefined ? responseFormat : undefined;
  return {
    thinking: chatExtensions.unknownIn(body.thinking, thinkingFields),
    reasoning: chatExtensions.unknownIn(body.reasoning, reasoningFields),
    chat_template_kwargs: chatExtensions.unknownIn(body.chat_template_kwargs, templateFields),
    stream_options: chatExtensions.unknownIn(body.stream_options, streamFields),
    response_format: isJsonObject(wholeFormat) ? wholeFormat : joined(inFormat, inSchema),
  };
}

function joined(inFormat: JsonObject | undefined, inSchema: JsonObject | undefined): JsonObject | undefined {
  return inSchema === undefined ? inFormat : { ...inFormat, json_schema: inSchema };
}

function decodeChoice(body: ChatRequestBody, names: ToolNames, anyTools: boolean): ToolChoice | undefined {
  if (body.tool_choice !== undefined && body.tool_choice !== null) return decodeToolChoice(body.tool_choice, names, anyTools);
  if (body.function_call !== undefined && body.function_call !== null) return decodeFunctionCall(body.function_call, names);
  return undefined;
}

function decodeSampling(body: ChatRequestBody): Sampling {
  const { temperature, top_p: topP, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty, n } = body;
  const stop = typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []);
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { topP } : {}),
    ...(typeof presencePenalty === 'number' ? { presencePenalty } : {}),
    ...(typeof frequencyPenalty === 'number' ? { frequencyPenalty } : {}),
    ...(typeof n === 'number' ? { choiceCount: n } : {}),
    ...(stop.length === 0 ? {} : { stop }),
  };
}

/**
 * Thinking, however it was asked for: Moonshot's and Ark's `thinking`, OpenAI's `reasoning_effort`, OpenRouter's `reasoning`,
 * the `chat_template_kwargs` of open-weights engines. Said twice, the first in this order counts for the switch, and
 * `reasoning_effort` for the effort. An effort of `none` is the switch turned off.
 */
function decodeThinking(body: ChatRequestBody): Thinking | undefined {
  const { thinking, reasoning, chat_template_kwargs: template } = body;
  const effort = body.reasoning_effort ?? reasoning?.effort ?? thinking?.effort ?? template?.thinking_effort ?? undefined;
  const enabled = reasoning?.enabled ?? template?.thinking ?? template?.enable_thinking;
  const typed = thinking?.type;
  const mode = typed === undefined || typed === null ? (effort === 'none' ? 'off' : modeOf(enabled)) : modes[typed];
  const keep = thinking?.keep === undefined ? (template?.preserve_thinking === true ? 'all' : undefined) : thinking.keep;
  const tokensMax = reasoning?.max_tokens ?? thinking?.budget_tokens ?? undefined;
  if (mode === undefined && keep === undefined && effort === undefined && tokensMax === undefined) return undefined;
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(keep === undefined ? {} : { keep }),
    ...(effort === undefined || effort === 'none' ? {} : { effort }),
    ...(tokensMax === undefined ? {} : { tokensMax }),
  };
}

const modes = { enabled: 'on', disabled: 'off', auto: 'auto' } as const;

function modeOf(enabled: boolean | null | undefined): 'on' | 'off' | undefined {
  return typeof enabled === 'boolean' ? (enabled ? 'on' : 'off') : undefined;
}

function decodeFormat(body: ChatRequestBody, vendor: ChatStyle['vendor']): OutputFormat | undefined {
  const format = body.response_format;
  if (format === undefined || format === null) return undefined;
  switch (format.type) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      const declared = format.json_schema;
      if (declared === undefined || declared === null) throw invalidRequest('response_format.json_schema', 'is missing');
      const schema: unknown = declared.schema;
      if (!isJsonObject(schema)) throw invalidRequest('response_format.json_schema.schema', 'expected an object');
      return {
        type: 'json-schema',
        name: declared.name,
        schema,
        ...(typeof declared.description === 'string' ? { description: declared.description } : {}),
        ...(typeof declared.strict === 'boolean' ? { strict: declared.strict } : {}),
      };
    }
    default:
      if (vendor === 'openrouter') return undefined;
      throw invalidRequest('response_format.type', 'expected "text", "json_object" or "json_schema"');
  }
}
