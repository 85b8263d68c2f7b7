import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../base/fault.ts';
import type { Connections } from './connections.ts';

export interface SocketUpgradesOptions {
  readonly messageBytesMax: number;
  readonly connections: Pick<Connections, 'replying'>;
  /** Hands a request to the application. */
  route(request: IncomingMessage, response: ServerResponse): void;
}

/** A WebSocket, and the connection that it lies on. */
export interface OpenSocket {
  readonly webSocket: WebSocket;
  readonly connection: Socket;
}

interface PendingUpgrade {
  readonly connection: Socket;
  readonly head: Buffer;
  readonly response: ServerResponse;
}

/**
 * Whether a request is handed to the listeners of `upgrade`. All others, such as Java's and curl's offer of HTTP/2 (`h2c`) with any request,
 * are answered as if they had offered nothing, which RFC 9110 7.8 allows.
 */
export function isSocketUpgrade({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Requests that wish to become WebSockets. Each goes through the application like any other, so that its key is checked, its refusal is
 * dressed and its log line written in the one place where that is done; the route that expects it calls `take`.
 */
export class SocketUpgrades {
  readonly #options: SocketUpgradesOptions;
  readonly #server: WebSocketServer;
  readonly #pending = new WeakMap<IncomingMessage, PendingUpgrade>();

  constructor(options: SocketUpgradesOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.messageBytesMax,
      // A compressed megabyte of zeros is a kilobyte: the limit above would come too late for whoever has to inflate it.
      perMessageDeflate: false,
      // None is spoken here; to name one back would echo a key to browsers that hide it there.
      handleProtocols: () => false,
    });
    // Called within `handleUpgrade`, and so thrown out of `take`. The text is the library's, about the handshake's headers alone.
    this.#server.on('wsClientError', (error: Error) => {
      throw new Fault('invalid_request', { message: `not a valid WebSocket handshake: ${error.message}` });
    });
  }

  /** Takes care of all upgrades that `server` is asked for. */
  watch(server: Server): void {
    server.on('upgrade', (request, stream, head) => {
      if (!(stream instanceof Socket)) return void stream.destroy();
      // Until the library has its own: a client that leaves while its key is looked up must not end the process.
      stream.on('error', () => stream.destroy());
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(stream);
      // As Node's own server does for the last response of a connection.
      response.once('finish', () => stream.destroySoon());
      this.#pending.set(request, { connection: stream, head, response });
      this.#options.connections.replying(response);
      this.#options.route(request, response);
    });
  }

  /**
   * Makes a WebSocket of the request that `reply` would answer. Undefined: it does not wish to be one. Throws `invalid_request` for a bad
   * handshake, and `caller_gone`.
   */
  take(reply: FastifyReply): OpenSocket | undefined {
    const request = reply.request.raw;
    const pending = this.#pending.get(request);
    if (pending === undefined) return undefined;
    const { connection, head, response } = pending;
    let webSocket: WebSocket | undefined;
    const named = (headers: string[]): void => void headers.push(`x-request-id: ${reply.request.id}`);
    this.#server.once('headers', named);
    try {
      this.#server.handleUpgrade(request, connection, head, (made) => {
        webSocket = made;
      });
    } finally {
      this.#server.removeListener('headers', named);
    }
    if (webSocket === undefined) throw new Fault('caller_gone');
    reply.hijack();
    response.detachSocket(connection);
    return { webSocket, connection };
  }
}
