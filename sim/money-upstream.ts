import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an upstream remembers of one call: it is the witness that no call was made twice or without a hold. */
export interface UpstreamCallLog {
  readonly replyId: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/**
 * An upstream for the simulations: answers every chat call after a few milliseconds, streamed in five chunks or whole, with
 * a usage that differs from call to call, and keeps a log of its own.
 */
export class MoneyUpstream implements AsyncDisposable {
  readonly calls: UpstreamCallLog[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #delayMs: number;
  #gate: Promise<void> = Promise.resolve();

  private constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  static async start(delayMs: number): Promise<MoneyUpstream> {
    const upstream = new MoneyUpstream(delayMs);
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  /** As an SDK takes it. */
  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** From now on calls are taken and not answered, until the function that is returned is called. */
  hold(): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gate = gate.promise;
    return gate.resolve;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    try {
      for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
    } catch {
      // Whoever asked was killed before all was said.
    }
    if (!request.complete) return;
    const { stream } = JSON.parse(body) as { stream?: boolean };
    const number = this.calls.length + 1;
    const call = { replyId: `chatcmpl-${number}`, promptTokens: 10 + (number % 7), outputTokens: 5 + (number % 11) };
    this.calls.push(call);
    await this.#gate;
    await pause(this.#delayMs);
    const usage = { prompt_tokens: call.promptTokens, completion_tokens: call.outputTokens, total_tokens: call.promptTokens + call.outputTokens };
    if (stream === true) await streamed(response, call.replyId, usage, this.#delayMs);
    else whole(response, call.replyId, usage);
  }
}

function whole(response: ServerResponse, id: string, usage: object): void {
  const choice = { index: 0, message: { role: 'assistant', content: 'five small words of answer' }, finish_reason: 'stop' };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ id, object: 'chat.completion', created: 1, model: 'kimi', choices: [choice], usage }));
}

async function streamed(response: ServerResponse, id: string, usage: object, delayMs: number): Promise<void> {
  const send = (fields: object): boolean => response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: 'kimi', ...fields })}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const word of ['five ', 'small ', 'words ', 'of ', 'answer']) {
    if (response.destroyed) return;
    send({ choices: [{ index: 0, delta: { role: 'assistant', content: word }, finish_reason: null }] });
    await pause(delayMs / 5);
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  send({ choices: [], usage });
  response.end('data: [DONE]\n\n');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
