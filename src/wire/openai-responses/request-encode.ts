import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { HeldContext } from '../../dialogue/context-cache.ts';
import { documentText } from '../../dialogue/document-text.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { AssistantMessage, Content, Message, Part } from '../../dialogue/message.ts';
import type { SamplingRule, ThinkingRule, ToolChoiceRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest, OutputFormat, Thinking } from '../../dialogue/request.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { encodeSchema } from '../schema-annotations.ts';
import { settledToolChoice, type ToolChoiceScene } from '../settled-tool-choice.ts';
import { settleThinking, thinks } from '../settled-thinking.ts';
import { proofBreak } from './reply-decode.ts';
import type { ResponsesDialect } from './responses-dialect.ts';
import { responsesExtensions as extensions } from './responses-extensions.ts';

export interface ResponsesRequestTarget {
  /** The model's id as the upstream spells it. */
  readonly model: string;
  readonly dialect: ResponsesDialect;
  /** Whose proofs of thinking and held contexts are sent back to it. */
  readonly upstreamId: string;
  /** A higher limit of the caller's is lowered to it. */
  readonly outputTokensMax?: number;
  /** Sent when the caller named no limit. */
  readonly outputTokensDefault?: number;
  readonly thinkingRule?: ThinkingRule;
  readonly samplingRule?: SamplingRule;
  readonly toolChoiceRule?: ToolChoiceRule;
}

export interface EncodedResponsesRequest {
  readonly body: JsonObject;
  readonly losses: Loss[];
  /** How many of the request's first messages were left out, as the upstream holds them; absent: all were sent. */
  readonly heldMessageCount?: number;
  /** The upstream was told to hold the conversation, by the id of its response. */
  readonly keepsContext?: true;
}

/**
 * A request as the body for an upstream that speaks `dialect`, and what could not be carried over. System messages go among the
 * input, never into `instructions`, which Ark refuses beside caching (responses-ark-anthropic-batch.md 2.3). Nothing is
 * stored at the upstream, except for a context that it is to hold.
 */
export function encodeResponsesRequest(request: DialogueRequest, target: ResponsesRequestTarget): EncodedResponsesRequest {
  const { dialect } = target;
  const losses: Loss[] = [];
  const held = heldContext(request, target);
  const willThink = thinks(request.thinking, target.thinkingRule);
  const fields: JsonObject = {
    model: target.model,
    input: encodeInput(request.messages, held?.messageCount ?? 0, target, losses),
    ...cachingFields(request, held, dialect),
    ...toolFields(request, target, willThink, losses),
    ...limitField(request, target, losses),
    ...samplingFields(request, target, willThink, losses),
    ...thinkingFields(request.thinking, target, losses),
    ...(request.outputFormat === undefined ? {} : { text: { format: encodeFormat(request.outputFormat, dialect, losses) } }),
    ...(request.cacheKey === undefined ? {} : { prompt_cache_key: request.cacheKey }),
    // It is not stored there, so that reasoning which is not shown must come along (responses-ark-anthropic-batch.md 1.2).
    ...(dialect.encryptedReasoning && target.thinkingRule?.kind !== 'never' ? { include: ['reasoning.encrypted_content'] } : {}),
    ...(request.stream ? { stream: true } : {}),
  };
  const except = withheld(request, dialect, losses);
  extensions.declareForeign(request.extensions, '', losses);
  return {
    body: extensions.joined(fields, request.extensions, except),
    losses,
    ...(held === undefined ? {} : { heldMessageCount: held.messageCount }),
    ...(keeps(request, dialect) ? { keepsContext: true } : {}),
  };
}

/** The newest context that this upstream holds and that leaves something to be said: a request without input is refused. */
function heldContext(request: DialogueRequest, { dialect, upstreamId }: ResponsesRequestTarget): HeldContext | undefined {
  if (!dialect.contextCache) return undefined;
  return request.contextCache?.held.find((context) => context.upstreamId === upstreamId && context.messageCount < request.messages.length);
}

function keeps(request: DialogueRequest, dialect: ResponsesDialect): boolean {
  return dialect.contextCache && request.contextCache?.keepUntilS !== undefined;
}

/**
 * With caching disabled, a held context is read all the same and not extended, so that it costs no storage (2.4). With `prefix`, the
 * input is held and not answered.
 */
function cachingFields(request: DialogueRequest, held: HeldContext | undefined, dialect: ResponsesDialect): JsonObject {
  const { keepUntilS, prefixOnly } = request.contextCache ?? {};
  const kept = keeps(request, dialect);
  return {
    ...(held === undefined ? {} : { previous_response_id: held.handle }),
    ...(kept ? { caching: { type: 'enabled', ...(prefixOnly === true ? { prefix: true } : {}) } } : {}),
    ...(kept && keepUntilS !== undefined ? { expire_at: keepUntilS } : {}),
    store: kept,
  };
}

