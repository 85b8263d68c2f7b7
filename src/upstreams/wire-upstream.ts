import { type Clock, systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import { answerNothing } from './answer-nothing.ts';
import type { Deadlines } from './deadlines.ts';
import type { TransportLimits } from './exchange.ts';
import { JsonReplyReader } from './json-reply-reader.ts';
import { ModelListReader } from './model-list-reader.ts';
import { type ChosenProtocol, chooseProtocol } from './protocol-choice.ts';
import { WireReplyReader } from './reply-reader.ts';
import { Transport, type TransportOptions, transportLimitsDefault } from './transport.ts';
import { AttemptFailure, type Upstream, type UpstreamCall, type UpstreamHandler } from './upstream.ts';
import { bearer, type EncodedRequest, type WireProtocol } from './wire-protocol.ts';

/** A protocol that an upstream speaks, and where. */
export interface WireEndpoint {
  readonly protocol: WireProtocol;
  /** What the protocol's path is put behind: `https://api.moonshot.ai/v1`. */
  readonly baseUrl: string;
}

export interface WireUpstreamOptions {
  readonly id: string;
  /** Where the models are listed: `https://api.moonshot.ai/v1`. */
  readonly baseUrl: string;
  /** In the order of preference. */
  readonly endpoints: readonly [WireEndpoint, ...WireEndpoint[]];
  /** Where calls of batches go, each of which is held until it has been made, and how long that may take. Absent: nowhere. */
  readonly batch?: WireEndpoint & { readonly deadlines: Deadlines };
  /** Undefined: no credential is sent. */
  readonly apiKey?: string;
  readonly deadlines: Deadlines;
  readonly limits?: Partial<TransportLimits>;
  readonly clock?: Clock;
  readonly connector?: TransportOptions['connector'];
}

/** A protocol with the way to where it is spoken. */
interface Route extends WireProtocol {
  readonly transport: Transport;
}

/**
 * Any place that speaks one or more of the protocols of `wire/`; how it differs from the next is in its dialect rows. Each request
 * goes by the protocol that loses least of it.
 */
export class WireUpstream implements Upstream {
  readonly id: string;
  readonly readsDocuments: boolean;
  readonly #apiKey: string | undefined;
  readonly #limits: TransportLimits;
  readonly #clock: Clock;
  readonly #transports = new Map<string, Transport>();
  readonly #models: Transport;
  readonly #routes: readonly [Route, ...Route[]];
  readonly #batchRoute: Route | undefined;

  /** Throws TypeError when a base URL is none. */
  constructor(options: WireUpstreamOptions) {
    const { id, baseUrl, endpoints, batch, apiKey, deadlines, clock = systemClock, connector } = options;
    this.id = id;
    this.readsDocuments = endpoints.some(({ protocol }) => protocol.documents);
    this.#apiKey = apiKey;
    this.#limits = { ...transportLimitsDefault, ...options.limits };
    this.#clock = clock;
    // What has one base shares its connections.
    const common = { upstreamId: id, limits: this.#limits, clock, ...(connector === undefined ? {} : { connector }) };
    const transportTo = (base: string): Transport => {
      const transport = this.#transports.get(base) ?? new Transport({ ...common, baseUrl: base, deadlines });
      this.#transports.set(base, transport);
      return transport;
    };
    const route = (endpoint: WireEndpoint): Route => ({ ...endpoint.protocol, transport: transportTo(endpoint.baseUrl) });
    this.#models = transportTo(baseUrl);
    const [first, ...others] = endpoints;
    this.#routes = [route(first), ...others.map(route)];
    this.#batchRoute = batch === undefined ? undefined : { ...batch.protocol, transport: new Transport({ ...common, ...batch }) };
  }

  async generate(call: UpstreamCall, handler: UpstreamHandler, signal: AbortSignal): Promise<DialogueReply | undefined> {
    if (call.batchEndpoint === true) return this.#generateInBatch(call, handler, signal);
    const { contextCache, stream } = call.request;
    if (contextCache?.prefixOnly === true && !this.#routes.some((route) => route.contextCache)) {
      return answerNothing({ id: call.generationId, model: call.upstreamModel, createdS: Math.floor(this.#clock.nowMs() / 1000), stream }, handler);
    }
    const { protocol: route, encoded } = chooseProtocol(call, this.#routes);
    const reader = this.#reader(route, encoded, call, handler);
    try {
      await this.#send({ protocol: route, encoded }, call, reader, signal);
      return reader.reply;
    } catch (thrown) {
      if (encoded.heldMessageCount === undefined || !reader.previousLost) throw thrown;
    }
    // What it was to hold it holds no more, and so it has done nothing yet: it is told everything.
    const told = chooseProtocol(withoutHeld(call), [route]);
    const second = this.#reader(route, told.encoded, call, handler);
    await this.#send(told, call, second, signal);
    return second.reply;
  }

  /** Never one of the usual endpoints instead, whose price is another. */
  async #generateInBatch(call: UpstreamCall, handler: UpstreamHandler, signal: AbortSignal): Promise<DialogueReply | undefined> {
    const route = this.#batchRoute;
    if (route === undefined) throw new AttemptFailure(new Fault('model_not_found', { message: 'the upstream has no endpoint for calls of batches', upstream: this.id }), 'not-sent');
    const chosen = chooseProtocol(call, [route]);
    const reader = this.#reader(route, chosen.encoded, call, handler);
    await this.#send(chosen, call, reader, signal);
    return reader.reply;
  }

  #reader(route: Route, encoded: EncodedRequest, call: UpstreamCall, handler: UpstreamHandler): WireReplyReader {
    return new WireReplyReader(
      {
        upstreamId: this.id,
        codec: route.replies(encoded),
        apiKey: this.#apiKey,
        streamed: call.request.stream,
        losses: encoded.losses,
        eventBytesMax: this.#limits.eventBytesMax,
        nowMs: () => this.#clock.nowMs(),
      },
      handler,
    );
  }

  #send({ protocol, encoded }: ChosenProtocol<Route>, call: UpstreamCall, reader: WireReplyReader, signal: AbortSignal): Promise<void> {
    const accept = call.request.stream ? 'text/event-stream' : 'application/json';
    return protocol.transport.send(
      {
        method: 'POST',
        path: protocol.path,
        headers: ['user-agent', 'moongate', ...protocol.headers(this.#apiKey), 'content-type', 'application/json', 'accept', accept],
        body: JSON.stringify(encoded.body),
      },
      reader,
      signal,
    );
  }

  /** Ids of the models that the server lists at `GET {base}/models`. Rejects with `AttemptFailure`. */
  async listModels(signal: AbortSignal): Promise<readonly string[]> {
    const reader = new ModelListReader(this.id);
    const headers = ['user-agent', 'moongate', ...bearer(this.#apiKey), 'accept', 'application/json'];
    await this.#models.send({ method: 'GET', path: '/models', headers }, reader, signal);
    return reader.ids;
  }

  async dropContext(handle: string, signal: AbortSignal): Promise<void> {
    const route = this.#routes.find(({ contextCache }) => contextCache);
    if (route === undefined) return;
    const headers = ['user-agent', 'moongate', ...route.headers(this.#apiKey), 'accept', 'application/json'];
    await route.transport.send({ method: 'DELETE', path: `${route.path}/${encodeURIComponent(handle)}`, headers }, new DroppedReader(this.id), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const transports = [...this.#transports.values(), ...(this.#batchRoute === undefined ? [] : [this.#batchRoute.transport])];
    await Promise.all(transports.map((transport) => transport[Symbol.asyncDispose]()));
  }
}

/** Reads the reply to the removal of a context: that there is none is as good. */
class DroppedReader extends JsonReplyReader {
  readonly #upstreamId: string;

  constructor(upstreamId: string) {
    super();
    this.#upstreamId = upstreamId;
  }

  protected override take(status: number): void {
    if (status < 400 || status === 404) return;
    throw new AttemptFailure(new Fault('upstream_failed', { message: `the upstream refused to drop a context (${status})`, upstream: this.#upstreamId }), 'rejected');
  }
}

/** The call with all of its conversation to be sent. It is to be held all the same, where it was. */
function withoutHeld(call: UpstreamCall): UpstreamCall {
  const { request } = call;
  return { ...call, request: { ...request, ...(request.contextCache === undefined ? {} : { contextCache: { ...request.contextCache, held: [] } }) } };
}
