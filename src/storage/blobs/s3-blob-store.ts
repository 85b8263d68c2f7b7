import { S3mini } from 's3mini';
import type { Clock } from '../../base/clock.ts';
import { pause } from '../../base/pause.ts';
import { StartRefusal } from '../../base/start-refusal.ts';
import { blobNotFound, blobsUnavailable } from './blob-fault.ts';
import { checkedBlobKey } from './blob-key.ts';
import type { BlobStore, ByteRange } from './blob-store.ts';
import { fixedPieces } from './fixed-pieces.ts';

/** A bucket of a service that speaks S3; the credentials are never to be shown. */
export interface S3BlobStoreOptions {
  /** Of the service, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Before every key; empty: nothing. */
  readonly prefix: string;
  /** The bucket stands in the path; else before the host. */
  readonly pathStyle: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The least that S3 allows for a part that is not the last; of 10,000 parts, so that a blob may have some 50 GB. One is in memory for each `put`. */
const partBytes = 5 * 1024 * 1024;
/** What is asked for at a time, so that each request is short, can be repeated, and waits for no slow reader. */
const windowBytes = 1024 * 1024;
const requestTimeoutMs = 60_000;
const triesMax = 3;
const pauseMs = 200;

/** Blobs in a bucket of any service that speaks S3. */
export class S3BlobStore implements BlobStore {
  readonly #s3: S3mini;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  private constructor(s3: S3mini, prefix: string, clock: Clock) {
    this.#s3 = s3;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#clock = clock;
  }

  /** Throws `StartRefusal` when the bucket cannot be had. */
  static async open(options: S3BlobStoreOptions, clock: Clock): Promise<S3BlobStore> {
    const { bucket, region, accessKeyId, secretAccessKey } = options;
    const s3 = new S3mini({ accessKeyId, secretAccessKey, region, endpoint: endpointOf(options), requestAbortTimeout: requestTimeoutMs });
    let there: boolean;
    try {
      there = await s3.bucketExists();
    } catch (thrown) {
      throw new StartRefusal(`the bucket of files ${bucket} cannot be reached at ${options.endpoint}; see files.s3 in moongate.yaml`, thrown);
    }
    if (!there) throw new StartRefusal(`${options.endpoint} has no bucket ${bucket}, or refuses these credentials to see it; see files.s3 in moongate.yaml`);
    return new S3BlobStore(s3, options.prefix, clock);
  }

