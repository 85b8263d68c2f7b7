import { rowsOfSpans } from './page-rows.ts';
import type { PdfSpan } from './pdf-word.ts';

/** Spans that are read one below the other. */
export type PdfColumn = readonly PdfSpan[];

/** In points: how finely a gap between columns is looked for. */
const stepPoints = 1;
/** Of the width, from either side: a gap nearer to it is an indentation or a margin. */
const marginShare = 0.15;
/** Of a page's spans, those that may run across the gap: titles, footers, figures. */
const crossingShareMax = 0.2;
const rowsMin = 5;
/** A column of running text has lines of so many characters, which fill so much of its width. A table's cells do neither. */
const charsMin = 12;
const fillMin = 0.6;
const gapPointsMin = 5;
const depthMax = 4;

/**
 * The columns of a page in the order of reading: what runs over the whole width divides it into bands, and in each band the left
 * side comes before the right one. Tables have gaps as well, and are told apart by their short cells.
 */
export function columnsOf(spans: readonly PdfSpan[], depth: number = 0): readonly PdfColumn[] {
  const gap = depth < depthMax ? gapOf(spans) : undefined;
  if (gap === undefined) return spans.length === 0 ? [] : [spans];
  const columns: PdfColumn[] = [];
  let band: PdfSpan[] = [];
  let across: PdfSpan[] = [];
  const endBand = (): void => {
    columns.push(...columnsOf(band.filter(({ right }) => right <= gap), depth + 1), ...columnsOf(band.filter(({ right }) => right > gap), depth + 1));
    band = [];
  };
  const endAcross = (): void => {
    if (across.length > 0) columns.push(across);
    across = [];
  };
  for (const row of rowsOfSpans(spans)) {
    if (row.spans.some(({ left, right }) => left < gap && right > gap)) {
      if (band.length > 0) endBand();
      across.push(...row.spans);
    } else {
      endAcross();
      band.push(...row.spans);
    }
  }
  if (band.length > 0) endBand();
  endAcross();
  return columns;
}

/** Where a gap runs between two columns of text; undefined when there is none. */
function gapOf(spans: readonly PdfSpan[]): number | undefined {
  if (spans.length < 2 * rowsMin) return undefined;
  const left = Math.min(...spans.map((span) => span.left));
  const right = Math.max(...spans.map((span) => span.right));
  const cells = Math.ceil((right - left) / stepPoints);
  if (cells < 40 || cells > 20_000) return undefined;
  const crossings = new Float64Array(cells + 2);
  for (const span of spans) {
    const from = Math.floor((span.left - left) / stepPoints);
    const to = Math.ceil((span.right - left) / stepPoints);
    crossings[from] = (crossings[from] ?? 0) + 1;
    crossings[to] = (crossings[to] ?? 0) - 1;
  }
  for (let at = 1; at <= cells; at += 1) crossings[at] = (crossings[at] ?? 0) + (crossings[at - 1] ?? 0);
  for (const { from, to } of valleys(crossings, Math.floor(cells * marginShare), Math.ceil(cells * (1 - marginShare)), spans.length * crossingShareMax)) {
    if ((to - from) * stepPoints < gapPointsMin) continue;
    const gap = left + ((from + to) / 2) * stepPoints;
    if (isText(spans.filter((span) => span.right <= gap)) && isText(spans.filter((span) => span.left >= gap))) return gap;
  }
  return undefined;
}

/** Stretches that few spans cross: the emptiest first, and of those the widest. */
function valleys(crossings: Float64Array, start: number, end: number, crossingsMax: number): readonly { readonly from: number; readonly to: number }[] {
  const found: { from: number; to: number; depth: number }[] = [];
  for (let at = start; at < end; at += 1) {
    const depth = crossings[at] ?? 0;
    if (depth > crossingsMax) continue;
    const last = found.at(-1);
    if (last !== undefined && last.to === at && last.depth === depth) last.to = at + 1;
    else found.push({ from: at, to: at + 1, depth });
  }
  return found.sort((a, b) => a.depth - b.depth || b.to - b.from - (a.to - a.from)).slice(0, 6);
}

function isText(spans: readonly PdfSpan[]): boolean {
  const rows = rowsOfSpans(spans.filter(({ table }) => table === undefined));
  if (rows.length < rowsMin) return false;
  const width = Math.max(...spans.map(({ right }) => right)) - Math.min(...spans.map(({ left }) => left));
  const fills = rows.map((row) => row.spans.reduce((sum, span) => sum + span.right - span.left, 0) / width);
  const chars = rows.map((row) => row.spans.reduce((sum, { words }) => sum + words.reduce((count, { text }) => count + text.length, 0), 0));
  return median(fills) >= fillMin && median(chars) >= charsMin;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
