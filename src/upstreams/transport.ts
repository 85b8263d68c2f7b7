import type { Readable } from 'node:stream';
import { buildConnector, Pool } from 'undici';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from './deadlines.ts';
import { Exchange, type ExchangeSettings, type ReplyReader, type TransportLimits } from './exchange.ts';

export const transportLimitsDefault: TransportLimits = {
  bodyBytesMax: 64 * 1024 * 1024,
  eventBytesMax: 8 * 1024 * 1024,
  // The longest answer sold is 1,048,576 tokens (kimi-k3), one event of some 300 bytes each.
  streamBytesMax: 1024 * 1024 * 1024,
};

export interface TransportOptions {
  readonly upstreamId: string;
  /** As an SDK takes it: `https://api.moonshot.ai/v1`. A query string is kept. */
  readonly baseUrl: string;
  readonly deadlines: Deadlines;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  /** Opens the sockets; tests put one here that never connects. */
  readonly connector?: buildConnector.connector;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the base: `/chat/completions`. */
  readonly path: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** A stream needs its `content-length` among the headers, and is destroyed when the exchange ends before it. */
  readonly body?: string | Readable;
}

/** Sockets open at a time to one upstream; further requests wait, and their connect deadline runs. */
const connectionsMax = 8_192;

/** How long an unused connection is kept. Shorter than the 60–75 s of the usual proxies, so that we close first. */
const keepAliveMs = 30_000;

const responseHeadBytesMax = 32 * 1024;

/**
 * HTTP/1.1 to one upstream, over connections that are kept. TLS certificates are always verified, no redirect is
 * followed, nothing is sent twice.
 */
export class Transport implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #query: string;
  readonly #settings: ExchangeSettings;

  /** Throws TypeError when `baseUrl` is no URL. */
  constructor(options: TransportOptions) {
    const { baseUrl, connector, deadlines, ...rest } = options;
    const url = new URL(baseUrl);
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#query = url.search;
    this.#settings = { ...rest, deadlines };
    this.#pool = new Pool(url.origin, {
      connect: connector ?? buildConnector({ allowH2: false, timeout: deadlines.connectMs }),
      allowH2: false,
      pipelining: 1,
      connections: connectionsMax,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: responseHeadBytesMax,
      // The exchange watches its own deadlines: these cannot tell whose silence it is.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /**
   * Sends one request and reads its reply into `reader`. Resolves when the reader has all of it; rejects with
   * `AttemptFailure`, and then the socket has been closed. `signal` closes it at once, whatever it was doing.
   */
  send(request: TransportRequest, reader: ReplyReader, signal: AbortSignal): Promise<void> {
    const exchange = new Exchange(this.#settings, reader, signal);
    if (!exchange.settled) {
      this.#pool.dispatch(
        {
          method: request.method,
          path: `${this.#basePath}${request.path}${this.#query}`,
          headers: [...request.headers, 'accept-encoding', 'identity'],
          body: request.body ?? null,
        },
        exchange,
      );
    }
    return exchange.done;
  }

  /** Cuts what is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}
