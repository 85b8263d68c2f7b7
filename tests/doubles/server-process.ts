import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface ServerCommand {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Of what the server writes, when it takes connections. */
  readonly ready: RegExp;
  /** The signal that ends it in order. */
  readonly stopSignal: NodeJS.Signals;
}

const startLimitMs = 20_000;

/** A server of another make, as a child of the tests that can be stopped, started again and held still. */
export class ServerProcess {
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;
  #output = '';
  #paused = false;

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** Resolves when it takes connections. Throws with its output if it ends before. */
  async start(): Promise<void> {
    const { program, arguments: list, environment, ready } = this.#command;
    const child = spawn(program, list, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], LC_ALL: 'C', ...environment } });
    this.#child = child;
    // A test that fails half-way must not leave its server behind.
    const killOnExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killOnExit);
    child.once('exit', () => process.removeListener('exit', killOnExit));
    this.#output = '';
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${program} ${why}:\n${this.#output}`));
      const limit = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`was not ready within ${startLimitMs} ms`);
      }, startLimitMs);
      const take = (part: Buffer): void => {
        this.#output += part.toString('utf8');
        if (!ready.test(this.#output)) return;
        clearTimeout(limit);
        resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code) => {
        clearTimeout(limit);
        fail(`ended with ${code}`);
      });
    });
  }

  /** In order, by default; resolves when it has ended. Does nothing when it has. */
  async stop(signal: NodeJS.Signals = this.#command.stopSignal): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    // One that stands still takes no signal.
    if (this.#paused) this.resume();
    child.kill(signal);
    await exit;
  }

  /** It and its children stand still: connections stay open, and nothing is answered. */
  pause(): void {
    this.#paused = true;
    for (const pid of this.#family()) process.kill(pid, 'SIGSTOP');
  }

  resume(): void {
    this.#paused = false;
    for (const pid of this.#family().reverse()) process.kill(pid, 'SIGCONT');
  }

  #family(): number[] {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('it was not started');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((text) => text !== '');
    return [pid, ...children.map(Number)];
  }
}

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server on a free port; again on another one when somebody else was quicker. */
export async function startOnFreePort(commandOn: (port: number) => ServerCommand): Promise<{ readonly port: number; readonly server: ServerProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = new ServerProcess(commandOn(port));
    try {
      await server.start();
      return { port, server };
    } catch (error) {
      if (attempt === 3 || !/in use/i.test(String(error))) throw error;
    }
  }
}
