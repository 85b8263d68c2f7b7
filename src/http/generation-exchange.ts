import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../access/caller.ts';
import type { Clock } from '../base/clock.ts';
import { Fault, toFault } from '../base/fault.ts';
import { type GenerationId, newId } from '../base/id.ts';
import { type Log, stackOf } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { AttemptOpened, Gateway, GenerateOptions, GenerationEnd } from '../gateway/gateway.ts';
import { callerOf } from './authentication.ts';
import { EventStream, eventStreamHeaders, type EventStreamTiming } from './event-stream.ts';
import type { Idempotency } from './idempotency.ts';
import { endedBy, type OpenExchanges } from './open-exchanges.ts';
import { outgoingText } from './outgoing-text.ts';
import type { ReplyCopy } from './reply-copy.ts';
import type { ReplyWriter } from './reply-writer.ts';
import { sandboxScriptOf } from './sandbox-header.ts';
import { costHeaders, costTrailerNames } from './cost-headers.ts';
import { idHeaders, openedHeaders } from './reply-headers.ts';

export interface GenerationDeps {
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
  readonly writer: ReplyWriter;
  readonly requestId: string;
  readonly options: GenerateOptions;
  readonly abort: AbortController;
}

/** What is to be answered, and how. */
export interface Answering {
  /** The path, for the record. */
  readonly surface: string;
  readonly request: DialogueRequest;
  readonly writer: ReplyWriter;
  /** Where the surface must know it beforehand. */
  readonly generationId?: GenerationId;
}

/**
 * Answers an HTTP request with one generation, streamed or whole, told by `writer`: ids, headers, `Idempotency-Key`, keep-alive, cost,
 * abort when the client leaves, errors before and after the first byte. Throws the fault that the error handler is to answer with.
 */
export function answerGeneration(
  httpRequest: FastifyRequest,
  reply: FastifyReply,
  deps: GenerationDeps,
  { surface, request, writer, generationId = newId('gen', deps.clock, deps.random) }: Answering,
): Promise<FastifyReply> {
  const caller = callerOf(httpRequest);
  const sandboxScript = sandboxScriptOf(httpRequest, caller);
  httpRequest.generationId = generationId;
  reply.header('x-generation-id', generationId);
  const exchange: Exchange = {
    caller, request, writer,
    requestId: httpRequest.id,
    options: { generationId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) },
    abort: abortWhenGone(reply),
  };
  const answer = (copy?: ReplyCopy): Promise<FastifyReply> =>
    request.stream ? streamReply(exchange, reply, deps, copy) : wholeReply(exchange, reply, deps, copy);
  return deps.exchanges.run(exchange.abort, deps.idempotency.once(httpRequest, reply, generationId, answer));
}

/** Aborts when the client leaves before its reply is written, streaming or not, also before the first byte, or has left. */
function abortWhenGone(reply: FastifyReply): AbortController {
  const abort = new AbortController();
  // While the surface read of a database what to ask for: the event has been.
  if (reply.raw.destroyed) abort.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort();
  });
  return abort;
}

async function wholeReply(exchange: Exchange, reply: FastifyReply, deps: GenerationDeps, copy: ReplyCopy | undefined): Promise<FastifyReply> {
  const { caller, request, options, writer, abort } = exchange;
  const ids = idsOf(exchange);
  let headers = idHeaders(ids);
  const end = await deps.gateway.generate(
    caller,
    request,
    options,
    {
      onOpen: (opened) => {
        headers = openedHeaders(ids, opened);
        writer.opened?.(opened);
      },
      onBatches: () => {
        throw new Fault('internal');
      },
    },
    abort.signal,
  );
  if (end.reply === undefined) throw new Fault('upstream_invalid_reply');
  const text = JSON.stringify(await writer.whole({ ...end, reply: { ...end.reply, usage: end.usage } }));
  const head = { ...headers, ...writer.headers, ...costHeadersOf(writer, end), 'content-type': 'application/json; charset=utf-8' };
  if (copy !== undefined) await copy.keep({ status: 200, headers: head }, text);
  const body = outgoingText(text);
  // Past Fastify's serialising and hooks, which have nothing to add: head and body leave in one write.
  reply.hijack();
  reply.raw.writeHead(200, { ...head, 'content-length': Buffer.byteLength(body) }).end(body);
  return reply;
}

