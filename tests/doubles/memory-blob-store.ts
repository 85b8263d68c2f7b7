import { blobNotFound } from '../../src/storage/blobs/blob-fault.ts';
import type { BlobStore, ByteRange } from '../../src/storage/blobs/blob-store.ts';
import { gathered } from './blob-pieces.ts';

/** A store whose bytes a test can look at, and change. */
export class MemoryBlobStore implements BlobStore {
  readonly stored = new Map<string, Buffer>();

  async put(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    this.stored.set(key, await gathered(source));
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const bytes = this.stored.get(key);
    if (bytes === undefined) throw blobNotFound();
    yield range === undefined ? bytes : bytes.subarray(range.start, range.end);
  }

  async delete(key: string): Promise<void> {
    this.stored.delete(key);
  }

  async sweep(): Promise<number> {
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
