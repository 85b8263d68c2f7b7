import type { Caller } from '../../../access/caller.ts';
import { Fault, toFault } from '../../../base/fault.ts';
import { type GenerationId, newId } from '../../../base/id.ts';
import type { Usage } from '../../../dialogue/usage.ts';
import type { Flow } from '../../../gateway/gateway.ts';
import { modelNotFound } from '../../../routing/plan.ts';
import { encodeSocketError } from '../../../wire/openai-responses/error-encode.ts';
import { parseResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';
import type { SocketCreate } from '../../../wire/openai-responses/socket-event.ts';
import { logInternal, relayStream } from '../../generation-exchange.ts';
import { endedBy } from '../../open-exchanges.ts';
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
  /** What of a stream's events is to be sent with them. */
  readonly #tail: string;
  /** Events that may be sent when what they say is kept. */
  #pending: string[] = [];
  #begun = false;
  #flow: Flow | undefined;

  constructor(deps: SocketTurnDeps, session: SocketSession, outlet: SocketOutlet, create: SocketCreate, abort: AbortController) {
    this.#deps = deps;
    this.#session = session;
    this.#outlet = outlet;
    this.#create = create;
    this.#abort = abort;
    this.#generationId = newId('gen', deps.clock, deps.random);
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
      if (this.#create.generate) await this.#generate(turn, writer);
      else await this.#prepare(turn, writer);
      this.#flush();
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
      onEvent: (_sequenceNumber, _type, json) => void this.#pending.push(json.slice(0, -1) + this.#tail),
      onKept: (end) => {
        const { status } = end.body;
        if (status === 'failed') this.#evict();
        if (turn.body.store || (status !== 'completed' && status !== 'incomplete')) return;
        this.#deps.recent.keep(requestId, this.#create.streamId ?? '', turn.responseId, recentAfter(turn, end, before));
      },
    });
  }

  async #generate({ caller, request }: Turn, writer: TurnWriter): Promise<void> {
    const { surface, sandboxScript } = this.#session;
    const options = { generationId: this.#generationId, surface, ...(sandboxScript === undefined ? {} : { sandboxScript }) };
    await relayStream(this.#deps, { caller, request, writer, options, abort: this.#abort }, {
      onOpen: ({ flow }) => {
        if (this.#flow !== undefined) this.#outlet.remove(this.#flow);
        this.#flow = flow;
        this.#outlet.add(flow);
      },
      onText: () => this.#flush(),
    });
  }

  /** A response without an answer, to be gone on from: nobody is asked, and it costs nothing. */
  async #prepare({ request }: Turn, writer: TurnWriter): Promise<void> {
    if (this.#deps.modelIdOf(request.model) === undefined) throw modelNotFound(request.model);
    writer.encode([]);
    this.#flush();
    await writer.finish({ usage: nothingUsed });
  }

  async #fail(fault: Fault, writer: TurnWriter | undefined): Promise<number> {
    // An end that could not be kept has not come.
    this.#pending = [];
    this.#evict();
    if (fault.code === 'internal') logInternal(this.#deps.log, this.#session.requestId, fault);
    if (this.#begun || fault.code === 'caller_gone') await writer?.fail(fault);
    if (this.#pending.length === 0) this.#pending.push(JSON.stringify(encodeSocketError(fault, this.#create.streamId)));
    this.#flush();
    return fault.status;
  }

  /** What a turn that failed went on from is not kept any longer (responses-ark-anthropic-batch.md 1.8). */
  #evict(): void {
    const { previousResponseId } = this.#create;
    if (previousResponseId !== undefined) this.#deps.recent.forget(this.#session.requestId, previousResponseId);
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#begun = true;
    this.#outlet.send(this.#pending);
    this.#pending = [];
  }
}
