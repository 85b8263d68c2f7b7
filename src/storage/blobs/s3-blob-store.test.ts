import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { gathered, inPieces } from '../../../tests/doubles/blob-pieces.ts';
import { hasS3Server, startS3Server } from '../../../tests/doubles/s3-server.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { StartRefusal } from '../../base/start-refusal.ts';
import { S3BlobStore, type S3BlobStoreOptions } from './s3-blob-store.ts';

const servers: Server[] = [];
/** Pauses between tries take no time. */
const hurried: Clock = { ...systemClock, after: (_delayMs, task) => systemClock.after(0, task) };

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A store over a server that says what it is told, after the question for the bucket. */
async function storeOver(answer: (request: IncomingMessage, response: ServerResponse) => void, options: Partial<S3BlobStoreOptions> = {}): Promise<{ store: S3BlobStore; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'HEAD') return void response.end();
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const store = await S3BlobStore.open(
    { endpoint: `http://127.0.0.1:${port}`, bucket: 'b', region: 'r', prefix: '', pathStyle: true, accessKeyId: 'a', secretAccessKey: 's', ...options },
    hurried,
  );
  return { store, asked };
}

const saying = (status: number, body = ''): ((request: IncomingMessage, response: ServerResponse) => void) => (_request, response) => {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
};

describe('blobs in S3', () => {
  it('are asked for again when the service fails, and then are not available', async () => {
    const { store, asked } = await storeOver(saying(503, '<Error><Code>SlowDown</Code></Error>'));
    await expect(gathered(store.read('x'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(asked).toHaveLength(3);
  });

  it('are not asked for again when the service refuses', async () => {
    const { store, asked } = await storeOver(saying(403, '<Error><Code>AccessDenied</Code></Error>'));
    await expect(store.delete('x')).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(asked).toEqual(['DELETE /b/x']);
  });

  it('are not there when they are not, which a bucket that is gone is something else than', async () => {
    const { store } = await storeOver(saying(404, '<Error><Code>NoSuchKey</Code></Error>'));
    await expect(gathered(store.read('x'))).rejects.toMatchObject({ code: 'not_found' });
    const { store: homeless } = await storeOver(saying(404, '<Error><Code>NoSuchBucket</Code></Error>'));
    await expect(gathered(homeless.read('x'))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('are not kept when the service says so behind a 200, and their parts are given up', async () => {
    const { store, asked } = await storeOver((request, response) => {
      const { method, url = '' } = request;
      if (method === 'POST' && url.includes('uploads=')) return void response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>');
      if (method === 'PUT') return void response.setHeader('etag', '"e"').end();
      if (method === 'POST') return void response.end('<Error><Code>InternalError</Code><Message>late</Message></Error>');
      response.writeHead(204).end();
    });
    await expect(store.put('x', inPieces(Buffer.alloc(6 * 1024 * 1024), [1_000_000]))).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(asked.at(-1)).toBe('DELETE /b/x?uploadId=u1');
  });

  it('may stand before the host', async () => {
    await expect(storeOver(saying(200), { pathStyle: false, endpoint: 'http://nowhere.invalid' })).rejects.toThrow(/the bucket of files b cannot be reached at http:\/\/nowhere\.invalid/);
  });

  it.skipIf(!hasS3Server)('have leftovers of a crash swept by their age, those of others left alone (needs MOONGATE_S3_SERVER)', async () => {
    await using server = await startS3Server();
    const store = await S3BlobStore.open(server.options, systemClock);
    const others = await S3BlobStore.open({ ...server.options, prefix: 'others' }, systemClock);
    const gate = Promise.withResolvers<void>();
    let halfway = 0;
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(6 * 1024 * 1024);
      halfway += 1;
      await gate.promise;
    }
    const putting = Promise.allSettled([store.put('x', slow()), others.put('x', slow())]);
    await expect.poll(() => halfway, { timeout: 10_000 }).toBe(2);
    const inOneHourMs = Date.now() + 3_600_000;
    expect(await store.sweep(inOneHourMs - 7_200_000)).toBe(0);
    expect(await store.sweep(inOneHourMs)).toBe(1);
    expect(await store.sweep(inOneHourMs)).toBe(0);
    gate.resolve();
    expect((await putting).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await expect(S3BlobStore.open({ ...server.options, bucket: 'nobody' }, systemClock)).rejects.toBeInstanceOf(StartRefusal);
  });
});
