import { formatNumber } from '../spreadsheet/number-format.ts';
import type { SheetCells } from '../spreadsheet/sheet-cells.ts';
import { BiffStrings, biffRecord, biffText, biffTypes } from './biff-records.ts';
import type { XlsGlobals } from './xls-globals.ts';

/** [MS-XLS] 2.5.10. */
const errors: Readonly<Record<number, string>> = { 0: '#NULL!', 7: '#DIV/0!', 15: '#VALUE!', 23: '#REF!', 29: '#NAME?', 36: '#NUM!', 42: '#N/A', 43: '#GETTING_DATA' };
const textsMax = 20_000;
const commentObject = 0x19;

/** What stands on a sheet beside its cells. */
export interface XlsSheetExtras {
  readonly hiddenRowCount: number;
  readonly comments: readonly { readonly row: number; readonly column: number; readonly author: string; readonly text: string }[];
  readonly textBoxes: readonly string[];
}

/** Puts the cells of a worksheet, whose records begin at a place of the stream, into `cells` ([MS-XLS] 2.1.7.20.5). */
export function readXlsSheet(stream: Buffer, start: number, globals: XlsGlobals, cells: SheetCells): XlsSheetExtras {
  const sheet = new XlsSheetReader(globals, cells);
  // Charts upon the sheet are streams within the stream.
  let depth = 0;
  let record = biffRecord(stream, start);
  for (; record !== undefined && !cells.isFull; record = biffRecord(stream, record.end)) {
    if (record.type === biffTypes.beginning) depth += 1;
    else if (record.type === biffTypes.endOfFile) depth -= 1;
    else if (depth === 1) sheet.take(record.type, record.data);
    if (depth <= 0) break;
  }
  return sheet.extras();
}

class XlsSheetReader {
  readonly #globals: XlsGlobals;
  readonly #cells: SheetCells;
  readonly #texts = new Map<number, { readonly kind: number; text: string }>();
  readonly #comments: { readonly row: number; readonly column: number; readonly author: string; readonly object: number }[] = [];
  #hiddenRowCount = 0;
  /** A formula whose result is the text of the next record. */
  #due: { readonly row: number; readonly column: number } | undefined;
  #object = 0;
  #textLeft = 0;

  constructor(globals: XlsGlobals, cells: SheetCells) {
    this.#globals = globals;
    this.#cells = cells;
  }

  extras(): XlsSheetExtras {
    const comments = this.#comments.map(({ row, column, author, object }) => ({ row, column, author, text: this.#texts.get(object)?.text ?? '' }));
    const textBoxes = [...this.#texts.values()].filter(({ kind }) => kind !== commentObject).map(({ text }) => text);
    return { hiddenRowCount: this.#hiddenRowCount, comments, textBoxes };
  }

  take(type: number, data: Buffer): void {
    if (type === biffTypes.row) {
      if (data.length >= 14 && (data.readUInt16LE(12) & 0x20) !== 0) this.#hiddenRowCount += 1;
    } else if (type === biffTypes.string) this.#takeString(data);
    else if (type === biffTypes.multipleRk) this.#takeMultiple(data);
    else if (type === biffTypes.object) this.#takeObject(data);
    else if (type === biffTypes.textObject) this.#textLeft = data.length >= 12 ? data.readUInt16LE(10) : 0;
    else if (type === biffTypes.continued) this.#takeText(data);
    else if (type === biffTypes.note) this.#takeNote(data);
    else if (data.length >= 6) this.#takeCell(type, data);
  }

  #takeCell(type: number, data: Buffer): void {
    const row = data.readUInt16LE(0);
    const column = data.readUInt16LE(2);
    const set = (text: string): void => this.#cells.set(row, column, text);
    switch (type) {
      case biffTypes.number: if (data.length >= 14) set(this.#shown(data.readDoubleLE(6), data.readUInt16LE(4))); break;
      case biffTypes.rk: if (data.length >= 10) set(this.#shown(rkNumber(data.readUInt32LE(6)), data.readUInt16LE(4))); break;
      case biffTypes.sharedLabel: if (data.length >= 10) set(this.#globals.strings[data.readUInt32LE(6)] ?? ''); break;
      case biffTypes.label:
      case biffTypes.richString: set(biffText(data, 6, 2, this.#globals.encoding)); break;
      case biffTypes.booleanOrError: if (data.length >= 8) set(data[7] === 1 ? (errors[data[6] ?? 0] ?? '#ERROR') : data[6] === 1 ? 'TRUE' : 'FALSE'); break;
      case biffTypes.formula: if (data.length >= 14) this.#takeFormula(row, column, data); break;
    }
  }

  #takeFormula(row: number, column: number, data: Buffer): void {
    if (data.readUInt16LE(12) !== 0xffff) this.#cells.set(row, column, this.#shown(data.readDoubleLE(6), data.readUInt16LE(4)));
    else if (data[6] === 0) this.#due = { row, column };
    else if (data[6] === 1) this.#cells.set(row, column, data[8] === 1 ? 'TRUE' : 'FALSE');
    else if (data[6] === 2) this.#cells.set(row, column, errors[data[8] ?? 0] ?? '#ERROR');
  }

  #takeString(data: Buffer): void {
    if (this.#due !== undefined) this.#cells.set(this.#due.row, this.#due.column, biffText(data, 0, 2, this.#globals.encoding));
    this.#due = undefined;
  }

  #takeMultiple(data: Buffer): void {
    if (data.length < 6) return;
    const row = data.readUInt16LE(0);
    const first = data.readUInt16LE(2);
    for (let at = 4; at + 6 <= data.length - 2; at += 6) {
      this.#cells.set(row, first + (at - 4) / 6, this.#shown(rkNumber(data.readUInt32LE(at + 2)), data.readUInt16LE(at)));
    }
  }

  /** The number and kind of a drawn object: its text comes in records of its own. */
  #takeObject(data: Buffer): void {
    if (data.length < 8 || this.#texts.size >= textsMax) return;
    this.#object = data.readUInt16LE(6);
    this.#texts.set(this.#object, { kind: data.readUInt16LE(4), text: '' });
  }

  #takeText(data: Buffer): void {
    const object = this.#texts.get(this.#object);
    if (this.#textLeft <= 0 || object === undefined || data.length === 0) return;
    const text = new BiffStrings([data.subarray(1)]).chars(this.#textLeft, ((data[0] ?? 0) & 1) !== 0);
    object.text += text;
    this.#textLeft -= text.length;
  }

  #takeNote(data: Buffer): void {
    if (data.length < 8 || this.#globals.encoding !== undefined || this.#comments.length >= textsMax) return;
    this.#comments.push({ row: data.readUInt16LE(0), column: data.readUInt16LE(2), object: data.readUInt16LE(6), author: biffText(data, 8, 2, undefined) });
  }

  #shown(value: number, cellFormat: number): string {
    return formatNumber(value, this.#globals.formatOf(cellFormat), this.#globals.isDate1904);
  }
}

/** A number in 30 bits: a whole one, or the upper half of a fraction, and perhaps a hundred times what is meant ([MS-XLS] 2.5.217). */
function rkNumber(rk: number): number {
  const bits = Buffer.alloc(8);
  bits.writeUInt32LE((rk & 0xffff_fffc) >>> 0, 4);
  const value = (rk & 2) === 0 ? bits.readDoubleLE(0) : rk >> 2;
  return (rk & 1) === 0 ? value : value / 100;
}