async function streamReply(exchange: Exchange, reply: FastifyReply, deps: GenerationDeps, copy: ReplyCopy | undefined): Promise<FastifyReply> {
  const { writer, abort } = exchange;
  const ids = idsOf(exchange);
  let headers: Record<string, string> = { ...idHeaders(ids), ...writer.headers };
  const stream = new EventStream(reply.raw, {
    clock: deps.clock,
    timing: deps.timing,
    headers: () => headers,
    ...(writer.costInBody === true ? {} : { trailerNames: costTrailerNames }),
    ...(writer.keepAlive === undefined ? {} : { keepAlive: writer.keepAlive }),
  });
  try {
    const { end, rest } = await relayStream(deps, exchange, {
      onOpen: (opened) => {
        headers = { ...openedHeaders(ids, opened), ...writer.headers };
        stream.flow = opened.flow;
      },
      onText: (text) => {
        copy?.add(text);
        stream.write(text);
      },
    });
    const trailers = costHeadersOf(writer, end);
    if (copy !== undefined) await copy.keep({ status: 200, headers: { ...headers, ...trailers, ...eventStreamHeaders } }, rest);
    reply.hijack();
    stream.end(rest, trailers);
  } catch (thrown) {
    const fault = endedBy(abort.signal) ?? toFault(thrown);
    if (!stream.started && fault.code !== 'caller_gone') {
      stream.close();
      throw fault;
    }
    reply.hijack();
    if (fault.code === 'internal') logInternal(deps.log, exchange.requestId, fault);
    const text = await writer.fail(fault);
    await copy?.fail(fault, { status: 200, headers: { ...headers, ...eventStreamHeaders } }, text);
    stream.end(text);
  }
  return reply;
}

/** A streamed generation and who tells it. */
export type Relayed = Pick<Exchange, 'caller' | 'request' | 'writer' | 'options' | 'abort'>;

/** Takes a stream as it comes. */
export interface RelaySink {
  onOpen(opened: AttemptOpened): void;
  /** What the writer has made of one batch; empty when there is nothing to say yet. */
  onText(text: string): void;
}

/**
 * Runs a streamed generation through its writer. Resolves when it has ended well and is kept, with the text that remains to be sent; rejects
 * with a fault, of which the writer has not been told.
 */
export async function relayStream(
  { gateway }: Pick<GenerationDeps, 'gateway'>,
  { caller, request, writer, options, abort }: Relayed,
  sink: RelaySink,
): Promise<{ readonly end: GenerationEnd; readonly rest: string }> {
  const end = await gateway.generate(
    caller,
    request,
    options,
    {
      onOpen: (opened) => {
        sink.onOpen(opened);
        writer.opened?.(opened);
      },
      onBatches: (batches) => sink.onText(writer.encode(batches)),
    },
    abort.signal,
  );
  const counted = end.usage.estimated ? writer.encode([{ events: [{ type: 'usage', usage: end.usage }] }]) : '';
  return { end, rest: counted + (await writer.finish(end)) };
}

/** Says in the log where a generation broke for a reason that only we can mend. */
export function logInternal(log: Log, requestId: string, fault: Fault): void {
  const stack = stackOf(fault.cause);
  log.write('error', 'internal error in a stream', { requestId, ...(stack === undefined ? {} : { stack }) });
}

function idsOf({ requestId, options }: Exchange): { requestId: string; generationId: GenerationId } {
  return { requestId, generationId: options.generationId };
}

function costHeadersOf(writer: ReplyWriter, { cost }: GenerationEnd): Record<string, string> {
  return writer.costInBody === true ? {} : costHeaders(cost);
}
