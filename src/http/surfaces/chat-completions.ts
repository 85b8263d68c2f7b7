import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Caller } from '../../access/caller.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault, toFault } from '../../base/fault.ts';
import { type GenerationId, newId } from '../../base/id.ts';
import { type Log, stackOf } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Gateway, GenerationEnd } from '../../gateway/gateway.ts';
import type { ChatStyle } from '../../wire/openai-chat/chat-style.ts';
import { encodeChatStreamError } from '../../wire/openai-chat/error-encode.ts';
import { encodeChatReply } from '../../wire/openai-chat/reply-encode.ts';
import { decodeChatRequest } from '../../wire/openai-chat/request-decode.ts';
import { ChatStreamEncoder } from '../../wire/openai-chat/stream-encode.ts';
import { callerOf } from '../authentication.ts';
import type { BasePath } from '../base-path.ts';
import { EventStream, eventStreamHeaders, type EventStreamTiming } from '../event-stream.ts';
import type { Idempotency } from '../idempotency.ts';
import { endedBy, type OpenExchanges } from '../open-exchanges.ts';
import { outgoingText } from '../outgoing-text.ts';
import type { ReplyCopy } from '../reply-copy.ts';
import { sandboxScriptOf } from '../sandbox-header.ts';
import { costHeaders, costTrailerNames } from './cost-headers.ts';
import { idHeaders, openedHeaders } from './reply-headers.ts';

export interface ChatCompletionsDeps {
  readonly gateway: Pick<Gateway, 'generate'>;
  readonly idempotency: Idempotency;
  readonly exchanges: OpenExchanges;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timing: EventStreamTiming;
}

/** One request on its way: what both the streamed and the whole reply need. */
interface Exchange {
  readonly caller: Caller;
  readonly request: DialogueRequest;
  readonly style: ChatStyle;
  readonly requestId: string;
  readonly generationId: GenerationId;
  readonly surface: string;
  readonly sandboxScript: string | undefined;
  readonly abort: AbortController;
}

/** `POST {base}/chat/completions`, streamed and whole. */
export function registerChatCompletions(app: FastifyInstance, base: BasePath, deps: ChatCompletionsDeps): void {
  const surface = `${base.path}/chat/completions`;
  app.post(surface, async (httpRequest, reply) => {
    const caller = callerOf(httpRequest);
    const { request, includeUsage, reasoningAlias, thinking } = decodeChatRequest(httpRequest.body, base.vendor);
    const generationId = newId('gen', deps.clock, deps.random);
    httpRequest.generationId = generationId;
    reply.header('x-generation-id', generationId);
    const exchange: Exchange = {
      caller,
      request,
      style: { vendor: base.vendor, reasoningAlias: reasoningAlias || base.vendor === 'openrouter', thinking, includeUsage },
      requestId: httpRequest.id,
      generationId,
      surface,
      sandboxScript: sandboxScriptOf(httpRequest, caller),
      abort: abortWhenGone(reply),
    };
    const answer = (copy?: ReplyCopy): Promise<FastifyReply> =>
      request.stream ? streamReply(exchange, reply, deps, copy) : wholeReply(exchange, reply, deps, copy);
    return deps.exchanges.run(exchange.abort, deps.idempotency.once(httpRequest, reply, generationId, answer));
  });
}

/** Aborts when the client leaves before its reply is written, streaming or not, also before the first byte. */
function abortWhenGone(reply: FastifyReply): AbortController {
  const abort = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort();
  });
  return abort;
}

async function wholeReply(exchange: Exchange, reply: FastifyReply, deps: ChatCompletionsDeps, copy: ReplyCopy | undefined): Promise<FastifyReply> {
  let headers = idHeaders(exchange);
  const end = await deps.gateway.generate(
    exchange.caller,
    exchange.request,
    optionsOf(exchange),
    {
      onOpen: (opened) => {
        headers = openedHeaders(exchange, opened);
      },
      onBatches: () => {
        throw new Fault('internal');
      },
    },
    exchange.abort.signal,
  );
  if (end.reply === undefined) throw new Fault('upstream_invalid_reply');
  const text = JSON.stringify(encodeChatReply({ ...end.reply, usage: end.usage }, exchange.style, end.cost));
  const head = { ...headers, ...costHeadersOf(exchange, end), 'content-type': 'application/json; charset=utf-8' };
  if (copy !== undefined) await copy.keep({ status: 200, headers: head }, text);
  const body = outgoingText(text);
  // Past Fastify's serialising and hooks, which have nothing to add: head and body leave in one write.
  reply.hijack();
  reply.raw.writeHead(200, { ...head, 'content-length': Buffer.byteLength(body) }).end(body);
  return reply;
}

/** Under OpenRouter's base path the cost stands in the usage. */
function costHeadersOf({ style }: Exchange, { cost }: GenerationEnd): Record<string, string> {
  return style.vendor === 'openrouter' ? {} : costHeaders(cost);
}

async function streamReply(exchange: Exchange, reply: FastifyReply, deps: ChatCompletionsDeps, copy: ReplyCopy | undefined): Promise<FastifyReply> {
  let headers = idHeaders(exchange);
  const stream = new EventStream(reply.raw, {
    clock: deps.clock,
    timing: deps.timing,
    headers: () => headers,
    ...(exchange.style.vendor === 'openrouter' ? {} : { trailerNames: costTrailerNames }),
  });
  const encoder = new ChatStreamEncoder(exchange.style);
  try {
    const end = await deps.gateway.generate(
      exchange.caller,
      exchange.request,
      optionsOf(exchange),
      {
        onOpen: (opened) => {
          headers = openedHeaders(exchange, opened);
          stream.flow = opened.flow;
        },
        onBatches: (batches) => {
          const text = encoder.encode(batches);
          copy?.add(text);
          stream.write(text);
        },
      },
      exchange.abort.signal,
    );
    const counted = end.usage.estimated ? encoder.encode([{ events: [{ type: 'usage', usage: end.usage }] }]) : '';
    const rest = counted + encoder.end(end.cost);
    const trailers = costHeadersOf(exchange, end);
    if (copy !== undefined) await copy.keep({ status: 200, headers: { ...headers, ...trailers, ...eventStreamHeaders } }, rest);
    reply.hijack();
    stream.end(rest, trailers);
  } catch (thrown) {
    const fault = endedBy(exchange.abort.signal) ?? toFault(thrown);
    if (!stream.started && fault.code !== 'caller_gone') {
      stream.close();
      throw fault;
    }
    reply.hijack();
    if (fault.code === 'internal') {
      const stack = stackOf(fault.cause);
      deps.log.write('error', 'internal error in a stream', { requestId: exchange.requestId, ...(stack === undefined ? {} : { stack }) });
    }
    const text = encodeChatStreamError(fault, exchange.style.vendor, exchange.requestId);
    await copy?.fail(fault, { status: 200, headers: { ...headers, ...eventStreamHeaders } }, text);
    stream.end(text);
  }
  return reply;
}

function optionsOf(exchange: Exchange): { generationId: GenerationId; surface: string; sandboxScript?: string } {
  const { generationId, surface, sandboxScript } = exchange;
  return { generationId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) };
}
