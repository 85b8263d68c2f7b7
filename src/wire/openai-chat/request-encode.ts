import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { SamplingRule, ThinkingRule, ToolChoiceRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest, OutputFormat, Thinking } from '../../dialogue/request.ts';
import type { Tool, ToolChoice } from '../../dialogue/tool.ts';
import { thinks } from '../settled-thinking.ts';
import type { ChatDialect } from './chat-dialect.ts';
import { chatExtensions } from './chat-extensions.ts';
import { encodeMessages, takesMessageTools } from './message-encode.ts';
import { encodeSampling } from './sampling-encode.ts';
import { encodeThinking } from './thinking-encode.ts';
import { encodeToolChoice } from './tool-choice-encode.ts';
import { encodeSchema } from '../schema-annotations.ts';
import { encodeTools } from './tool-encode.ts';

export interface ChatRequestTarget {
  /** The model's id as the upstream spells it. */
  readonly model: string;
  readonly dialect: ChatDialect;
  /** A higher limit of the caller's is lowered to it. */
  readonly outputTokensMax?: number;
  /** Sent when the caller named no limit. */
  readonly outputTokensDefault?: number;
  readonly thinkingRule?: ThinkingRule;
  readonly samplingRule?: SamplingRule;
  readonly toolChoiceRule?: ToolChoiceRule;
}

/** How OpenRouter is to route, and what its own machinery is to do (moonshot-api.md 6.1). Means nothing elsewhere. */
const openRouterFields = [
  'provider', 'models', 'route', 'plugins', 'transforms', 'usage', 'session_id', 'include_reasoning', 'reasoning',
];

/** Of them, `usage: {include: true}` asks for what we always ask for, and our surface leaves the thinking out or in itself. */
const metByUs: ReadonlySet<string> = new Set(['usage', 'include_reasoning']);

/**
 * A request as the body for an upstream that speaks `dialect`, and what could not be carried over. Unknown fields go along
 * to every family, as nothing in the reference says that one would choke on them (moonshot-api.md 2.1: unknown), except
 * OpenRouter's routing and the arguments of chat templates, which only their own servers read.
 */
export function encodeChatRequest(request: DialogueRequest, target: ChatRequestTarget): { body: JsonObject; losses: Loss[] } {
  const { dialect } = target;
  const losses: Loss[] = [];
  const thinking = settledThinking(request, target, losses);
  const willThink = thinks(thinking, target.thinkingRule);
  const fields: JsonObject = {
    model: target.model,
    messages: encodeMessages(request.messages, dialect, willThink, losses),
    ...toolFields(request, target, willThink, losses),
    ...limitField(request, target, losses),
    ...encodeSampling(request.sampling, { dialect, rule: target.samplingRule, thinks: willThink }, losses),
    ...encodeThinking(thinking, target.thinkingRule, dialect, losses),
    ...formatField(request, dialect, losses),
    // A hint, which changes no answer: where it is not taken, nothing is lost.
    ...(request.cacheKey === undefined || !dialect.promptCacheKey ? {} : { prompt_cache_key: request.cacheKey }),
    ...partialFields(request, dialect),
    ...(request.stream ? { stream: true } : {}),
    ...(request.stream && dialect.streamOptions ? { stream_options: { include_usage: true } } : {}),
  };
  const except = withheld(request, dialect, losses);
  chatExtensions.declareForeign(request.extensions, '', losses);
  return { body: chatExtensions.joined(fields, request.extensions, except), losses };
}

/** Extension fields that this family would not understand, or not bear. */
function withheld(request: DialogueRequest, dialect: ChatDialect, losses: Loss[]): ReadonlySet<string> {
  const present = request.extensions?.[chatExtensions.protocol] ?? {};
  const except = new Set<string>();
  const withhold = (field: string, reason: string | undefined): void => {
    if (present[field] === undefined) return;
    except.add(field);
    if (reason !== undefined) losses.push({ field, reason });
  };
  if (dialect.family !== 'openrouter') {
    for (const field of openRouterFields) withhold(field, metByUs.has(field) ? undefined : 'only OpenRouter takes it');
  }
  if (dialect.family !== 'open-weights') withhold('chat_template_kwargs', 'only self-hosted engines take it');
  // Without a stream, or where the dialect has no such field, there is nothing for the rest of it to belong to.
  if (!request.stream || !dialect.streamOptions) withhold('stream_options', undefined);
  // What stood beside `type` in `thinking` is for those who have such an object.
  if (dialect.thinkingSwitch !== 'thinking-object') withhold('thinking', 'this upstream has no such object');
  const plainJson = request.outputFormat?.type === 'json-schema' && !dialect.jsonSchema;
  if (isJsonObject(present['response_format']) && (plainJson || partialExcludesJson(request, dialect))) {
    withhold('response_format', undefined);
  }
  return except;
}