/** Extension fields that this upstream has not. */
function withheld(request: DialogueRequest, dialect: ResponsesDialect, losses: Loss[]): ReadonlySet<string> {
  const present = Object.keys(request.extensions?.[extensions.protocol] ?? {});
  const except = new Set(present.filter((field) => dialect.missingFields.has(field)));
  for (const field of except) losses.push({ field, reason: 'this upstream does not take it' });
  return except;
}

function limitField(request: DialogueRequest, target: ResponsesRequestTarget, losses: Loss[]): JsonObject {
  const { outputTokensMax: most, outputTokensDefault } = target;
  const asked = request.outputTokensMax ?? outputTokensDefault;
  // Beside `prefix` Ark takes no limit on what it does not write (2.4).
  if (asked === undefined || request.contextCache?.prefixOnly === true) return {};
  if (most === undefined || asked <= most) return { max_output_tokens: asked };
  if (request.outputTokensMax !== undefined) {
    losses.push({ field: 'max_output_tokens', reason: `this model generates at most ${most} here; that was sent` });
  }
  return { max_output_tokens: most };
}

/** Of sampling, the protocol has `temperature` and `top_p` only. */
function samplingFields(request: DialogueRequest, target: ResponsesRequestTarget, willThink: boolean, losses: Loss[]): JsonObject {
  const { temperature, topP, presencePenalty, frequencyPenalty, choiceCount, stop } = request.sampling;
  const { dialect, samplingRule } = target;
  const fixed = dialect.fixedSampling ? samplingRule?.fixed : undefined;
  const fields: Record<string, number> = {};
  const send = (field: string, value: number | undefined, only: number | undefined): void => {
    if (value === undefined) return;
    if (only === undefined || value === only) fields[field] = value;
    else losses.push({ field, reason: `this model only takes ${only}` });
  };
  const most = dialect.temperatureMax;
  if (fixed === undefined && temperature !== undefined && temperature > most) {
    losses.push({ field: 'temperature', reason: `this upstream takes at most ${most}; that was sent` });
    send('temperature', most, undefined);
  } else {
    send('temperature', temperature, willThink ? fixed?.temperatureThinking : fixed?.temperaturePlain);
  }
  send('top_p', topP, fixed?.topP);
  const lose = (field: string, lost: boolean): void => {
    if (lost) losses.push({ field, reason: "this upstream's protocol has no such field" });
  };
  lose('presence_penalty', (presencePenalty ?? 0) !== 0);
  lose('frequency_penalty', (frequencyPenalty ?? 0) !== 0);
  lose('n', (choiceCount ?? 1) !== 1);
  lose('stop', (stop ?? []).length > 0);
  return fields;
}

function thinkingFields(thinking: Thinking | undefined, { dialect, thinkingRule }: ResponsesRequestTarget, losses: Loss[]): JsonObject {
  const settled = settleThinking(thinking, thinkingRule, { anyEffort: false }, losses);
  if (settled === undefined) return {};
  const { mode, keep, effort, tokensMax } = settled;
  if (tokensMax !== undefined) losses.push({ field: 'reasoning.max_tokens', reason: 'this upstream has no limit on thinking alone' });
  if (keep === 'all') losses.push({ field: 'thinking.keep', reason: 'this upstream does not take it' });
  if (dialect.thinkingSwitch === 'thinking-object') {
    return {
      ...(mode === undefined ? {} : { thinking: { type: mode === 'on' ? 'enabled' : mode === 'off' ? 'disabled' : 'auto' } }),
      ...(effort === undefined ? {} : { reasoning: { effort } }),
    };
  }
  if (mode === 'off') return { reasoning: { effort: 'none' } };
  if (mode === 'auto' || (mode === 'on' && effort === undefined && thinkingRule?.default !== 'on')) {
    losses.push({ field: 'thinking.type', reason: 'this upstream has no switch for thinking; its default applies' });
  }
  return effort === undefined ? {} : { reasoning: { effort } };
}

/** Flat, unlike in chat completions (1.2). */
function encodeFormat(format: OutputFormat, dialect: ResponsesDialect, losses: Loss[]): JsonObject {
  if (format.type === 'text') return { type: 'text' };
  if (format.type === 'json') return { type: 'json_object' };
  const { name, schema, description, strict } = format;
  return {
    type: 'json_schema', name, schema: encodeSchema(schema, 'text.format.schema', dialect, losses),
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
  };
}

