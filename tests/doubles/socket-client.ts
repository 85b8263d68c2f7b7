import { once } from 'node:events';
import { WebSocket } from 'ws';

type Json = Record<string, unknown>;

/** A WebSocket that was refused: what the HTTP answer was. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
}

/** A client of the Responses API over a WebSocket that keeps all that it is told. */
export class SocketClient {
  readonly socket: WebSocket;
  readonly events: Json[] = [];
  readonly closed: Promise<number>;
  /** Of the request that became a WebSocket. */
  requestId: unknown;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) throw new Error('an event that is no text');
      this.events.push(JSON.parse(data.toString('utf8')) as Json);
      for (const wake of this.#waiting) wake();
    });
    socket.once('upgrade', ({ headers }) => {
      this.requestId = headers['x-request-id'];
    });
    this.closed = once(socket, 'close').then(([code]) => {
      for (const wake of this.#waiting) wake();
      return code as number;
    });
  }

  /** Throws what the connection was refused with as an `Error` whose cause is a `Refusal`. */
  static async open(url: string, key: string, headers: Readonly<Record<string, string>> = {}): Promise<SocketClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: { authorization: `Bearer ${key}`, ...headers } });
    const client = new SocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          body += part;
        });
        response.on('end', () => reject(new Error('refused', { cause: { status: response.statusCode ?? 0, body } satisfies Refusal })));
      });
    });
    return client;
  }

  send(event: unknown): void {
    this.socket.send(typeof event === 'string' ? event : JSON.stringify(event));
  }

  create(fields: Json): void {
    this.send({ type: 'response.create', model: 'kimi-k2', input: 'hi', ...fields });
  }

  /** The first event at or after `from` that `fits`. Throws when the connection is closed before. */
  async event(fits: (event: Json) => boolean, from = 0): Promise<Json> {
    for (;;) {
      const found = this.events.slice(from).find(fits);
      if (found !== undefined) return found;
      if (this.socket.readyState === this.socket.CLOSED) throw new Error(`closed after ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Asks for a response, and resolves with the event that it ends with: the whole response is in it, or an error. */
  async ask(fields: Json): Promise<Json> {
    const from = this.events.length;
    this.create(fields);
    return this.event(({ type }) => isLast(type), from);
  }
}

/** Whether a response is over with such an event. */
export function isLast(type: unknown): boolean {
  return type === 'error' || type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed';
}
