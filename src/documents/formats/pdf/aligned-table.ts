import type { PdfRow } from './page-rows.ts';
import { joinLines, type PdfSpan, textOfSpans } from './pdf-word.ts';

/** Rows from `from` up to `to` that are a table. */
export interface AlignedTable {
  readonly from: number;
  readonly to: number;
  readonly cells: readonly (readonly string[])[];
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** In heights of a line. */
const gapMin = 0.45;
const gapWide = 2;
const leadingMax = 2.2;
/** The beginnings of list items: they stand in a column of their own, and are no cells. */
const listMark = /^(?:[•◦▪▫‣●○■□*–—-]|\(?[\p{L}\d]{1,3}[.)]|\d{1,3}(?:\.\d{1,3})*\.?|\[\d{1,3}\])$/u;

/** Tables without lines, by gaps that run through several rows. Rows that wrap are joined to the one that they go on. */
export function alignedTables(rows: readonly PdfRow[]): readonly AlignedTable[] {
  const found: AlignedTable[] = [];
  for (let from = 0; from < rows.length; ) {
    const to = bandEnd(rows, from);
    const table = to - from < 2 ? undefined : tableOf(rows, from, to);
    if (table === undefined) from += 1;
    else {
      found.push(table);
      from = table.to;
    }
  }
  return found;
}

/** The end of the rows from `from` on that have a gap in common. */
function bandEnd(rows: readonly PdfRow[], from: number): number {
  const first = rows[from];
  if (first === undefined || !isMany(first)) return from;
  let gaps = gapsOf(first.spans);
  let last = from;
  for (let at = from + 1; at < rows.length; at += 1) {
    const [row, before] = [rows[at], rows[at - 1]];
    if (row === undefined || before === undefined || row.spans.some(({ table }) => table !== undefined)) break;
    const height = before.bottom - before.top;
    if (row.top - before.bottom > height * leadingMax) break;
    const left = gaps.flatMap((gap) => free(gap, row.spans)).filter((gap) => gap.to - gap.from >= height * gapMin);
    if (left.length === 0 || (!isMany(row) && gaps.some((gap) => row.spans.some((span) => span.left < gap.to && span.right > gap.from)))) break;
    gaps = left;
    // A single cell at the end belongs to what comes after.
    if (isMany(row)) last = at;
  }
  return last + 1;
}

function tableOf(rows: readonly PdfRow[], from: number, to: number): AlignedTable | undefined {
  const band = rows.slice(from, to);
  const many = band.filter(isMany);
  const height = Math.max(...band.map((row) => row.bottom - row.top));
  const gaps = commonGaps(band, height);
  if (gaps.length === 0) return undefined;
  const wide = gaps.length > 1 || gaps.some((gap) => gap.to - gap.from >= height * gapWide);
  if (many.length < (wide ? 2 : 3)) return undefined;
  const raw = band.map((row) => cellsOf(row.spans, gaps));
  if (gaps.length === 1 && raw.every(([mark = '']) => mark === '' || listMark.test(mark))) return undefined;
  return { from, to, cells: unwrapped(band, raw) };
}

/** What no row of several cells covers, over the whole band. */
function commonGaps(band: readonly PdfRow[], height: number): readonly Gap[] {
  const spans = band.filter(isMany).flatMap((row) => row.spans);
  const left = Math.min(...spans.map((span) => span.left));
  const right = Math.max(...spans.map((span) => span.right));
  return free({ from: left, to: right }, spans).filter((gap) => gap.to - gap.from >= height * gapMin);
}

function gapsOf(spans: readonly PdfSpan[]): readonly Gap[] {
  return spans.slice(1).map((span, at) => ({ from: spans[at]?.right ?? 0, to: span.left }));
}

/** What the spans leave of a gap. */
function free(gap: Gap, spans: readonly PdfSpan[]): readonly Gap[] {
  let parts: Gap[] = [gap];
  for (const { left, right } of spans) {
    if (left >= gap.to || right <= gap.from) continue;
    parts = parts.flatMap((part) => (left >= part.to || right <= part.from ? [part] : [{ from: part.from, to: left }, { from: right, to: part.to }].filter((one) => one.to > one.from)));
  }
  return parts;
}

function isMany(row: PdfRow): boolean {
  return row.spans.length > 1 && row.spans.every(({ table }) => table === undefined);
}

function cellsOf(spans: readonly PdfSpan[], gaps: readonly Gap[]): readonly string[] {
  const cells: PdfSpan[][] = Array.from({ length: gaps.length + 1 }, () => []);
  for (const span of spans) {
    const column = gaps.filter((gap) => (gap.from + gap.to) / 2 <= (span.left + Math.min(span.right, span.left + 4)) / 2).length;
    cells[column]?.push(span);
  }
  return cells.map(textOfSpans);
}

/** Lines between rows of cells: of wrapped ones they are near, between rows there is padding. In parts of the smallest line. */
const paddingMin = 0.15;
const paddedShareMin = 0.4;

/**
 * Rows of lines as rows of cells. Where some lines stand nearer to each other than others, those that do are one row if any
 * cell of them is empty: no row of several full lines is. Else a row without its first cell, and with less than half of the others,
 * goes on with the one above.
 */
function unwrapped(band: readonly PdfRow[], rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const nearMax = nearGap(band);
  const found: string[][] = [];
  for (const [index, row] of rows.entries()) {
    const last = found.at(-1);
    const [line, before] = [band[index], band[index - 1]];
    const isNear = line !== undefined && before !== undefined && nearMax !== undefined && line.top - before.bottom <= nearMax;
    if (last !== undefined && (nearMax === undefined ? goesOn(row) : isNear && (last.includes('') || row.includes('')))) {
      for (const [at, text] of row.entries()) if (text !== '') last[at] = joinCells(last[at] ?? '', text);
    } else {
      found.push([...row]);
    }
  }
  return found;
}

function goesOn(row: readonly string[]): boolean {
  return row[0] === '' && row.filter((text) => text !== '').length * 2 < row.length + 1;
}

/** Up to which gap lines are of one row; undefined when all gaps are alike, or so few are wide that they divide parts of the table. */
function nearGap(band: readonly PdfRow[]): number | undefined {
  const gaps = band.slice(1).map((row, at) => row.top - (band[at]?.bottom ?? 0));
  const [least, most] = [Math.min(...gaps), Math.max(...gaps)];
  const height = Math.min(...band.map((row) => row.bottom - row.top));
  if (gaps.length < 2 || most - least < height * paddingMin) return undefined;
  const limit = (least + most) / 2;
  const wide = gaps.filter((gap) => gap > limit).length;
  return wide >= Math.max(2, gaps.length * paddedShareMin) && wide < gaps.length ? limit : undefined;
}

/** Word processors cut a word that is wider than its cell without a hyphen: then what is left is short and stands alone. */
function joinCells(before: string, after: string): string {
  const cut = /^\p{L}{8,}$/u.test(before) && /^\p{Ll}{1,3}$/u.test(after);
  return cut ? before + after : joinLines(before, after);
}
