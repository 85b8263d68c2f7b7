/** A line of a file, or of what is sent as one. */
export interface FileLine {
  /** Place of its first byte in the source. */
  readonly start: number;
  /** Place after its last byte, the line's end not counted. */
  readonly end: number;
  /** From 1, empty lines included. */
  readonly number: number;
  /** Without the line's end; empty when the line is longer than may be. */
  readonly bytes: Buffer;
  /** It is longer than may be. */
  readonly tooLong: boolean;
}

const newline = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Cuts bytes into the lines that are not blank, whatever pieces they come in. */
export class LineCutter {
  readonly #lineBytesMax: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #tooLong = false;
  #number = 1;
  #start = 0;
  #at = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Whether the line that has begun is longer than may be. */
  get isTooLong(): boolean {
    return this.#tooLong;
  }

  /** The lines that end within `piece`. */
  push(piece: Buffer): readonly FileLine[] {
    const lines: FileLine[] = [];
    let from = 0;
    for (let to = piece.indexOf(newline); to !== -1; to = piece.indexOf(newline, from)) {
      this.#keep(piece.subarray(from, to));
      const line = this.#cut();
      if (line !== undefined) lines.push(line);
      from = to + 1;
      this.#at += 1;
      this.#start = this.#at;
      this.#number += 1;
    }
    // A copy: what it is cut from may belong to a socket, and be much larger.
    if (from < piece.length) this.#keep(Buffer.from(piece.subarray(from)));
    return lines;
  }

  /** The last line, if nothing ended it. */
  end(): FileLine | undefined {
    return this.#cut();
  }

  #keep(part: Buffer): void {
    this.#at += part.length;
    this.#keptBytes += part.length;
    if (this.#keptBytes > this.#lineBytesMax) {
      this.#tooLong = true;
      this.#kept = [];
    } else if (part.length > 0) {
      this.#kept.push(part);
    }
  }

  #cut(): FileLine | undefined {
    const whole = this.#kept.length === 1 ? (this.#kept[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#kept);
    const tooLong = this.#tooLong;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#tooLong = false;
    const bytes = this.#number === 1 && whole.subarray(0, 3).equals(byteOrderMark) ? whole.subarray(3) : whole;
    if (!tooLong && isBlank(bytes)) return undefined;
    return { start: this.#start, end: this.#at, number: this.#number, bytes, tooLong };
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === carriageReturn);
}