/** On a model that can do either, Moonshot runs built-in tools only without thinking (moonshot-api.md 2.5). */
function settledThinking(request: DialogueRequest, target: ChatRequestTarget, losses: Loss[]): Thinking | undefined {
  const { thinking } = request;
  const { thinkingRule: rule, dialect } = target;
  if (!dialect.builtinTools || rule?.kind !== 'switchable' || rule.default === 'off') return thinking;
  const { mode, keep, effort, tokensMax } = thinking ?? {};
  const asked = mode === 'on' || mode === 'off' || keep === 'all' || effort !== undefined || tokensMax !== undefined;
  // Who asks for thinking in so many words gets the vendor's answer to that.
  if (asked || ![...(request.tools ?? []), ...toolsOfMessages(request)].some((tool) => tool.kind === 'builtin')) return thinking;
  losses.push({ field: 'thinking', reason: 'this model runs built-in tools only without thinking; it was switched off' });
  return { mode: 'off' };
}

function toolsOfMessages(request: DialogueRequest): readonly Tool[] {
  return request.messages.flatMap((message) => (message.role === 'system' ? (message.tools ?? []) : []));
}

function toolFields(request: DialogueRequest, target: ChatRequestTarget, willThink: boolean, losses: Loss[]): JsonObject {
  const { dialect } = target;
  const ofMessages = toolsOfMessages(request);
  const apart = takesMessageTools(dialect);
  const declared = allowed(apart ? (request.tools ?? []) : [...(request.tools ?? []), ...ofMessages], request.toolChoice);
  const tools = encodeTools(declared, 'tools', dialect, losses);
  const names = new Set<string>();
  addNames(ofMessages, dialect, names);
  addNames(declared, dialect, names);
  const scene = {
    names,
    count: tools.length + (apart ? ofMessages.length : 0),
    rule: dialect.moonshotRules ? target.toolChoiceRule : undefined,
    thinks: willThink,
  };
  const choice = encodeToolChoice(request.toolChoice, scene, losses);
  // OpenAI and vLLM refuse a word on how to call tools where there are none. A caller of this protocol who never had any hears that from them.
  const idle = scene.count === 0 && (request.protocol !== chatExtensions.protocol || (request.tools ?? []).length + ofMessages.length > 0);
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined || (idle && typeof choice === 'string') ? {} : { tool_choice: choice }),
    ...(request.parallelToolCalls === undefined || idle ? {} : { parallel_tool_calls: request.parallelToolCalls }),
  };
}

/** The tools that a choice allows: nobody here takes the choice itself, so that the others are not sent. */
function allowed(tools: readonly Tool[], choice: ToolChoice | undefined): readonly Tool[] {
  if (choice?.type !== 'allowed') return tools;
  const names = new Set(choice.names);
  return tools.filter((tool) => tool.kind !== 'opaque' && names.has(tool.name));
}

function addNames(tools: readonly Tool[], dialect: ChatDialect, names: Set<string>): void {
  for (const tool of tools) {
    if (tool.kind === 'function' || (tool.kind === 'builtin' && dialect.builtinTools)) names.add(tool.name);
  }
}

/** The limit on generated tokens, thinking included; the offer's default where the caller named none: what a call may cost is held by it. */
function limitField(request: DialogueRequest, target: ChatRequestTarget, losses: Loss[]): JsonObject {
  const { outputTokensMax: most, outputTokensDefault, dialect } = target;
  const asked = request.outputTokensMax ?? outputTokensDefault;
  if (asked === undefined) return {};
  if (most === undefined || asked <= most) return { [dialect.outputLimitField]: asked };
  if (request.outputTokensMax !== undefined) {
    losses.push({ field: 'max_tokens', reason: `this model generates at most ${most} here; that was sent` });
  }
  return { [dialect.outputLimitField]: most };
}

function formatField(request: DialogueRequest, dialect: ChatDialect, losses: Loss[]): JsonObject {
  const { outputFormat } = request;
  if (outputFormat === undefined) return {};
  if (!partialExcludesJson(request, dialect)) return { response_format: encodeFormat(outputFormat, dialect, losses) };
  losses.push({ field: 'response_format', reason: 'this upstream cannot both go on from a message and keep to JSON' });
  return {};
}

/** Moonshot's `partial` is not to be mixed with `json_object` (moonshot-api.md 2.4). */
function partialExcludesJson(request: DialogueRequest, dialect: ChatDialect): boolean {
  const last = request.messages.at(-1);
  const partial = last?.role === 'assistant' && last.partial === true;
  return partial && dialect.partial === 'partial-field' && request.outputFormat?.type === 'json';
}

function encodeFormat(format: OutputFormat, dialect: ChatDialect, losses: Loss[]): JsonObject {
  if (format.type === 'text') return { type: 'text' };
  if (format.type === 'json') return { type: 'json_object' };
  if (!dialect.jsonSchema) {
    losses.push({ field: 'response_format.json_schema', reason: 'this upstream takes no schema; any JSON object was asked for' });
    return { type: 'json_object' };
  }
  const { name, description, strict } = format;
  const schema = encodeSchema(format.schema, 'response_format.json_schema.schema', dialect, losses);
  return {
    type: 'json_schema',
    json_schema: { name, schema, ...(description === undefined ? {} : { description }), ...(strict === undefined ? {} : { strict }) },
  };
}

/** vLLM and SGLang answer a last assistant message unless they are told to go on from it. */
function partialFields(request: DialogueRequest, dialect: ChatDialect): JsonObject {
  const last = request.messages.at(-1);
  const continued = dialect.partial === 'continue-final-message' && last?.role === 'assistant' && last.partial === true;
  return continued ? { continue_final_message: true, add_generation_prompt: false } : {};
}
