import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { Message, Part } from '../../dialogue/message.ts';
import type { DialogueRequest, OutputFormat, Sampling, Thinking } from '../../dialogue/request.ts';
import { threadField } from './error-encode.ts';
import { decodeMessages } from './message-decode.ts';
import type { MessageScene } from './message-scene.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { checkMessagesRequest, invalidRequest, type MessagesRequestBody, requestFields } from './messages-request-schema.ts';
import type { MessagesStyle } from './messages-style.ts';
import { decodeContent } from './part-decode.ts';
import { clearThinking } from './clear-thinking.ts';
import { decodeToolChoice, decodeTools } from './tool-decode.ts';

const thinkingFields: ReadonlySet<string> = new Set(['type', 'budget_tokens', 'display']);
const outputFields: ReadonlySet<string> = new Set(['effort', 'format']);
const formatFields: ReadonlySet<string> = new Set(['type', 'schema']);
const choiceFields: ReadonlySet<string> = new Set(['type', 'name', 'disable_parallel_tool_use']);
const metadataFields: ReadonlySet<string> = new Set(['user_id']);
const managementFields: ReadonlySet<string> = new Set(['edits']);

/**
 * Claude Code's first block of the system prompt says which version of it called, and more that varies from call to call. At the very
 * beginning of the prompt it would break every prefix cache (responses-ark-anthropic-batch.md 3.6), and the model is not meant to read it.
 */
const billingHeader = 'x-anthropic-billing-header:';

/**
 * A Messages request in the neutral language. What we understand is checked; what we do not is kept in
 * `extensions['anthropic-messages']`, at every level. `metadata.user_id`, in which clients name their session, is the cache key: turns
 * of one session share a prefix. Throws an `invalid_request` fault in Anthropic's words with the field at fault.
 */
export function decodeMessagesRequest(body: unknown, options: MessageScene): { request: DialogueRequest; style: MessagesStyle } {
  return decode(body, options, false);
}

/** A request to count the tokens of: the same without `max_tokens` and `stream`. */
export function decodeCountTokensRequest(body: unknown, options: MessageScene): DialogueRequest {
  return decode(body, options, true).request;
}

function decode(value: unknown, options: MessageScene, counting: boolean): { request: DialogueRequest; style: MessagesStyle } {
  const { body, messages } = checkMessagesRequest(value, counting);
  refuseThread(body);
  if (options.version === '2026-10-21') refuseSampling(body);
  const tools = decodeTools(body.tools ?? []);
  const toolChoice = decodeToolChoice(body.tool_choice, tools);
  const thinking = decodeThinking(body);
  const outputFormat = decodeFormat(body);
  const parallel = body.tool_choice?.disable_parallel_tool_use;
  const userId = body.metadata?.user_id;
  const request: DialogueRequest = {
    protocol: messagesExtensions.protocol,
    model: body.model,
    messages: [...decodeSystem(body), ...decodeMessages(messages, options)],
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(typeof parallel === 'boolean' ? { parallelToolCalls: !parallel } : {}),
    sampling: decodeSampling(body),
    ...(thinking === undefined ? {} : { thinking }),
    ...(outputFormat === undefined ? {} : { outputFormat }),
    ...(typeof body.max_tokens === 'number' ? { outputTokensMax: body.max_tokens } : {}),
    ...(typeof userId === 'string' && userId !== '' ? { cacheKey: userId } : {}),
    stream: body.stream === true && !counting,
    ...messagesExtensions.of(body, requestFields, unknownInside(body)),
  };
  return { request, style: { thinkingDisplay: body.thinking?.display === 'omitted' ? 'omitted' : 'shown', seals: options.seals } };
}

/**
 * A conversation that the server is to keep (`@anthropic-ai/sdk` 1.14, beta `message-threads-2026-08-12`): its later requests hold only what is new.
 * Nobody keeps it here, and the SDK's tool runner sends all of it from then on when it is told so at once.
 */
function refuseThread(body: MessagesRequestBody): void {
  if ((body[threadField] ?? undefined) !== undefined) throw invalidRequest(threadField, 'Threads are not supported here. Send the whole conversation in `messages`, without `thread`.');
}

