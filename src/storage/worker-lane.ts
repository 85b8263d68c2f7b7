import { Worker } from 'node:worker_threads';
import type { CompiledQuery } from 'kysely';
import { type Clock, systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { checkParameters } from './check-parameters.ts';
import type { CallMessage, DatabaseSettings, SqlValue, WorkerReply, WorkerRequest, WorkerStart } from './worker-message.ts';

/** Calls beyond this many, waiting or under way, are refused: the disk has stopped keeping up. */
export const pendingCallsMax = 10_000;
/** So that a burst does not make one transaction that all of it waits for. */
const batchCallsMax = 512;
/** SQL texts that a worker remembers; queries with lists make new ones without end. */
const sqlTextsMax = 1_000;

/** When calls come close upon each other, whether to wait a moment for more of them before the worker is woken. */
export interface Gather {
  /** How long to wait; 0: never. */
  readonly windowMs: number;
  /** Mean time between calls below which to wait. */
  readonly busyGapMs: number;
  readonly clock: Clock;
}

const gatherNothing: Gather = { windowMs: 0, busyGapMs: 0, clock: systemClock };

/** The mean time between calls follows the last ones with this weight, and a long silence counts no more than this. */
const gapWeight = 16;
const gapMsMax = 50;

interface PendingCall<Outcome> {
  readonly statements: readonly CompiledQuery[];
  /** How many of the first statements are guards. */
  readonly guardCount: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export interface OpenedLane<Outcome> {
  readonly lane: WorkerLane<Outcome>;
  /** Of the worker's connection, read back from it. */
  readonly settings: DatabaseSettings;
}

/**
 * The main thread's end of a database worker. Calls issued together travel in one message, and
 * while one batch is under way the next one gathers: the slower the disk, the larger the groups.
 */
export class WorkerLane<Outcome> {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #gather: Gather;
  readonly #onFailure: (cause: unknown) => void;
  readonly #opened = Promise.withResolvers<DatabaseSettings>();
  readonly #exited = Promise.withResolvers<void>();
  #waiting: PendingCall<Outcome>[] = [];
  #underWay: PendingCall<Outcome>[] = [];
  #scheduled = false;
  #arrivedMs = 0;
  #gapMs = gapMsMax;
  #closing = false;
  #onIdle: (() => void) | undefined;
  #failure: unknown;
  #sqlNumbers = new Map<string, number>();

  private constructor(script: URL, path: string, gather: Gather, onFailure: (cause: unknown) => void) {
    const start: WorkerStart = { path };
    // The environment holds credentials, which a database thread has no use for; the flags of the process are for its own script.
    this.#worker = new Worker(script, { workerData: start, env: {}, execArgv: [] });
    this.#path = path;
    this.#gather = gather;
    this.#onFailure = onFailure;
    this.#worker.on('message', (reply: WorkerReply<Outcome>) => this.#receive(reply));
    this.#worker.on('messageerror', (error) => this.#fail(error));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => {
      if (!this.#closing) this.#fail(new Error(`a database worker ended with code ${code}`));
      this.#exited.resolve();
    });
  }

  /**
   * Starts a worker on the database at `path` and waits until its connection is open. `onFailure` is called once if it
   * ever dies on its own. Throws `StartRefusal` when the connection cannot be opened.
   */
  static async start<Outcome>(
    script: URL,
    path: string,
    onFailure: (cause: unknown) => void,
    gather: Gather = gatherNothing,
  ): Promise<OpenedLane<Outcome>> {
    let started = false;
    const lane = new WorkerLane<Outcome>(script, path, gather, (cause) => {
      if (started) onFailure(cause);
    });
    const settings = await lane.#opened.promise;
    started = true;
    return { lane, settings };
  }

  /** Hands over one call, whose first `guardCount` statements are guards. Rejects with `storage_unavailable` when the worker is gone or too much is waiting. */
  call(statements: readonly CompiledQuery[], guardCount = 0): Promise<Outcome> {
    return new Promise<Outcome>((resolve, reject) => {
      if (this.#closing) return reject(new Fault('storage_unavailable', { message: 'the database is closed' }));
      if (this.#failure !== undefined) return reject(new Fault('storage_unavailable', { cause: this.#failure }));
      if (this.#waiting.length + this.#underWay.length >= pendingCallsMax) {
        return reject(new Fault('storage_unavailable', { cause: new Error(`${pendingCallsMax} calls are waiting`) }));
      }
      for (const statement of statements) checkParameters(statement);
      this.#waiting.push({ statements, guardCount, resolve, reject });
      this.#noteArrival();
      this.#schedule();
    });
  }

  /** Waits for all calls, then has the worker close its connection and waits until it has. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      if (this.#failure === undefined && this.#waiting.length + this.#underWay.length > 0) {
        await new Promise<void>((resolve) => (this.#onIdle = resolve));
      }
      if (this.#failure === undefined) this.#post({ kind: 'close' });
      else void this.#worker.terminate();
    }
    await this.#exited.promise;
  }

  #noteArrival(): void {
    const nowMs = this.#gather.clock.monotonicMs();
    this.#gapMs += (Math.min(nowMs - this.#arrivedMs, gapMsMax) - this.#gapMs) / gapWeight;
    this.#arrivedMs = nowMs;
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay.length > 0) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#flush();
    };
    const { windowMs, busyGapMs, clock } = this.#gather;
    if (windowMs > 0 && this.#gapMs < busyGapMs && this.#waiting.length < batchCallsMax) clock.after(windowMs, flush);
    // At once, but not before this turn's other calls are in: a later phase of the event loop would only add to the latency.
    else queueMicrotask(flush);
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#failure !== undefined) return;
    if (this.#waiting.length <= batchCallsMax) {
      this.#underWay = this.#waiting;
      this.#waiting = [];
    } else {
      this.#underWay = this.#waiting.splice(0, batchCallsMax);
    }
    const reset = this.#sqlNumbers.size > sqlTextsMax;
    if (reset) this.#sqlNumbers = new Map();
    const sql: string[] = [];
    const calls = this.#underWay.map((call) => this.#encode(call.statements, sql));
    const guarded = this.#underWay.some(({ guardCount }) => guardCount > 0);
    this.#post({ kind: 'batch', reset, sql, calls, guards: guarded ? this.#underWay.map(({ guardCount }) => guardCount) : [] });
  }

  #encode(statements: readonly CompiledQuery[], newSql: string[]): CallMessage {
    const message: (number | readonly SqlValue[])[] = [];
    for (const statement of statements) {
      let number = this.#sqlNumbers.get(statement.sql);
      if (number === undefined) {
        number = this.#sqlNumbers.size;
        this.#sqlNumbers.set(statement.sql, number);
        newSql.push(statement.sql);
      }
      message.push(number, statement.parameters as readonly SqlValue[]);
    }
    return message;
  }

  #post(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: WorkerReply<Outcome>): void {
    if (reply.kind === 'ready') return this.#opened.resolve(reply.settings);
    if (reply.kind === 'refused') return this.#opened.reject(new StartRefusal(`${this.#path}: ${reply.message}`));
    const calls = this.#underWay;
    this.#underWay = [];
    for (let index = 0; index < calls.length; index += 1) calls[index]?.resolve(reply.outcomes[index] as Outcome);
    if (this.#waiting.length > 0) this.#schedule();
    else this.#onIdle?.();
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = cause;
    this.#opened.reject(cause);
    const calls = [...this.#underWay, ...this.#waiting];
    this.#underWay = [];
    this.#waiting = [];
    for (const call of calls) call.reject(new Fault('storage_unavailable', { cause }));
    this.#onIdle?.();
    this.#onFailure(cause);
  }
}
