import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ClientEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A client that is at work. */
export interface ClientProcess {
  /** Resolves when it has ended and closed its output, by itself, by a signal, or because its time was over. */
  readonly ended: Promise<ClientEnd>;
  /** What Ctrl-C does. */
  interrupt(): void;
}

/** A home folder and a work folder for a command-line client, so that it neither finds nor leaves anything elsewhere. */
export class ClientHome implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), 'moongate-client-'));
  readonly work = join(this.home, 'work');

  constructor() {
    mkdirSync(this.work);
  }

  /** Writes a file, by its path from the home folder. */
  write(path: string, text: string): void {
    const file = join(this.home, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Reads a file of the work folder. */
  read(name: string): string {
    return readFileSync(join(this.work, name), 'utf8');
  }

  /**
   * Starts a program in the work folder, with nothing of our environment but PATH. It leads a process group, all of which is
   * killed after `timeoutMs`, when the program has ended, and when we end ourselves: no child of a client is left behind.
   */
  start(program: string, args: readonly string[], environment: Readonly<Record<string, string>>, timeoutMs = 20_000): ClientProcess {
    const child = spawn(program, args, {
      cwd: this.work,
      detached: true,
      env: { PATH: process.env['PATH'], HOME: this.home, TMPDIR: this.home, NO_PROXY: '127.0.0.1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => signalGroup(child, 'SIGKILL');
    const limit = setTimeout(kill, timeoutMs);
    process.once('exit', kill);
    child.once('exit', kill);
    return {
      ended: endOf(child).finally(() => {
        clearTimeout(limit);
        process.removeListener('exit', kill);
      }),
      interrupt: () => signalGroup(child, 'SIGINT'),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true, maxRetries: 3 });
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended.
  }
}

async function endOf(child: ChildProcess): Promise<ClientEnd> {
  const written = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    written.stdout += part;
  });
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    written.stderr += part;
  });
  await once(child, 'close');
  return { code: child.exitCode, ...written };
}
