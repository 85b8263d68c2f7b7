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

/** How long a server that does not answer can hold up the closing. */
const closeMs = 2_000;

/** Connections for one kind of call, made when they are needed and thrown away when they break. */
export class PostgresPool {
  readonly #pool: pg.Pool;
  readonly #waitingMax: number;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing = false;

  constructor(url: string, options: PoolOptions) {
    const setup = sessionSetup(options);
    this.#pool = new pg.Pool({
      ...connectionConfig(url, options),
      max: options.connectionsMax,
      // Statements that follow each other travel together.
      pipeline: true,
      onConnect: (client) => client.query(setup),
    });
    this.#waitingMax = options.waitingMax;
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
    if (this.#pool.waitingCount >= this.#waitingMax) {
      return Promise.reject(new Fault('storage_unavailable', { cause: new Error(`${this.#waitingMax} calls wait for a connection`) }));
    }
    const call = this.#run(task);
    this.#underWay.add(call);
    const done = (): void => void this.#underWay.delete(call);
    call.then(done, done);
    return call;
  }

  /** Waits for the calls that were begun, and closes the connections. Idempotent. */
  async close(clock: Clock): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await Promise.allSettled(this.#underWay);
    await Promise.race([this.#pool.end(), new Promise<void>((resolve) => clock.after(closeMs, resolve))]);
  }

  async #run<Result>(task: (connection: PoolClient) => Promise<Result>): Promise<Result> {
    const connection = await this.#pool.connect();
    try {
      const result = await task(connection);
      connection.release(connection.getTransactionStatus() !== 'I');
      return result;
    } catch (error) {
      connection.release(isConnectionLost(error) || connection.getTransactionStatus() !== 'I');
      throw error;
    }
  }
}
