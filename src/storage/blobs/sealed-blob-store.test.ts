import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gathered, inPieces } from '../../../tests/doubles/blob-pieces.ts';
import { MemoryBlobStore } from '../../../tests/doubles/memory-blob-store.ts';
import { systemRandom } from '../../base/random.ts';
import { DamagedBlob, SealedBlobStore } from './sealed-blob-store.ts';

const chunk = 65_536;
const sealedChunk = chunk + 16;
const head = 36;

function storeOver(inner: MemoryBlobStore, fill = 1): SealedBlobStore {
  return new SealedBlobStore(inner, Buffer.alloc(32, fill), systemRandom);
}

/** Sizes around the borders of chunks. */
const size = fc.oneof(fc.nat(200), fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -2, max: 2 })).map(([chunks, beside]) => chunks * chunk + beside));

async function put(bytes: Uint8Array): Promise<{ inner: MemoryBlobStore; store: SealedBlobStore; sealed: Buffer }> {
  const inner = new MemoryBlobStore();
  const store = storeOver(inner);
  await store.put('ten_a/live/x', inPieces(bytes, [30_000, 1]));
  return { inner, store, sealed: inner.stored.get('ten_a/live/x') ?? Buffer.alloc(0) };
}

describe('a sealed blob', () => {
  it('gives back every range of what was put, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), fc.array(fc.integer({ min: 1, max: 80_000 }), { minLength: 1, maxLength: 4 }), async (length, from, to, pieces) => {
        const bytes = systemRandom.bytes(length);
        const store = storeOver(new MemoryBlobStore());
        await store.put('a', inPieces(bytes, pieces));
        expect((await gathered(store.read('a'))).equals(bytes)).toBe(true);
        if (length === 0) return;
        const start = from % length;
        const end = start + (to % (length + 10));
        expect((await gathered(store.read('a', { start, end }))).equals(bytes.subarray(start, end))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is damaged by any change of any byte, and says so before the damaged part is handed out', async () => {
    const { inner, store, sealed } = await put(Buffer.alloc(2 * chunk + 10, 'secret '));
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ flip;
        inner.stored.set('ten_a/live/x', changed);
        await expect(gathered(store.read('ten_a/live/x'))).rejects.toBeInstanceOf(DamagedBlob);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['cut at the border of a chunk', (sealed: Buffer) => sealed.subarray(0, head + sealedChunk)],
    ['cut within a chunk', (sealed: Buffer) => sealed.subarray(0, head + sealedChunk + 100)],
    ['cut to its head', (sealed: Buffer) => sealed.subarray(0, head)],
    ['cut within its head', (sealed: Buffer) => sealed.subarray(0, 20)],
    ['emptied', () => Buffer.alloc(0)],
    ['reordered', (sealed: Buffer) => Buffer.concat([sealed.subarray(0, head), sealed.subarray(head + sealedChunk, head + 2 * sealedChunk), sealed.subarray(head, head + sealedChunk), sealed.subarray(head + 2 * sealedChunk)])],
    ['lengthened', (sealed: Buffer) => Buffer.concat([sealed, sealed.subarray(head, head + sealedChunk)])],
    ['of another form', (sealed: Buffer) => Buffer.concat([Buffer.from('MGB2'), sealed.subarray(4)])],
  ])('is damaged when it is %s, read whole or by its end', async (_how, change) => {
    const bytes = Buffer.alloc(2 * chunk + 10, 'secret ');
    const { inner, store, sealed } = await put(bytes);
    inner.stored.set('ten_a/live/x', change(sealed));
    await expect(gathered(store.read('ten_a/live/x'))).rejects.toBeInstanceOf(DamagedBlob);
    await expect(gathered(store.read('ten_a/live/x', { start: chunk + 1, end: bytes.length }))).rejects.toBeInstanceOf(DamagedBlob);
  });

  it('is nobody else’s: neither under another name nor with another secret', async () => {
    const { inner, store, sealed } = await put(Buffer.from('secret'));
    inner.stored.set('ten_b/live/x', sealed);
    await expect(gathered(store.read('ten_b/live/x'))).rejects.toBeInstanceOf(DamagedBlob);
    await expect(gathered(storeOver(inner, 2).read('ten_a/live/x'))).rejects.toBeInstanceOf(DamagedBlob);
  });

  it('tells nothing of what it holds: equal bytes are stored differently each time', async () => {
    const [one, other] = [await put(Buffer.alloc(chunk, 'secret ')), await put(Buffer.alloc(chunk, 'secret '))];
    expect(one.sealed.includes('secret')).toBe(false);
    expect(one.sealed.subarray(head).equals(other.sealed.subarray(head))).toBe(false);
  });
});
