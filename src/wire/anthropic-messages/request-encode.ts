import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { SamplingRule, ThinkingRule, ToolChoiceRule } from '../../dialogue/model-rules.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { thinks } from '../settled-thinking.ts';
import { encodeMessages } from './message-encode.ts';
import type { MessagesDialect } from './messages-dialect.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { encodeSampling } from './sampling-encode.ts';
import { encodeThinking } from './thinking-encode.ts';
import { encodeSchema } from '../schema-annotations.ts';
import { encodeToolFields } from './tool-encode.ts';

export interface MessagesRequestTarget {
  /** The model's id as the upstream spells it. */
  readonly model: string;
  readonly dialect: MessagesDialect;
  /** Ours: thinking that it has proved is sent back with the proof. */
  readonly upstreamId: string;
  /** A higher limit of the caller's is lowered to it. */
  readonly outputTokensMax?: number;
  /** Sent when the caller named no limit. */
  readonly outputTokensDefault?: number;
  readonly thinkingRule?: ThinkingRule;
  readonly samplingRule?: SamplingRule;
  readonly toolChoiceRule?: ToolChoiceRule;
}

/**
 * The protocol demands a limit; this is the one that Claude Code sends (responses-ark-anthropic-batch.md 3.6). What a model can write at
 * most is none: it may be its whole window, which leaves no room for the prompt, and Moonshot refuses that (moonshot-api.md 3.2).
 */
const outputTokensFallback = 32_000;

/** How long a `metadata.user_id` may be at Anthropic. */
const userIdLengthMax = 256;

/** Withheld where no sampling is taken. */
const samplingField = 'top_k';

/**
 * A request, from whatever surface, as the body for an upstream that speaks `dialect`, and what could not be carried over. Unknown
 * fields of this protocol go along, but for those that the dialect names. The cache key goes as `metadata.user_id`, where this
 * protocol's clients name their session.
 */
export function encodeMessagesRequest(request: DialogueRequest, target: MessagesRequestTarget): { body: JsonObject; losses: Loss[] } {
  const { dialect, upstreamId } = target;
  const losses: Loss[] = [];
  const willThink = thinks(request.thinking, target.thinkingRule);
  const outputTokensMax = outputLimit(request, target, losses);
  const { effort, ...thinking } = encodeThinking(request, target.thinkingRule, dialect, losses);
  const toolRule = dialect.moonshotRules ? target.toolChoiceRule : undefined;
  const fields: JsonObject = {
    model: target.model,
    max_tokens: outputTokensMax,
    ...encodeMessages(request.messages, { dialect, upstreamId, thinks: willThink }, losses),
    ...encodeToolFields(request, { dialect, rule: toolRule, thinks: willThink }, losses),
    ...encodeSampling(request.sampling, { dialect, rule: target.samplingRule, thinks: willThink }, losses),
    ...thinking,
    ...outputConfig(request, effort, dialect, losses),
    ...metadataField(request, dialect, losses),
    ...(request.stream ? { stream: true } : {}),
  };
  const except = withheld(request, fields, dialect, losses);
  messagesExtensions.declareForeign(request.extensions, '', losses);
  return { body: messagesExtensions.joined(fields, request.extensions, except), losses };
}

/** The limit on generated tokens, thinking included: what a call may cost is held by it. */
function outputLimit(request: DialogueRequest, target: MessagesRequestTarget, losses: Loss[]): number {
  const { outputTokensMax: most, outputTokensDefault } = target;
  const asked = request.outputTokensMax ?? outputTokensDefault ?? Math.min(most ?? outputTokensFallback, outputTokensFallback);
  if (most === undefined || asked <= most) return asked;
  if (request.outputTokensMax !== undefined) {
    losses.push({ field: 'max_tokens', reason: `this model generates at most ${most} here; that was sent` });
  }
  return most;
}

function outputConfig(request: DialogueRequest, effort: string | undefined, dialect: MessagesDialect, losses: Loss[]): JsonObject {
  const format = encodeFormat(request, dialect, losses);
  if (format === undefined && effort === undefined) return {};
  return { output_config: { ...(effort === undefined ? {} : { effort }), ...(format === undefined ? {} : { format }) } };
}

function encodeFormat(request: DialogueRequest, dialect: MessagesDialect, losses: Loss[]): JsonObject | undefined {
  const { outputFormat: format } = request;
  if (format === undefined || format.type === 'text') return undefined;
  const lose = (field: string, reason: string): void => {
    losses.push({ field, reason });
  };
  if (format.type === 'json') {
    lose('response_format', 'this protocol has no JSON without a schema');
    return undefined;
  }
  if (!dialect.jsonSchema) {
    lose('response_format.json_schema', 'this upstream takes no schema');
    return undefined;
  }
  if (format.description !== undefined) lose('response_format.json_schema.description', 'this protocol does not know it');
  return { type: 'json_schema', schema: encodeSchema(format.schema, 'response_format.json_schema.schema', dialect, losses) };
}

function metadataField(request: DialogueRequest, dialect: MessagesDialect, losses: Loss[]): JsonObject {
  const { cacheKey } = request;
  if (cacheKey === undefined) return {};
  if (dialect.metadata && cacheKey.length <= userIdLengthMax) return { metadata: { user_id: cacheKey } };
  losses.push({ field: 'prompt_cache_key', reason: dialect.metadata ? `this protocol takes ${userIdLengthMax} characters at most` : 'this upstream does not take it' });
  return {};
}

/** Extension fields that this place would not understand, or that belong to a field which is not sent. */
function withheld(request: DialogueRequest, fields: JsonObject, dialect: MessagesDialect, losses: Loss[]): ReadonlySet<string> {
  const present = request.extensions?.[messagesExtensions.protocol] ?? {};
  // What stood beside `type` in `thinking` goes with it; `context_management` has been seen to, and said if it was lost.
  const except = new Set(['context_management', ...(isJsonObject(fields['thinking']) ? [] : ['thinking']), ...(fields['tool_choice'] === undefined ? ['tool_choice'] : [])]);
  // Half a format is none.
  const formatLost = request.outputFormat !== undefined && !dialect.jsonSchema;
  if (formatLost) except.add('output_config');
  const refused = [...dialect.fieldsRefused, ...(dialect.temperatureMax === undefined ? [samplingField] : []), ...(dialect.metadata ? [] : ['metadata'])];
  for (const field of refused) {
    if (present[field] === undefined || except.has(field)) continue;
    except.add(field);
    losses.push({ field, reason: 'this upstream does not take it' });
  }
  return except;
}
