import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One thing that a scripted reply does, in order. */
export type ScriptStep =
  /** Status and headers; sent at once. A reply without it begins with 200 and `content-type: text/event-stream`. */
  | { readonly do: 'head'; readonly status?: number; readonly headers?: Readonly<Record<string, string | readonly string[]>> }
  /** A piece of the body, written in one go. */
  | { readonly do: 'write'; readonly body: string | Uint8Array }
  /** The same piece again and again: until the client is gone, or `times` times, `everyMs` apart; waits while the client does not read. */
  | { readonly do: 'repeat'; readonly body: string | Uint8Array; readonly times?: number; readonly everyMs?: number }
  | { readonly do: 'wait'; readonly ms: number }
  /** Nothing more, and the connection stays open. */
  | { readonly do: 'hang' }
  /** TCP reset. */
  | { readonly do: 'reset' }
  /** FIN without ending the body. */
  | { readonly do: 'cut' }
  /** Bytes on the socket as they are, past HTTP. */
  | { readonly do: 'raw'; readonly body: string | Uint8Array };

/** What the server is to do with one request. After the last step the reply is ended, unless it hung or was cut. */
export type Script = readonly ScriptStep[];

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Resolves when the client has closed the connection before the reply was ended; never otherwise. */
  readonly aborted: Promise<void>;
  /** `performance.now()` of that moment. */
  readonly abortedAtMs: number | undefined;
  /** Body bytes that the kernel has taken so far. */
  readonly bytesWritten: number;
}

interface OpenRequest {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  aborted: Promise<void>;
  abortedAtMs: number | undefined;
  bytesWritten: number;
}

/**
 * A real HTTP server on a loopback port of the system's choice that does to each request what the next script in its
 * queue says, and to every further one what `fallback` says (500 by default). For tests of whatever calls an upstream.
 */
export class ScriptedUpstream implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  /** How many TCP connections have been accepted. */
  connections = 0;
  fallback: Script = [{ do: 'head', status: 500 }];
  readonly #scripts: Script[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];

  static async start(...scripts: readonly Script[]): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream();
    upstream.#scripts.push(...scripts);
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As an SDK takes it. */
  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** Connections that are open now. */
  get connectionsOpen(): number {
    return this.#sockets.size;
  }

  script(...scripts: readonly Script[]): void {
    this.#scripts.push(...scripts);
  }

  /** Drops the scripts that nothing has asked for, so that a test that failed does not spoil the next one. */
  clear(): void {
    this.#scripts.length = 0;
  }

  /** The request number `index`, counted from 0, once it has arrived with its body. */
  async request(index: number): Promise<RecordedRequest> {
    for (;;) {
      const found = this.requests[index];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = record(request, response);
    for await (const chunk of request.setEncoding('utf8')) recorded.body += chunk as string;
    this.requests.push(recorded);
    for (const wake of this.#waiting.splice(0)) wake();
    response.socket?.setNoDelay(true);
    for (const step of this.#scripts.shift() ?? this.fallback) {
      if (response.destroyed || !(await perform(step, response, recorded))) return;
    }
    response.end();
  }
}

function record(request: IncomingMessage, response: ServerResponse): OpenRequest {
  let markAborted = (): void => undefined;
  const recorded: OpenRequest = {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: '',
    aborted: new Promise((resolve) => {
      markAborted = resolve;
    }),
    abortedAtMs: undefined,
    bytesWritten: 0,
  };
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  response.on('close', () => {
    if (response.writableFinished) return;
    recorded.abortedAtMs = performance.now();
    markAborted();
  });
  return recorded;
}

/** False when the script ends here and the reply is not to be ended. */
async function perform(step: ScriptStep, response: ServerResponse, recorded: OpenRequest): Promise<boolean> {
  switch (step.do) {
    case 'head':
      response.writeHead(step.status ?? 200, headersOf(step.headers ?? {}));
      response.flushHeaders();
      return true;
    case 'write':
      await write(response, step.body, recorded);
      return true;
    case 'repeat':
      for (let count = 0; count < (step.times ?? Infinity) && !response.destroyed; count += 1) {
        await write(response, step.body, recorded);
        if (step.everyMs !== undefined) await sleep(step.everyMs);
      }
      return true;
    case 'wait':
      await sleep(step.ms);
      return true;
    case 'hang':
      return false;
    case 'reset':
      response.socket?.resetAndDestroy();
      return false;
    case 'cut':
      response.socket?.end();
      return false;
    case 'raw':
      response.socket?.write(step.body);
      return true;
  }
}

async function write(response: ServerResponse, body: string | Uint8Array, recorded: OpenRequest): Promise<void> {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  await new Promise<void>((resolve) => {
    const gone = (): void => resolve();
    response.once('close', gone);
    response.write(body, () => {
      response.off('close', gone);
      recorded.bytesWritten += body.length;
      resolve();
    });
  });
}

function headersOf(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A reply of `status` with `value` as its JSON body. */
export function jsonReply(value: unknown, status = 200, headers: Readonly<Record<string, string | readonly string[]>> = {}): Script {
  return [
    { do: 'head', status, headers: { 'content-type': 'application/json', ...headers } },
    { do: 'write', body: typeof value === 'string' ? value : JSON.stringify(value) },
  ];
}

/** A stream of these payloads, each in a write of its own, and `[DONE]`. */
export function streamReply(...payloads: readonly unknown[]): Script {
  return [...payloads.map((payload): ScriptStep => ({ do: 'write', body: frame(payload) })), { do: 'write', body: frame('[DONE]') }];
}

/** One event of a stream. */
export function frame(payload: unknown): string {
  return `data: ${typeof payload === 'string' ? payload : JSON.stringify(payload)}\n\n`;
}

/** A chunk of a chat stream for choice 0. */
export function chunk(delta: Readonly<Record<string, unknown>>, finishReason: string | null = null, more: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'kimi-k2',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
    ...more,
  };
}

/** A whole chat reply that says `content`. */
export function completion(content: string, more: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    id: 'chatcmpl-1', object: 'chat.completion', created: 1_700_000_000, model: 'kimi-k2',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    ...more,
  };
}
