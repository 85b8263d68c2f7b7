const lineFeed = 0x0a;

/** Cuts a stream of bytes into lines, whatever pieces it comes in. Empty lines are left out. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  /** The beginning of a line whose end has not come. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end within `bytes`, without their ends. Throws RangeError for one that is longer than allowed. */
  push(bytes: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      this.#keep(bytes.subarray(start, end));
      this.#endLine(lines);
      start = end + 1;
    }
    // A copy: what it is cut from belongs to the socket, and may be much larger.
    if (start < bytes.length) this.#keep(bytes.slice(start));
    return lines;
  }

  /** The last line, if nothing ended it. */
  end(): Uint8Array[] {
    const lines: Uint8Array[] = [];
    this.#endLine(lines);
    return lines;
  }

  #keep(piece: Uint8Array): void {
    this.#pieceBytes += piece.length;
    if (this.#pieceBytes > this.#lineBytesMax) throw new RangeError(`a line is longer than ${this.#lineBytesMax} bytes`);
    this.#pieces.push(piece);
  }

  #endLine(lines: Uint8Array[]): void {
    const [first] = this.#pieces;
    const line = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    if (line.some((byte) => byte > 0x20)) lines.push(line);
  }
}
