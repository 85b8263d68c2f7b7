import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cacheReferenceOf } from '../../wire/openai-chat/cache-reference.ts';
import type { ChatStyle } from '../../wire/openai-chat/chat-style.ts';
import { encodeChatStreamError } from '../../wire/openai-chat/error-encode.ts';
import { encodeChatReply } from '../../wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../wire/openai-chat/request-decode.ts';
import { ChatStreamEncoder } from '../../wire/openai-chat/stream-encode.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { answerGeneration, type GenerationDeps } from '../generation-exchange.ts';
import type { ReplyWriter } from '../reply-writer.ts';
import { type CachedChatRequest, cachedChatRequest, type CachedContextDeps, cacheTelling } from './cached-context.ts';
import { scopeOf } from './responses/responses-deps.ts';

/** `POST {base}/chat/completions`, streamed and whole. */
export function registerChatCompletions(app: FastifyInstance, base: BasePath, deps: GenerationDeps & CachedContextDeps): void {
  const surface = `${base.path}/chat/completions`;
  const answer = (httpRequest: FastifyRequest, reply: FastifyReply, { decoded, headers }: CachedChatRequest): Promise<FastifyReply> => {
    const { request, includeUsage, reasoningAlias, thinking } = decoded;
    const style: ChatStyle = { vendor: base.vendor, reasoningAlias: reasoningAlias || base.vendor === 'openrouter', thinking, includeUsage };
    const writer = chatWriter(style, httpRequest.id);
    return answerGeneration(httpRequest, reply, deps, { surface, request, writer: headers === undefined ? writer : cacheTelling(writer, headers) });
  };
  app.post(surface, (httpRequest, reply) => {
    const { body } = httpRequest;
    // Nearly every request names no cache, and waits for nothing.
    const reference = base.vendor === 'moonshot' ? cacheReferenceOf(body, httpRequest.headers) : undefined;
    if (reference === undefined) return answer(httpRequest, reply, { decoded: decodeChatRequest(body, base.vendor) });
    return cachedChatRequest(deps, scopeOf(callerOf(httpRequest)), body, reference).then((cached) => answer(httpRequest, reply, cached));
  });
}

function chatWriter(style: ChatStyle, requestId: string): ReplyWriter {
  const encoder = new ChatStreamEncoder(style);
  return {
    // Under OpenRouter's base path the cost stands in the usage.
    costInBody: style.vendor === 'openrouter',
    encode: (batches) => encoder.encode(batches),
    finish: ({ cost }) => encoder.end(cost),
    fail: (fault) => encodeChatStreamError(fault, style.vendor, requestId),
    whole: ({ reply, cost }) => encodeChatReply(reply, style, cost),
  };
}
