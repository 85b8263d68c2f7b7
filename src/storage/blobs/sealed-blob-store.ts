import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { Random } from '../../base/random.ts';
import type { BlobStore, ByteRange } from './blob-store.ts';
import { fixedPieces } from './fixed-pieces.ts';

const cipher = 'aes-256-gcm';
/** Names the form, so that it can change while older blobs stay readable. */
const magic = Buffer.from('MGB1');
const saltBytes = 32;
const headBytes = magic.length + saltBytes;
const plainBytes = 64 * 1024;
const tagBytes = 16;
const sealedBytes = plainBytes + tagBytes;
const nonceBytes = 12;

/** What is stored is not what was put: it was changed, cut, reordered, moved from elsewhere, or sealed under another root secret. */
export class DamagedBlob extends Error {
  constructor(key: string, cause?: unknown) {
    super(`the blob ${key} is damaged, or was sealed under another root secret`, cause === undefined ? undefined : { cause });
    this.name = 'DamagedBlob';
  }
}

/**
 * Blobs that only this house can read, in whatever store: AES-256-GCM in chunks of 64 KiB, so that a range can be read without what is
 * before it. Each blob has a key of its own (HKDF-SHA-256 of the house's, with a random salt that stands at the beginning, and the name of
 * the blob), under which the number of the chunk is the nonce; whether it is the last is authenticated too. Reading throws
 * `DamagedBlob`, before anything of the damaged chunk is handed out.
 */
export class SealedBlobStore implements BlobStore {
  readonly #inner: BlobStore;
  readonly #key: Buffer;
  readonly #random: Random;

  /** `key` has 32 bytes: `RootSecret.derive('blob-encryption', 1)`. Disposing of this store disposes of `inner`. */
  constructor(inner: BlobStore, key: Buffer, random: Random) {
    this.#inner = inner;
    this.#key = key;
    this.#random = random;
  }

  put(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#inner.put(key, this.#sealed(key, source));
  }

  async *read(key: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    if (range === undefined) return yield* this.#whole(key);
    const { start, end } = range;
    if (end <= start) return;
    const first = Math.floor(start / plainBytes);
    const last = Math.floor((end - 1) / plainBytes);
    const secret = this.#secretIn(key, await gathered(this.#inner.read(key, { start: 0, end: headBytes })));
    // One byte more: whether there is any tells if the chunk before it is the last.
    const stored = this.#inner.read(key, { start: headBytes + first * sealedBytes, end: headBytes + (last + 1) * sealedBytes + 1 });
    let index = first;
    for await (const plain of opened(key, secret, stored, { first, last })) {
      const from = index * plainBytes;
      yield plain.subarray(Math.max(0, start - from), Math.max(0, Math.min(plain.length, end - from)));
      index += 1;
    }
  }

  delete(key: string): Promise<void> {
    return this.#inner.delete(key);
  }

  sweep(beforeMs: number): Promise<number> {
    return this.#inner.sweep(beforeMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async *#sealed(key: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const salt = this.#random.bytes(saltBytes);
    const secret = this.#secretOf(key, salt);
    yield Buffer.concat([magic, salt]);
    let index = 0;
    for await (const { bytes, last } of fixedPieces(source, plainBytes)) {
      const sealing = createCipheriv(cipher, secret, nonceOf(index), { authTagLength: tagBytes });
      sealing.setAAD(placeOf(index, last));
      // Of this cipher `final` gives nothing more.
      yield sealing.update(bytes);
      sealing.final();
      yield sealing.getAuthTag();
      index += 1;
    }
  }

  async *#whole(key: string): AsyncGenerator<Uint8Array> {
    const stored = this.#inner.read(key)[Symbol.asyncIterator]();
    try {
      let head = Buffer.alloc(0);
      while (head.length < headBytes) {
        const { value, done } = await stored.next();
        if (done === true) throw new DamagedBlob(key);
        head = Buffer.concat([head, value]);
      }
      const secret = this.#secretIn(key, head.subarray(0, headBytes));
      yield* opened(key, secret, continued(head.subarray(headBytes), stored), { first: 0, last: Number.POSITIVE_INFINITY });
    } finally {
      await stored.return?.();
    }
  }

  #secretIn(key: string, head: Buffer): Buffer {
    if (head.length !== headBytes || !head.subarray(0, magic.length).equals(magic)) throw new DamagedBlob(key);
    return this.#secretOf(key, head.subarray(magic.length));
  }

  #secretOf(key: string, salt: Buffer): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, salt, `moongate/blob/v1 ${key}`, 32));
  }
}

/** The chunks from number `first` to number `last`, opened; all of them must be there, up to the end of the blob. */
async function* opened(
  key: string,
  secret: Buffer,
  stored: AsyncIterable<Uint8Array>,
  { first, last: lastWanted }: { readonly first: number; readonly last: number },
): AsyncGenerator<Buffer> {
  let index = first;
  for await (const { bytes, last } of fixedPieces(stored, sealedBytes)) {
    if (bytes.length < tagBytes) throw new DamagedBlob(key);
    const opening = createDecipheriv(cipher, secret, nonceOf(index), { authTagLength: tagBytes });
    opening.setAAD(placeOf(index, last));
    opening.setAuthTag(bytes.subarray(-tagBytes));
    let plain: Buffer;
    try {
      plain = opening.update(bytes.subarray(0, -tagBytes));
      opening.final();
    } catch (thrown) {
      throw new DamagedBlob(key, thrown);
    }
    yield plain;
    if (index === lastWanted) return;
    index += 1;
  }
}

function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUInt32BE(index, nonceBytes - 4);
  return nonce;
}

function placeOf(index: number, last: boolean): Buffer {
  return Buffer.from(`${index} ${last ? 'last' : 'more'}`);
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* continued(beginning: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield beginning;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
