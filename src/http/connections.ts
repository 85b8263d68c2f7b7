import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

/** How long a reader may take nothing of what waits for it before it is cut. */
export const readerStallMs = 30_000;

/** Looks at the readers that often within the time that they have, so that none is cut much later than it should be. */
const looksPerStall = 30;

interface Connection {
  readonly socket: Socket;
  /** Replies that are not wholly in the kernel's hands yet; more than one when the client pipelines. */
  readonly replies: Set<ServerResponse>;
  /** It speaks no HTTP any more; to be called when the house closes, and ends the connection. */
  onDrain?: () => void;
  /** What `takenBy` said when it last changed, and when that was seen. */
  taken: number;
  takenAtMs: number;
}

/**
 * The connections of a house, whichever of its listeners took them. Cuts readers that take nothing, be it in a stream, at
 * its end or in a whole reply; and when the house closes, ends each connection as soon as its last reply has been read.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #log: Log;
  readonly #open = new Map<Socket, Connection>();
  #looking = false;
  #draining = false;

  constructor(options: { readonly clock: Clock; readonly stallMs: number; readonly log: Log }) {
    this.#clock = options.clock;
    this.#stallMs = options.stallMs;
    this.#log = options.log;
  }

  /** Takes care of all connections that `server` will accept. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#opened(socket));
    // Before the application, which may answer at once: while draining, its reply has to say that the connection closes.
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => this.replying(response));
  }

  /** Whether a reply to this client has begun, so that nothing else may be written between. */
  isReplying(socket: Socket): boolean {
    for (const reply of this.#open.get(socket)?.replies ?? []) if (reply.headersSent) return true;
    return false;
  }

  /** `socket` speaks another protocol from now on. Its readers are still watched; `onDrain` is called when the house closes, and is to end it. */
  upgraded(socket: Socket, onDrain: () => void): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.onDrain = onDrain;
    if (this.#draining) onDrain();
  }

  /** From now on every reply closes its connection, and idle connections are closed at once. */
  drain(): void {
    this.#draining = true;
    for (const { socket, replies, onDrain } of this.#open.values()) {
      if (onDrain !== undefined) onDrain();
      else if (replies.size === 0) socket.destroySoon();
      for (const reply of replies) if (!reply.headersSent) reply.shouldKeepAlive = false;
    }
  }

  /** Cuts all. */
  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #opened(socket: Socket): void {
    if (this.#draining) return void socket.destroy();
    this.#open.set(socket, { socket, replies: new Set(), taken: 0, takenAtMs: this.#clock.monotonicMs() });
    socket.once('close', () => this.#open.delete(socket));
    if (!this.#looking) this.#lookLater();
  }

  /** Takes care of a reply that no server of ours has made. */
  replying(reply: ServerResponse): void {
    const connection = this.#open.get(reply.req.socket);
    if (connection === undefined) return;
    if (this.#draining) reply.shouldKeepAlive = false;
    const { socket, replies } = connection;
    replies.add(reply);
    reply.once('close', () => {
      replies.delete(reply);
      // Its headers may have promised to keep the connection, which Node would do until the idle time is over.
      if (this.#draining && replies.size === 0) socket.destroySoon();
    });
  }

  #lookLater(): void {
    this.#looking = this.#open.size > 0;
    if (this.#looking) this.#clock.after(this.#stallMs / looksPerStall, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const connection of this.#open.values()) {
      const { socket } = connection;
      const taken = socket.writableLength === 0 ? -1 : takenBy(socket);
      if (taken !== connection.taken || taken === -1) {
        connection.taken = taken;
        connection.takenAtMs = nowMs;
      } else if (nowMs - connection.takenAtMs >= this.#stallMs) {
        this.#log.write('info', 'cut a reader that takes nothing', { durationMs: Math.round(nowMs - connection.takenAtMs) });
        socket.destroy();
      }
    }
    this.#lookLater();
  }
}

/**
 * A number that changes whenever the client's side has taken something of what waits for it. `bytesWritten` and
 * `writableLength` stand still until a whole write is through, however big; what moves within one is the queue of the
 * handle, which Node's own socket timeout looks at too, and which has no public name (seen on Node 24, Linux). Linux
 * gives room in steps of about a third of the socket's buffer, so that less than one step in 30 s cannot be seen.
 */
function takenBy(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null && 'bytesWritten' in handle && 'writeQueueSize' in handle) {
    const { bytesWritten, writeQueueSize } = handle;
    if (typeof bytesWritten === 'number' && typeof writeQueueSize === 'number') return bytesWritten - writeQueueSize;
  }
  return socket.bytesWritten - socket.writableLength;
}
