import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ServerProcess, startOnFreePort } from './server-process.ts';

/** Where a suite gets databases of its own from. */
export interface PostgresHost {
  /** The URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** Removes what was created; ends the server, if it is ours. */
  stop(): Promise<void>;
}

/** A server of our own, that faults can be played with. */
export interface PostgresServer extends PostgresHost {
  /** Fast shutdown; the data stays. */
  halt(): Promise<void>;
  /** After `halt`: the same server again, on the same port. */
  start(): Promise<void>;
  /** Every process of it stands still, until `resume`. */
  pause(): void;
  resume(): void;
}

const debianFolder = '/usr/lib/postgresql';
const versionMin = 15;
const externalUrl = process.env['MOONGATE_TEST_POSTGRES_URL'];

/** The folder of the newest `initdb` and `postgres` from 15 on, where Debian puts them. */
function binaryFolder(): string | undefined {
  let versions: string[];
  try {
    versions = readdirSync(debianFolder);
  } catch {
    return undefined;
  }
  const version = Math.max(...versions.map(Number).filter((number) => number >= versionMin));
  return Number.isFinite(version) ? join(debianFolder, String(version), 'bin') : undefined;
}

/** Whether `startPostgres` can start one on this machine. */
export const canStartPostgres = binaryFolder() !== undefined;

/** Whether `openPostgres` finds one: Debian's, or one that runs already and that MOONGATE_TEST_POSTGRES_URL names. */
export const hasPostgres = externalUrl !== undefined || canStartPostgres;

/** The server that runs already, or one of our own. */
export async function openPostgres(): Promise<PostgresHost> {
  return externalUrl === undefined ? startPostgres() : new DatabaseMaker(externalUrl);
}

/** Starts Debian's Postgres on a port of its own, with a data folder that is removed by `stop`. */
export async function startPostgres(): Promise<PostgresServer> {
  const binaries = binaryFolder();
  if (binaries === undefined) throw new Error(`needs postgres: ${debianFolder} holds none`);
  const folder = mkdtempSync(join(tmpdir(), 'moongate-postgres-'));
  const user = userOf(folder);
  const data = join(folder, 'data');
  const [initdb = '', ...initdbArguments] = [
    ...user, join(binaries, 'initdb'), '-D', data, '-U', 'moongate', '--auth=trust', '--no-sync', '--locale=C', '--encoding=UTF8',
  ];
  execFileSync(initdb, initdbArguments, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  const { port, server } = await startOnFreePort((freePort) => {
    const [program = '', ...list] = [
      ...user, join(binaries, 'postgres'), '-D', data, '-p', String(freePort),
      '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200', '-c', 'shared_buffers=16MB',
      '-c', 'deadlock_timeout=100ms',
    ];
    return { program, arguments: list, ready: /ready to accept connections/, stopSignal: 'SIGINT' };
  });
  return new OwnServer(server, port, folder);
}

/** As root, Postgres runs as the user that Debian made for it: it refuses to be root. */
function userOf(folder: string): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  chownSync(folder, idOf('-u'), idOf('-g'));
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--'];
}

/** Makes databases through the one that `url` names. */
class DatabaseMaker implements PostgresHost {
  readonly #url: string;
  readonly #created: string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async createDatabase(): Promise<string> {
    const name = `moongate_test_${process.pid}_${crypto.randomUUID().replaceAll('-', '')}`;
    await this.#run(`CREATE DATABASE ${name}`);
    this.#created.push(name);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async stop(): Promise<void> {
    for (const name of this.#created.splice(0)) await this.#run(`DROP DATABASE ${name} WITH (FORCE)`);
  }

  async #run(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

class OwnServer implements PostgresServer {
  readonly #server: ServerProcess;
  readonly #folder: string;
  readonly #databases: DatabaseMaker;

  constructor(server: ServerProcess, port: number, folder: string) {
    this.#server = server;
    this.#folder = folder;
    this.#databases = new DatabaseMaker(`postgres://moongate@127.0.0.1:${port}/postgres`);
  }

  createDatabase(): Promise<string> {
    return this.#databases.createDatabase();
  }

  halt(): Promise<void> {
    return this.#server.stop();
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  pause(): void {
    this.#server.pause();
  }

  resume(): void {
    this.#server.resume();
  }

  async stop(): Promise<void> {
    // At once: what it holds is thrown away.
    await this.#server.stop('SIGQUIT');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
