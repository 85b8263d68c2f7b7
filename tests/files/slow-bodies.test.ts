import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FilesServer, startFilesServer } from '../doubles/files-server.ts';
import { ManualClock } from '../doubles/manual-clock.ts';

const clock = new ManualClock();
let server: FilesServer;

beforeAll(async () => void (server = await startFilesServer({}, clock)));
afterAll(() => server[Symbol.asyncDispose]());

interface Talk {
  readonly socket: Socket;
  heard(): string;
}

/** A client that announces 90,000 bytes and sends `beginning`. */
function talk(path: string, type: string, beginning: string, key = 'live'): Talk {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let heard = '';
  socket.on('data', (part: Buffer) => void (heard += part.toString()));
  socket.on('error', () => undefined);
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: ${type}\r\ncontent-length: 90000\r\n\r\n${beginning}`);
  return { socket, heard: () => heard };
}

const fileHead = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\nbeginning';
const form = 'multipart/form-data; boundary=b';
const storedCount = async (): Promise<number> => (await server.stored()).length;

describe('a body that does not come', () => {
  it('of JSON has five minutes', async () => {
    const { socket, heard } = talk('/v1/uploads', 'application/json', '{');
    await expect.poll(() => socket.bytesWritten).toBeGreaterThan(100);
    // Until the server has seen the head; it says nothing before the time is over.
    await expect.poll(async () => (clock.advance(1_000), heard()), { timeout: 10_000, interval: 1 }).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('of a file may take longer, as long as something comes', async () => {
    const { socket, heard } = talk('/v1/files', form, fileHead);
    await expect.poll(storedCount, { timeout: 5_000 }).toBe(1);
    for (let minute = 0; minute < 10; minute += 1) {
      const sent = socket.bytesWritten;
      socket.write('x'.repeat(1_000));
      await expect.poll(() => socket.bytesWritten).toBe(sent + 1_000);
      // The server's side of the same loop reads it before the time goes on.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      clock.advance(30_000);
    }
    expect([heard(), await storedCount()]).toEqual(['', 1]);
    for (let quarter = 0; quarter < 8; quarter += 1) clock.advance(15_000);
    await expect.poll(heard, { timeout: 5_000 }).toMatch(/^HTTP\/1\.1 408 .*"type":"invalid_request_error"/s);
    await expect.poll(storedCount, { timeout: 5_000 }).toBe(0);
    socket.destroy();
  });

  it('that nobody reads, since the key is wrong, is cut five minutes after the answer', async () => {
    const { socket, heard } = talk('/v1/files', form, fileHead, 'nobody');
    await expect.poll(heard, { timeout: 5_000 }).toMatch(/^HTTP\/1\.1 401 /);
    expect(socket.closed).toBe(false);
    await expect.poll(() => (clock.advance(10_000), socket.closed || socket.readableEnded), { timeout: 10_000, interval: 1 }).toBe(true);
    socket.destroy();
  });
});
