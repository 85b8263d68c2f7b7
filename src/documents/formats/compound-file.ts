import { UnreadableDocument } from './format-reader.ts';

const magic = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const headerBytes = 512;
const entryBytes = 128;
const noStream = 0xffff_ffff;
const sectorMax = 0xffff_fffa;
const entriesMax = 10_000;

interface Stream {
  readonly start: number;
  readonly bytes: number;
}

/**
 * The container of the older Office formats (OLE, [MS-CFB]): a small file system of sectors in chains. Only streams at its top are
 * given: those below are embedded documents. No chain is followed for longer than the file has sectors.
 */
export class CompoundFile {
  readonly #bytes: Buffer;
  readonly #sectorBytes: number;
  readonly #miniSectorBytes: number;
  readonly #miniCutoff: number;
  readonly #fat: Uint32Array;
  readonly #miniFat: Uint32Array;
  readonly #miniStream: Buffer;
  readonly #streams: ReadonlyMap<string, Stream>;

  /** Throws `UnreadableDocument` if it is no such container, or if what it holds is encrypted as a whole. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#bytes.length < headerBytes || !this.#bytes.subarray(0, magic.length).equals(magic)) {
      throw new UnreadableDocument('damaged', 'the document is damaged: it is not a document of Office 97 to 2003; save it anew and send it again');
    }
    const header = this.#bytes;
    this.#sectorBytes = header.readUInt16LE(30) === 12 ? 4_096 : 512;
    this.#miniSectorBytes = 64;
    this.#miniCutoff = header.readUInt32LE(56);
    this.#fat = this.#readFat();
    this.#miniFat = toNumbers(this.#chain(header.readUInt32LE(60), this.#bytes.length));
    const directory = this.#chain(header.readUInt32LE(48), entriesMax * entryBytes);
    const root = directory.length >= entryBytes ? streamOf(directory, 0) : { start: noStream, bytes: 0 };
    this.#miniStream = this.#chain(root.start, this.#bytes.length);
    this.#streams = topStreams(directory);
    // A document of Office 2007 or later with a password ([MS-OFFCRYPTO] 2.3.4).
    if (this.has('EncryptedPackage')) throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
    if (this.#streams.size === 0) throw new UnreadableDocument('damaged', 'the document is damaged: its list of parts is empty; save it anew and send it again');
  }

  has(name: string): boolean {
    return this.#streams.has(name.toLowerCase());
  }

  /** What a stream holds, as far as the file goes; undefined if there is none of that name. */
  stream(name: string): Buffer | undefined {
    const stream = this.#streams.get(name.toLowerCase());
    if (stream === undefined) return undefined;
    if (stream.bytes >= this.#miniCutoff) return this.#chain(stream.start, stream.bytes).subarray(0, stream.bytes);
    const parts: Buffer[] = [];
    let sector = stream.start;
    for (let left = stream.bytes; left > 0 && sector < sectorMax; left -= this.#miniSectorBytes) {
      const at = sector * this.#miniSectorBytes;
      if (at >= this.#miniStream.length) break;
      parts.push(this.#miniStream.subarray(at, at + this.#miniSectorBytes));
      sector = this.#miniFat[sector] ?? noStream;
    }
    return Buffer.concat(parts).subarray(0, stream.bytes);
  }

  /** The sectors of the allocation table: the first 109 are listed in the header, the others in a chain of lists. */
  #readFat(): Uint32Array {
    const sectors: Buffer[] = [];
    const most = Math.ceil(this.#bytes.length / this.#sectorBytes);
    const add = (sector: number): void => {
      if (sector < sectorMax && sectors.length < most) sectors.push(this.#sector(sector));
    };
    for (let index = 0; index < 109; index++) add(this.#bytes.readUInt32LE(76 + 4 * index));
    let list = this.#bytes.readUInt32LE(68);
    for (let count = 0; list < sectorMax && count < most; count++) {
      const numbers = toNumbers(this.#sector(list));
      for (const sector of numbers.subarray(0, -1)) add(sector);
      list = numbers.at(-1) ?? noStream;
    }
    return toNumbers(Buffer.concat(sectors));
  }

  #sector(sector: number): Buffer {
    const at = (sector + 1) * this.#sectorBytes;
    return this.#bytes.subarray(Math.min(at, this.#bytes.length), Math.min(at + this.#sectorBytes, this.#bytes.length));
  }

  #chain(start: number, bytesMax: number): Buffer {
    const parts: Buffer[] = [];
    let sector = start;
    let count = 0;
    for (let bytes = 0; bytes < bytesMax && sector < sectorMax && count <= this.#fat.length; count++) {
      const part = this.#sector(sector);
      if (part.length === 0) break;
      parts.push(part);
      bytes += part.length;
      sector = this.#fat[sector] ?? noStream;
    }
    return Buffer.concat(parts);
  }
}

function toNumbers(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readUInt32LE(4 * index));
}

function streamOf(directory: Buffer, at: number): Stream {
  return { start: directory.readUInt32LE(at + 116), bytes: directory.readUInt32LE(at + 120) };
}

/** Streams that are children of the root: siblings form a tree. */
function topStreams(directory: Buffer): Map<string, Stream> {
  const streams = new Map<string, Stream>();
  if (directory.length < entryBytes) return streams;
  const seen = new Set<number>();
  const due = [directory.readUInt32LE(76)];
  for (let index = due.pop(); index !== undefined; index = due.pop()) {
    const at = index * entryBytes;
    if (index === noStream || at + entryBytes > directory.length || seen.has(index)) continue;
    seen.add(index);
    const nameBytes = Math.min(Math.max(directory.readUInt16LE(at + 64) - 2, 0), 64);
    const name = directory.subarray(at, at + nameBytes).toString('utf16le').toLowerCase();
    if (directory[at + 66] === 2) streams.set(name, streamOf(directory, at));
    due.push(directory.readUInt32LE(at + 68), directory.readUInt32LE(at + 72));
  }
  return streams;
}
