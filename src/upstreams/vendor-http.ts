import type { Clock } from '../base/clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { BodyMode, ReplyReader, TransportLimits } from './exchange.ts';
import { JsonReplyReader } from './json-reply-reader.ts';
import type { ReplyHead } from './reply-head.ts';
import { parseRetryAfter } from './retry-after.ts';
import { Transport, type TransportRequest } from './transport.ts';
import { AttemptFailure } from './upstream.ts';
import { bearer } from './wire-protocol.ts';

export interface VendorHttpOptions {
  readonly upstreamId: string;
  /** As an SDK takes it: `https://api.moonshot.ai/v1`. A query string is kept. */
  readonly baseUrl: string;
  /** Undefined: no credential is sent. */
  readonly apiKey?: string;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly limits: TransportLimits;
}

/** Names and values, not yet escaped. */
export type VendorQuery = readonly (readonly [string, string])[];

export interface VendorRequest extends Pick<TransportRequest, 'method' | 'path' | 'body'> {
  readonly query?: VendorQuery;
  /** Beside the credential: name, value, name, value. */
  readonly headers?: readonly string[];
}

export interface VendorAnswer {
  readonly status: number;
  /** Undefined: it was no JSON. */
  readonly value: unknown;
  /** The wait that its headers ask for. */
  readonly retryAfterMs: number | undefined;
}

/** What an upstream offers beside its models: its account, its files, its batches. The key travels in the header and nowhere else. */
export class VendorHttp implements AsyncDisposable {
  readonly #headers: readonly string[];
  readonly #query: VendorQuery;
  readonly #transport: Transport;
  readonly #clock: Clock;

  /** Throws TypeError when `baseUrl` is no URL. */
  constructor({ upstreamId, baseUrl, apiKey, clock, deadlines, limits }: VendorHttpOptions) {
    this.#headers = ['user-agent', 'moongate', ...bearer(apiKey)];
    // A query of the base URL is kept; the transport would put it behind ours.
    const url = new URL(baseUrl);
    this.#query = [...url.searchParams];
    url.search = '';
    this.#transport = new Transport({ upstreamId, baseUrl: url.href, deadlines, limits, clock });
    this.#clock = clock;
  }

  /** A small reply, whatever its status. Rejects with a fault when there is none that can be read. */
  async ask(request: VendorRequest, signal: AbortSignal): Promise<VendorAnswer> {
    const reader = new AnswerReader(this.#clock);
    await this.send({ ...request, headers: [...(request.headers ?? []), 'accept', 'application/json'] }, reader, signal);
    return reader.answer;
  }

  /** Sends a request and reads its reply into `reader`. Rejects with a fault. */
  async send({ method, path, query = [], headers = [], body }: VendorRequest, reader: ReplyReader, signal: AbortSignal): Promise<void> {
    const parameters = [...this.#query, ...query].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    const fullPath = path + (parameters.length === 0 ? '' : `?${parameters.join('&')}`);
    try {
      await this.#transport.send({ method, path: fullPath, headers: [...this.#headers, ...headers], ...(body === undefined ? {} : { body }) }, reader, signal);
    } catch (thrown) {
      throw thrown instanceof AttemptFailure ? thrown.fault : thrown;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#transport[Symbol.asyncDispose]();
  }
}

class AnswerReader extends JsonReplyReader {
  readonly #clock: Clock;
  #retryAfter: string | undefined;
  answer: VendorAnswer = { status: 0, value: undefined, retryAfterMs: undefined };

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override onHead(head: ReplyHead): BodyMode {
    this.#retryAfter = head.retryAfter;
    return super.onHead(head);
  }

  protected override take(status: number, value: unknown): void {
    this.answer = { status, value, retryAfterMs: parseRetryAfter(this.#retryAfter, this.#clock.nowMs()) };
  }
}
