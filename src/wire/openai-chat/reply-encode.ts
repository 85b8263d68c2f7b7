import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import type { ChatStyle } from './chat-style.ts';
import { encodeFinish } from './finish-reason.ts';
import { orderedChoices } from './reply-decode.ts';
import { removeThinking } from './thinking-text.ts';
import { withoutUpstreamCost } from './usage-cost.ts';
import { encodeChatUsage } from './usage.ts';

/**
 * A whole reply as a chat completion. One that came by the same protocol is a copy of what came, in which only the usage is
 * put into normal form, thinking stands in `reasoning_content` whatever it was called (and in `reasoning` when the style
 * asks; neither when it excludes thinking), and tool calls have ids; everything else stays, the upstream's id and model
 * included. `cost` stands in the usage where the style is OpenRouter's.
 */
export function encodeChatReply(reply: DialogueReply, style: ChatStyle, cost?: ReplyCost): JsonObject {
  const { source } = reply;
  const shownCost = style.vendor === 'openrouter' ? cost : undefined;
  if (source?.protocol === 'openai-chat') return patched(reply, source.value, style, shownCost);
  return {
    id: reply.id,
    object: 'chat.completion',
    created: reply.createdS,
    model: reply.model,
    ...(reply.provider === undefined ? {} : { provider: reply.provider }),
    choices: reply.choices.map((choice, index) => ({
      index,
      message: encodeMessage(choice, style),
      finish_reason: encodeFinish(choice.finish),
    })),
    ...(reply.usage === undefined ? {} : { usage: encodeChatUsage(reply.usage, undefined, shownCost) }),
  };
}

function encodeMessage(choice: ReplyChoice, style: ChatStyle): JsonObject {
  const { text, refusal, toolCalls } = choice;
  const thinking = style.thinking === 'shown' ? choice.thinking : undefined;
  return {
    role: 'assistant',
    content: text ?? (toolCalls.length > 0 || refusal !== undefined ? null : ''),
    ...(thinking === undefined ? {} : { reasoning_content: thinking }),
    ...(thinking !== undefined && style.reasoningAlias ? { reasoning: thinking } : {}),
    ...(refusal === undefined ? {} : { refusal }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map(encodeCall) }),
  };
}

function encodeCall(call: ToolCall): JsonObject {
  return {
    id: call.id,
    type: call.kind === 'builtin' ? 'builtin_function' : 'function',
    function: { name: call.name, arguments: call.argumentsText },
  };
}

function patched(reply: DialogueReply, value: JsonObject, style: ChatStyle, cost: ReplyCost | undefined): JsonObject {
  const { usage: original, choices, ...rest } = value;
  const list = Array.isArray(choices) ? orderedChoices(choices as readonly JsonValue[]) : [];
  const usage = reply.usage === undefined ? undefined : encodeChatUsage(reply.usage, isJsonObject(original) ? original : undefined, cost);
  return {
    ...rest,
    ...(typeof rest['object'] === 'string' ? {} : { object: 'chat.completion' }),
    choices: list.map((choice, index) => patchedChoice(choice, reply.choices[index], style)),
    ...(usage === undefined ? {} : { usage }),
  };
}

function patchedChoice(choice: JsonObject, decoded: ReplyChoice | undefined, style: ChatStyle): JsonObject {
  const message = choice['message'];
  if (decoded === undefined || !isJsonObject(message)) return choice;
  const { function_call: legacy, ...rest } = message;
  const { thinking, text, toolCalls } = decoded;
  const shown = style.thinking === 'shown' ? thinking : undefined;
  if (style.thinking === 'excluded') removeThinking(rest);
  const calls = patchedCalls(isJsonObject(legacy) ? [{ function: legacy }] : rest['tool_calls'], toolCalls);
  return {
    ...choice,
    ...(choice['finish_reason'] === 'function_call' ? { finish_reason: 'tool_calls' } : {}),
    ...(isJsonObject(choice['usage']) ? { usage: withoutUpstreamCost(choice['usage']) } : {}),
    message: {
      ...rest,
      ...(legacy === null ? { function_call: null } : {}),
      ...(Array.isArray(rest['content']) && (text !== undefined || thinking !== undefined) ? { content: text ?? '' } : {}),
      ...(shown === undefined ? {} : { reasoning_content: shown }),
      ...(shown !== undefined && style.reasoningAlias && typeof rest['reasoning'] !== 'string' ? { reasoning: shown } : {}),
      ...(calls === undefined ? {} : { tool_calls: calls }),
    },
  };
}

/** The calls with what a client cannot do without (id, type, name, arguments as text); undefined when there are none. */
function patchedCalls(calls: JsonValue | undefined, decoded: readonly ToolCall[]): JsonObject[] | undefined {
  if (!Array.isArray(calls) || decoded.length === 0) return undefined;
  const list = calls as readonly JsonValue[];
  return decoded.map((call, index) => {
    const normal = encodeCall(call);
    const original = list[index];
    if (!isJsonObject(original)) return normal;
    const body = isJsonObject(original['function']) ? original['function'] : {};
    return { ...original, ...normal, function: { ...body, name: call.name, arguments: call.argumentsText } };
  });
}
