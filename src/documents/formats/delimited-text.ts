import { extname } from 'node:path';
import type { FormatReader } from './format-reader.ts';
import { isPadded, tableCell } from './markdown-table.ts';
import { decodeText } from './text-encoding.ts';

const separators = [',', ';', '\t', '|'] as const;
/** Rows that are looked at to find the separator. */
const sampledRowsMax = 50;

/** CSV and TSV as a Markdown table: with the separator that is used, quotes as in RFC 4180, and rows of any length. */
export const readDelimitedText: FormatReader = async ({ bytes, filename, limits }) => {
  const { text, encoding } = decodeText(bytes);
  const notes = encoding === 'utf-8' ? [] : [`read as ${encoding}`];
  // Excel's way to state the separator.
  const stated = /^sep=(.)\r?\n/i.exec(text);
  const body = stated === null ? text : text.slice(stated[0].length);
  const separator = stated?.[1] ?? separatorOf(body, extname(filename).toLowerCase());
  const lines: string[] = [];
  let chars = 0;
  let wide = 0;
  const size = sizeOf(body, separator);
  const { columns } = size;
  const padded = isPadded(size);
  for (const row of rowsOf(body, separator)) {
    if (row.length === 1 && row[0]?.trim() === '') continue;
    const line = lines.length === 0 ? `${tableLine(row, columns)}\n|${' --- |'.repeat(columns)}` : tableLine(row, padded ? columns : Math.min(row.length, columns));
    chars += line.length + 1;
    if (chars > limits.textCharsMax) {
      notes.push(`the table was cut after ${lines.length} rows`);
      break;
    }
    if (row.length > columns) wide += 1;
    lines.push(line);
  }
  if (wide > 0) notes.push(`cells beyond the first ${columnsMax} of a row are left out`);
  return { text: lines.join('\n'), notes };
};

function tableLine(row: readonly string[], columns: number): string {
  let line = '|';
  for (let at = 0; at < columns; at += 1) line += ` ${tableCell(row[at] ?? '')} |`;
  return line;
}

/** More columns than any table has that people write; a row of a million commas is none. */
const columnsMax = 2000;

function sizeOf(text: string, separator: string): { readonly rows: number; readonly columns: number; readonly cells: number } {
  let rows = 0;
  let columns = 1;
  let cells = 0;
  for (const row of rowsOf(text, separator)) {
    rows += 1;
    columns = Math.max(columns, row.length);
    cells += Math.min(row.length, columnsMax);
  }
  return { rows, columns: Math.min(columns, columnsMax), cells };
}

/** The one by which the first rows have the same number of cells, and most of them. */
function separatorOf(text: string, ending: string): string {
  if (ending === '.tsv' || ending === '.tab') return text.includes('\t') ? '\t' : ',';
  let best: { readonly separator: string; readonly score: number } = { separator: ',', score: 0 };
  for (const separator of separators) {
    const counts: number[] = [];
    for (const row of rowsOf(text, separator)) {
      if (row.length > 1 || row[0]?.trim() !== '') counts.push(row.length);
      if (counts.length >= sampledRowsMax) break;
    }
    const usual = mostFrequent(counts);
    const agreeing = counts.filter((count) => count === usual).length / Math.max(1, counts.length);
    const score = usual > 1 ? agreeing * 10 + Math.min(usual, 20) / 20 : 0;
    if (score > best.score) best = { separator, score };
  }
  return best.separator;
}

function mostFrequent(counts: readonly number[]): number {
  const times = new Map<number, number>();
  for (const count of counts) times.set(count, (times.get(count) ?? 0) + 1);
  return [...times].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 0;
}

/** Rows of cells, one pass, without a copy of the text. A quote that is never closed goes to the end. */
function* rowsOf(text: string, separator: string): Generator<string[]> {
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const { cell, end } = text[at] === '"' ? quotedCell(text, at, separator) : plainCell(text, at, separator);
    row.push(cell);
    at = end;
    if (text[at] === separator) {
      at += 1;
      if (at === text.length) row.push('');
      continue;
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at += 1;
    at += 1;
    yield row;
    row = [];
  }
  if (row.length > 0) yield row;
}

interface Cell {
  readonly cell: string;
  /** Where the separator or the line's end stands. */
  readonly end: number;
}

function plainCell(text: string, start: number, separator: string): Cell {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return { cell: text.slice(start, end), end };
}

/** What stands between the closing quote and the separator, against the rules, is kept. */
function quotedCell(text: string, start: number, separator: string): Cell {
  let cell = '';
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return { cell: cell + text.slice(at), end: text.length };
    cell += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      const rest = plainCell(text, quote + 1, separator);
      return { cell: cell + rest.cell, end: rest.end };
    }
    cell += '"';
    at = quote + 2;
  }
}
