import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { type Listening, listen } from './listen.ts';
import { buildServer } from './server.ts';

const hasIpv6 = Object.values(networkInterfaces()).flat().some((address) => address?.address === '::1');
const hosts = hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
const big = Buffer.alloc(24_000_000, 'x');

const stack: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).reverse()) await close();
});

function build(): FastifyInstance {
  const log = { write: () => undefined, writes: () => false, flush: () => undefined };
  const app = buildServer({ bodyBytesMax: 1_000, clock: systemClock, random: systemRandom, log, stallMs: 30_000 });
  app.get('/big', (_request, reply) => reply.send(big));
  app.get('/slow', async (_request, reply) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return reply.send('done');
  });
  // Node has no way to ask a socket for TCP_NODELAY; it remembers under this symbol what it has told the system.
  app.get('/no-delay', ({ raw: { socket } }, reply) => {
    const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kSetNoDelay');
    return reply.send(String(symbol !== undefined && Reflect.get(socket, symbol)));
  });
  app.get('/never', () => new Promise(() => undefined));
  return app;
}

async function open(where: { host?: string; port?: number } = {}): Promise<{ listening: Listening; port: number }> {
  const listening = await listen(build(), { host: where.host, port: where.port ?? 0, clock: systemClock });
  stack.push(() => listening.close(0));
  return { listening, port: Number(new URL(listening.url).port) };
}

/** A client that asks for `path` and reads when it is told to. */
function ask(host: string, port: number, path: string): Socket {
  const client = connect(port, host).pause();
  client.on('error', () => undefined);
  client.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  stack.push(() => client.destroy());
  return client;
}

async function received(client: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  client.on('data', (part: Buffer) => parts.push(part)).resume();
  await once(client, 'close');
  return Buffer.concat(parts);
}

/**
 * Asks until the system refuses the connection; fails when anything answers. Not refused at once, always: a child process that another
 * thread of the tests starts holds what this process listens on between fork and exec, and a connection made just then is reset.
 */
async function refusedUnanswered(host: string, port: number): Promise<void> {
  for (;;) {
    const client = ask(host, port, '/no-delay');
    let text = '';
    client.on('data', (part: Buffer) => (text += part)).resume();
    const code = await new Promise((resolve) => {
      client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      client.on('close', () => resolve('closed in order'));
    });
    expect(text).toBe('');
    if (code === 'ECONNREFUSED') return;
    expect(code).toBe('ECONNRESET');
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('close', () => {
  it.each(hosts)('lets a reply over %s be read to its end, though it was ended before, and is then done', async (host) => {
    const { listening, port } = await open();
    const client = ask(host, port, '/big');
    await pause(150);
    const closed = listening.close(10_000);
    await pause(150);
    expect((await received(client)).length).toBeGreaterThan(big.length);
    const readMs = performance.now();
    await closed;
    expect(performance.now() - readMs).toBeLessThan(1_000);
  });

  it.each(hosts)('tells the client over %s that its connection ends, closes idle ones, and takes no more', async (host) => {
    const { listening, port } = await open();
    const idle = connect(port, host).resume();
    await once(idle, 'connect');
    const client = ask(host, port, '/slow');
    await pause(100);
    const closed = listening.close(10_000);
    await once(idle, 'close');
    await refusedUnanswered(host, port);
    const text = (await received(client)).toString();
    expect(text).toMatch(/^connection: close\r$/im);
    expect(text.endsWith('done')).toBe(true);
    await closed;
  });

  it.each(hosts)('says when the limit is reached, and cuts what goes on over %s', async (host) => {
    const { listening, port } = await open();
    ask(host, port, '/never');
    await pause(100);
    const onLimit = vi.fn();
    const startedMs = performance.now();
    await listening.close(50, onLimit);
    expect(onLimit).toHaveBeenCalledOnce();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });
});

describe('listen', () => {
  it.each(hosts)('refuses a port that is taken on %s, and listens nowhere', async (host) => {
    const other = createServer().listen(0, host);
    await once(other, 'listening');
    stack.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    await expect(open({ port })).rejects.toThrow(StartRefusal);
    await expect(open({ port })).rejects.toThrow(/:\d+ is in use.*--port/);
    const elsewhere = host === '::1' ? '127.0.0.1' : '::1';
    await expect(once(connect(port, elsewhere), 'connect')).rejects.toThrow();
  });

  it('refuses an address that is not of this machine', async () => {
    // TEST-NET-1 (RFC 5737) is nobody's.
    await expect(open({ host: '192.0.2.1' })).rejects.toThrow(/192\.0\.2\.1.*--host/);
  });

  it.each(hosts)('never delays a small write over %s', async (host) => {
    const { port } = await open();
    const client = ask(host, port, '/no-delay');
    const [part] = (await once(client.resume(), 'data')) as [Buffer];
    expect(part.toString()).toMatch(/true$/);
  });
});
