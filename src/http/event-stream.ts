import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { Flow } from '../gateway/gateway.ts';
import { outgoingText } from './outgoing-text.ts';

export interface EventStreamTiming {
  /** How long headers are held for a first event, and then how long a silence may last before a comment is sent. */
  readonly keepAliveMs: number;
}

export const eventStreamTiming: EventStreamTiming = { keepAliveMs: 15_000 };

/** Of every event stream. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
} as const;

export interface EventStreamOptions {
  readonly clock: Clock;
  readonly timing: EventStreamTiming;
  /** Asked when they are sent. */
  headers(): OutgoingHttpHeaders;
  /** Names of the trailers that may be given at the end, to be announced (RFC 9110, 6.6.2). */
  readonly trailerNames?: string;
  /** What to say in a silence, as whole frames. Absent: a comment. */
  readonly keepAlive?: string;
}

/**
 * One server-sent event stream to one client. Holds the headers back until there is something to say, so that a failure
 * before the first event can still be an ordinary error; keeps silent connections alive; slows the upstream
 * down when the client reads slowly. One that does not read at all is cut by `Connections`.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #timing: EventStreamTiming;
  readonly #options: EventStreamOptions;
  #flow: Flow | undefined;
  #lastWriteMs: number;
  #cancelKeepAlive: () => void;
  #waiting = false;

  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#response = response;
    this.#clock = options.clock;
    this.#timing = options.timing;
    this.#options = options;
    this.#lastWriteMs = this.#clock.monotonicMs();
    this.#cancelKeepAlive = this.#clock.after(this.#timing.keepAliveMs, () => this.#keepAlive());
  }

  /** Headers are out: an error can only be told in the stream from here on. */
  get started(): boolean {
    return this.#response.headersSent;
  }

  /** What to slow down when the client reads slowly. May change when another upstream takes over. */
  set flow(flow: Flow) {
    this.#flow = flow;
    if (this.#waiting) flow.pause();
  }

  /** Sends `text` (whole events) in one write. */
  write(text: string): void {
    if (text === '' || this.#response.destroyed) return;
    if (!this.started) this.#sendHeaders();
    this.#lastWriteMs = this.#clock.monotonicMs();
    if (!this.#response.write(outgoingText(text)) && !this.#waiting) this.#waitForReader();
  }

  /**
   * Sends the last `text`, then the trailers, and ends the stream. A client that speaks HTTP/1.0 (nginx, unless told
   * otherwise) gets no trailers: there is no place for them.
   */
  end(text: string, trailers?: OutgoingHttpHeaders): void {
    this.close();
    if (this.#response.destroyed) return;
    if (!this.started) this.#sendHeaders();
    if (trailers !== undefined && this.#response.chunkedEncoding) this.#response.addTrailers(trailers);
    this.#response.end(outgoingText(text));
  }

  /** Stops the timer; to be called however the stream ends. */
  close(): void {
    this.#cancelKeepAlive();
  }

  #sendHeaders(): void {
    const { trailerNames } = this.#options;
    // Node throws when trailers are announced where there can be none.
    const announced = trailerNames !== undefined && this.#response.useChunkedEncodingByDefault;
    this.#response.writeHead(200, { ...eventStreamHeaders, ...(announced ? { trailer: trailerNames } : {}), ...this.#options.headers() });
  }

  #keepAlive(): void {
    const silentMs = this.#clock.monotonicMs() - this.#lastWriteMs;
    const remainingMs = this.#timing.keepAliveMs - silentMs;
    // A client that has yet to read what there is needs no comment behind it.
    if (remainingMs <= 1 && !this.#waiting) this.write(this.#options.keepAlive ?? ': keep-alive\n\n');
    this.#cancelKeepAlive = this.#clock.after(remainingMs <= 1 ? this.#timing.keepAliveMs : remainingMs, () => this.#keepAlive());
  }

  #waitForReader(): void {
    this.#waiting = true;
    this.#flow?.pause();
    this.#response.once('drain', () => {
      this.#waiting = false;
      this.#flow?.resume();
    });
  }
}
