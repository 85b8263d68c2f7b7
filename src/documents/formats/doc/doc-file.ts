import { UnreadableDocument } from '../format-reader.ts';

/** A run of the text, and where its characters are kept. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** One byte a character, in windows-1252. */
  readonly isNarrow: boolean;
}

/** Where a table of the document is kept, by its number in the list of them ([MS-DOC] 2.5.6). */
export const docTables = {
  styles: 1, footnoteReferences: 2, footnoteTexts: 3, commentReferences: 4, commentTexts: 5, headers: 11, characterPages: 12, paragraphPages: 13, pieces: 33, endnoteReferences: 46,
  endnoteTexts: 47, textBoxes: 56, lists: 73, listUses: 74,
} as const;

/** The parts of the text, one after the other ([MS-DOC] 2.3.3): their lengths stand in the header. */
const partOffsets = { main: 76, footnotes: 80, headers: 84, macros: 88, comments: 92, endnotes: 96, textBoxes: 100 } as const;
export type DocPart = keyof typeof partOffsets;

const word97 = 0xc1;
const piecesMax = 1_000_000;

/** A Word document of 1997 to 2003 by its header and its pieces: a character's place in the text, and its place in the file. */
export class DocFile {
  readonly main: Buffer;
  readonly table: Buffer;
  readonly parts: Readonly<Record<DocPart, { readonly start: number; readonly end: number }>>;
  readonly #pieces: readonly Piece[];

  /** `tableOf` gives the stream of a name. Throws `UnreadableDocument`: encrypted, of an earlier Word, or damaged. */
  constructor(main: Buffer, tableOf: (name: string) => Buffer | undefined) {
    if (main.length < 898) throw damaged();
    const version = main.readUInt16LE(2);
    const flags = main.readUInt16LE(10);
    if (main.readUInt16LE(0) !== 0xa5ec || version < word97) {
      throw new UnreadableDocument('unsupported', 'documents of Word 95 and earlier cannot be read; save it as DOCX');
    }
    if ((flags & 0x0100) !== 0) throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
    this.main = main;
    this.table = tableOf((flags & 0x0200) === 0 ? '0Table' : '1Table') ?? Buffer.alloc(0);
    this.#pieces = readPieces(this.entry(docTables.pieces));
    if (this.#pieces.length === 0) throw damaged();
    let start = 0;
    const part = (name: DocPart): { start: number; end: number } => {
      const from = start;
      start += Math.max(0, main.readInt32LE(partOffsets[name]));
      return { start: from, end: start };
    };
    this.parts = {
      main: part('main'), footnotes: part('footnotes'), headers: part('headers'), macros: part('macros'), comments: part('comments'), endnotes: part('endnotes'),
      textBoxes: part('textBoxes'),
    };
  }

  /** One of the tables; empty if the document has none. */
  entry(index: number): Buffer {
    const at = 154 + 8 * index;
    if (at + 8 > this.main.length) return Buffer.alloc(0);
    const start = this.main.readUInt32LE(at);
    const end = start + this.main.readUInt32LE(at + 4);
    return this.table.subarray(Math.min(start, this.table.length), Math.min(end, this.table.length));
  }

  /** The pieces of a stretch of text, each with the place in the file at which it begins and the bytes that a character has there. */
  *stretches(start: number, end: number): Generator<{ readonly text: string; readonly offset: number; readonly charBytes: 1 | 2; readonly at: number }> {
    for (const piece of this.#pieces) {
      const from = Math.max(start, piece.start);
      const to = Math.min(end, piece.end);
      if (from >= to) continue;
      const charBytes = piece.isNarrow ? 1 : 2;
      const offset = piece.offset + (from - piece.start) * charBytes;
      const bytes = this.main.subarray(Math.min(offset, this.main.length), Math.min(offset + (to - from) * charBytes, this.main.length));
      yield { text: piece.isNarrow ? narrowText(bytes) : bytes.toString('utf16le'), offset, charBytes, at: from };
    }
  }
}

/** Positions (of characters) that stand at the beginning of a table of positions and data. */
export function plcPositions(plc: Buffer, dataBytes: number): number[] {
  const count = Math.floor((plc.length - 4) / (4 + dataBytes));
  return Array.from({ length: Math.max(0, count + 1) }, (_, index) => plc.readUInt32LE(4 * index));
}

function readPieces(clx: Buffer): Piece[] {
  let at = 0;
  while (clx[at] === 1 && at + 3 <= clx.length) at += 3 + clx.readUInt16LE(at + 1);
  if (clx[at] !== 2 || at + 5 > clx.length) return [];
  const plc = clx.subarray(at + 5, at + 5 + clx.readUInt32LE(at + 1));
  const positions = plcPositions(plc, 8);
  const pieces: Piece[] = [];
  let last = 0;
  for (let index = 0; index + 1 < positions.length && pieces.length < piecesMax; index++) {
    const start = positions[index] ?? 0;
    const end = positions[index + 1] ?? 0;
    // Pieces follow each other; one that goes back would show a text twice, and a million of them would show it a million times.
    if (start < last || end < start) break;
    last = end;
    const place = plc.readUInt32LE(4 * positions.length + 8 * index + 2);
    const isNarrow = (place & 0x4000_0000) !== 0;
    pieces.push({ start, end, isNarrow, offset: isNarrow ? (place & 0x3fff_ffff) >>> 1 : place & 0x3fff_ffff });
  }
  return pieces;
}

const upperHalf = new TextDecoder('windows-1252');

function narrowText(bytes: Buffer): string {
  return upperHalf.decode(bytes);
}

function damaged(): UnreadableDocument {
  return new UnreadableDocument('damaged', 'the document is damaged: its text cannot be found; save it anew and send it again');
}
