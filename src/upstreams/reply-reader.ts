import { Fault, toFault } from '../base/fault.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import { SseParser } from '../base/sse.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { Loss } from '../dialogue/extensions.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { BodyMode, ReplyReader } from './exchange.ts';
import type { ReplyHead } from './reply-head.ts';
import { parseRetryAfter } from './retry-after.ts';
import { scrubFault, withoutKey } from './scrub.ts';
import { AttemptFailure, type AttemptStage, type Flow, type UpstreamHandler } from './upstream.ts';
import type { ReplyCodec, StreamDecoder } from './wire-protocol.ts';

export interface ReplyContext {
  readonly upstreamId: string;
  readonly codec: ReplyCodec;
  readonly apiKey: string | undefined;
  readonly streamed: boolean;
  readonly losses: readonly Loss[];
  readonly eventBytesMax: number;
  readonly nowMs: () => number;
}

/** Reads the reply to one request, streamed or whole, in whichever protocol, and what stands in its place when the upstream refuses. */
export class WireReplyReader implements ReplyReader {
  readonly #context: ReplyContext;
  readonly #handler: UpstreamHandler;
  readonly #sse: SseParser;
  readonly #decoder: StreamDecoder;
  readonly #begun = new Set<number>();
  readonly #ended = new Set<number>();
  #head: ReplyHead | undefined;
  #mode: BodyMode = 'whole';
  #committed = false;
  #reply: DialogueReply | undefined;
  #previousLost = false;

  constructor(context: ReplyContext, handler: UpstreamHandler) {
    this.#context = context;
    this.#handler = handler;
    this.#decoder = context.codec.newStreamDecoder(Math.floor(context.nowMs() / 1000));
    this.#sse = new SseParser({ eventBytesMax: context.eventBytesMax });
  }

  get committed(): boolean {
    return this.#committed;
  }

  /** The reply of a call that was not streamed, once it has been read. */
  get reply(): DialogueReply | undefined {
    return this.#reply;
  }

  /** The upstream refused because it does not hold what the request goes on from. */
  get previousLost(): boolean {
    return this.#previousLost;
  }

  onHead(head: ReplyHead, flow: Flow): BodyMode {
    this.#head = head;
    this.#mode = this.#modeFor(head);
    if (this.#mode !== 'refusal') this.#handler.onOpen(flow, this.#context.losses);
    return this.#mode;
  }

  #modeFor(head: ReplyHead): BodyMode {
    if (head.status >= 400) return 'refusal';
    const { streamed } = this.#context;
    // Some servers send no type at all; what was asked for is then the best guess, and its parser the judge.
    if (head.mediaType === '' || head.mediaType === (streamed ? 'text/event-stream' : 'application/json')) {
      return streamed ? 'stream' : 'whole';
    }
    const json = head.mediaType === 'application/json' || head.mediaType.endsWith('+json');
    if (json) return streamed ? 'refusal' : 'whole';
    const due = streamed ? 'an event stream' : 'JSON';
    throw this.#invalid(`the upstream answered with ${head.mediaType.slice(0, 60)} where ${due} was due`);
  }

