import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ManualClock } from '../../../../tests/doubles/manual-clock.ts';
import { RecentResponses } from './recent-responses.ts';
import { SocketConnection } from './socket-connection.ts';
import type { SocketTurnDeps } from './socket-turn.ts';

let server: WebSocketServer;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock(0);
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
});
afterEach(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

/** A client of a `SocketConnection` that nobody has asked for a response. */
async function connected(options: { readonly autoPong?: boolean } = {}, keepAliveMs = 15_000): Promise<WebSocket> {
  const opened = once(server, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  const [webSocket, request] = (await opened) as [WebSocket, { socket: Socket }];
  // All that an idle connection uses.
  const deps: Partial<SocketTurnDeps> = { clock, timing: { keepAliveMs }, recent: new RecentResponses() };
  new SocketConnection(deps as SocketTurnDeps, { webSocket, connection: request.socket }, { requestId: 'req_1', keyId: 'key_1', surface: '/v1/responses' });
  await once(client, 'open');
  return client;
}

describe('a WebSocket', () => {
  it('is kept alive by pings, and cut when nobody answers them', async () => {
    const silent = await connected({ autoPong: false });
    const closed = once(silent, 'close');
    let pings = 0;
    silent.on('ping', () => {
      pings += 1;
    });
    for (let times = 0; times < 4 && silent.readyState === WebSocket.OPEN; times += 1) {
      const before = pings;
      clock.advance(15_000);
      if (times < 3) while (pings === before) await once(silent, 'ping');
    }
    expect((await closed)[0]).toBe(1006);
    expect(pings).toBe(3);
  });

  it('stays open while its pings are answered', async () => {
    const client = await connected();
    for (let times = 0; times < 8; times += 1) {
      const ping = once(client, 'ping');
      clock.advance(15_000);
      await ping;
      // The answer is on its way: another round trip of the same client is behind it.
      client.send('{}');
      await once(client, 'message');
    }
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  it('is closed after an hour, with the code that clients connect again for', async () => {
    const client = await connected({}, 2 * 3_600_000);
    const told = once(client, 'message');
    const closed = once(client, 'close');
    clock.advance(3_599_999);
    expect(server.clients.values().next().value?.readyState).toBe(WebSocket.OPEN);
    clock.advance(1);
    expect(JSON.parse(String((await told)[0]))).toMatchObject({ type: 'error', status: 400, error: { code: 'websocket_connection_limit_reached' } });
    expect((await closed)[0]).toBe(1000);
  });

  it('of a client that asks and never reads what it is told is cut', async () => {
    const client = await connected();
    const [webSocket] = server.clients;
    const cut = once(webSocket ?? client, 'close');
    client.pause();
    const event = JSON.stringify({ type: 'response.steer', previous_response_id: 'resp_1', input: 'x'.repeat(1_000_000) });
    for (let times = 0; times < 40; times += 1) client.send(event);
    await cut;
    client.terminate();
  });
});
