import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { missingCallId } from './call-id.ts';
import { decodeChatError } from './error-decode.ts';
import { decodeFinish } from './finish-reason.ts';
import { listedContent, thinkingText } from './thinking-text.ts';
import { decodeChatUsage } from './usage.ts';

const choicesMax = 128;

/**
 * A whole chat completion, with the value it came from. Throws the fault of an error body or of a choice that ended with
 * `error`, and an `upstream_invalid_reply` fault when there are no choices.
 */
export function decodeChatReply(value: JsonObject): DialogueReply {
  const choices = value['choices'];
  const { error, id, model, created, provider } = value;
  if (error !== undefined && error !== null) throw decodeChatError(200, value).fault;
  if (!Array.isArray(choices) || choices.length === 0 || choices.length > choicesMax) {
    throw new Fault('upstream_invalid_reply', { message: 'the upstream sent a reply without choices' });
  }
  const replyId = typeof id === 'string' ? id : '';
  const usage = decodeChatUsage(value['usage']);
  return {
    id: replyId,
    model: typeof model === 'string' ? model : '',
    createdS: typeof created === 'number' ? created : 0,
    ...(typeof provider === 'string' ? { provider } : {}),
    choices: orderedChoices(choices as readonly JsonValue[]).map((choice, index) => decodeChoice(choice, index, replyId)),
    ...(usage === undefined ? {} : usage === 'rejected' ? { usageRejected: true } : { usage }),
    source: { protocol: 'openai-chat', value },
  };
}

/** The choices by their `index`. Throws when one is no object. */
export function orderedChoices(choices: readonly JsonValue[]): JsonObject[] {
  const objects = choices.map((choice) => {
    if (isJsonObject(choice)) return choice;
    throw new Fault('upstream_invalid_reply', { message: 'the upstream sent a choice that is no object' });
  });
  const indexOf = (choice: JsonObject): number => (typeof choice['index'] === 'number' ? choice['index'] : objects.indexOf(choice));
  return objects.length < 2 ? objects : objects.toSorted((one, other) => indexOf(one) - indexOf(other));
}

function decodeChoice(choice: JsonObject, index: number, replyId: string): ReplyChoice {
  if (choice['finish_reason'] === 'error') {
    throw isJsonObject(choice['error']) ? decodeChatError(200, { error: choice['error'] }).fault : new Fault('upstream_failed');
  }
  const message: JsonObject = isJsonObject(choice['message']) ? choice['message'] : {};
  const { content, refusal } = message;
  const listed = listedContent(content);
  const text = listed?.text ?? (typeof content === 'string' ? content : '');
  // Mistral's way first: there, the message has no field of its own for it.
  const thinking = listed !== undefined && listed.thinking !== '' ? listed.thinking : thinkingText(message);
  return {
    ...(text === '' ? {} : { text }),
    ...(thinking === undefined || thinking === '' ? {} : { thinking }),
    ...(typeof refusal === 'string' && refusal !== '' ? { refusal } : {}),
    toolCalls: decodeCalls(message, index, replyId),
    finish: decodeFinish(choice['finish_reason']),
  };
}

function decodeCalls(message: JsonObject, choice: number, replyId: string): ToolCall[] {
  const { tool_calls: calls, function_call: legacy } = message;
  const list: readonly JsonValue[] = Array.isArray(calls) ? calls : isJsonObject(legacy) ? [{ function: legacy }] : [];
  return list.map((call, index) => {
    if (!isJsonObject(call)) throw new Fault('upstream_invalid_reply', { message: 'the upstream sent a tool call that is no object' });
    const body: JsonObject = isJsonObject(call['function']) ? call['function'] : {};
    const { name, arguments: written } = body;
    const id = call['id'];
    return {
      id: typeof id === 'string' && id !== '' ? id : missingCallId(replyId, choice, index),
      kind: call['type'] === 'builtin_function' ? 'builtin' : 'function',
      name: typeof name === 'string' ? name : '',
      argumentsText: typeof written === 'string' ? written : isJsonObject(written) ? JSON.stringify(written) : '',
    };
  });
}
