import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ServerStart {
  /** Added to an environment that holds no credential of any upstream. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Text of moongate.yaml. */
  readonly config?: string;
  /** An existing data folder to start on again; the caller removes it. */
  readonly dataDir?: string;
}

export interface RunningServer {
  readonly url: string;
  readonly liveKey: string;
  readonly testKey: string;
  readonly adminToken: string;
  readonly dataDir: string;
  /** Resolves when the process has ended, by whomever. */
  readonly exited: Promise<void>;
  /** Everything that the process has written so far, both streams. */
  output(): string;
  /** SIGTERM, and waits for the end; removes the data folder unless the caller owns it. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; keeps the data folder, so that another server can be started on it. */
  kill(): Promise<void>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const startLimitMs = 20_000;

/** Starts the real server as a process of its own, on a port that the system chooses. Throws with its output if it does not start. */
export async function startServer(options: ServerStart = {}): Promise<RunningServer> {
  const folder = options.dataDir === undefined ? mkdtempSync(join(tmpdir(), 'moongate-test-')) : undefined;
  const dataDir = options.dataDir ?? join(folder ?? '', 'data');
  const args = [join(root, 'src/start.mjs'), '--port', '0', '--data-dir', dataDir];
  if (options.config !== undefined) {
    const path = join(mkdtempSync(join(tmpdir(), 'moongate-config-')), 'moongate.yaml');
    writeFileSync(path, options.config);
    args.push('--config', path);
  }
  // Over Postgres a server wants to be told; those that are to share files name a folder themselves.
  const sharedFiles = options.environment?.['MOONGATE_DATABASE_URL'] === undefined ? {} : { MOONGATE_SHARED_FILES: join(dataDir, 'shared-files') };
  const child = spawn(process.execPath, args, {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], MOONGATE_LOG_LEVEL: 'warn', ...sharedFiles, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A test that fails half-way must not leave its server behind.
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  child.once('exit', () => process.removeListener('exit', killOnExit));
  let output = '';
  const take = (part: Buffer): void => {
    output += part.toString('utf8');
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  await listening(child, () => output);
  const find = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? '';
  const removeFolder = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  return {
    url: find(/(http:\/\/[^\s/]+:\d+)/),
    liveKey: find(/\b(sk-[0-9A-Za-z]{59})\b/),
    testKey: find(/\b(sk-test-[0-9A-Za-z]{59})\b/),
    adminToken: find(/\b(mgadm-[0-9A-Za-z]{59})\b/),
    dataDir,
    exited: once(child, 'exit').then(() => undefined),
    output: () => output,
    async stop() {
      const code = await ended(child, 'SIGTERM');
      removeFolder();
      return code;
    },
    async kill() {
      await ended(child, 'SIGKILL');
    },
  };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
  return child.exitCode;
}

/** Resolves when the greeting is there; the server writes it in one piece. */
function listening(child: ChildProcess, output: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not listen within ${startLimitMs} ms:\n${output()}`));
    }, startLimitMs);
    const check = (): void => {
      if (!/listens on http\S+\n/.test(output())) return;
      clearTimeout(limit);
      resolve();
    };
    child.stdout?.on('data', check);
    child.once('exit', (code) => {
      clearTimeout(limit);
      reject(new Error(`the server ended with ${code} before it listened:\n${output()}`));
    });
  });
}
