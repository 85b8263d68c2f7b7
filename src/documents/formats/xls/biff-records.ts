import { decodeBytes } from '../code-page.ts';

/** One record of a workbook stream ([MS-XLS] 2.1.4). */
export interface BiffRecord {
  readonly type: number;
  readonly data: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

/** The record at a place; undefined where the stream ends. A record that is cut short is as long as what there is of it. */
export function biffRecord(stream: Buffer, at: number): BiffRecord | undefined {
  if (at < 0 || at + 4 > stream.length) return undefined;
  const end = at + 4 + stream.readUInt16LE(at + 2);
  return { type: stream.readUInt16LE(at), data: stream.subarray(at + 4, Math.min(end, stream.length)), end };
}

export const biffTypes = {
  formula: 0x06, endOfFile: 0x0a, note: 0x1c, dateMode: 0x22, filePassword: 0x2f, continued: 0x3c, codePage: 0x42, object: 0x5d, boundSheet: 0x85, multipleRk: 0xbd,
  richString: 0xd6, cellFormat: 0xe0, sharedStrings: 0xfc, sharedLabel: 0xfd, textObject: 0x1b6, label: 0x204, number: 0x203, booleanOrError: 0x205, string: 0x207,
  row: 0x208, rk: 0x27e, format: 0x41e, beginning: 0x809,
} as const;

/**
 * Reads strings out of a record and the records that continue it: where a text is cut by the end of a record, the next one begins with a byte that says anew
 * whether its characters have one byte or two ([MS-XLS] 2.5.293).
 */
export class BiffStrings {
  readonly #parts: readonly Buffer[];
  #part = 0;
  #at = 0;

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
  }

  get isAtEnd(): boolean {
    return this.#part >= this.#parts.length || (this.#part === this.#parts.length - 1 && this.#at >= (this.#parts[this.#part]?.length ?? 0));
  }

  skip(bytes: number): void {
    for (let left = bytes; left > 0 && !this.isAtEnd;) {
      const here = Math.min(left, (this.#parts[this.#part]?.length ?? 0) - this.#at);
      this.#at += here;
      left -= here;
      this.#step();
    }
  }

  /** A text with its own length before it, its formatting and reading passed over. */
  richText(): string {
    const chars = this.#number(2);
    const flags = this.#number(1);
    const runs = (flags & 8) === 0 ? 0 : this.#number(2);
    const extraBytes = (flags & 4) === 0 ? 0 : this.#number(4);
    const text = this.chars(chars, (flags & 1) !== 0);
    this.skip(4 * runs + extraBytes);
    return text;
  }

  /** So many characters, of two bytes each or of one. */
  chars(count: number, isWide: boolean): string {
    let text = '';
    let wide = isWide;
    for (let left = count; left > 0 && !this.isAtEnd;) {
      const part = this.#parts[this.#part] ?? Buffer.alloc(0);
      const width = wide ? 2 : 1;
      const here = Math.min(left, Math.floor((part.length - this.#at) / width));
      text += part.toString(wide ? 'utf16le' : 'latin1', this.#at, this.#at + here * width);
      this.#at += here * width;
      left -= here;
      if (left === 0) break;
      this.#part += 1;
      this.#at = 1;
      wide = ((this.#parts[this.#part]?.[0] ?? 0) & 1) !== 0;
    }
    this.#step();
    return text;
  }

  #number(bytes: number): number {
    let value = 0;
    for (let index = 0; index < bytes; index++) {
      this.#step();
      value += (this.#parts[this.#part]?.[this.#at] ?? 0) * 2 ** (8 * index);
      this.#at += 1;
    }
    return value;
  }

  #step(): void {
    while (this.#part < this.#parts.length - 1 && this.#at >= (this.#parts[this.#part]?.length ?? 0)) {
      this.#part += 1;
      this.#at = 0;
    }
  }
}

/** A text within one record, its length in `lengthBytes`; in workbooks of Excel 95, in their code page. */
export function biffText(data: Buffer, at: number, lengthBytes: 1 | 2, encoding: string | undefined): string {
  if (at + lengthBytes > data.length) return '';
  const count = lengthBytes === 1 ? data.readUInt8(at) : data.readUInt16LE(at);
  if (encoding !== undefined) return decodeBytes(data.subarray(at + lengthBytes, at + lengthBytes + count), encoding);
  const flags = data[at + lengthBytes] ?? 0;
  const start = at + lengthBytes + 1 + ((flags & 8) === 0 ? 0 : 2) + ((flags & 4) === 0 ? 0 : 4);
  return (flags & 1) === 0 ? data.toString('latin1', start, start + count) : data.toString('utf16le', start, start + 2 * count);
}
