/** A piece of fixed size, but for the last one. */
export interface FixedPiece {
  /** Only until the next piece is asked for: all are in the same memory. */
  readonly bytes: Buffer;
  /** Nothing follows it. Only the last piece may be shorter, and it is empty only when there is nothing at all. */
  readonly last: boolean;
}

/** `source` cut anew, into pieces of `pieceBytes`. */
export async function* fixedPieces(source: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<FixedPiece> {
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let filled = 0;
  for await (const given of source) {
    for (let at = 0; at < given.length; ) {
      // Only now is it known that the full piece was not the last.
      if (filled === pieceBytes) {
        yield { bytes: piece, last: false };
        filled = 0;
      }
      const taken = Math.min(pieceBytes - filled, given.length - at);
      piece.set(given.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  yield { bytes: piece.subarray(0, filled), last: true };
}
