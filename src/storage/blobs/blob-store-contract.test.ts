import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gathered, inPieces } from '../../../tests/doubles/blob-pieces.ts';
import { hasS3Server, type S3Server, startS3Server } from '../../../tests/doubles/s3-server.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { BlobStore } from './blob-store.ts';
import { DiskBlobStore } from './disk-blob-store.ts';
import { S3BlobStore } from './s3-blob-store.ts';
import { SealedBlobStore } from './sealed-blob-store.ts';

/** Larger than two parts of an S3 upload. */
const large = Buffer.alloc(11 * 1024 * 1024 + 77, 'the moon is a gate. ');

/** What every store of blobs keeps to. */
function keepsTheContract(open: () => Promise<BlobStore>, close: () => Promise<void> | void): void {
  let store: BlobStore;

  beforeAll(async () => void (store = await open()));
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await close();
  });

  it.each([['nothing', Buffer.alloc(0)], ['one byte', Buffer.from('x')], ['a sealed chunk, to the byte', Buffer.alloc(65_536, 'ab')], ['much', large]])('gives back %s', async (_what, bytes) => {
    await store.put('ten_a/live/one', inPieces(bytes, [7, 100_000, 1]));
    expect((await gathered(store.read('ten_a/live/one'))).equals(bytes)).toBe(true);
  });

  it('gives back ranges, up to the end', async () => {
    await store.put('ten_a/live/ranges', inPieces(large, [1_000_000]));
    for (const [start, end] of [[0, 1], [5, 5], [65_535, 65_537], [1_048_570, 3_200_000], [large.length - 3, large.length], [large.length - 3, large.length + 1_000_000]] as const) {
      const range = await gathered(store.read('ten_a/live/ranges', { start, end }));
      expect(range.equals(large.subarray(start, end)), `${start} to ${end}`).toBe(true);
    }
  });

  it('puts one in place of another, whole', async () => {
    await store.put('again', inPieces(large, [900_000]));
    await store.put('again', inPieces(Buffer.from('short'), [2]));
    expect((await gathered(store.read('again'))).toString()).toBe('short');
  });

  it.each([['at once', 0], ['after a while', large.length - 5]])('keeps what was there when the source fails %s', async (_when, after) => {
    await store.put('kept', inPieces(Buffer.from('before'), [9]));
    const cause = new Error('the caller is gone');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* inPieces(large.subarray(0, after), [500_000]);
      throw cause;
    }
    await expect(store.put('kept', failing())).rejects.toBe(cause);
    expect((await gathered(store.read('kept'))).toString()).toBe('before');
    await expect(store.put('fresh', failing())).rejects.toBe(cause);
    await expect(gathered(store.read('fresh'))).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.sweep(Date.now() + 60_000)).toBe(0);
  });

  it('forgets what is deleted, and does not mind what is not there', async () => {
    await store.put('gone', inPieces(Buffer.from('x'), [1]));
    await store.delete('gone');
    await store.delete('gone');
    await store.delete('ten_z/live/never');
    await expect(gathered(store.read('gone'))).rejects.toMatchObject({ code: 'not_found' });
    await expect(gathered(store.read('gone', { start: 0, end: 1 }))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('takes no key that leads elsewhere', async () => {
    for (const key of ['../x', '/etc/passwd', 'a//b', 'a/../b', 'A', 'a.b', '', 'a\0']) await expect(gathered(store.read(key)), key).rejects.toBeInstanceOf(RangeError);
  });

  it('lets many be written and read at the same time, and a reader leave', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, index) => store.put(`many/${index}`, inPieces(Buffer.alloc(200_000, String(index)), [50_000]))));
    const read = await Promise.all(Array.from({ length: 12 }, (_, index) => gathered(store.read(`many/${index}`))));
    expect(read.map((bytes) => [bytes.length, bytes.subarray(-2).toString()])).toEqual(Array.from({ length: 12 }, (_, index) => [200_000, Buffer.alloc(200_000, String(index)).subarray(-2).toString()]));
    for await (const piece of store.read('ten_a/live/ranges')) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });
}

function inFolder(wrap: (store: BlobStore) => BlobStore): void {
  let folder = '';
  keepsTheContract(
    async () => wrap(await DiskBlobStore.open((folder = mkdtempSync(join(tmpdir(), 'moongate-blobs-'))), systemRandom)),
    () => rmSync(folder, { recursive: true, force: true }),
  );
}

function inBucket(wrap: (store: BlobStore) => BlobStore): void {
  let server: S3Server | undefined;
  keepsTheContract(
    async () => {
      server = await startS3Server();
      return wrap(await S3BlobStore.open(server.options, systemClock));
    },
    async () => server?.[Symbol.asyncDispose](),
  );
}

const plain = (store: BlobStore): BlobStore => store;
const sealed = (store: BlobStore): BlobStore => new SealedBlobStore(store, Buffer.alloc(32, 7), systemRandom);

describe('a disk', () => inFolder(plain));
describe('a disk, sealed', () => inFolder(sealed));
describe.skipIf(!hasS3Server)('S3 (needs MOONGATE_S3_SERVER)', () => inBucket(plain));
describe.skipIf(!hasS3Server)('S3, sealed (needs MOONGATE_S3_SERVER)', () => inBucket(sealed));
