import pg, { type PoolClient } from 'pg';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { isConnectionLost } from './postgres-failure.ts';
import { connectionConfig, type SessionTerms, sessionSetup } from './postgres-connection.ts';

export interface PoolOptions extends SessionTerms {
  readonly connectionsMax: number;
  /** Calls beyond this many that wait for a connection are refused. */
  readonly waitingMax: number;
}

/** How long a call waits for its turn while the server is well and busy, as with a wallet that everybody draws on. */
const turnMs = 10_000;
/** How long a server that does not answer can hold up the closing. */
const closeMs = 2_000;

interface WaitingCall {
  readonly proceed: () => void;
  readonly refuse: (cause: unknown) => void;
}

/**
 * Connections for one kind of call, made when they are needed and thrown away when they break. Calls wait for their turn here and
 * not in `pg`'s own queue, where each would find out by itself, one after the other, that no connection can be had.
 */
export class PostgresPool {
  readonly #pool: pg.Pool;
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #underWay = new Set<Promise<unknown>>();
  /** In the order of their arrival. */
  readonly #waiting = new Set<WaitingCall>();
  #running = 0;
  #closing = false;

  constructor(url: string, options: PoolOptions, clock: Clock) {
    const setup = sessionSetup(options);
    this.#pool = new pg.Pool({
      ...connectionConfig(url, options),
      max: options.connectionsMax,
      // Statements that follow each other travel together.
      pipeline: true,
      onConnect: (client) => client.query(setup),
    });
    this.#options = options;
    this.#clock = clock;
    this.#pool.on('error', () => {});
    // Also while a call has it: that one gets the error as its answer, and an event without a listener would end the process.
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  /**
   * Runs `task` on a connection of its own, which is then free for the next one, or destroyed when it broke. Throws what
   * `task` throws, the driver's error when there is no connection to be had, and `storage_unavailable` when too many wait.
   */
  use<Result>(task: (connection: PoolClient) => Promise<Result>): Promise<Result> {
    if (this.#closing) return Promise.reject(new Fault('storage_unavailable', { message: 'the database is closed' }));
    const call = this.#run(task);
    this.#underWay.add(call);
    const done = (): void => void this.#underWay.delete(call);
    call.then(done, done);
    return call;
  }

  /** Waits for the calls that were begun, and closes the connections. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await Promise.allSettled(this.#underWay);
    await Promise.race([this.#pool.end(), new Promise<void>((resolve) => this.#clock.after(closeMs, resolve))]);
  }

  async #run<Result>(task: (connection: PoolClient) => Promise<Result>): Promise<Result> {
    if (this.#running < this.#options.connectionsMax) this.#running += 1;
    else await this.#turn();
    try {
      return await this.#runNow(task);
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next.proceed();
    }
  }

  /** Resolves when another call hands its place on. */
  #turn(): Promise<void> {
    const { waitingMax } = this.#options;
    if (this.#waiting.size >= waitingMax) throw new Fault('storage_unavailable', { cause: new Error(`${waitingMax} calls wait for a connection`) });
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(call);
        cancelTimer();
      };
      const call: WaitingCall = {
        proceed() {
          leave();
          resolve();
        },
        refuse(cause) {
          leave();
          reject(cause);
        },
      };
      const cancelTimer = this.#clock.after(turnMs, () => {
        call.refuse(new Fault('storage_unavailable', { cause: new Error(`no connection was free for ${turnMs} ms`) }));
      });
      this.#waiting.add(call);
    });
  }

  async #runNow<Result>(task: (connection: PoolClient) => Promise<Result>): Promise<Result> {
    const connection = await this.#connect();
    try {
      const result = await task(connection);
      connection.release(connection.getTransactionStatus() !== 'I');
      return result;
    } catch (error) {
      connection.release(isConnectionLost(error) || connection.getTransactionStatus() !== 'I');
      throw error;
    }
  }

  /** When no connection can be made now, those that wait would fare no better. */
  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      for (const call of [...this.#waiting]) call.refuse(error);
      throw error;
    }
  }
}
