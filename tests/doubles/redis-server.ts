import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis for tests. Only one that we have started ourselves can be paused or restarted. */
export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
  /** SIGSTOP: it takes connections and says nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL, and a new one at the same place that remembers nothing. */
  restart(): Promise<void>;
}

const startLimitMs = 10_000;

/**
 * Starts the system's redis-server on a port of the system's choice, without persistence; else the one that is running at
 * `MOONGATE_TEST_REDIS_URL`; undefined where there is neither.
 */
export async function startRedis(): Promise<TestRedis | undefined> {
  if (spawnSync('redis-server', ['--version']).status === 0) return ownRedis();
  const url = process.env['MOONGATE_TEST_REDIS_URL'];
  if (url === undefined || url === '') return undefined;
  const refuse = (): never => {
    throw new Error('the Redis at MOONGATE_TEST_REDIS_URL is not ours to stop');
  };
  return { url, stop: () => Promise.resolve(), pause: refuse, resume: refuse, restart: refuse };
}

async function ownRedis(): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-redis-'));
  const port = await freePort();
  let server = await start(port, folder);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
    pause: () => void process.kill(server.pid, 'SIGSTOP'),
    resume: () => void (server.shell.exitCode === null && process.kill(server.pid, 'SIGCONT')),
    async restart() {
      await end(server);
      server = await start(port, folder);
    },
  };
}

interface Server {
  readonly shell: ChildProcess;
  /** Of redis-server itself. */
  readonly pid: number;
}

/**
 * The shell ends the server, and removes its folder, as soon as our end of the pipe is closed, however that comes about: a
 * test thread that is broken off runs no code of ours any more.
 */
const watch = 'folder=$1; shift; redis-server "$@" >/dev/null & echo $!; cat >/dev/null; kill -9 $!; wait; rm -rf "$folder"';

async function start(port: number, folder: string): Promise<Server> {
  mkdirSync(folder, { recursive: true });
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const shell = spawn('sh', ['-c', watch, 'sh', folder, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  const untilMs = performance.now() + startLimitMs;
  while (!(await answers(port))) {
    if (performance.now() > untilMs || shell.exitCode !== null) throw new Error('redis-server did not start');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { shell, pid: Number(line.toString()) };
}

async function end({ shell }: Server): Promise<void> {
  if (shell.exitCode !== null) return;
  const exit = once(shell, 'exit');
  shell.stdin?.end();
  await exit;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