  onBytes(bytes: Buffer): boolean {
    let payloads: readonly string[];
    try {
      payloads = this.#sse.push(bytes);
    } catch (thrown) {
      // An event that is too large.
      throw this.#failure(this.#scrubbed(toFault(thrown)), 'maybe');
    }
    this.#hand(payloads);
    if (this.#decoder.ended) this.#endStream();
    return this.#decoder.ended;
  }

  onEnd(body: Buffer): void {
    if (this.#mode === 'refusal') throw this.#refusal(body);
    if (this.#mode === 'whole') {
      this.#readWhole(body);
      return;
    }
    this.#hand(this.#sse.end());
    this.#endStream();
  }

  /** Decodes `payloads` and hands their batches out in one call. Throws at an error event, after what came before it. */
  #hand(payloads: readonly string[]): void {
    const batches: EventBatch[] = [];
    let fault: Fault | undefined;
    for (const payload of payloads) {
      if (fault !== undefined || this.#decoder.ended) break;
      try {
        const batch = this.#decoder.push(payload);
        fault = this.#note(batch);
        if (fault !== undefined) pushDeltas(batch, batches);
        else if (batch.events.length > 0 || batch.source !== undefined) batches.push(batch);
      } catch (thrown) {
        fault = toFault(thrown);
      }
    }
    if (batches.length > 0) {
      this.#committed = true;
      this.#handler.onBatches(batches);
    }
    // As the very first event an error is a verdict: nothing has been handed out, and another upstream may be asked.
    if (fault !== undefined) throw this.#verdict(fault);
  }

  /** Notes which choices have begun and ended; returns the fault of an error event, if there is one. */
  #note(batch: EventBatch): Fault | undefined {
    for (const event of batch.events) {
      if (event.type === 'error') return event.fault;
      if (event.type === 'choice-end') this.#ended.add(event.choice);
      else if ('choice' in event) this.#begun.add(event.choice);
    }
    return undefined;
  }

  /**
   * The stream is over: by its protocol's sign, or without, which some vendors omit. It is complete when each choice has said how
   * it ended; otherwise somebody on the way broke it off, and to call that an end would sell a part as the whole.
   */
  #endStream(): void {
    if (this.#ended.size > 0 && this.#begun.isSubsetOf(this.#ended)) return;
    throw this.#failure(new Fault('upstream_interrupted', { upstream: this.#context.upstreamId }), 'maybe');
  }

  #readWhole(body: Buffer): void {
    const value = parsed(text(body));
    if (value === undefined) throw this.#invalid('the upstream sent a reply that is no JSON object');
    const { codec } = this.#context;
    if (codec.isError(value)) throw this.#refusal(body);
    try {
      this.#reply = codec.decodeReply(value, Math.floor(this.#context.nowMs() / 1000));
    } catch (thrown) {
      throw this.#verdict(toFault(thrown));
    }
  }

  /** What the upstream said in place of an answer. */
  #refusal(body: Buffer): AttemptFailure {
    const { apiKey, codec, nowMs } = this.#context;
    const status = this.#head?.status ?? 200;
    const value = parsed(withoutKey(text(body), apiKey));
    if (status < 400 && (value === undefined || !codec.isError(value))) {
      return this.#invalid('the upstream answered a streamed request without a stream');
    }
    const retryAfterMs = parseRetryAfter(this.#head?.retryAfter, nowMs());
    const { fault, previousLost = false } = codec.decodeError(status, value, retryAfterMs);
    this.#previousLost = previousLost;
    return this.#failure(this.#scrubbed(fault), 'rejected');
  }

  /** What the codec made of a reply: the upstream's own error says that it did not process the request, nonsense does not. */
  #verdict(fault: Fault): AttemptFailure {
    return this.#failure(this.#scrubbed(fault), fault.code === 'upstream_invalid_reply' ? 'maybe' : 'rejected');
  }

  #invalid(message: string): AttemptFailure {
    return this.#failure(new Fault('upstream_invalid_reply', { message, upstream: this.#context.upstreamId }), 'maybe');
  }

  /** `before` is the stage if nothing has been handed out. */
  #failure(fault: Fault, before: AttemptStage): AttemptFailure {
    return new AttemptFailure(fault, this.#committed ? 'committed' : before, this.#head?.requestId);
  }

  #scrubbed(fault: Fault): Fault {
    return scrubFault(fault, this.#context.upstreamId, this.#context.apiKey);
  }
}

/** Of a frame that ends in an error, what the model had still said. */
function pushDeltas(batch: EventBatch, batches: EventBatch[]): void {
  const deltas = batch.events.filter((event) => event.type.endsWith('-delta') || event.type === 'tool-call-start');
  if (deltas.length > 0) batches.push({ events: deltas });
}

/** UTF-8, without a byte order mark; what is no UTF-8 becomes U+FFFD. */
function text(body: Buffer): string {
  return new TextDecoder().decode(body);
}

/** A body as a JSON object. The white space that OpenRouter pads it with does not count. */
function parsed(body: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
