import { alignedTables } from './aligned-table.ts';
import { columnsOf, type PdfColumn } from './page-columns.ts';
import type { PageRules } from './page-rules.ts';
import { type PdfRow, rowsOfSpans } from './page-rows.ts';
import { type PdfSpan, textOfSpans } from './pdf-word.ts';
import { fillGrid, ruledGrids } from './ruled-table.ts';

/** A line of text, with what tells whether it goes on in the next, and whether it is a heading. */
export interface LineBlock {
  readonly kind: 'line';
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Of its font, as most of its letters have it. */
  readonly size: number;
  readonly bold: boolean;
  /** Where the lines of its column end. */
  readonly columnRight: number;
  /** Width of its first word: had that fitted into the line above, the break was meant. */
  readonly firstWordWidth: number;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly cells: readonly (readonly string[])[];
}

export type PageBlock = LineBlock | TableBlock;

/** A page's text as lines and tables, in the order of reading. */
export function pageBlocks(spans: readonly PdfSpan[], rules: PageRules): readonly PageBlock[] {
  return columnsOf(withTables(spans, rules)).flatMap(columnBlocks);
}

/** Tables with lines are taken out first, as wholes: their cells are known. */
function withTables(spans: readonly PdfSpan[], rules: PageRules): readonly PdfSpan[] {
  let left = spans;
  const tables: PdfSpan[] = [];
  for (const grid of ruledGrids(rules)) {
    const { cells, rest } = fillGrid(grid, left);
    if (cells.length < 2 || (cells[0]?.length ?? 0) < 2) continue;
    left = rest;
    const [leftEdge = 0, rightEdge = 0] = [grid.columns[0], grid.columns.at(-1)];
    const [top = 0, bottom = 0] = [grid.rows[0], grid.rows.at(-1)];
    tables.push({ table: cells, words: [], left: leftEdge, right: rightEdge, top, bottom });
  }
  return [...left, ...tables];
}

function columnBlocks(column: PdfColumn): readonly PageBlock[] {
  const rows = rowsOfSpans(column);
  const tables = alignedTables(rows);
  const columnRight = Math.max(...column.map(({ right }) => right));
  const blocks: PageBlock[] = [];
  for (let at = 0; at < rows.length; ) {
    const table = tables.find(({ from }) => from === at);
    if (table !== undefined) {
      blocks.push({ kind: 'table', cells: table.cells });
      at = table.to;
      continue;
    }
    const row = rows[at];
    if (row !== undefined) blocks.push(...rowBlocks(row, columnRight));
    at += 1;
  }
  return blocks;
}

function rowBlocks({ spans }: PdfRow, columnRight: number): readonly PageBlock[] {
  const blocks: PageBlock[] = spans.flatMap(({ table }) => (table === undefined ? [] : [{ kind: 'table', cells: table }]));
  const texts = spans.filter(({ table }) => table === undefined);
  const words = texts.flatMap((span) => span.words);
  const [first] = words;
  if (first === undefined) return blocks;
  const line: LineBlock = {
    kind: 'line',
    text: textOfSpans(texts),
    left: first.left,
    right: Math.max(...texts.map(({ right }) => right)),
    top: Math.min(...texts.map(({ top }) => top)),
    bottom: Math.max(...texts.map(({ bottom }) => bottom)),
    size: usualSize(words),
    bold: words.every(({ bold }) => bold),
    columnRight,
    firstWordWidth: first.right - first.left,
  };
  return [line, ...blocks];
}

function usualSize(words: PdfSpan['words']): number {
  const weights = new Map<number, number>();
  for (const { text, size } of words) {
    const rounded = Math.round(size * 10) / 10;
    weights.set(rounded, (weights.get(rounded) ?? 0) + text.length);
  }
  return [...weights].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
}
