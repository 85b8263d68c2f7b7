import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bait } from './hostile-file.ts';

const secret = 'bait-3f1c9a7e';

/** What hostile files reach for, laid out so that it shows when one has got there. */
export class HostileBait implements AsyncDisposable {
  readonly bait: Bait;
  readonly #folder: string;
  readonly #server: Server;
  readonly #calls: { count: number };
  readonly #beside: string;

  private constructor(folder: string, server: Server, calls: { count: number }) {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the listener has no port');
    this.#folder = folder;
    this.#server = server;
    this.#calls = calls;
    this.bait = {
      url: `http://127.0.0.1:${address.port}/bait`,
      // Found in the machine's own list of hosts, so that who asks for it ends at the listener.
      hostUrl: `http://localhost:${address.port}/bait`,
      file: join(folder, 'bait.txt'),
      secret,
      escapePath: join(folder, 'escaped', 'escaped.xhtml'),
    };
    writeFileSync(this.bait.file, `${secret}\n`);
    this.#beside = listing();
  }

  static async lay(): Promise<HostileBait> {
    const calls = { count: 0 };
    const server = createServer((socket) => {
      calls.count += 1;
      socket.resume();
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${secret.length}\r\nconnection: close\r\n\r\n${secret}`);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return new HostileBait(mkdtempSync(join(tmpdir(), 'moongate-bait-')), server, calls);
  }

  get connections(): number {
    return this.#calls.count;
  }

  /** What lies where nothing should: in the bait's folder, in this one, at the root. */
  strayFiles(): string[] {
    const stray = existsSync(join(this.#folder, 'escaped')) ? [this.bait.escapePath] : [];
    const beside = new Set(this.#beside.split('\n'));
    return [...stray, ...readdirSync(this.#folder).filter((file) => file !== 'bait.txt'), ...listing().split('\n').filter((path) => !beside.has(path))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function listing(): string {
  return ['.', '/'].flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))).join('\n');
}
