import { centralHeader, endRecord, localHeader } from './raw-zip.ts';

const opBytes = 5;

/**
 * A zip whose only entry unfolds to the zip itself, after Russ Cox, "Zip Files All The Way Down" (2010): a program of deflate
 * blocks, each either "say the next n bytes" or "repeat the last n bytes", that prints its own text. Every block has to be five
 * bytes long, which a repetition of 65 bytes is: the header before the program is filled up to 60.
 */
export function quineZip(name: string): Buffer {
  const nameBytes = Buffer.from(name);
  const extra = Buffer.alloc(60 - 30 - nameBytes.length);
  if (extra.length >= 4) extra.writeUInt16LE(extra.length - 4, 2);
  // Everything has a fixed length, so what the headers say can be known before it is written.
  const suffixBytes = 46 + nameBytes.length + 22;
  const programBytes = program(Buffer.alloc(60), Buffer.alloc(suffixBytes)).length;
  const fields = { flags: 0, method: 8, crc: 0, compressedBytes: programBytes, bytes: 60 + programBytes + suffixBytes, name: nameBytes };
  const prefix = localHeader(fields, extra);
  const directory = centralHeader(fields, 0, 0o100644);
  const suffix = Buffer.concat([directory, endRecord(1, directory.length, prefix.length + programBytes)]);
  return Buffer.concat([prefix, program(prefix, suffix), suffix]);
}

function program(prefix: Buffer, suffix: Buffer): Buffer {
  const p = prefix.length + opBytes;
  const four = 4 * opBytes;
  const sayP = say(p);
  const repeatP = repeat(p, false);
  const repeatFour = repeat(four, false);
  const repeatEnd = repeat(suffix.length + finalRepeatBytes(suffix.length), true);
  const sayEnd = say(suffix.length + repeatEnd.length);
  return Buffer.concat([
    sayP, prefix, sayP,
    repeatP,
    say(opBytes), repeatP,
    say(opBytes), say(opBytes),
    say(four), repeatP, say(opBytes), say(opBytes), say(four),
    repeatFour,
    say(four), repeatFour, say(four), repeatFour, say(four),
    repeatFour,
    say(four), repeatFour, say(0), say(0), sayEnd,
    repeatFour,
    say(0), say(0), sayEnd, repeatEnd, suffix,
    repeatEnd,
  ]);
}

/** A stored block's header: the next `bytes` as they are. */
function say(bytes: number): Buffer {
  const op = Buffer.alloc(opBytes);
  op.writeUInt16LE(bytes, 1);
  op.writeUInt16LE(~bytes & 0xffff, 3);
  return op;
}

function finalRepeatBytes(suffixBytes: number): number {
  return repeat(suffixBytes + opBytes, true).length;
}

/** A block of the fixed Huffman code that repeats the last `bytes`: twice ten, or all at once and an empty block to fill up. */
function repeat(bytes: number, final: boolean): Buffer {
  const bits: number[] = [];
  const put = (value: number, count: number): void => {
    for (let bit = 0; bit < count; bit += 1) bits.push((value >> bit) & 1);
  };
  const putCode = (code: number, count: number): void => {
    for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((code >> bit) & 1);
  };
  put(final ? 1 : 0, 1);
  put(1, 2);
  for (const length of bytes === 20 ? [10, 10] : [bytes]) {
    putMatch(length, bytes, put, putCode);
  }
  putCode(0, 7);
  if (!final && bits.length < 8 * opBytes) {
    put(0, 1);
    put(1, 2);
    putCode(0, 7);
  }
  if (!final && bits.length !== 8 * opBytes) throw new Error(`A repetition of ${bytes} bytes takes ${bits.length} bits`);
  const op = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [at, bit] of bits.entries()) op[at >> 3] = (op[at >> 3] ?? 0) | (bit << (at & 7));
  return op;
}

type Put = (value: number, count: number) => void;

/** RFC 1951, 3.2.5 and 3.2.6. */
function putMatch(length: number, distance: number, put: Put, putCode: Put): void {
  const lengthCode = lastIndexAtMost(lengthBases, length);
  if (lengthCode < 23) putCode(lengthCode + 1, 7);
  else putCode(0b11000000 + lengthCode - 23, 8);
  put(length - (lengthBases[lengthCode] ?? 0), lengthCode < 8 ? 0 : (lengthCode >> 2) - 1);
  const distanceCode = lastIndexAtMost(distanceBases, distance);
  putCode(distanceCode, 5);
  put(distance - (distanceBases[distanceCode] ?? 0), distanceCode < 4 ? 0 : (distanceCode >> 1) - 1);
}

const lengthBases = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227];
const distanceBases = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193];

function lastIndexAtMost(bases: readonly number[], value: number): number {
  return bases.findLastIndex((base) => base <= value);
}
