import { createServer, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { StartRefusal } from '../base/start-refusal.ts';
import { httpOptions } from './server.ts';

export interface ListenOptions {
  /** Undefined: both loopback addresses, `::1` only where the machine has IPv6. */
  readonly host: string | undefined;
  /** 0: the system chooses. */
  readonly port: number;
  readonly clock: Clock;
}

/** A server that listens. */
export interface Listening {
  /** Base address without a path, such as `http://127.0.0.1:8787`. */
  readonly url: string;
  /**
   * Accepts no more connections, lets open requests end, and resolves when the last connection is closed. After `drainMs`
   * it calls `onLimit`, which is to bring the rest to its end; what is still open `graceMs` later is cut. Idempotent: the
   * first call counts.
   */
  close(drainMs: number, onLimit?: () => void): Promise<void>;
}

/** What an exchange that was told to end has left for its last words and its record. */
const graceMs = 2_000;

/** Listens. Throws `StartRefusal` when the system does not allow it, naming the address and what to do. */
export async function listen(app: FastifyInstance, options: ListenOptions): Promise<Listening> {
  const { host, port, clock } = options;
  try {
    await app.listen({ host: host ?? '127.0.0.1', port });
  } catch (thrown) {
    throw refusalOf(thrown, host ?? '127.0.0.1', port);
  }
  const address = app.server.address() as AddressInfo;
  let twin: Server | undefined;
  try {
    twin = host === undefined ? await listenOnIpv6Loopback(app, address.port) : undefined;
  } catch (thrown) {
    // On a port of the system's choice nobody expects us on the other address.
    if (port !== 0) {
      await app.close();
      throw refusalOf(thrown, '::1', port);
    }
  }
  let closed: Promise<void> | undefined;
  return {
    url: `http://${inUrl(address.address)}:${address.port}`,
    close: (drainMs, onLimit) => (closed ??= close(app, twin, clock, drainMs, onLimit)),
  };
}

async function close(app: FastifyInstance, twin: Server | undefined, clock: Clock, drainMs: number, onLimit = (): void => undefined): Promise<void> {
  const { connections } = app;
  let cancel = clock.after(drainMs, () => {
    onLimit();
    cancel = clock.after(graceMs, () => connections.destroy());
  });
  // Not http's own close, which destroys what it takes for idle: also a reply that has been ended but not yet read.
  const closed = [app.server, ...(twin === undefined ? [] : [twin])].map(
    (server) => new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve())),
  );
  connections.drain();
  await Promise.all(closed);
  cancel();
  twin?.close();
  await app.close();
}

/** Undefined where there is no IPv6. Throws when the port is taken there: `localhost` would lead to whoever has it. */
async function listenOnIpv6Loopback(app: FastifyInstance, port: number): Promise<Server | undefined> {
  const twin = createServer(httpOptions, (request, response) => app.routing(request, response));
  twin.on('clientError', app.refuseMalformed);
  app.connections.watch(twin);
  app.upgrades.watch(twin);
  return new Promise((resolve, reject) => {
    twin.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? reject(error) : resolve(undefined)));
    twin.listen(port, '::1', () => resolve(twin));
  });
}

function refusalOf(thrown: unknown, host: string, port: number): unknown {
  const where = `${inUrl(host)}:${port}`;
  switch (codeOf(thrown)) {
    case 'EADDRINUSE':
      return new StartRefusal(`${where} is in use by another program; stop it, or choose another port: npm start -- --port 9000`, thrown);
    case 'EACCES':
      return new StartRefusal(`this user may not listen on ${where}; choose a port above 1023: npm start -- --port 9000`, thrown);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartRefusal(`${host} is no address of this machine; choose another with --host, or leave it out for this machine alone`, thrown);
    default:
      return thrown;
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
