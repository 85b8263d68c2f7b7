import { encodingOfCodePage } from '../code-page.ts';
import { UnreadableDocument } from '../format-reader.ts';
import { builtInFormats } from '../spreadsheet/built-in-formats.ts';
import { BiffStrings, biffRecord, biffText, biffTypes } from './biff-records.ts';

interface XlsSheet {
  readonly name: string;
  /** Where its records begin. */
  readonly at: number;
  readonly isHidden: boolean;
}

/** What the sheets of a workbook share: its first part ([MS-XLS] 2.1.7.20.3). */
export interface XlsGlobals {
  readonly sheets: readonly XlsSheet[];
  readonly strings: readonly string[];
  readonly isDate1904: boolean;
  /** Of Excel 95, whose texts are in a code page. */
  readonly encoding: string | undefined;
  /** The number format of a cell, by the index that it refers to. */
  readonly formatOf: (index: number) => string;
}

const biff8 = 0x0600;
const biff5 = 0x0500;
const sheetsMax = 2_000;

/** Reads the first part of a workbook. Throws `UnreadableDocument` for one with a password, or one from before Excel 5. */
export function readXlsGlobals(stream: Buffer): XlsGlobals {
  const first = biffRecord(stream, 0);
  const version = first?.type === biffTypes.beginning && first.data.length >= 2 ? first.data.readUInt16LE(0) : 0;
  if (version !== biff8 && version !== biff5) {
    throw new UnreadableDocument('unsupported', 'workbooks from before Excel 5 cannot be read; save it as XLSX');
  }
  const sheets: XlsSheet[] = [];
  const formats = new Map<number, string>();
  const cellFormats: number[] = [];
  let strings: readonly string[] = [];
  let isDate1904 = false;
  let encoding = version === biff5 ? 'windows-1252' : undefined;
  for (let record = first; record !== undefined && record.type !== biffTypes.endOfFile; record = biffRecord(stream, record.end)) {
    const { type, data } = record;
    if (type === biffTypes.filePassword) throw new UnreadableDocument('encrypted', 'the document is encrypted; save it without a password and send it again');
    else if (type === biffTypes.codePage && encoding !== undefined && data.length >= 2) encoding = encodingOfCodePage(data.readUInt16LE(0)) ?? encoding;
    else if (type === biffTypes.dateMode && data.length >= 2) isDate1904 = data.readUInt16LE(0) === 1;
    else if (type === biffTypes.format && data.length >= 3) formats.set(data.readUInt16LE(0), biffText(data, 2, encoding === undefined ? 2 : 1, encoding));
    else if (type === biffTypes.cellFormat && data.length >= 4) cellFormats.push(data.readUInt16LE(2));
    else if (type === biffTypes.boundSheet && data.length >= 8) addSheet(sheets, data, encoding);
    else if (type === biffTypes.sharedStrings) strings = readStrings(stream, record.data, record.end);
  }
  const formatOf = (index: number): string => {
    const id = cellFormats[index] ?? 0;
    return formats.get(id) ?? builtInFormats[id] ?? 'General';
  };
  return { sheets, strings, isDate1904, encoding, formatOf };
}

/** Only worksheets: charts and macros have no cells. */
function addSheet(sheets: XlsSheet[], data: Buffer, encoding: string | undefined): void {
  if (data[5] !== 0 || sheets.length >= sheetsMax) return;
  sheets.push({ at: data.readUInt32LE(0), isHidden: ((data[4] ?? 0) & 3) !== 0, name: biffText(data, 6, 1, encoding) });
}

function readStrings(stream: Buffer, data: Buffer, end: number): string[] {
  const parts = [data.subarray(8)];
  let record = biffRecord(stream, end);
  for (; record?.type === biffTypes.continued; record = biffRecord(stream, record.end)) parts.push(record.data);
  const reader = new BiffStrings(parts);
  const strings: string[] = [];
  const count = data.length >= 8 ? data.readUInt32LE(4) : 0;
  while (strings.length < count && !reader.isAtEnd) strings.push(reader.richText());
  return strings;
}