/** The later version has no such parameters (responses-ark-anthropic-batch.md 3.1). */
function refuseSampling(body: MessagesRequestBody): void {
  for (const field of ['temperature', 'top_p', 'top_k']) {
    if ((body[field] ?? undefined) !== undefined) throw invalidRequest(field, 'Extra inputs are not permitted');
  }
}

/** What we do not understand inside the fields that we do. */
function unknownInside(body: MessagesRequestBody): Record<string, JsonObject | undefined> {
  const inFormat = messagesExtensions.unknownIn(body.output_config?.format, formatFields);
  const inOutput = messagesExtensions.unknownIn(body.output_config, outputFields);
  const inThinking = messagesExtensions.unknownIn(body.thinking, thinkingFields);
  return {
    // The neutral language has no word for it; `auto` is nearest.
    thinking: body.thinking?.type === 'between_tools' ? { ...inThinking, type: 'between_tools' } : inThinking,
    output_config: inFormat === undefined ? inOutput : { ...inOutput, format: inFormat },
    tool_choice: messagesExtensions.unknownIn(body.tool_choice, choiceFields),
    metadata: messagesExtensions.unknownIn(body.metadata, metadataFields),
    context_management: unknownEdits(body),
  };
}

function unknownEdits(body: MessagesRequestBody): JsonObject | undefined {
  const rest = messagesExtensions.unknownIn(body.context_management, managementFields);
  const edits = (body.context_management?.edits ?? []).filter((edit): edit is JsonObject & typeof edit => isJsonObject(edit) && !keepsAll(edit));
  return edits.length === 0 ? rest : { ...rest, edits };
}

function keepsAll(edit: object): boolean {
  return isJsonObject(edit) && edit['type'] === clearThinking && edit['keep'] === 'all';
}

function decodeSystem(body: MessagesRequestBody): Message[] {
  const { system } = body;
  if (system === undefined || system === null) return [];
  const content = decodeContent(system, 'system');
  if (content === null || typeof content === 'string') return content === null || content === '' ? [] : [{ role: 'system', content }];
  const kept = content.filter((part, index) => index > 0 || !isBillingHeader(part));
  return kept.length === 0 ? [] : [{ role: 'system', content: kept }];
}

function isBillingHeader(part: Part): boolean {
  return part.type === 'text' && part.text.startsWith(billingHeader);
}

function decodeSampling(body: MessagesRequestBody): Sampling {
  const { temperature, top_p: topP, stop_sequences: stop } = body;
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { topP } : {}),
    ...(stop === undefined || stop === null || stop.length === 0 ? {} : { stop }),
  };
}

const modes = { enabled: 'on', adaptive: 'auto', between_tools: 'auto', disabled: 'off' } as const;

function decodeThinking(body: MessagesRequestBody): Thinking | undefined {
  const { thinking } = body;
  const mode = thinking === undefined || thinking === null ? undefined : modes[thinking.type];
  const effort = body.output_config?.effort ?? undefined;
  const tokensMax = thinking?.budget_tokens ?? undefined;
  const keep = (body.context_management?.edits ?? []).some(keepsAll);
  if (mode === undefined && effort === undefined && !keep) return undefined;
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(keep ? { keep: 'all' } : {}),
    ...(effort === undefined ? {} : { effort }),
    ...(tokensMax === undefined ? {} : { tokensMax }),
  };
}

/** A schema has no name here, which other protocols demand. It is always followed to the letter. */
const formatName = 'output';

function decodeFormat(body: MessagesRequestBody): OutputFormat | undefined {
  const inConfig = body.output_config?.format ?? undefined;
  const format = inConfig ?? body.output_format ?? undefined;
  if (format === undefined) return undefined;
  const field = inConfig === undefined ? 'output_format' : 'output_config.format';
  if (format.type !== 'json_schema') throw invalidRequest(`${field}.type`, "Input should be 'json_schema'");
  const schema: JsonValue | unknown = format.schema;
  if (!isJsonObject(schema)) throw invalidRequest(`${field}.schema`, 'Field required');
  return { type: 'json-schema', name: formatName, schema, strict: true };
}
