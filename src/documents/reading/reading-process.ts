import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { answerDescriptor, type DocumentFacts, encodeRequest, FrameReader, frameKinds, parseFacts, parseFailure, type ReadingFailure, type ReadingRequest } from './reading-frame.ts';

/** How a reading process ended that gave neither a text nor a reason. */
export type Ending = 'time' | 'memory' | 'crash' | 'breach' | 'killed';

/** What came of one document. */
export type Reading =
  | { readonly kind: 'text'; readonly facts: DocumentFacts; readonly text: string }
  | { readonly kind: 'failure'; readonly failure: ReadingFailure }
  | { readonly kind: 'ended'; readonly ending: Ending };

export interface ReadingJob {
  readonly request: ReadingRequest;
  readonly source: AsyncIterable<Uint8Array>;
}

/** The source broke its promise or stood still: not the document's fault. */
export class SourceFailure extends Error {}

const pieceBytes = 64 * 1024;

/**
 * One process that reads one document. It is started before there is one, and is never given a second: what a document may have
 * made of it must not see the next. Whatever it writes is taken as a stranger's.
 */
export class ReadingProcess {
  /** Resolves when it waits for a document; rejects when it ended before. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #exited: Promise<void>;
  #result: ((reading: Reading) => void) | undefined;
  #facts: DocumentFacts | undefined;
  #failure: ReadingFailure | undefined;
  #textCharsMax = 0;
  #text: string[] = [];
  #textChars = 0;
  #done = false;
  #ending: Ending | undefined;

  constructor([program, ...list]: readonly [string, ...string[]], clock: Clock) {
    this.#clock = clock;
    // A group of its own, to be killed as a whole; no environment; a folder in which no relative path means anything of ours.
    this.#child = spawn(program, list, { stdio: ['pipe', 'ignore', 'ignore', 'pipe'], env: {}, cwd: '/', detached: true });
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('close', () => resolve());
    });
    // However it ended: what it has started would stay. At once, while nobody else can have its number.
    this.#child.once('exit', () => this.#killGroup());
    this.ready = this.#listen();
    this.ready.catch(() => undefined);
    this.#stdin.on('error', () => undefined);
    void this.#exited.then(() => this.#conclude());
  }

  /** Undefined: it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Its end ends what it is asked with `ending`. All that it has started ends with it. */
  kill(ending: Ending = 'killed'): void {
    this.#ending ??= ending;
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#killGroup();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
    } catch {
      // It has just ended by itself, and nobody is left of its group.
    }
  }

  /** Kills it, and resolves when it is gone. */
  async end(): Promise<void> {
    this.kill();
    await this.#exited;
  }

  /**
   * Hands the document over and waits for what comes of it; asked once. Throws `SourceFailure` when the source pauses for too long
   * or has not the bytes that it said, and what the source throws.
   */
  async read({ request, source }: ReadingJob): Promise<Reading> {
    const result = new Promise<Reading>((resolve) => {
      this.#result = resolve;
    });
    this.#textCharsMax = request.limits.textCharsMax;
    await this.#feed(request, source);
    const cancel = this.#clock.after(request.timeMs, () => this.kill('time'));
    try {
      return await result;
    } finally {
      cancel();
    }
  }

  async #feed(request: ReadingRequest, source: AsyncIterable<Uint8Array>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    late.catch(() => undefined);
    const watch = (): (() => void) => this.#clock.after(request.timeMs, () => reject(new SourceFailure('the document did not arrive in time')));
    let cancel = watch();
    const pieces = source[Symbol.asyncIterator]();
    let left = request.bytes;
    try {
      await this.#write(encodeRequest(request));
      while (!this.#gone) {
        const piece = await Promise.race([pieces.next(), late]);
        if (piece.done === true) break;
        left -= piece.value.length;
        if (left < 0) break;
        for (let at = 0; at < piece.value.length; at += pieceBytes) await Promise.race([this.#write(piece.value.subarray(at, at + pieceBytes)), late]);
        cancel();
        cancel = watch();
      }
      if (left !== 0 && !this.#gone) throw new SourceFailure('the document has not as many bytes as its source said');
      this.#stdin.end();
    } finally {
      cancel();
      // Not awaited: a source that stands still would hold this up as well.
      void pieces.return?.(undefined).then(undefined, () => undefined);
    }
  }

  /** Resolves when there is room for more, or nobody there any more to read it. */
  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#gone || this.#stdin.write(bytes)) return;
    await Promise.race([once(this.#stdin, 'drain'), this.#exited]);
  }

  get #gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#ending !== undefined || this.#stdin.destroyed;
  }

  get #stdin(): Writable {
    if (this.#child.stdin === null) throw new Error('a reading process without an input');
    return this.#child.stdin;
  }

  #listen(): Promise<void> {
    const answers = this.#child.stdio[answerDescriptor] as Readable;
    const frames = new FrameReader();
    return new Promise((resolve, reject) => {
      answers.on('data', (bytes: Buffer) => {
        try {
          for (const { kind, payload } of frames.take(bytes)) {
            if (kind === frameKinds.ready) resolve();
            else this.#take(kind, payload);
          }
        } catch {
          this.kill('breach');
        }
      });
      answers.on('error', () => undefined);
      void this.#exited.then(() => reject(new Error('a reading process ended before it was asked')));
    });
  }

  #take(kind: number, payload: Buffer): void {
    if (this.#done || this.#result === undefined) throw new Error('an answer that nobody asked for');
    if (kind === frameKinds.text) {
      const piece = payload.toString('utf8');
      this.#textChars += piece.length;
      if (this.#textChars > this.#textCharsMax) throw new Error('more text than was asked for');
      this.#text.push(piece);
    } else if (kind === frameKinds.facts) {
      this.#facts = parseFacts(payload);
    } else if (kind === frameKinds.failure) {
      this.#failure = parseFailure(payload);
    } else if (kind === frameKinds.done) {
      this.#done = true;
      this.#conclude();
    } else {
      throw new Error('a frame of no kind');
    }
  }

  #conclude(): void {
    const { facts, failure, done } = { facts: this.#facts, failure: this.#failure, done: this.#done };
    if (failure !== undefined && done) this.#result?.({ kind: 'failure', failure });
    else if (facts !== undefined && done) this.#result?.({ kind: 'text', facts, text: this.#text.join('') });
    else this.#result?.({ kind: 'ended', ending: this.#ending ?? this.#howItEnded() });
    this.#result = undefined;
    this.kill();
  }

  /** By what ended it: V8 and PDFium abort when memory is refused, the kernel sends SIGKILL when there is none, SIGXCPU by the limit on time. */
  #howItEnded(): Ending {
    const { exitCode, signalCode } = this.#child;
    // A shell's way, which bubblewrap follows: 128 and the number of the signal.
    const number = signalCode !== null ? constants.signals[signalCode] : (exitCode ?? 0) - 128;
    if (number === constants.signals.SIGXCPU) return 'time';
    if (number === constants.signals.SIGABRT || number === constants.signals.SIGTRAP || number === constants.signals.SIGKILL) return 'memory';
    return 'crash';
  }
}
