import type { PageRules, PdfRule } from './page-rules.ts';
import { joinLines, type PdfSpan, type PdfWord, spanOf, textOfSpans } from './pdf-word.ts';
import { rowsOfSpans } from './page-rows.ts';

/** Where lines that are drawn divide the page into cells. */
export interface RuledGrid {
  /** Ascending, at least three each: of vertical lines, and of horizontal ones. */
  readonly columns: readonly number[];
  readonly rows: readonly number[];
}

/** Lines as near as that are one, or meet. */
const nearPoints = 3;
/** Beyond these it is no table, but a drawing. */
const columnsMax = 60;
const rowsMax = 600;

/** The grids of lines that cross or touch each other. */
export function ruledGrids({ horizontal, vertical }: PageRules): readonly RuledGrid[] {
  if (horizontal.length < 3 || vertical.length < 3) return [];
  const lines = [...joined(horizontal).map((rule) => ({ rule, upright: false })), ...joined(vertical).map((rule) => ({ rule, upright: true }))];
  const grids: RuledGrid[] = [];
  for (const group of connected(lines)) {
    const columns = places(group.filter(({ upright }) => upright).map(({ rule }) => rule));
    const rows = places(group.filter(({ upright }) => !upright).map(({ rule }) => rule));
    if (columns.length >= 3 && columns.length <= columnsMax && rows.length >= 3 && rows.length <= rowsMax) grids.push({ columns, rows });
  }
  return grids;
}

/** The cells of a grid with the words of `spans` that stand in them, and the spans that are left over. */
export function fillGrid({ columns, rows }: RuledGrid, spans: readonly PdfSpan[]): { readonly cells: readonly (readonly string[])[]; readonly rest: readonly PdfSpan[] } {
  const held = rows.slice(1).map(() => columns.slice(1).map((): PdfWord[] => []));
  const rest: PdfSpan[] = [];
  for (const span of spans) {
    const outside: PdfWord[] = [];
    for (const word of span.words) {
      const row = intervalOf(rows, (word.top + word.bottom) / 2);
      const column = intervalOf(columns, (word.left + word.right) / 2);
      const cell = row === undefined || column === undefined ? undefined : held[row]?.[column];
      if (cell === undefined) outside.push(word);
      else cell.push(word);
    }
    if (outside.length > 0) rest.push(spanOf(outside));
  }
  const cells = held.map((row) => row.map(cellText)).filter((row) => row.some((text) => text !== ''));
  const used = columns.slice(1).map((_, at) => cells.some((row) => row[at] !== ''));
  return { cells: cells.map((row) => row.filter((_, at) => used[at])), rest };
}

/** The lines of a cell, from the top. */
function cellText(words: readonly PdfWord[]): string {
  if (words.length === 0) return '';
  const rows = rowsOfSpans(words.map((word) => spanOf([word])));
  let text = '';
  for (const row of rows) {
    const next = textOfSpans(joinSpans(row.spans));
    text = joinLines(text, next);
  }
  return text;
}

/** Words that stood together are to be read together, with the spaces that they had. */
function joinSpans(spans: readonly PdfSpan[]): readonly PdfSpan[] {
  return [spanOf(spans.flatMap(({ words }) => words))];
}

/** Between which two of the ascending `edges` a place lies. */
function intervalOf(edges: readonly number[], place: number): number | undefined {
  if (place < (edges[0] ?? 0) || place > (edges.at(-1) ?? 0)) return undefined;
  let low = 0;
  let high = edges.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) <= place) low = middle;
    else high = middle;
  }
  return low;
}

/** Pieces of one line, and the two edges of a thin rectangle, made one. */
function joined(rules: readonly PdfRule[]): readonly PdfRule[] {
  const sorted = [...rules].sort((a, b) => a.at - b.at || a.from - b.from);
  const found: { at: number; from: number; to: number }[] = [];
  let open: { at: number; from: number; to: number }[] = [];
  for (const rule of sorted) {
    open = open.filter(({ at }) => rule.at - at <= nearPoints);
    const same = open.find((one) => rule.from <= one.to + nearPoints && rule.to >= one.from - nearPoints);
    if (same === undefined) {
      const one = { ...rule };
      open.push(one);
      found.push(one);
    } else {
      same.from = Math.min(same.from, rule.from);
      same.to = Math.max(same.to, rule.to);
    }
  }
  return found;
}

interface Drawn {
  readonly rule: PdfRule;
  readonly upright: boolean;
}

/** Groups of lines in which each meets another that runs the other way. */
function connected(lines: readonly Drawn[]): readonly (readonly Drawn[])[] {
  const uprights = lines.filter(({ upright }) => upright);
  const levels = lines.filter(({ upright }) => !upright);
  if (uprights.length * levels.length > 4_000_000) return [];
  const left = new Set(lines);
  const groups: Drawn[][] = [];
  for (const first of lines) {
    if (!left.delete(first)) continue;
    const group = [first];
    for (const line of group) {
      for (const other of line.upright ? levels : uprights) {
        if (left.has(other) && meet(line.rule, other.rule)) {
          left.delete(other);
          group.push(other);
        }
      }
    }
    groups.push(group);
  }
  return groups;
}

function meet(a: PdfRule, b: PdfRule): boolean {
  return a.at >= b.from - nearPoints && a.at <= b.to + nearPoints && b.at >= a.from - nearPoints && b.at <= a.to + nearPoints;
}

function places(rules: readonly PdfRule[]): readonly number[] {
  const found: number[] = [];
  for (const { at } of [...rules].sort((a, b) => a.at - b.at)) if (at - (found.at(-1) ?? -Infinity) > nearPoints) found.push(at);
  return found;
}
