import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type S3BlobStoreOptions } from '../../src/storage/blobs/s3-blob-store.ts';
import { startOnFreePort } from './server-process.ts';

/** A real S3 server for tests: Versity's gateway over a folder. */
export interface S3Server extends AsyncDisposable {
  /** Of its one bucket. */
  readonly options: S3BlobStoreOptions;
}

const program = process.env['MOONGATE_S3_SERVER'];

/** Whether `startS3Server` can start one: the program at MOONGATE_S3_SERVER, `versitygw`. */
export const hasS3Server = program !== undefined && program !== '';

/** Starts one with an empty bucket. */
export async function startS3Server(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-s3-'));
  const [objects, facts] = ['objects', 'facts'].map((name) => join(folder, name)) as [string, string];
  mkdirSync(join(objects, 'moongate'), { recursive: true });
  // What it keeps beside the objects lies in a folder: not every file system has extended attributes.
  mkdirSync(facts);
  const { port, server } = await startOnFreePort((freePort) => ({
    program: program ?? '',
    arguments: ['--port', `127.0.0.1:${freePort}`, '--access', 'access', '--secret', 'secret-of-the-test', '--keep-alive', 'posix', '--sidecar', facts, objects],
    ready: /listening on|127\.0\.0\.1:\d+/i,
    stopSignal: 'SIGTERM',
  }));
  return {
    options: { endpoint: `http://127.0.0.1:${port}`, bucket: 'moongate', region: 'us-east-1', prefix: 'files/of-mine', pathStyle: true, accessKeyId: 'access', secretAccessKey: 'secret-of-the-test' },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
