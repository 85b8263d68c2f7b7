import { isJsonObject } from '../base/json.ts';
import { decodeResponsesError } from '../wire/openai-responses/error-decode.ts';
import { decodeResponsesReply } from '../wire/openai-responses/reply-decode.ts';
import { encodeResponsesRequest } from '../wire/openai-responses/request-encode.ts';
import type { ResponsesDialect } from '../wire/openai-responses/responses-dialect.ts';
import { ResponsesStreamDecoder } from '../wire/openai-responses/stream-decode.ts';
import { bearer, targetOf, type WireProtocol } from './wire-protocol.ts';

/** OpenAI's Responses, as `dialect` has them. `upstreamId`: whose the proofs of thinking and the held contexts are. */
export function responsesProtocol(dialect: ResponsesDialect, upstreamId: string): WireProtocol {
  return {
    protocol: 'openai-responses',
    path: '/responses',
    contextCache: dialect.contextCache,
    documents: dialect.documents,
    headers: bearer,
    encode: (call) => encodeResponsesRequest(call.request, { ...targetOf(call), dialect, upstreamId }),
    replies: ({ keepsContext }) => ({
      newStreamDecoder: () => new ResponsesStreamDecoder(upstreamId, keepsContext),
      decodeReply: (value) => decodeResponsesReply(value, upstreamId, keepsContext),
      // A response has an `error` too, which is null or says why it failed.
      isError: (value) => isJsonObject(value['error']) && !Array.isArray(value['output']),
      decodeError: decodeResponsesError,
    }),
  };
}
