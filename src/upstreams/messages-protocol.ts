import { decodeMessagesError } from '../wire/anthropic-messages/error-decode.ts';
import type { MessagesDialect } from '../wire/anthropic-messages/messages-dialect.ts';
import { decodeMessagesReply } from '../wire/anthropic-messages/reply-decode.ts';
import { encodeMessagesRequest } from '../wire/anthropic-messages/request-encode.ts';
import { MessagesStreamDecoder } from '../wire/anthropic-messages/stream-decode.ts';
import { bearer, targetOf, type WireProtocol } from './wire-protocol.ts';

/** The version with named events and the sampling fields; the next one takes both away (responses-ark-anthropic-batch.md 3.1). */
const version = ['anthropic-version', '2023-06-01'];

/** Anthropic's Messages, as `dialect` has them. `upstreamId`: whose the proofs of thinking are. */
export function messagesProtocol(dialect: MessagesDialect, upstreamId: string): WireProtocol {
  return {
    protocol: 'anthropic-messages',
    path: '/v1/messages',
    contextCache: false,
    documents: dialect.documents,
    // Clients send their key in the one header or in the other (3.1), so that who takes one only is not known: both hold the same.
    headers: (apiKey) => (apiKey === undefined ? version : [...version, 'x-api-key', apiKey, ...bearer(apiKey)]),
    encode: (call) => encodeMessagesRequest(call.request, { ...targetOf(call), dialect, upstreamId }),
    replies: () => ({
      newStreamDecoder: (nowS) => new MessagesStreamDecoder(upstreamId, nowS),
      decodeReply: (value, nowS) => decodeMessagesReply(value, upstreamId, nowS),
      isError: ({ type, error = null }) => type === 'error' || error !== null,
      decodeError: decodeMessagesError,
    }),
  };
}