  async put(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const name = this.#nameOf(key);
    let upload: Multipart | undefined;
    try {
      for await (const { bytes, last } of fixedPieces(source, partBytes)) {
        if (last && upload === undefined) return void (await this.#tried(() => this.#s3.putObject(name, bytes)));
        upload ??= { name, id: await this.#tried(() => this.#s3.getMultipartUploadId(name)), parts: [] };
        const { id, parts } = upload;
        parts.push(await this.#tried(() => this.#s3.uploadPart(name, id, bytes, parts.length + 1)));
      }
      if (upload !== undefined) await this.#complete(upload);
    } catch (thrown) {
      // What cannot be aborted now is aborted by the sweep.
      if (upload !== undefined) await this.#s3.abortMultipartUpload(name, upload.id).catch(() => undefined);
      throw thrown;
    }
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const name = this.#nameOf(key);
    let at = range?.start ?? 0;
    let end = range?.end ?? Number.POSITIVE_INFINITY;
    while (at < end) {
      const to = Math.min(end, at + windowBytes);
      const window = await this.#tried(() => this.#window(name, at, to));
      if (window === undefined) return;
      yield window.bytes;
      at += window.bytes.length;
      end = Math.min(end, window.blobBytes);
    }
  }

  async delete(key: string): Promise<void> {
    const name = this.#nameOf(key);
    await this.#tried(() => this.#s3.deleteObject(name));
  }

  async sweep(beforeMs: number): Promise<number> {
    let count = 0;
    const listed: unknown = await this.#tried(() => this.#s3.listMultipartUploads('/', '', 'GET', { prefix: this.#prefix }));
    for (const { Key: name, UploadId: id, Initiated: begun } of uploadsIn(listed)) {
      if (!name.startsWith(this.#prefix) || !(Date.parse(begun) < beforeMs)) continue;
      await this.#s3.abortMultipartUpload(name, id).catch((thrown: unknown) => {
        // Ended meanwhile.
        if (statusOf(thrown) !== 404) throw blobsUnavailable(thrown);
      });
      count += 1;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
  }

  async #complete({ name, id, parts }: Multipart): Promise<void> {
    const done: unknown = await this.#tried(() => this.#s3.completeMultipartUpload(name, id, parts));
    // S3 may begin with 200 and end with an error in the body, which the client takes for an answer.
    if (typeof done !== 'object' || done === null || !('etag' in done)) throw blobsUnavailable(new Error('the multipart upload was not completed'));
  }

  /** Undefined: nothing is there at `at`. */
  async #window(name: string, at: number, to: number): Promise<{ readonly bytes: Uint8Array; readonly blobBytes: number } | undefined> {
    try {
      const answer = await this.#s3.getObjectRaw(name, false, at, to);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const blobBytes = Number(/\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')?.[1]);
      if (answer.status !== 206 || !Number.isSafeInteger(blobBytes) || bytes.length === 0) throw new Error('the store does not keep to ranges');
      return { bytes, blobBytes };
    } catch (thrown) {
      if (statusOf(thrown) === 416) return undefined;
      throw thrown;
    }
  }

  /** Every request of ours may be repeated: what it says is the same. */
  async #tried<Result>(act: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await act();
      } catch (thrown) {
        const status = statusOf(thrown);
        if (status === 404 && codeOf(thrown) === 'NoSuchKey') throw blobNotFound(thrown);
        if (tries === triesMax || (status !== undefined && status < 500 && status !== 429) || this.#closing.signal.aborted) throw blobsUnavailable(thrown);
        await pause(this.#clock, pauseMs * tries ** 2, this.#closing.signal);
      }
    }
  }

  #nameOf(key: string): string {
    return this.#prefix + checkedBlobKey(key);
  }
}

interface Multipart {
  readonly name: string;
  readonly id: string;
  readonly parts: { partNumber: number; etag: string }[];
}

function endpointOf({ endpoint, bucket, pathStyle }: S3BlobStoreOptions): string {
  const url = new URL(endpoint);
  if (pathStyle) url.pathname = `${url.pathname.replace(/\/+$/, '')}/${bucket}`;
  else url.hostname = `${bucket}.${url.hostname}`;
  return url.href.replace(/\/+$/, '');
}

interface ListedUpload {
  readonly Key: string;
  readonly UploadId: string;
  readonly Initiated: string;
}

/** The uploads of a `ListMultipartUploadsResult`, of which the client gives the XML as it is: one of them is no list. */
function uploadsIn(listed: unknown): readonly ListedUpload[] {
  const result = fieldOf(listed, 'ListMultipartUploadsResult') ?? fieldOf(listed, 'listMultipartUploadsResult') ?? listed;
  const uploads = [fieldOf(result, 'Upload') ?? fieldOf(result, 'upload') ?? []].flat();
  return uploads.flatMap((upload) => {
    const [name, id, begun] = ['Key', 'UploadId', 'Initiated'].map((field) => fieldOf(upload, field));
    return typeof name === 'string' && typeof id === 'string' && typeof begun === 'string' ? [{ Key: name, UploadId: id, Initiated: begun }] : [];
  });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function statusOf(thrown: unknown): number | undefined {
  const status = fieldOf(thrown, 'status');
  return typeof status === 'number' ? status : undefined;
}

function codeOf(thrown: unknown): unknown {
  return fieldOf(thrown, 'code');
}
