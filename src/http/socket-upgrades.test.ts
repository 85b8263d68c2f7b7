import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../base/clock.ts';
import { openLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { listen, type Listening } from './listen.ts';
import { buildServer } from './server.ts';
import type { OpenSocket } from './socket-upgrades.ts';

const hasIpv6 = Object.values(networkInterfaces()).flat().some((address) => address?.address === '::1');
const hosts = hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];

let listening: Listening | undefined;
afterEach(async () => listening?.close(0));

/** A server whose `/socket` takes WebSockets after `waitMs`, and gives them to `use`. */
async function serve(use: (socket: OpenSocket) => void, waitMs = 0): Promise<string> {
  const app = buildServer({ bodyBytesMax: 10_000, clock: systemClock, random: systemRandom, log: openLog('silent'), stallMs: 300 });
  app.get('/socket', async (_request, reply) => {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const socket = app.upgrades.take(reply);
    if (socket === undefined) return reply.send('no wish');
    app.connections.upgraded(socket.connection, () => socket.webSocket.close(1001));
    use(socket);
    return reply;
  });
  listening = await listen(app, { host: undefined, port: 0, clock: systemClock });
  return new URL(listening.url).port;
}

describe('an upgrade', () => {
  it.each(hosts)('makes a WebSocket on %s', async (host) => {
    const port = await serve(({ webSocket }) => webSocket.on('message', (data) => webSocket.send(data)));
    const client = new WebSocket(`ws://${host}:${port}/socket`);
    await once(client, 'open');
    client.send('echo');
    expect(String((await once(client, 'message'))[0])).toBe('echo');
    const closed = once(client, 'close');
    await listening?.close(1_000);
    expect((await closed)[0]).toBe(1001);
  });

  it('is not made of a request that does not wish it', async () => {
    const port = await serve(() => undefined);
    expect(await (await fetch(`http://127.0.0.1:${port}/socket`)).text()).toBe('no wish');
  });

  it('is nothing when the client resets the connection before it is made', async () => {
    let made = 0;
    const port = await serve(() => void (made += 1), 150);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(made).toBe(0);
    expect((await fetch(`http://127.0.0.1:${port}/socket`)).status).toBe(200);
  });

  it('does not keep a reader that takes nothing', async () => {
    let served: OpenSocket | undefined;
    const port = await serve((socket) => {
      served = socket;
      for (let count = 0; count < 40; count += 1) socket.webSocket.send('x'.repeat(1_000_000));
    });
    const client = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    await once(client, 'open');
    client.pause();
    if (served === undefined) throw new Error('there is no socket');
    await once(served.webSocket, 'close');
    client.terminate();
  });
});
