import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { describe, expect, it } from 'vitest';
import { canStartPostgres, startPostgres } from '../doubles/postgres-server.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { hasS3Server, startS3Server } from '../doubles/s3-server.ts';

const start = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));

function clientOf(server: RunningServer, apiKey: string): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
}

function blobsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** A client that sends the beginning of a file, and no more. */
function beginUpload(server: RunningServer, apiKey: string): Socket {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiKey}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 50000000\r\n\r\n`
      + '--b\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\n',
  );
  socket.write(Buffer.alloc(1_000_000));
  return socket;
}

describe('files of a server', () => {
  it('outlive kill -9; what was being written does not', async () => {
    const first = await startServer();
    const file = await clientOf(first, first.liveKey).files.create({ file: await toFile(Buffer.from('kept'), 'kept.txt'), purpose: 'user_data' });
    const folder = join(first.dataDir, 'files');
    expect(blobsIn(folder)).toHaveLength(1);
    const socket = beginUpload(first, first.liveKey);
    await expect.poll(() => blobsIn(folder).length, { timeout: 10_000 }).toBe(2);
    await first.kill();
    socket.destroy();
    expect(blobsIn(folder)).toHaveLength(2);
    const second = await startServer({ dataDir: first.dataDir });
    try {
      await expect.poll(() => blobsIn(folder).length, { timeout: 10_000 }).toBe(1);
      const content = await clientOf(second, first.liveKey).files.content(file.id);
      expect(await content.text()).toBe('kept');
      const extract = clientOf(second, first.liveKey).files.create({ file: await toFile(Buffer.from('text'), 'a.txt'), purpose: 'file-extract' as 'assistants' });
      expect(JSON.parse(await (await clientOf(second, first.liveKey).files.content((await extract).id)).text())).toMatchObject({ content: 'text', filename: 'a.txt' });
    } finally {
      await second.stop();
      rmSync(join(first.dataDir, '..'), { recursive: true, force: true });
    }
  });

  it.skipIf(!hasS3Server)('lie in S3 when that is configured (needs MOONGATE_S3_SERVER)', async () => {
    await using s3 = await startS3Server();
    const { endpoint, bucket, prefix, accessKeyId, secretAccessKey } = s3.options;
    const config = `files: { s3: { endpoint: '${endpoint}', bucket: ${bucket}, prefix: ${prefix}, accessKeyId: '\${ID}', secretAccessKey: '\${SECRET}' } }`;
    const server = await startServer({ config, environment: { ID: accessKeyId, SECRET: secretAccessKey } });
    try {
      const client = clientOf(server, server.testKey);
      const bytes = Buffer.alloc(6_000_000, 'six million ');
      const file = await client.files.create({ file: await toFile(bytes, 'a.bin'), purpose: 'user_data' });
      expect(Buffer.from(await (await client.files.content(file.id)).arrayBuffer()).equals(bytes)).toBe(true);
      await client.files.delete(file.id);
      expect(readdirSync(server.dataDir)).not.toContain('files');
    } finally {
      await server.stop();
    }
  });

  it.skipIf(!canStartPostgres)('are not kept by one of several servers for itself (needs postgres)', async () => {
    const postgres = await startPostgres();
    const folder = mkdtempSync(join(tmpdir(), 'moongate-refused-'));
    try {
      const { status, stderr } = spawnSync(process.execPath, [start, '--port', '0', '--data-dir', join(folder, 'data')], {
        encoding: 'utf8', cwd: folder, env: { PATH: process.env['PATH'], MOONGATE_DATABASE_URL: await postgres.createDatabase(), MOONGATE_SECRET: 's'.repeat(32) },
      });
      expect([status, stderr]).toEqual([1, expect.stringMatching(/files would be kept in \S+, which the other servers of the database cannot see; set files\.s3 in moongate\.yaml, or.*MOONGATE_SHARED_FILES/s)]);
    } finally {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
