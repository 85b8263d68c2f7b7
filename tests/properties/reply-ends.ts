import type { JsonObject } from '../../src/base/json.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Sealer } from '../../src/base/sealer.ts';
import type { DialogueEvent, EventBatch } from '../../src/dialogue/event.ts';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import type { DialogueReply } from '../../src/dialogue/reply.ts';
import type { ThinkingSeals } from '../../src/dialogue/thinking-seal.ts';
import type { Usage } from '../../src/dialogue/usage.ts';
import { TenantThinkingSeals } from '../../src/fidelity/tenant-thinking-seals.ts';
import { decodeMessagesReply } from '../../src/wire/anthropic-messages/reply-decode.ts';
import { encodeMessagesReply } from '../../src/wire/anthropic-messages/reply-encode.ts';
import { MessagesStreamDecoder } from '../../src/wire/anthropic-messages/stream-decode.ts';
import { MessagesStreamEncoder } from '../../src/wire/anthropic-messages/stream-encode.ts';
import type { ChatStyle } from '../../src/wire/openai-chat/chat-style.ts';
import { decodeChatReply } from '../../src/wire/openai-chat/reply-decode.ts';
import { encodeChatReply } from '../../src/wire/openai-chat/reply-encode.ts';
import { ChatStreamDecoder } from '../../src/wire/openai-chat/stream-decode.ts';
import { ChatStreamEncoder } from '../../src/wire/openai-chat/stream-encode.ts';
import { decodeResponsesReply } from '../../src/wire/openai-responses/reply-decode.ts';
import { encodeResponse } from '../../src/wire/openai-responses/reply-encode.ts';
import { sampleStyle } from '../../src/wire/openai-responses/sample-style.ts';
import { ResponsesStreamDecoder } from '../../src/wire/openai-responses/stream-decode.ts';
import { ResponsesStreamEncoder } from '../../src/wire/openai-responses/stream-encode.ts';
import { upstreamId } from './codec-pairs.ts';

export const sealer = new Sealer(Buffer.alloc(32, 1), systemRandom);
export const seals = new TenantThinkingSeals(sealer, 'ten_1');
const chatStyle: ChatStyle = { vendor: 'moonshot', reasoningAlias: false, thinking: 'shown', includeUsage: true };

/** One protocol's way out to a client and back in from an upstream that says the same. */
export interface Ends {
  /** The whole stream to a client. `usage`: for the protocol that tells it at the very end. */
  stream(batches: readonly EventBatch[], usage: Usage): string;
  whole(reply: DialogueReply): JsonObject;
  decoder(): { push(payload: string): EventBatch; readonly ended: boolean };
  decodeWhole(value: JsonObject): DialogueReply;
}

export const styleWith = (given: ThinkingSeals, display: 'shown' | 'omitted' = 'shown') => ({ thinkingDisplay: display, seals: given });
const responsesStyle = () => sampleStyle({ include: ['reasoning.encrypted_content'] }, { seals });
/** Each event by itself, without a frame. */
export const single = (events: readonly DialogueEvent[]): EventBatch[] => events.map((event) => ({ events: [event] }));

export const replyEnds: Readonly<Record<Protocol, Ends>> = {
  'openai-chat': {
    stream(batches) {
      const encoder = new ChatStreamEncoder(chatStyle);
      return encoder.encode(batches) + encoder.end();
    },
    whole: (reply) => encodeChatReply(reply, chatStyle),
    decoder: () => new ChatStreamDecoder(),
    decodeWhole: decodeChatReply,
  },
  'anthropic-messages': {
    stream(batches) {
      const encoder = new MessagesStreamEncoder(styleWith(seals));
      return encoder.encode(batches) + encoder.end();
    },
    whole: (reply) => encodeMessagesReply(reply, styleWith(seals)),
    decoder: () => new MessagesStreamDecoder(upstreamId),
    decodeWhole: (value) => decodeMessagesReply(value, upstreamId),
  },
  'openai-responses': {
    stream(batches, usage) {
      const encoder = new ResponsesStreamEncoder(responsesStyle());
      return encoder.encode(batches) + encoder.finish(usage);
    },
    whole: (reply) => encodeResponse(reply, reply.usage, responsesStyle()).response,
    decoder: () => new ResponsesStreamDecoder(upstreamId),
    decodeWhole: (value) => decodeResponsesReply(value, upstreamId),
  },
};
