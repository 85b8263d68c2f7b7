import type { FastifyInstance } from 'fastify';
import type { ChatStyle } from '../../wire/openai-chat/chat-style.ts';
import { encodeChatStreamError } from '../../wire/openai-chat/error-encode.ts';
import { encodeChatReply } from '../../wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../wire/openai-chat/request-decode.ts';
import { ChatStreamEncoder } from '../../wire/openai-chat/stream-encode.ts';
import type { BasePath } from '../base-path.ts';
import { answerGeneration, type GenerationDeps } from '../generation-exchange.ts';
import type { ReplyWriter } from '../reply-writer.ts';

/** `POST {base}/chat/completions`, streamed and whole. */
export function registerChatCompletions(app: FastifyInstance, base: BasePath, deps: GenerationDeps): void {
  const surface = `${base.path}/chat/completions`;
  app.post(surface, (httpRequest, reply) => {
    const { request, includeUsage, reasoningAlias, thinking } = decodeChatRequest(httpRequest.body, base.vendor);
    const style: ChatStyle = { vendor: base.vendor, reasoningAlias: reasoningAlias || base.vendor === 'openrouter', thinking, includeUsage };
    return answerGeneration(httpRequest, reply, deps, { surface, request, writer: chatWriter(style, httpRequest.id) });
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
