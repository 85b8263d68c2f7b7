import { Fault, toFault } from '../../../base/fault.ts';
import { encodeSocketError } from '../../../wire/openai-responses/error-encode.ts';
import { encodeSteerFailed, parseSocketEvent, type SocketCreate, streamIdOf } from '../../../wire/openai-responses/socket-event.ts';
import { parseJsonBody } from '../../json-body.ts';
import type { OpenSocket } from '../../socket-upgrades.ts';
import { SocketOutlet } from './socket-outlet.ts';
import { type SocketSession, SocketTurn, type SocketTurnDeps } from './socket-turn.ts';

/** Responses that are made at once on one connection, each on a stream of its own. */
const streamsMax = 16;
/** Responses that wait for the one before them on their stream, of all streams together; and the size of what asked for them. */
const waitingMax = 64;
const waitingBytesMax = 32 * 1024 * 1024;
/** OpenAI's limit and words (responses-ark-anthropic-batch.md 1.8); clients look at the code, and connect again. */
const lifetimeMs = 60 * 60_000;
const lifetimeOver = 'Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.';
/** A client from which nothing comes for so many keep-alive times, not even what answers a ping, is gone. */
const silentTimesMax = 3;
/** How long a client may take to answer our wish to close. */
const closeMs = 2_000;
/** RFC 6455 7.4.1. */
const closeCodes = { normal: 1000, goingAway: 1001 } as const;

interface Waiting {
  readonly create: SocketCreate;
  readonly bytes: number;
}

/** Why no more responses are begun. */
interface Ending {
  readonly fault: Fault;
  readonly code: number;
  /** Whether the client is told the fault before the connection is closed. */
  readonly told: boolean;
}

/** One WebSocket of the Responses API: several responses at once, those of one stream one after another. */
export class SocketConnection {
  readonly #deps: SocketTurnDeps;
  readonly #socket: OpenSocket;
  readonly #session: SocketSession;
  readonly #outlet: SocketOutlet;
  /** What waits behind the response that is being made, by stream. */
  readonly #streams = new Map<string, Waiting[]>();
  readonly #aborts = new Set<AbortController>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #ending: Ending | undefined;
  #gone = false;
  #silentTimes = 0;
  #bytesHeard = 0;
  #cancelPing: () => void;
  readonly #cancelLifetime: () => void;

