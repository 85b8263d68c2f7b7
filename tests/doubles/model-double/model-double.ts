import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { chatSpeech } from './chat-speech.ts';
import { messagesSpeech } from './messages-speech.ts';
import { responsesSpeech } from './responses-speech.ts';
import type { ScriptedReply, Speech } from './scripted-reply.ts';

export interface AskedOfDouble {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
  /** Resolves with `performance.now()` when the connection is closed before the reply was ended. */
  readonly left: Promise<number>;
}

/** Cuts characters and events wherever they lie. */
const writeBytes = 211;

/**
 * A real HTTP server on loopback that speaks all three protocols, each under its own path, and answers each request with the next scripted
 * reply, streamed or whole as it is asked. Its words are written by hand from the reference and share no code with the product.
 */
export class ModelDouble implements AsyncDisposable {
  readonly asked: AskedOfDouble[] = [];
  readonly #replies: ScriptedReply[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(): Promise<ModelDouble> {
    const double = new ModelDouble();
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** `http://127.0.0.1:port`, without a path. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What the next requests are answered with. Forgets what was asked before. */
  script(...replies: readonly ScriptedReply[]): void {
    this.asked.length = 0;
    this.#replies.splice(0, this.#replies.length, ...replies);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', headers } = request;
    let leave = (_atMs: number): void => undefined;
    const left = new Promise<number>((resolve) => {
      leave = resolve;
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      if (!response.writableFinished) leave(performance.now());
    });
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part as string;
    const speech = [chatSpeech, messagesSpeech, responsesSpeech].find(({ path }) => path === url);
    const reply = this.#replies.shift();
    if (speech === undefined || reply === undefined) return void response.writeHead(speech === undefined ? 404 : 500).end('{}');
    const body = JSON.parse(text) as AskedOfDouble['body'];
    this.asked.push({ path: url, body, headers, left });
    await say(response, speech, reply, body['stream'] === true);
  }
}

async function say(response: ServerResponse, speech: Speech, reply: ScriptedReply, streamed: boolean): Promise<void> {
  const { fault, stops } = reply;
  if (fault === 'refused' || fault === 'overloaded') {
    const { status, body } = speech.error(fault);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    return;
  }
  response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' });
  response.flushHeaders();
  if (!streamed) {
    const whole = JSON.stringify(speech.whole(reply));
    if (stops === undefined) response.end(whole);
    if (stops === 'cut') response.write(whole.slice(0, -20), () => response.destroy());
    return;
  }
  response.socket?.setNoDelay(true);
  const bytes = Buffer.from(speech.stream(reply));
  for (let at = 0; at < bytes.length; at += writeBytes) {
    await new Promise<void>((resolve) => response.write(bytes.subarray(at, at + writeBytes), () => resolve()));
  }
  if (stops === undefined) response.end();
  if (stops === 'cut') response.destroy();
}
