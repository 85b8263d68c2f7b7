import type { DocFile } from './doc-file.ts';
import { docTables, plcPositions } from './doc-file.ts';

/** What is said of a stretch of the file: a style, and single properties. */
export interface DocRun {
  readonly start: number;
  readonly end: number;
  readonly style: number;
  readonly properties: ReadonlyMap<number, number>;
}

/** The properties that are asked for, by their codes ([MS-DOC] 2.6). Of those of variable length only that they are there. */
export const docProperties = {
  isInTable: 0x2416, isRowEnd: 0x2417, tableDepth: 0x6649, isInnerCell: 0x244b, isInnerRowEnd: 0x244c, listUse: 0x460b, listLevel: 0x260a, outline: 0x2640, isDeleted: 0x0800,
  isHidden: 0x083c, raised: 0x2a48, symbol: 0x6a09,
} as const;

const pageBytes = 512;
const wanted: ReadonlySet<number> = new Set(Object.values(docProperties));
const emptyProperties: ReadonlyMap<number, number> = new Map();

/** What is said of paragraphs, or of characters, in the order of the file ([MS-DOC] 2.4.6). Found again by `runAt`. */
export function docRuns(file: DocFile, kind: 'paragraphs' | 'characters'): DocRun[] {
  const plc = file.entry(kind === 'paragraphs' ? docTables.paragraphPages : docTables.characterPages);
  const positions = plcPositions(plc, 4);
  const runs: DocRun[] = [];
  const seen = new Set<number>();
  for (let index = 0; index + 1 < positions.length; index++) {
    const page = plc.readUInt32LE(4 * positions.length + 4 * index) & 0x3f_ffff;
    if (seen.has(page)) continue;
    seen.add(page);
    const bytes = file.main.subarray(Math.min(page * pageBytes, file.main.length), Math.min((page + 1) * pageBytes, file.main.length));
    if (bytes.length === pageBytes) readPage(bytes, kind, runs);
  }
  return runs.toSorted((left, right) => left.start - right.start);
}

/** The run that a place of the file lies in. */
export function runAt(runs: readonly DocRun[], offset: number): DocRun | undefined {
  let low = 0;
  let high = runs.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const run = runs[middle];
    if (run === undefined) return undefined;
    if (offset < run.start) high = middle - 1;
    else if (offset >= run.end) low = middle + 1;
    else return run;
  }
  return undefined;
}

function readPage(page: Buffer, kind: 'paragraphs' | 'characters', runs: DocRun[]): void {
  const count = page[pageBytes - 1] ?? 0;
  const entryBytes = kind === 'paragraphs' ? 13 : 1;
  if (4 * (count + 1) + entryBytes * count > pageBytes) return;
  for (let index = 0; index < count; index++) {
    const start = page.readUInt32LE(4 * index);
    const end = page.readUInt32LE(4 * (index + 1));
    const at = 2 * (page[4 * (count + 1) + entryBytes * index] ?? 0);
    if (kind === 'characters') {
      const bytes = at === 0 ? 0 : (page[at] ?? 0);
      runs.push({ start, end, style: 0, properties: readProperties(page.subarray(at + 1, at + 1 + bytes)) });
      continue;
    }
    if (at === 0) {
      runs.push({ start, end, style: 0, properties: emptyProperties });
      continue;
    }
    const isLong = page[at] === 0;
    const from = isLong ? at + 2 : at + 1;
    const size = isLong ? 2 * (page[at + 1] ?? 0) : 2 * (page[at] ?? 0) - 1;
    const style = from + 2 <= pageBytes ? page.readUInt16LE(from) : 0;
    runs.push({ start, end, style, properties: readProperties(page.subarray(from + 2, from + Math.max(2, size))) });
  }
}

/** A list of properties: each has its length in its code ([MS-DOC] 2.2.5.2). */
export function readProperties(bytes: Buffer): ReadonlyMap<number, number> {
  if (bytes.length < 3) return emptyProperties;
  const properties = new Map<number, number>();
  for (let at = 0; at + 3 <= bytes.length;) {
    const code = bytes.readUInt16LE(at);
    const size = operandBytes(bytes, at, code);
    if (wanted.has(code) && at + 2 + size <= bytes.length) properties.set(code, size >= 4 ? bytes.readUInt32LE(at + 2) : size === 2 ? bytes.readUInt16LE(at + 2) : (bytes[at + 2] ?? 0));
    at += 2 + size;
  }
  return properties;
}

function operandBytes(bytes: Buffer, at: number, code: number): number {
  switch (code >> 13) {
    case 0:
    case 1: return 1;
    case 3: return 4;
    case 7: return 3;
    case 6:
      // Definitions of tables have a length of two bytes, one too large.
      if (code === 0xd608 && at + 4 <= bytes.length) return 1 + bytes.readUInt16LE(at + 2);
      return 1 + (bytes[at + 2] ?? 0);
    default: return 2;
  }
}