  constructor(deps: SocketTurnDeps, socket: OpenSocket, session: SocketSession) {
    this.#deps = deps;
    this.#socket = socket;
    this.#session = session;
    this.#outlet = new SocketOutlet(socket);
    const { webSocket, connection } = socket;
    webSocket.on('message', (data, isBinary) => this.#heard(Buffer.isBuffer(data) && !isBinary ? data : undefined));
    // It has closed the connection already: a message was too large, or no WebSocket's.
    webSocket.on('error', () => this.#left());
    webSocket.on('close', () => this.#left());
    // A client that is killed sends no close frame, and the library waits for all that is to be written before it says so.
    connection.once('end', () => this.#left());
    this.#cancelPing = deps.clock.after(deps.timing.keepAliveMs, () => this.#ping());
    this.#cancelLifetime = deps.clock.after(lifetimeMs, () => {
      this.#end({ fault: new Fault('invalid_request', { message: lifetimeOver }), code: closeCodes.normal, told: true });
    });
  }

  /** The house closes: no more responses are begun, and when those that are under way have ended, so does the connection. */
  drain(): void {
    this.#end({ fault: new Fault('shutting_down'), code: closeCodes.goingAway, told: false });
  }

  /** `data`: undefined when it is no text. */
  #heard(data: Buffer | undefined): void {
    let event: unknown;
    try {
      if (data === undefined) throw new Fault('invalid_request', { message: 'send events as text messages, not binary ones' });
      event = parseJsonBody(data);
      const parsed = parseSocketEvent(event);
      if (parsed.type === 'response.steer') this.#outlet.tell(JSON.stringify(encodeSteerFailed(parsed)));
      else this.#take(parsed, data.length);
    } catch (thrown) {
      this.#refuse(toFault(thrown), streamIdOf(event));
    }
  }

  #take(create: SocketCreate, bytes: number): void {
    if (this.#gone) return;
    if (this.#ending !== undefined) throw this.#ending.fault;
    const streamId = create.streamId ?? '';
    const waiting = this.#streams.get(streamId);
    if (waiting === undefined) {
      if (this.#streams.size >= streamsMax) {
        throw new Fault('invalid_request', { message: `Responses websocket stream limit reached (${streamsMax} streams at once). Wait for a response to end, or open another connection.` });
      }
      this.#streams.set(streamId, []);
      void this.#run(streamId, create);
      return;
    }
    if (this.#waitingCount >= waitingMax || (this.#waitingCount > 0 && this.#waitingBytes + bytes > waitingBytesMax)) {
      throw new Fault('rate_limited', { message: 'Too many responses wait on this connection: wait for some to end, or use another stream_id.' });
    }
    waiting.push({ create, bytes });
    this.#waitingCount += 1;
    this.#waitingBytes += bytes;
  }

  /** Makes the response, and then those that wait behind it. */
  async #run(streamId: string, first: SocketCreate): Promise<void> {
    for (let create: SocketCreate | undefined = first; create !== undefined; create = this.#next(streamId)) {
      const abort = new AbortController();
      this.#aborts.add(abort);
      if (this.#gone) abort.abort();
      await new SocketTurn(this.#deps, this.#session, this.#outlet, create, abort).run();
      this.#aborts.delete(abort);
    }
    this.#streams.delete(streamId);
    this.#closeWhenIdle();
  }

  #next(streamId: string): SocketCreate | undefined {
    const next = this.#streams.get(streamId)?.shift();
    if (next === undefined) return undefined;
    this.#waitingCount -= 1;
    this.#waitingBytes -= next.bytes;
    return next.create;
  }

  #refuse(fault: Fault, streamId: string | undefined): void {
    this.#outlet.tell(JSON.stringify(encodeSocketError(fault, streamId)));
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    for (const { create } of this.#takeWaiting()) this.#refuse(ending.fault, create.streamId);
    this.#closeWhenIdle();
  }

  #takeWaiting(): Waiting[] {
    this.#waitingCount = 0;
    this.#waitingBytes = 0;
    return [...this.#streams.values()].flatMap((waiting) => waiting.splice(0));
  }

  #closeWhenIdle(): void {
    if (this.#ending === undefined || this.#streams.size > 0 || this.#gone) return;
    const { webSocket } = this.#socket;
    if (this.#ending.told) this.#refuse(this.#ending.fault, undefined);
    webSocket.close(this.#ending.code);
    const cancel = this.#deps.clock.after(closeMs, () => webSocket.terminate());
    webSocket.once('close', cancel);
  }

  /** The client is gone, and what was made for it alone is not made any further. */
  #left(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#takeWaiting();
    for (const abort of this.#aborts) abort.abort();
    this.#deps.recent.forgetAll(this.#session.requestId);
    this.#cancelPing();
    this.#cancelLifetime();
  }

  #ping(): void {
    const { webSocket, connection } = this.#socket;
    // What answers our ping may stand behind a long message of its own; and who reads slowly has the ping before him yet.
    const isSilent = connection.bytesRead === this.#bytesHeard && webSocket.bufferedAmount === 0;
    this.#silentTimes = isSilent ? this.#silentTimes + 1 : 0;
    this.#bytesHeard = connection.bytesRead;
    if (this.#silentTimes >= silentTimesMax) return webSocket.terminate();
    if (this.#outlet.isOpen && webSocket.bufferedAmount === 0) webSocket.ping();
    this.#cancelPing = this.#deps.clock.after(this.#deps.timing.keepAliveMs, () => this.#ping());
  }
}
