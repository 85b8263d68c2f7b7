/** So many UTF-16 units are taken at once: what is made of them holds nobody up. */
const pieceUnits = 65_536;

/** A text in pieces of some 64 Ki units, without cutting a character of two; none for an empty one. */
export function* textPieces(text: string): Generator<string, void> {
  for (let at = 0; at < text.length; ) {
    const end = isLeading(text.charCodeAt(at + pieceUnits - 1)) ? at + pieceUnits + 1 : at + pieceUnits;
    yield text.slice(at, end);
    at = end;
  }
}

function isLeading(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
