import OpenAI from 'openai';
import type { RunningServer } from '../doubles/running-server.ts';
import { chunk, type Script, streamReply } from '../doubles/scripted-upstream.ts';

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** One event of a stream: the name that it has on the wire, and its data. */
export interface StreamEvent {
  readonly event: string;
  readonly data: Json;
}

/** Neither the sandbox nor a scripted upstream makes anybody wait. */
export const instantConfig = 'sandbox: { tokensPerSecond: 0, firstTokenMs: 0 }\n';

const terminal = /^(completed|failed|incomplete|cancelled)$/;

/** Calls the Responses API of a server with one key, as plain HTTP and as OpenAI's SDK. */
export class ResponsesCaller {
  readonly sdk: OpenAI;
  readonly #url: string;
  readonly #key: string;

  constructor(server: Pick<RunningServer, 'url'>, key: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = server.url;
    this.#key = key;
    this.sdk = new OpenAI({ apiKey: key, baseURL: `${server.url}/v1`, maxRetries: 0, defaultHeaders: headers });
  }

  async fetch(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  async call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await this.fetch(method, path, body, headers);
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  }

  /** A response of kimi-k2-thinking, unless `body` says otherwise. */
  create(body: Json, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('POST', '/v1/responses', { model: 'kimi-k2-thinking', ...body }, headers);
  }

  retrieve(id: string): Promise<Answer> {
    return this.call('GET', `/v1/responses/${id}`);
  }

  /** The whole stream of a new response. */
  async stream(body: Json, headers: Readonly<Record<string, string>> = {}): Promise<StreamEvent[]> {
    const response = await this.fetch('POST', '/v1/responses', { model: 'kimi-k2-thinking', stream: true, ...body }, headers);
    return eventsOf(await response.text());
  }

  /** The rest of a stream that is taken up again, until its end. */
  async resume(id: string, startingAfter?: number): Promise<StreamEvent[]> {
    const response = await this.fetch('GET', `/v1/responses/${id}?stream=true${startingAfter === undefined ? '' : `&starting_after=${startingAfter}`}`);
    return eventsOf(await response.text());
  }

  /** Asks again and again until the response has ended. Throws when that takes longer than `limitMs`. */
  async ended(id: string, limitMs = 15_000): Promise<Json> {
    for (const untilMs = performance.now() + limitMs; ; await pause(20)) {
      const { status, body } = await this.retrieve(id);
      if (status !== 200) throw new Error(`status ${status} while the end of ${id} was waited for`);
      if (terminal.test(String(body['status']))) return body;
      if (performance.now() > untilMs) throw new Error(`${id} is still ${String(body['status'])}`);
    }
  }
}

/** The events of a stream that has ended. Throws when its last words are not `[DONE]`. */
export function eventsOf(text: string): StreamEvent[] {
  const frames = text.split('\n\n').filter((frame) => frame !== '' && !frame.startsWith(':'));
  if (frames.pop() !== 'data: [DONE]') throw new Error(`the stream does not end with [DONE]: …${text.slice(-300)}`);
  return framesOf(frames);
}

/** The events that are whole in what has been read of a stream so far. */
export function eventsSoFar(text: string): StreamEvent[] {
  return framesOf(text.split('\n\n').slice(0, -1).filter((frame) => !frame.startsWith(':') && frame !== 'data: [DONE]'));
}

function framesOf(frames: readonly string[]): StreamEvent[] {
  return frames.map((frame) => {
    const match = /^event: (.+)\ndata: (.+)$/.exec(frame);
    if (match === null) throw new Error(`no event: ${frame.slice(0, 200)}`);
    return { event: match[1] ?? '', data: JSON.parse(match[2] ?? '') as Json };
  });
}

export function idOf({ body }: Pick<Answer, 'body'>): string {
  if (typeof body['id'] !== 'string') throw new Error(`no id in ${JSON.stringify(body).slice(0, 500)}`);
  return body['id'];
}

export function outputOf(body: Json): Json[] {
  return body['output'] as Json[];
}

/** What the message of a response says. */
export function textOf(body: Json): string {
  const message = outputOf(body).find((item) => item['type'] === 'message');
  return ((message?.['content'] as Json[] | undefined) ?? []).map((part) => String(part['text'])).join('');
}

export function numbersOf(events: readonly StreamEvent[]): number[] {
  return events.map(({ data }) => Number(data['sequence_number']));
}

/** The numbers from one to another, both included. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A chat stream that thinks, says something and gives its usage. */
export function thoughtReply(thinking: string, text: string): Script {
  return streamReply(chunk({ role: 'assistant', reasoning_content: thinking }), chunk({ content: text }), chunk({}, 'stop', { usage: plainUsage }));
}

export const plainUsage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
