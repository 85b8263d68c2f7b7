import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { startOnFreePort } from './server-process.ts';

export interface RedisHost {
  readonly url: string;
  /** Ends the server, if it is ours. */
  stop(): Promise<void>;
}

/** A server of our own, that faults can be played with. It keeps nothing: after `halt` and `start` it is empty. */
export interface RedisServer extends RedisHost {
  halt(): Promise<void>;
  start(): Promise<void>;
  /** It stands still, until `resume`. */
  pause(): void;
  resume(): void;
}

const externalUrl = process.env['MOONGATE_TEST_REDIS_URL'];

/** Debian's `redis-server`, or Valkey's, on the path. */
function findProgram(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/** Whether `startRedis` can start one on this machine. */
export const canStartRedis = findProgram() !== undefined;

/** Whether `openRedis` finds one: on the path, or one that runs already and that MOONGATE_TEST_REDIS_URL names. */
export const hasRedis = externalUrl !== undefined || canStartRedis;

/** The server that runs already, which others may use too, or one of our own. */
export async function openRedis(): Promise<RedisHost> {
  return externalUrl === undefined ? startRedis() : { url: externalUrl, stop: async () => {} };
}

/** Starts a server on a port of its own; it writes nothing to disk. */
export async function startRedis(): Promise<RedisServer> {
  const program = findProgram();
  if (program === undefined) throw new Error('needs redis-server: there is none on the path');
  const folder = mkdtempSync(join(tmpdir(), 'moongate-redis-'));
  const { port, server } = await startOnFreePort((freePort) => ({
    program,
    arguments: ['--port', String(freePort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    ready: /Ready to accept connections/,
    stopSignal: 'SIGTERM',
  }));
  return {
    url: `redis://127.0.0.1:${port}`,
    halt: () => server.stop(),
    start: () => server.start(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async stop() {
      await server.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