function toolFields(request: DialogueRequest, target: ResponsesRequestTarget, willThink: boolean, losses: Loss[]): JsonObject {
  const { dialect, toolChoiceRule } = target;
  const { toolChoice, parallelToolCalls } = request;
  const ofMessages = request.messages.flatMap((message) => (message.role === 'system' ? (message.tools ?? []) : []));
  const all = [...(request.tools ?? []), ...ofMessages];
  // Who has no choice of several tools is not told of the others.
  const shown = toolChoice?.type === 'allowed' && !dialect.otherTools ? new Set(toolChoice.names) : undefined;
  const tools: JsonObject[] = [];
  const names = new Set<string>();
  for (const [index, tool] of all.entries()) {
    if (shown !== undefined && !isNamed(tool, shown)) continue;
    const field = `tools.${index}`;
    const body = encodeTool(tool, field, dialect, losses);
    if (tool.kind !== 'opaque') extensions.declareForeign(tool.extensions, field, losses);
    if (body === undefined) losses.push({ field, reason: 'this upstream does not know this kind of tool' });
    else tools.push(body);
    if (body !== undefined && tool.kind === 'function') names.add(tool.name);
  }
  const rule = dialect.moonshotRules ? toolChoiceRule : undefined;
  const choice = encodeToolChoice(toolChoice, { names, count: tools.length, rule, thinks: willThink }, dialect.otherTools, losses);
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  };
}

function isNamed(tool: Tool, names: ReadonlySet<string>): boolean {
  return tool.kind !== 'opaque' && names.has(tool.name);
}

/** Flat, unlike in chat completions (1.2). Ark's has no `strict` (2.3). */
function encodeTool(tool: Tool, field: string, dialect: ResponsesDialect, losses: Loss[]): JsonObject | undefined {
  if (tool.kind === 'opaque') return tool.protocol === extensions.protocol && dialect.otherTools ? tool.value : undefined;
  if (tool.kind === 'builtin') return undefined;
  const { name, description, parameters, strict } = tool;
  if (strict === true && !dialect.strictTools) losses.push({ field: `${field}.strict`, reason: 'this upstream does not take it' });
  return extensions.joined(
    {
      type: 'function', name,
      ...(description === undefined ? {} : { description }),
      // An empty one is a schema everywhere; `null`, though allowed, is not.
      parameters: encodeSchema(parameters ?? { type: 'object', properties: {} }, `${field}.parameters`, dialect, losses),
      ...(strict === undefined || !dialect.strictTools ? {} : { strict }),
    },
    tool.extensions,
  );
}

/** `tool_choice`, by the same rules as everywhere. `otherTools`: the place takes more than plain functions, and choices among several. */
function encodeToolChoice(choice: ToolChoice | undefined, scene: ToolChoiceScene, otherTools: boolean, losses: Loss[]): JsonValue | undefined {
  const settled = settledToolChoice(choice, scene, losses);
  switch (settled?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
    case 'required':
      return settled.type;
    case 'allowed':
      if (!otherTools) return settled.mode;
      return { type: 'allowed_tools', mode: settled.mode, tools: settled.names.map((name) => ({ type: 'function', name })) };
    case 'named':
      return { type: 'function', name: settled.name };
    case 'opaque':
      if (settled.protocol === extensions.protocol && otherTools) return settled.value;
      losses.push({ field: 'tool_choice', reason: 'this upstream does not know this choice' });
      return undefined;
  }
}

/** The messages from number `from` on, as input items: a turn of the model's is one of them for each thing that it did. */
function encodeInput(messages: readonly Message[], from: number, target: ResponsesRequestTarget, losses: Loss[]): JsonObject[] {
  const items: JsonObject[] = [];
  for (let index = from; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined) continue;
    const field = `messages.${index}`;
    extensions.declareForeign(message.extensions, field, losses);
    // The name of a tool's result only repeats that of its call.
    if (message.name !== undefined && message.role !== 'tool') losses.push({ field: `${field}.name`, reason: "this upstream's protocol has no names of speakers" });
    // One by one: a spread of very many is more arguments than a call can have.
    for (const item of encodeMessage(message, field, target, losses)) items.push(item);
  }
  return items;
}

function encodeMessage(message: Message, field: string, target: ResponsesRequestTarget, losses: Loss[]): JsonObject[] {
  switch (message.role) {
    case 'system': {
      if (message.tools !== undefined) losses.push({ field: `${field}.tools`, reason: 'this upstream knows no tools of messages; they are declared from the start' });
      const content = encodeContent(message.content, field, 'input_text', target.dialect, losses);
      if (message.tools !== undefined && content.length === 0) return [];
      const role = message.fromDeveloper === true && target.dialect.developerRole ? 'developer' : 'system';
      return [extensions.joined({ type: 'message', role, content }, message.extensions)];
    }
    case 'user':
      return [extensions.joined({ type: 'message', role: 'user', content: encodeContent(message.content, field, 'input_text', target.dialect, losses) }, message.extensions)];
    case 'assistant':
      return encodeAssistant(message, field, target, losses);
    case 'tool': {
      const output = encodeContent(message.content, field, 'input_text', target.dialect, losses);
      return [extensions.joined({ type: 'function_call_output', call_id: message.toolCallId, output }, message.extensions)];
    }
  }
}

