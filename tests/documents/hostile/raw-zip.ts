import { crc32, deflateRawSync } from 'node:zlib';

/** An entry as it is written, truth or not. */
export interface RawEntry {
  readonly name: string | Buffer;
  readonly data: Uint8Array | string;
  /** What the data is compressed to; made by deflate when left out. */
  readonly compressed?: Uint8Array;
  readonly stored?: boolean;
  /** What the headers say of the size. */
  readonly claimedBytes?: number;
  readonly flags?: number;
  /** Unix mode, in the upper half of the external attributes. */
  readonly mode?: number;
  readonly extra?: Uint8Array;
}

const localBytes = 30;
const centralBytes = 46;

/** A zip with exactly these entries, in this order. */
export function rawZip(entries: readonly RawEntry[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const written = writeEntry(entry, offset);
    parts.push(...written.local);
    central.push(written.central);
    offset += written.local.reduce((sum, part) => sum + part.length, 0);
  }
  const directory = Buffer.concat(central);
  return Buffer.concat([...parts, directory, endRecord(entries.length, directory.length, offset, comment)]);
}

function writeEntry(entry: RawEntry, offset: number): { readonly local: readonly Buffer[]; readonly central: Buffer } {
  const name = Buffer.from(entry.name);
  const data = Buffer.from(entry.data);
  const body = Buffer.from(entry.compressed ?? (entry.stored ? data : deflateRawSync(data)));
  const shared = {
    flags: entry.flags ?? 0x800, method: entry.stored ? 0 : 8, crc: crc32(data), compressedBytes: body.length, bytes: entry.claimedBytes ?? data.length, name,
  };
  return { local: [localHeader(shared, entry.extra ?? Buffer.alloc(0)), body], central: centralHeader(shared, offset, entry.mode ?? 0o100644) };
}

interface HeaderFields {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly name: Buffer;
}

export function localHeader(fields: HeaderFields, extra: Uint8Array): Buffer {
  const header = Buffer.alloc(localBytes);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  writeShared(header, 6, fields);
  header.writeUInt16LE(fields.name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, fields.name, extra]);
}

export function centralHeader(fields: HeaderFields, offset: number, mode: number): Buffer {
  const header = Buffer.alloc(centralBytes);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  writeShared(header, 8, fields);
  header.writeUInt16LE(fields.name.length, 28);
  header.writeUInt32LE((mode << 16) >>> 0, 38);
  header.writeUInt32LE(offset >>> 0, 42);
  return Buffer.concat([header, fields.name]);
}

function writeShared(header: Buffer, at: number, { flags, method, crc, compressedBytes, bytes }: HeaderFields): void {
  header.writeUInt16LE(flags, at);
  header.writeUInt16LE(method, at + 2);
  header.writeUInt32LE(crc, at + 8);
  header.writeUInt32LE(compressedBytes, at + 12);
  header.writeUInt32LE(bytes, at + 16);
}

export function endRecord(entryCount: number, directoryBytes: number, directoryOffset: number, comment = ''): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(entryCount & 0xffff, 8);
  record.writeUInt16LE(entryCount & 0xffff, 10);
  record.writeUInt32LE(directoryBytes, 12);
  record.writeUInt32LE(directoryOffset >>> 0, 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([record, Buffer.from(comment)]);
}
