import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { messageId } from './message-id.ts';
import type { MessagesStyle } from './messages-style.ts';
import { encodeStop } from './stop-reason.ts';
import { ThinkingBlocks } from './thinking-blocks.ts';
import { inputOf } from './tool-input.ts';
import { UniqueCallIds } from './unique-call-ids.ts';
import { encodeMessagesUsage } from './usage.ts';

/**
 * A whole reply as a message, its first choice only: thinking, then text, then tool calls. Thinking carries our seal for a signature,
 * which holds the text where the style omits it. One that came by the same protocol is a copy of what came, with its blocks in their
 * order, in which only signatures, calls and usage are put into normal form.
 */
export function encodeMessagesReply(reply: DialogueReply, style: MessagesStyle): JsonObject {
  const { source, usage } = reply;
  const choice = withUniqueIds(reply.choices[0] ?? { toolCalls: [], finish: { reason: 'other' } });
  const original: JsonObject = source?.protocol === 'anthropic-messages' ? source.value : {};
  const blocks = original['content'];
  return {
    ...original,
    id: messageId(reply.id),
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content: Array.isArray(blocks) ? patchedBlocks(blocks as readonly JsonValue[], choice, style) : encodeBlocks(choice, style),
    ...encodeStop(choice.finish, choice.refusal !== undefined),
    usage: encodeMessagesUsage(usage, isJsonObject(original['usage']) ? original['usage'] : undefined),
  };
}

function withUniqueIds(choice: ReplyChoice): ReplyChoice {
  const ids = new UniqueCallIds();
  return { ...choice, toolCalls: choice.toolCalls.map((call) => ({ ...call, id: ids.take(call.id) })) };
}

function encodeBlocks(choice: ReplyChoice, style: MessagesStyle): JsonObject[] {
  const { text, refusal, toolCalls } = choice;
  return [
    ...encodeThinking(choice.thinking ?? '', choice.thinkingProof, style),
    ...[text, refusal].filter((each) => each !== undefined && each !== '').map((each): JsonObject => ({ type: 'text', text: each ?? '' })),
    ...toolCalls.map(encodeCall),
  ];
}

function encodeThinking(thinking: string, proof: ThinkingProof | undefined, { seals, thinkingDisplay }: MessagesStyle): JsonObject[] {
  if (thinking === '' && proof === undefined) return [];
  const sealed = { text: thinking, ...(proof === undefined ? {} : { proof }) };
  if (thinking === '' && proof?.hidden === true) return [{ type: 'redacted_thinking', data: seals.seal(sealed, false) }];
  const shown = thinkingDisplay === 'shown';
  return [{ type: 'thinking', thinking: shown ? thinking : '', signature: seals.seal(sealed, shown) }];
}

function encodeCall({ id, name, argumentsText }: ToolCall): JsonObject {
  return { type: 'tool_use', id, name, input: inputOf(argumentsText) };
}

function patchedBlocks(blocks: readonly JsonValue[], choice: ReplyChoice, style: MessagesStyle): JsonObject[] {
  const { toolCalls, thinkingProof } = choice;
  const thinking = new ThinkingBlocks(thinkingProof?.upstreamId ?? '');
  let callIndex = 0;
  return blocks.filter(isJsonObject).flatMap((block): JsonObject[] => {
    switch (block['type']) {
      case 'tool_use': {
        const call = toolCalls[callIndex];
        callIndex += 1;
        return call === undefined ? [block] : [{ ...block, ...encodeCall(call) }];
      }
      case 'thinking':
      case 'redacted_thinking': {
        const text = typeof block['thinking'] === 'string' ? block['thinking'] : '';
        const [sealed] = encodeThinking(text, thinking.add(block), style);
        // Several blocks are proved together, and hidden ones among them then have a signature.
        return sealed === undefined ? [] : [sealed['type'] === block['type'] ? { ...block, ...sealed } : sealed];
      }
      default:
        return [block];
    }
  });
}
