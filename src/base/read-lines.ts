import { type FileLine, LineCutter } from './line-cutter.ts';

/**
 * The lines of `source` that are not blank, those of one piece together, so that nothing is waited for line by line. Not more is kept in memory
 * than a piece and one line of `lineBytesMax`; of a longer one nothing is.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>, lineBytesMax: number): AsyncGenerator<readonly FileLine[]> {
  const cutter = new LineCutter(lineBytesMax);
  for await (const piece of source) {
    const lines = cutter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    if (lines.length > 0) yield lines;
  }
  const last = cutter.end();
  if (last !== undefined) yield [last];
}
