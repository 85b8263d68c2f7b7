/** A stream of a compound file (OLE), at its root. */
export interface CompoundStream {
  readonly name: string;
  readonly data: Uint8Array;
}

const sectorBytes = 512;
const endOfChain = 0xfffffffe;
const free = 0xffffffff;
const fatSector = 0xfffffffd;
/** Streams below this would lie in small sectors: they are filled up instead. */
const streamBytesMin = 4096;

/** A compound file of version 3, as DOC, XLS, PPT and encrypted OOXML lie in one. `next` may bend the chains of sectors. */
export function rawCompound(streams: readonly CompoundStream[], next: (fat: Uint32Array) => void = () => undefined): Buffer {
  const bodies = streams.map(({ data }) => padded(Buffer.from(data), Math.max(streamBytesMin, Math.ceil(data.length / sectorBytes) * sectorBytes)));
  const directory = padded(Buffer.concat([directoryEntry('Root Entry', 5, streams.length > 0 ? 1 : free, free, endOfChain, 0), ...entriesOf(streams, bodies)]), Math.ceil((streams.length + 1) / 4) * sectorBytes);
  const directorySectors = directory.length / sectorBytes;
  const dataSectors = bodies.reduce((sum, body) => sum + body.length / sectorBytes, 0);
  const fatSectors = Math.ceil((directorySectors + dataSectors + 8) / 127);
  const fat = new Uint32Array((fatSectors * sectorBytes) / 4).fill(free);
  // Order of the file: directory, streams, and last the table itself.
  chain(fat, 0, directorySectors);
  let at = directorySectors;
  for (const body of bodies) {
    chain(fat, at, body.length / sectorBytes);
    at += body.length / sectorBytes;
  }
  fat.fill(fatSector, at, at + fatSectors);
  next(fat);
  return Buffer.concat([header(fatSectors, at), directory, ...bodies, Buffer.from(fat.buffer)]);
}

function entriesOf(streams: readonly CompoundStream[], bodies: readonly Buffer[]): Buffer[] {
  let start = Math.ceil((streams.length + 1) / 4);
  return streams.map(({ name }, index) => {
    const body = bodies[index] ?? Buffer.alloc(0);
    // Names beside each other as a list: each entry's right brother is the next one.
    const entry = directoryEntry(name, 2, free, index + 1 < streams.length ? index + 2 : free, start, body.length);
    start += body.length / sectorBytes;
    return entry;
  });
}

function directoryEntry(name: string, type: number, child: number, right: number, start: number, bytes: number): Buffer {
  const entry = Buffer.alloc(128);
  entry.write(name, 0, 'utf16le');
  entry.writeUInt16LE((name.length + 1) * 2, 64);
  entry.writeUInt8(type, 66);
  entry.writeUInt8(1, 67);
  entry.writeUInt32LE(free, 68);
  entry.writeUInt32LE(right, 72);
  entry.writeUInt32LE(child, 76);
  entry.writeUInt32LE(start, 116);
  entry.writeUInt32LE(bytes, 120);
  return entry;
}

function header(fatSectors: number, fatStart: number): Buffer {
  const bytes = Buffer.alloc(sectorBytes, 0xff);
  bytes.fill(0, 0, 76);
  bytes.write('d0cf11e0a1b11ae1', 0, 'hex');
  bytes.writeUInt16LE(0x3e, 24);
  bytes.writeUInt16LE(3, 26);
  bytes.writeUInt16LE(0xfffe, 28);
  bytes.writeUInt16LE(9, 30);
  bytes.writeUInt16LE(6, 32);
  bytes.writeUInt32LE(fatSectors, 44);
  bytes.writeUInt32LE(0, 48);
  bytes.writeUInt32LE(streamBytesMin, 56);
  bytes.writeUInt32LE(endOfChain, 60);
  bytes.writeUInt32LE(endOfChain, 68);
  for (let index = 0; index < Math.min(109, fatSectors); index += 1) bytes.writeUInt32LE(fatStart + index, 76 + index * 4);
  return bytes;
}

function chain(fat: Uint32Array, start: number, count: number): void {
  for (let index = 0; index < count; index += 1) fat[start + index] = index + 1 < count ? start + index + 1 : endOfChain;
}

function padded(data: Buffer, bytes: number): Buffer {
  return Buffer.concat([data, Buffer.alloc(bytes - data.length)]);
}
