import { Redis } from 'ioredis';
import type { Clock } from '../../base/clock.ts';
import { valkeyScript, valkeyScriptSha } from './valkey-script.ts';

/** A connection attempt holds nobody up: requests never wait for one. */
const connectMs = 1_000;
/** A socket that is silent for so long while answers are due is given up: the host may be gone without a word. */
const silenceMs = 2_000;
const reconnectMsMax = 500;
/** A timer that is so late says that we were busy ourselves: the answer may be lying there, unread. */
const busyMs = 20;

export interface ValkeyLinkOptions {
  /** `redis://`, `rediss://`, `valkey://` or `valkeys://`. May hold a password. */
  readonly url: string;
  readonly clock: Clock;
  /** The connection stands. */
  readonly onReady: () => void;
  /** The connection has gone. */
  readonly onClose: () => void;
}

/** One run of the script. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  /** How long to wait for the answer. */
  readonly limitMs: number;
  /** Sends the script itself, so that the server knows it from then on. */
  readonly load?: boolean;
  /** Told of an answer that came after the time was over. */
  readonly onLate?: (answer: readonly unknown[]) => void;
}

/** A connection to Valkey or Redis that comes back by itself. What is asked while it is gone fails at once. */
export class ValkeyLink {
  readonly #redis: Redis;
  readonly #clock: Clock;
  #keyRefused = false;

  constructor(options: ValkeyLinkOptions) {
    this.#clock = options.clock;
    this.#redis = new Redis(options.url.replace(/^valkey(s?):/i, 'redis$1:'), {
      lazyConnect: true,
      protocol: 2,
      disableClientInfo: true,
      connectTimeout: connectMs,
      socketTimeout: silenceMs,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), reconnectMsMax),
      // A primary that has become a replica: its name may lead to the new primary by now.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
      // Nothing is sent twice: a take that may have been counted must not be counted again.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
    });
    // Without a listener the client would print what it says of the connection.
    this.#redis.on('error', (error: Error) => {
      this.#keyRefused ||= /^(WRONGPASS|NOAUTH|NOPERM)|AUTH|invalid password/.test(error.message);
    });
    this.#redis.on('ready', options.onReady);
    this.#redis.on('close', options.onClose);
  }

  /** Begins to connect, and goes on until it succeeds. */
  open(): void {
    this.#redis.connect().catch(() => {});
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  /** The server has said that it does not take our password. */
  get isKeyRefused(): boolean {
    return this.#keyRefused;
  }

  /** The script's answer. Rejects when there is none in time. */
  call({ keys, args, limitMs, load = false, onLate }: ScriptCall): Promise<readonly unknown[]> {
    if (!this.isReady) return Promise.reject(new Error('there is no connection to the limit counters'));
    return new Promise((resolve, reject) => {
      let late = false;
      const dueMs = this.#clock.monotonicMs() + limitMs;
      const expire = (): void => {
        late = true;
        reject(new Error('the limit counters did not answer in time'));
      };
      let stop = this.#clock.after(limitMs, () => {
        if (this.#clock.monotonicMs() - dueMs < busyMs) expire();
        else stop = this.#clock.after(busyMs, expire);
      });
      const answer = load
        ? this.#redis.eval(valkeyScript, keys.length, ...keys, ...args)
        : this.#redis.evalsha(valkeyScriptSha, keys.length, ...keys, ...args);
      answer.then(
        (value) => {
          stop();
          const values: readonly unknown[] = Array.isArray(value) ? value : [value];
          if (late) onLate?.(values);
          else resolve(values);
        },
        (thrown: unknown) => {
          stop();
          reject(thrown instanceof Error ? thrown : new Error('the limit counters failed'));
        },
      );
    });
  }

  /** Ends the connection; it does not come back. */
  close(): void {
    this.#redis.disconnect();
  }
}
