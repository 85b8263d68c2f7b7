import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { messagesPing } from '../wire/anthropic-messages/stream-encode.ts';
import { EventStream } from './event-stream.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A real response, and the raw bytes that its client has received. */
async function openResponse(read: boolean): Promise<{ response: ServerResponse; client: Socket; received: () => string }> {
  const arrived = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => arrived.resolve(response)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  if (read) client.on('data', (part: Buffer) => (text += part.toString('utf8')));
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  return { response: await arrived.promise, client, received: () => text };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

/** Writes until the kernel's buffers are full, too, and the stream stays paused. */
async function fillUp(stream: EventStream, calls: readonly string[]): Promise<void> {
  for (let quietTurns = 0; quietTurns < 10; ) {
    const paused = calls.at(-1) === 'pause';
    if (!paused) stream.write(`data: ${'x'.repeat(100_000)}\n\n`);
    quietTurns = paused ? quietTurns + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, paused ? 5 : 0));
  }
}

const timing = { keepAliveMs: 15_000 };

describe('EventStream', () => {
  it('holds the headers until the first event', async () => {
    const { response, received } = await openResponse(true);
    const stream = new EventStream(response, { clock: new ManualClock(), timing, headers: () => ({ 'x-late': 'known' }) });
    expect(stream.started).toBe(false);
    stream.write('data: 1\n\n');
    expect(stream.started).toBe(true);
    stream.end('data: [DONE]\n\n');
    await until(() => received().includes('[DONE]'));
    expect(received()).toContain('x-late: known');
    expect(received()).toContain('text/event-stream');
  });

  it('sends a comment after 15 s of silence, and again', async () => {
    const clock = new ManualClock();
    const { response, received } = await openResponse(true);
    const stream = new EventStream(response, { clock, timing, headers: () => ({}) });
    clock.advance(14_999);
    expect(stream.started).toBe(false);
    clock.advance(1);
    expect(stream.started).toBe(true);
    clock.advance(10_000);
    stream.write('data: 1\n\n');
    clock.advance(10_000);
    clock.advance(5_000);
    stream.end('');
    await until(() => received().includes('\r\n0\r\n'));
    expect(received().split(': keep-alive\n\n')).toHaveLength(3);
  });

  it('keeps alive with an event, where the protocol has one for it', async () => {
    const clock = new ManualClock();
    const { response, received } = await openResponse(true);
    const stream = new EventStream(response, { clock, timing, headers: () => ({}), keepAlive: messagesPing });
    clock.advance(15_000);
    stream.end('event: x\ndata: 1\n\n');
    await until(() => received().includes('\r\n0\r\n'));
    expect(received()).toContain('event: ping\ndata: {"type": "ping"}\n\n');
    expect(received()).not.toContain('\n: keep-alive');
  });

  it('slows the upstream down for a reader that does not read, and sends it no comments', async () => {
    const clock = new ManualClock();
    const { response, client } = await openResponse(false);
    const calls: string[] = [];
    const stream = new EventStream(response, { clock, timing, headers: () => ({}) });
    stream.flow = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
    await fillUp(stream, calls);
    const waiting = response.writableLength;
    clock.advance(60_000);
    expect(response.writableLength).toBe(waiting);
    expect(calls.at(-1)).toBe('pause');
    stream.close();
    client.destroy();
  });

  it('speeds up again when the reader catches up', async () => {
    const { response, client } = await openResponse(false);
    const calls: string[] = [];
    const stream = new EventStream(response, { clock: new ManualClock(), timing, headers: () => ({}) });
    stream.flow = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
    await fillUp(stream, calls);
    client.resume();
    await until(() => calls.at(-1) === 'resume');
    stream.end('');
    client.destroy();
  });
});
