import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueReply, ReplyChoice } from '../../dialogue/reply.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { invalidReply } from '../upstream-event.ts';
import { missingCallId } from './call-id.ts';
import { decodeMessagesError } from './error-decode.ts';
import { decodeStop } from './stop-reason.ts';
import { ThinkingBlocks } from './thinking-blocks.ts';
import { argumentsOf } from './tool-input.ts';
import { decodeMessagesUsage } from './usage.ts';

/**
 * A whole message, with the value it came from. `createdS`: when it was answered, which the protocol does not say. Throws the fault of
 * an error body, and an `upstream_invalid_reply` fault when there is no list of content.
 */
export function decodeMessagesReply(value: JsonObject, upstreamId: string, createdS = 0): DialogueReply {
  const { content, id, model, error } = value;
  if (value['type'] === 'error' || (error ?? null) !== null) throw decodeMessagesError(200, value).fault;
  if (!Array.isArray(content)) throw invalidReply('a reply without content');
  const replyId = textOf(id);
  const usage = decodeMessagesUsage(value['usage']);
  return {
    id: replyId,
    model: textOf(model),
    createdS,
    choices: [decodeChoice(content as readonly JsonValue[], value, replyId, upstreamId)],
    ...(usage === undefined ? {} : usage === 'rejected' ? { usageRejected: true } : { usage }),
    source: { protocol: 'anthropic-messages', value },
  };
}

function decodeChoice(content: readonly JsonValue[], value: JsonObject, replyId: string, upstreamId: string): ReplyChoice {
  const blocks = new ThinkingBlocks(upstreamId);
  const toolCalls: ToolCall[] = [];
  let text = '';
  let thinking = '';
  let proof: ThinkingProof | undefined;
  for (const block of content) {
    if (!isJsonObject(block)) throw invalidReply('a content block that is no object');
    switch (block['type']) {
      case 'text':
        text += textOf(block['text']);
        break;
      case 'thinking':
      case 'redacted_thinking':
        thinking += textOf(block['thinking']);
        proof = blocks.add(block) ?? proof;
        break;
      case 'tool_use':
        toolCalls.push(decodeCall(block, missingCallId(replyId, toolCalls.length)));
        break;
      // Blocks of tools that the vendor runs: they stay in the source.
      default:
        break;
    }
  }
  return {
    ...(text === '' ? {} : { text }),
    ...(thinking === '' ? {} : { thinking }),
    ...(proof === undefined ? {} : { thinkingProof: proof }),
    toolCalls,
    finish: decodeStop(value['stop_reason'], value['stop_sequence']),
  };
}

function decodeCall(block: JsonObject, missingId: string): ToolCall {
  const { id, name, input } = block;
  return {
    id: textOf(id) || missingId,
    kind: 'function',
    name: textOf(name),
    argumentsText: isJsonObject(input) ? argumentsOf(input) : '{}',
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
