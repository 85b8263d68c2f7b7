import { decodeChatError } from '../wire/openai-chat/error-decode.ts';
import type { ChatDialect } from '../wire/openai-chat/chat-dialect.ts';
import { decodeChatReply } from '../wire/openai-chat/reply-decode.ts';
import { encodeChatRequest } from '../wire/openai-chat/request-encode.ts';
import { ChatStreamDecoder } from '../wire/openai-chat/stream-decode.ts';
import { bearer, targetOf, type WireProtocol } from './wire-protocol.ts';

/** OpenAI's chat completions, as `dialect` has them; `path` where a vendor takes them somewhere else too. */
export function chatProtocol(dialect: ChatDialect, path = '/chat/completions'): WireProtocol {
  return {
    protocol: 'openai-chat',
    path,
    contextCache: false,
    documents: dialect.documents,
    headers: bearer,
    encode: (call) => encodeChatRequest(call.request, { ...targetOf(call), dialect }),
    replies: () => ({
      newStreamDecoder: () => new ChatStreamDecoder(),
      decodeReply: (value) => decodeChatReply(value),
      isError: ({ error = null }) => error !== null,
      decodeError: decodeChatError,
    }),
  };
}
