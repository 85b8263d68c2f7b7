import type { ImageKind } from './image-kind.ts';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** JPEG has its size behind whatever was put in front of it: so many segments are passed over. */
const segmentsMax = 1000;

/** In pixels, as the image's own head states it; undefined when it does not, or is cut short. Nothing is decoded. */
export function imageSizeOf(buffer: Buffer, kind: ImageKind): ImageSize | undefined {
  try {
    return sizeReaders[kind]?.(buffer);
  } catch (thrown) {
    // Read past the end.
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

const sizeReaders: Partial<Record<ImageKind, (buffer: Buffer) => ImageSize | undefined>> = {
  png: (buffer) => ({ width: buffer.readUInt32BE(16), height: buffer.readUInt32BE(20) }),
  gif: (buffer) => ({ width: buffer.readUInt16LE(6), height: buffer.readUInt16LE(8) }),
  bmp: (buffer) =>
    buffer.readUInt32LE(14) === 12
      ? { width: buffer.readUInt16LE(18), height: buffer.readUInt16LE(20) }
      : { width: Math.abs(buffer.readInt32LE(18)), height: Math.abs(buffer.readInt32LE(22)) },
  ico: icoSize,
  jpeg: jpegSize,
  webp: webpSize,
  tiff: tiffSize,
  avif: boxSize,
  heic: boxSize,
};

/** The largest of its pictures; 0 stands for 256. */
function icoSize(buffer: Buffer): ImageSize | undefined {
  let best: ImageSize | undefined;
  for (let at = 6; at < 6 + 16 * Math.min(64, buffer.readUInt16LE(4)); at += 16) {
    const size = { width: buffer.readUInt8(at) || 256, height: buffer.readUInt8(at + 1) || 256 };
    if (best === undefined || size.width > best.width) best = size;
  }
  return best;
}

/** In the first start-of-frame segment (ITU-T T.81, B.2.2). */
function jpegSize(buffer: Buffer): ImageSize | undefined {
  let at = 2;
  for (let count = 0; count < segmentsMax; count += 1) {
    while (buffer.readUInt8(at) === 0xff) at += 1;
    const marker = buffer.readUInt8(at);
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) return { width: buffer.readUInt16BE(at + 6), height: buffer.readUInt16BE(at + 4) };
    at += 1 + buffer.readUInt16BE(at + 1);
  }
  return undefined;
}

/** Lossy, lossless or extended: each has its size in another form. */
function webpSize(buffer: Buffer): ImageSize | undefined {
  const chunk = buffer.toString('latin1', 12, 16);
  if (chunk === 'VP8 ') return { width: buffer.readUInt16LE(26) & 0x3fff, height: buffer.readUInt16LE(28) & 0x3fff };
  if (chunk === 'VP8L') {
    const bits = buffer.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return chunk === 'VP8X' ? { width: buffer.readUIntLE(24, 3) + 1, height: buffer.readUIntLE(27, 3) + 1 } : undefined;
}

/** Tags 256 and 257 of the first directory, each of two or of four bytes. */
function tiffSize(buffer: Buffer): ImageSize | undefined {
  const little = buffer[0] === 0x49;
  const short = (at: number): number => (little ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at));
  const long = (at: number): number => (little ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at));
  const directory = long(4);
  const found = new Map<number, number>();
  for (let at = directory + 2; at < directory + 2 + 12 * short(directory); at += 12) found.set(short(at), short(at + 2) === 3 ? short(at + 8) : long(at + 8));
  const [width, height] = [found.get(256), found.get(257)];
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** The largest `ispe` box (ISO/IEC 23008-12, 6.5.3): there is one for each part. */
function boxSize(buffer: Buffer): ImageSize | undefined {
  const head = buffer.subarray(0, 64 * 1024);
  let best: ImageSize | undefined;
  for (let at = head.indexOf('ispe'); at >= 0; at = head.indexOf('ispe', at + 4)) {
    const size = { width: head.readUInt32BE(at + 8), height: head.readUInt32BE(at + 12) };
    if (best === undefined || size.width * size.height > best.width * best.height) best = size;
  }
  return best;
}