/** In the order in which the model works: it thinks, speaks, and calls (1.5). */
function encodeAssistant(message: AssistantMessage, field: string, target: ResponsesRequestTarget, losses: Loss[]): JsonObject[] {
  const { refusal, toolCalls = [] } = message;
  if (message.partial === true) losses.push({ field: `${field}.partial`, reason: 'this upstream cannot go on from a message' });
  const spoken = encodeContent(message.content, field, 'output_text', target.dialect, losses);
  const content = refusal === undefined ? spoken : [...(typeof spoken === 'string' ? textPart(spoken) : spoken), { type: 'refusal', refusal }];
  if (content.length === 0) extensions.declareHomeless(message.extensions, field, losses);
  return [
    ...encodeThinkingItems(message, field, target, losses),
    ...(content.length === 0 ? [] : [extensions.joined({ type: 'message', role: 'assistant', content }, message.extensions)]),
    ...toolCalls.map((call, index) => {
      extensions.declareForeign(call.extensions, `${field}.tool_calls.${index}`, losses);
      return extensions.joined({ type: 'function_call', call_id: call.id, name: call.name, arguments: call.argumentsText }, call.extensions);
    }),
  ];
}

function textPart(text: string): JsonObject[] {
  return text === '' ? [] : [{ type: 'output_text', text }];
}

/** Thinking that this upstream has encrypted goes back as it came, one item a line (`reply-decode.ts`); any other as a summary. */
function encodeThinkingItems({ thinking, thinkingProof: proof }: AssistantMessage, field: string, { upstreamId }: ResponsesRequestTarget, losses: Loss[]): JsonObject[] {
  const summary = thinking === undefined || thinking === '' ? [] : [{ type: 'summary_text', text: thinking }];
  const own = proof?.protocol === extensions.protocol && proof.upstreamId === upstreamId;
  if (!own) {
    if (proof?.hidden === true) losses.push({ field: `${field}.reasoning`, reason: 'only the upstream that thought it can read all of it' });
    return summary.length === 0 ? [] : [{ type: 'reasoning', summary }];
  }
  return proof.value.split(proofBreak).map((encrypted, index) => ({ type: 'reasoning', summary: index === 0 ? summary : [], encrypted_content: encrypted }));
}

/** Content as text where it is text, else as parts; what cannot be shown is added to `losses`. */
function encodeContent(content: Content | undefined, field: string, textType: 'input_text' | 'output_text', dialect: ResponsesDialect, losses: Loss[]): string | JsonObject[] {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  const parts: JsonObject[] = [];
  for (const [index, part] of content.entries()) {
    const body = encodePart(part, textType, dialect);
    if (part.type !== 'opaque') extensions.declareForeign(part.extensions, `${field}.content.${index}`, losses);
    // A document that is sent as what it says.
    if (part.type === 'file' && body?.['type'] === textType) extensions.declareHomeless(part.extensions, `${field}.content.${index}`, losses);
    if (body !== undefined) parts.push(body);
    else losses.push({ field: `${field}.content.${index}`, reason: 'this upstream does not know this kind of content here' });
  }
  return parts;
}

/** Items that another place has run itself (searches, code …) are in the content of their turn here, and mean nothing elsewhere. */
function isContent({ type }: JsonObject): boolean {
  return typeof type === 'string' && /^(input|output)_(?!.*_(call|output)$)/.test(type);
}

function encodePart(part: Part, textType: 'input_text' | 'output_text', { documents }: ResponsesDialect): JsonObject | undefined {
  if (part.type === 'opaque') return part.protocol === extensions.protocol && isContent(part.value) ? part.value : undefined;
  if (part.type === 'text') return extensions.joined({ type: textType, text: part.text }, part.extensions);
  // The model itself only speaks.
  if (textType === 'output_text' || part.type === 'video') return undefined;
  const { url } = part;
  if (part.type === 'image') return extensions.joined({ type: 'input_image', image_url: url, detail: part.detail ?? 'auto' }, part.extensions);
  const { filename, text } = part;
  if (!documents && text !== undefined) return { type: textType, text: documentText(text, filename) };
  const where = url.startsWith('data:') ? { file_data: url } : { file_url: url };
  return extensions.joined({ type: 'input_file', ...where, ...(filename === undefined ? {} : { filename }) }, part.extensions);
}
