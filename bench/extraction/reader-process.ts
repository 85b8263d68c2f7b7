import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a library made of a document; `text` is undefined when it gave up, or took longer than it may. */
export interface TimedText {
  readonly text: string | undefined;
  readonly ms: number;
}

interface Answer {
  readonly id: number;
  readonly text?: string;
  readonly error?: string;
  readonly ms: number;
}

/** A library in a process of its own, asked for one document at a time. */
export class ReaderProcess implements Disposable {
  readonly #child: ChildProcess;
  #asked = 0;
  #waiting: ((answer: Answer) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answer) => this.#waiting?.(answer));
  }

  /** Starts `program` (with a library's name as argument) and waits until the library is loaded. Throws when it dies before. */
  static async start(program: string, args: readonly string[]): Promise<ReaderProcess> {
    const child = fork(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    const started = new ReaderProcess(child);
    await new Promise<void>((resolve, reject) => {
      started.#waiting = () => resolve();
      child.once('exit', (code) => reject(new Error(`${args[0] ?? program} ended with ${code} before it was loaded`)));
    });
    return started;
  }

  async read(path: string, timeMsMax: number): Promise<TimedText> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ text: undefined, ms: timeMsMax }), timeMsMax);
      this.#waiting = (answer) => {
        if (answer.id !== id) return;
        clearTimeout(timer);
        resolve({ text: answer.error === undefined ? answer.text : undefined, ms: answer.ms });
      };
      this.#child.send({ id, path });
    });
  }

  /** The most that it had resident so far, in bytes; 0 where that cannot be known. */
  get peakBytes(): number {
    if (process.platform !== 'linux') return 0;
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
