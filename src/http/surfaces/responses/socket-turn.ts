import type { Caller } from '../../../access/caller.ts';
import { Fault, toFault } from '../../../base/fault.ts';
import { type GenerationId, newId } from '../../../base/id.ts';
import type { Usage } from '../../../dialogue/usage.ts';
import type { Flow } from '../../../gateway/gateway.ts';
import { modelNotFound } from '../../../routing/plan.ts';
import { encodeSocketError } from '../../../wire/openai-responses/error-encode.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import type { SocketCreate } from '../../../wire/openai-responses/socket-event.ts';
import { costHeaders } from '../../cost-headers.ts';
import { logInternal, relayStream } from '../../generation-exchange.ts';
import { endedBy } from '../../open-exchanges.ts';
import { idHeaders, openedHeaders } from '../../reply-headers.ts';
import { openTurn, type Turn } from './open-turn.ts';
import { recentAfter, type RecentResponse, type RecentResponses } from './recent-responses.ts';
import type { ResponsesDeps } from './responses-deps.ts';
import type { SocketOutlet } from './socket-outlet.ts';
import { TurnWriter } from './turn-writer.ts';

export interface SocketTurnDeps extends ResponsesDeps {
  readonly recent: RecentResponses;
  /** Undefined: the key is gone, revoked or expired. */
  callerOfKey(keyId: string): Promise<Caller | undefined>;
}

/** Whose connection it is. */
export interface SocketSession {
  /** Of the request that became a WebSocket; the connection is known by it. */
  readonly requestId: string;
  readonly keyId: string;
  /** The path, for the record. */
  readonly surface: string;
  readonly sandboxScript?: string;
}

const nothingUsed: Usage = { inputUncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, estimated: false };

/** One `response.create` of a WebSocket, answered as the same POST would be; only what is said goes out as messages. */
export class SocketTurn {
  readonly #deps: SocketTurnDeps;
  readonly #session: SocketSession;
  readonly #outlet: SocketOutlet;
  readonly #create: SocketCreate;
  readonly #abort: AbortController;
  readonly #generationId: GenerationId;
  /** How each event ends. */
  readonly #tail: string;
  /** Events, as JSON, that may be sent when what they say is kept. */
  #pending: string[] = [];
  /** What the head of an HTTP reply would say. */
  #headers: Record<string, string>;
  #begun = false;
  #flow: Flow | undefined;

  constructor(deps: SocketTurnDeps, session: SocketSession, outlet: SocketOutlet, create: SocketCreate, abort: AbortController) {
    this.#deps = deps;
    this.#session = session;
    this.#outlet = outlet;
    this.#create = create;
    this.#abort = abort;
    this.#generationId = newId('gen', deps.clock, deps.random);
    this.#headers = idHeaders({ requestId: session.requestId, generationId: this.#generationId });
    this.#tail = create.streamId === undefined ? '}' : `,"stream_id":${JSON.stringify(create.streamId)}}`;
  }

