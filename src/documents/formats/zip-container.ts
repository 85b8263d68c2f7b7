import type { Entry, ZipFile } from 'yauzl';
import { fromBufferPromise } from 'yauzl';
import type { FormatInput } from './format-reader.ts';
import { UnreadableDocument } from './format-reader.ts';

/** The first bytes of an OLE container: what Office wraps a document in when it gets a password. */
const oleMagic = Buffer.from('d0cf11e0a1b11ae1', 'hex');

/**
 * A zip file in memory, read by its central directory. Nothing is ever written anywhere, so a name is a key and never a path; sizes are
 * checked while unpacking; what is unpacked from it counts against one limit, however often and from whichever entry it comes.
 */
export class ZipContainer {
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #unpackedBytesMax: number;
  #unpackedBytes = 0;

  constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>, unpackedBytesMax: number) {
    this.#zip = zip;
    this.#entries = entries;
    this.#unpackedBytesMax = unpackedBytesMax;
  }

  /** Of files only, as the archive spells them. */
  get names(): readonly string[] {
    return [...this.#entries.values()].map((entry) => entry.fileName);
  }

  /** Names are compared without case: the parts of an Office file are so by its specification (ECMA-376, part 2, 6.2.2.3). */
  has(name: string): boolean {
    return this.#entries.has(name.toLowerCase());
  }

  /** What an entry holds, piece by piece; nothing if there is no such entry. Throws `UnreadableDocument`. */
  async *chunks(name: string): AsyncGenerator<Uint8Array> {
    const entry = this.#entries.get(name.toLowerCase());
    if (entry === undefined) return;
    if (entry.isEncrypted()) throw encrypted();
    try {
      for await (const chunk of await this.#zip.openReadStreamPromise(entry)) {
        if (!(chunk instanceof Uint8Array)) continue;
        this.#unpackedBytes += chunk.length;
        if (this.#unpackedBytes > this.#unpackedBytesMax) throw tooLarge(this.#unpackedBytesMax);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof UnreadableDocument) throw error;
      throw new UnreadableDocument('damaged', 'the document is cut short or damaged: a part of it cannot be unpacked; save it anew and send it again', error);
    }
  }

  /** A whole entry; undefined if there is none. Throws `UnreadableDocument`. */
  async bytes(name: string): Promise<Buffer | undefined> {
    if (!this.has(name)) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.chunks(name)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

/** Opens the zip file that a document is. Throws `UnreadableDocument`: not a zip file, too many entries, or a password on all of it. */
export async function openZip(input: FormatInput): Promise<ZipContainer> {
  const bytes = Buffer.from(input.bytes.buffer, input.bytes.byteOffset, input.bytes.byteLength);
  if (bytes.subarray(0, oleMagic.length).equals(oleMagic)) throw encrypted();
  try {
    const zip = await fromBufferPromise(bytes, { lazyEntries: true });
    const entries = new Map<string, Entry>();
    let count = 0;
    for await (const entry of zip.eachEntry()) {
      count += 1;
      if (count > input.limits.entriesMax) throw new UnreadableDocument('too-large', `the document has more than ${input.limits.entriesMax} parts`);
      // Of two entries with one name the first counts, as in Office; a second reading of the same name is how such files deceive scanners.
      const key = entry.fileName.toLowerCase();
      if (!key.endsWith('/') && !entries.has(key)) entries.set(key, entry);
    }
    if (count > 0 && [...entries.values()].every((entry) => entry.isEncrypted())) throw encrypted();
    return new ZipContainer(zip, entries, input.limits.unpackedBytesMax);
  } catch (error) {
    if (error instanceof UnreadableDocument) throw error;
    throw new UnreadableDocument('damaged', 'the document is cut short or damaged: its list of contents is missing; save it anew and send it again', error);
  }
}

function encrypted(): UnreadableDocument {
  return new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
}

function tooLarge(bytesMax: number): UnreadableDocument {
  return new UnreadableDocument('too-large', `the document unfolds to more than ${Math.floor(bytesMax / 1_048_576)} MB`);
}
