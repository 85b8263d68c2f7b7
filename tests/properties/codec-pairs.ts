import type { JsonObject, JsonValue } from '../../src/base/json.ts';
import type { Loss } from '../../src/dialogue/extensions.ts';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import type { DialogueRequest } from '../../src/dialogue/request.ts';
import type { ThinkingProof, ThinkingSeals } from '../../src/dialogue/thinking-seal.ts';
import { type DialectName, dialectOf, messagesDialectOf, responsesDialectOf } from '../../src/upstreams/dialect.ts';
import { decodeMessagesRequest } from '../../src/wire/anthropic-messages/request-decode.ts';
import { encodeMessagesRequest } from '../../src/wire/anthropic-messages/request-encode.ts';
import type { ChatDialect } from '../../src/wire/openai-chat/chat-dialect.ts';
import { decodeChatRequest } from '../../src/wire/openai-chat/request-decode.ts';
import { encodeChatRequest } from '../../src/wire/openai-chat/request-encode.ts';
import { normaliseInput } from '../../src/wire/openai-responses/input-items.ts';
import { responsesRequestOf } from '../../src/wire/openai-responses/request-decode.ts';
import { encodeResponsesRequest } from '../../src/wire/openai-responses/request-encode.ts';
import type { ResponsesDialect } from '../../src/wire/openai-responses/responses-dialect.ts';
import { parseResponsesBody } from '../../src/wire/openai-responses/responses-request-schema.ts';
import { fullMessagesDialect } from '../doubles/full-messages-dialect.ts';

export const protocols = ['openai-chat', 'anthropic-messages', 'openai-responses'] as const satisfies readonly Protocol[];

/** Whose proofs of thinking go along. */
export const upstreamId = 'here';

const fullChat: ChatDialect = { ...dialectOf('moonshot'), temperatureMax: 2, moonshotRules: false, developerRole: true, stopMax: 64, choicesMax: 128 };
const fullResponses: ResponsesDialect = { ...responsesDialectOf('openai'), thinkingSwitch: 'thinking-object' };

/** A request on its way to an upstream of that protocol: at a place that takes all that the protocol has, or at one of the vendors. */
export function encoded(protocol: Protocol, request: DialogueRequest, vendor?: DialectName): { readonly body: JsonObject; readonly losses: readonly Loss[] } {
  const { model } = request;
  switch (protocol) {
    case 'openai-chat':
      return encodeChatRequest(request, { model, dialect: vendor === undefined ? fullChat : dialectOf(vendor) });
    case 'anthropic-messages':
      return encodeMessagesRequest(request, { model, upstreamId, dialect: vendor === undefined ? { ...fullMessagesDialect, stopMax: 64, imageUrlSchemes: ['https:'] } : messagesDialectOf(vendor) });
    case 'openai-responses':
      return encodeResponsesRequest(request, { model, upstreamId, dialect: vendor === undefined ? fullResponses : responsesDialectOf(vendor) });
  }
}

/** A body that went to an upstream, come in at our own surface of that protocol. */
export function decoded(protocol: Protocol, body: JsonObject, seals: ThinkingSeals): DialogueRequest {
  return received(protocol, sealed(body, seals) as JsonObject, seals);
}

/** A client's body, come in at our own surface of that protocol. */
export function received(protocol: Protocol, body: JsonObject, seals: ThinkingSeals): DialogueRequest {
  const value = JSON.parse(JSON.stringify(body)) as JsonObject;
  switch (protocol) {
    case 'openai-chat':
      return decodeChatRequest(value, 'moonshot').request;
    case 'anthropic-messages':
      return decodeMessagesRequest(value, { seals, version: '2023-06-01' }).request;
    case 'openai-responses': {
      const parsed = parseResponsesBody(value, 'openai');
      let count = 0;
      return responsesRequestOf(parsed, [], normaliseInput(parsed, (prefix) => `${prefix}_${(count += 1)}`), { seals });
    }
  }
}

/** What went to an upstream as a client of ours would have it: with our seal around what the upstream gave. */
function sealed(value: JsonValue, seals: ThinkingSeals): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((each) => sealed(each, seals));
  const object = value as JsonObject;
  const { type, thinking, signature, data, encrypted_content: encrypted } = object;
  const proof = (protocol: Protocol, given: JsonValue | undefined): ThinkingProof => ({ protocol, upstreamId, value: String(given) });
  if (type === 'thinking' && signature !== '') return { ...object, signature: seals.seal({ text: String(thinking), proof: proof('anthropic-messages', signature) }, true) };
  if (type === 'redacted_thinking') return { ...object, data: seals.seal({ text: '', proof: { ...proof('anthropic-messages', data), hidden: true } }, false) };
  if (type === 'reasoning' && typeof encrypted === 'string') {
    const [summary] = object['summary'] as readonly JsonObject[];
    const hidden = summary === undefined ? { hidden: true as const } : {};
    return { ...object, encrypted_content: seals.seal({ text: String(summary?.['text'] ?? ''), proof: { ...proof('openai-responses', encrypted), ...hidden } }, false) };
  }
  return Object.fromEntries(Object.entries(object).map(([key, each]) => [key, sealed(each, seals)]));
}