  /** Makes the response, and tells it or why there is none. Never rejects. */
  async run(): Promise<void> {
    const { exchanges, clock, log } = this.#deps;
    const { requestId, keyId, surface } = this.#session;
    const beganMs = clock.monotonicMs();
    const status = await exchanges.run(this.#abort, () => this.#answer());
    if (this.#flow !== undefined) this.#outlet.remove(this.#flow);
    log.write('info', 'request', {
      requestId, keyId, generationId: this.#generationId, method: this.#create.type, route: surface, status,
      durationMs: Math.round(clock.monotonicMs() - beganMs),
    });
  }

  /** Resolves with the status that the same POST would have. */
  async #answer(): Promise<number> {
    let writer: TurnWriter | undefined;
    try {
      const { turn, before } = await this.#open();
      writer = this.#writerOf(turn, before);
      this.#flush(this.#create.generate ? await this.#generate(turn, writer) : await this.#prepare(turn, writer));
      return 200;
    } catch (thrown) {
      return this.#fail(endedBy(this.#abort.signal) ?? toFault(thrown), writer);
    }
  }

  async #open(): Promise<{ readonly turn: Turn; readonly before: RecentResponse | undefined }> {
    const { recent, callerOfKey } = this.#deps;
    const { requestId, keyId } = this.#session;
    const caller = await callerOfKey(keyId);
    if (caller === undefined) throw new Fault('key_rejected', { message: 'The API key of this connection has been revoked or has expired' });
    const body = parseResponsesBody(this.#create.body, 'openai');
    const before = body.previousResponseId === undefined ? undefined : recent.get(requestId, body.previousResponseId);
    if (before !== undefined && body.store) {
      throw new Fault('invalid_request', { message: 'A response that is stored cannot go on from one that is not: send store: false with this one too, or store both.', field: 'store' });
    }
    return { turn: await openTurn(this.#deps, caller, body, before === undefined ? {} : { context: before.context }), before };
  }

  #writerOf(turn: Turn, before: RecentResponse | undefined): TurnWriter {
    const { requestId } = this.#session;
    return new TurnWriter(this.#deps, turn, this.#generationId, {
      onEvent: (_sequenceNumber, _type, json) => void this.#pending.push(json),
      onKept: (end) => {
        const { status } = end.body;
        if (status === 'failed') this.#evict();
        // Who has left goes on from nothing, and its connection is forgotten already.
        if (turn.body.store || this.#abort.signal.aborted || (status !== 'completed' && status !== 'incomplete')) return;
        this.#deps.recent.keep(requestId, this.#create.streamId ?? '', turn.responseId, recentAfter(turn, end, before));
      },
    });
  }

  /** Resolves with what the trailers of an HTTP reply would say. */
  async #generate({ caller, request }: Turn, writer: TurnWriter): Promise<Record<string, string>> {
    const { surface, sandboxScript } = this.#session;
    const options = { generationId: this.#generationId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) };
    const { end } = await relayStream(this.#deps, { caller, request, writer, options, abort: this.#abort }, {
      onOpen: (opened) => {
        const { flow } = opened;
        this.#headers = openedHeaders({ requestId: this.#session.requestId, generationId: this.#generationId }, opened);
        if (this.#flow !== undefined) this.#outlet.remove(this.#flow);
        this.#flow = flow;
        this.#outlet.add(flow);
      },
      onText: () => this.#flush(),
    });
    return costHeaders(end.cost);
  }

  /** A response without an answer, to be gone on from: nobody is asked, and it costs nothing. */
  async #prepare({ request }: Turn, writer: TurnWriter): Promise<Record<string, string>> {
    if (this.#deps.modelIdOf(request.model) === undefined) throw modelNotFound(request.model);
    writer.encode([]);
    this.#flush();
    await writer.finish({ usage: nothingUsed });
    return {};
  }

  async #fail(fault: Fault, writer: TurnWriter | undefined): Promise<number> {
    // An end that could not be kept has not come.
    this.#pending = [];
    this.#evict();
    if (fault.code === 'internal') logInternal(this.#deps.log, this.#session.requestId, fault);
    if (this.#begun || fault.code === 'caller_gone') await writer?.fail(fault);
    if (this.#pending.length > 0) this.#flush();
    else this.#outlet.send([JSON.stringify(encodeSocketError(fault, this.#create.streamId))]);
    return fault.status;
  }

  /** What a turn that failed went on from is not kept any longer (responses-ark-anthropic-batch.md 1.8). */
  #evict(): void {
    const { previousResponseId } = this.#create;
    if (previousResponseId !== undefined) this.#deps.recent.forget(this.#session.requestId, previousResponseId);
  }

  /**
   * Sends what waits. An event has no head, so that what HTTP says there stands in `headers` of the first one, and what it says in trailers
   * in those of the last: OpenAI does so with errors (openai 7.57, `ResponseWsError`), and Codex reads them from any event.
   */
  #flush(trailers: Record<string, string> = {}): void {
    const last = this.#pending.length - 1;
    if (last < 0) return;
    const events = this.#pending.map((json, index) => {
      const headers = index === 0 && !this.#begun ? this.#headers : index === last ? trailers : {};
      const said = Object.keys(headers).length === 0 ? '' : `,"headers":${JSON.stringify(headers)}`;
      return json.slice(0, -1) + said + this.#tail;
    });
    this.#begun = true;
    this.#pending = [];
    this.#outlet.send(events);
  }
}
