import { Worker } from 'node:worker_threads';
import { Fault } from '../../base/fault.ts';
import type { ReadingRequest } from './reading-frame.ts';
import type { ReadingOrder, ReadingReport, ReadingThreadData } from './reading-message.ts';
import type { Reading } from './reading-process.ts';

interface Open {
  /** Pieces that may be sent before one has been handed on. */
  room: number;
  wake: () => void;
  readonly resolve: (reading: Reading) => void;
  readonly reject: (fault: Fault) => void;
  /** There is an answer already, whatever the document still has to say. */
  answered: boolean;
}

/** Pieces under way to the thread, for each document. */
const roomMax = 8;
const pieceBytes = 64 * 1024;

/**
 * Hands documents over to the thread that keeps the reading processes, and their texts back. The thread is started by the first
 * document; when it dies, those that are under way fail, and the next document starts another.
 */
export class ReadingDesk implements AsyncDisposable {
  readonly #data: ReadingThreadData;
  readonly #open = new Map<number, Open>();
  #lastId = 0;
  #thread: Worker | undefined;
  #disposed = false;

  constructor(data: ReadingThreadData) {
    this.#data = data;
  }

  /**
   * What comes of a document. Aborted by `signal`, it ends as `killed`. Throws what the source throws, and an `internal` fault when there
   * is no process to read it or it has not the bytes that it should.
   */
  async read(request: ReadingRequest, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Reading> {
    const id = ++this.#lastId;
    const { promise: result, resolve, reject } = Promise.withResolvers<Reading>();
    const one: Open = { room: roomMax, wake: () => undefined, resolve, reject, answered: false };
    this.#open.set(id, one);
    const thread = this.#started();
    thread.ref();
    const abort = (): void => this.#send({ kind: 'abort', id });
    try {
      this.#send({ kind: 'open', id, request });
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted === true) abort();
      // Who gives up in the middle of a source that stands still is not to wait for it.
      await Promise.race([this.#hand(id, one, source), result]);
      return await result;
    } catch (thrown) {
      abort();
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#open.delete(id);
      if (this.#open.size === 0 && !this.#disposed) this.#thread?.unref();
    }
  }

  /** Ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    const gone = new Promise<void>((resolve) => {
      thread.once('exit', () => resolve());
    });
    thread.ref();
    this.#send({ kind: 'close' });
    await gone;
  }

  async #hand(id: number, one: Open, source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of source) {
      for (let at = 0; at < piece.length; at += pieceBytes) {
        while (one.room === 0 && !one.answered) {
          await new Promise<void>((resolve) => {
            one.wake = resolve;
          });
        }
        if (one.answered) return;
        one.room -= 1;
        const bytes = piece.slice(at, at + pieceBytes);
        // A copy, since what is sent is taken away from us.
        const own = new Uint8Array(bytes);
        this.#send({ kind: 'bytes', id, bytes: own }, own.buffer);
      }
    }
    this.#send({ kind: 'end', id });
  }

  #send(order: ReadingOrder, handed?: ArrayBuffer): void {
    this.#thread?.postMessage(order, handed === undefined ? [] : [handed]);
  }

  #started(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    // The file has our own ending: .ts from the source tree, .js from the published package.
    const own = import.meta.url;
    const thread = new Worker(new URL(`./reading-thread${own.slice(own.lastIndexOf('.'))}`, own), { workerData: this.#data, name: 'document-reading' });
    thread.on('message', (report: ReadingReport) => this.#take(report));
    thread.on('error', () => this.#forget(thread));
    thread.on('exit', () => this.#forget(thread));
    this.#thread = thread;
    return thread;
  }

  #take(report: ReadingReport): void {
    const one = this.#open.get(report.id);
    if (one === undefined) return;
    switch (report.kind) {
      case 'more':
        one.room += 1;
        break;
      case 'text':
        one.resolve({ kind: 'text', facts: report.facts, text: Buffer.from(report.text.buffer, report.text.byteOffset, report.text.byteLength).toString(report.encoding) });
        break;
      case 'failure':
        one.resolve({ kind: 'failure', failure: report.failure });
        break;
      case 'ended':
        one.resolve({ kind: 'ended', ending: report.ending });
        break;
      case 'broken':
        one.reject(new Fault('internal', { cause: new Error(report.message) }));
    }
    one.answered = report.kind !== 'more';
    one.wake();
  }

  #forget(thread: Worker): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    for (const one of this.#open.values()) {
      one.reject(new Fault('internal', { cause: new Error('the thread that keeps the reading processes has ended') }));
      one.answered = true;
      one.wake();
    }
  }
}
