import type { MarkdownWriter } from '../markdown-writer.ts';

/** What a cell costs beside its text, in characters of the limit. */
const cellChars = 3;
/** A sheet is shown as a table as long as that leaves not many more empty places than cells. */
const emptyPerCell = 20;
const emptyFree = 10_000;
/** A million cells are more than any model reads, and all that a reading process has room for. */
const cellsMax = 1_000_000;

/** Of a cell that is set twice the later text counts. */
interface SheetRow {
  readonly columns: number[];
  readonly texts: string[];
}

/** The cells of one sheet in which something stands. It costs what they cost, however far apart they are. */
export class SheetCells {
  readonly #rows = new Map<number, SheetRow>();
  #charsLeft: number;
  #count = 0;

  constructor(charsMax: number) {
    this.#charsLeft = charsMax;
  }

  /** No more cells are taken. */
  get isFull(): boolean {
    return this.#charsLeft <= 0 || this.#count >= cellsMax;
  }

  /** Row and column count from 0. A cell in which only blanks stand is none. */
  set(row: number, column: number, text: string): void {
    if (this.isFull || text.trim() === '') return;
    const cells = this.#rows.get(row) ?? { columns: [], texts: [] };
    this.#rows.set(row, cells);
    this.#count += 1;
    cells.columns.push(column);
    cells.texts.push(text.slice(0, this.#charsLeft));
    this.#charsLeft -= text.length + cellChars;
  }

  get(row: number, column: number): string | undefined {
    const cells = this.#rows.get(row);
    return cells?.texts[cells.columns.lastIndexOf(column)];
  }

  /** Writes a table without its empty rows and columns, or a list of cells if the table would be all but empty. */
  write(writer: MarkdownWriter): void {
    const rows = [...this.#rows].toSorted(([left], [right]) => left - right);
    const used = new Set<number>();
    for (const [, cells] of rows) for (const column of cells.columns) used.add(column);
    const columns = [...used].toSorted((left, right) => left - right);
    if (rows.length * columns.length > this.#count * emptyPerCell + emptyFree) {
      for (const [row, cells] of rows) writeList(writer, row, cells);
      return;
    }
    const places = new Map(columns.map((column, index) => [column, index]));
    writer.table(rows.map(([, cells]) => {
      const texts: string[] = Array.from({ length: columns.length }, () => '');
      for (const [index, column] of cells.columns.entries()) texts[places.get(column) ?? 0] = cells.texts[index] ?? '';
      return texts;
    }));
  }
}

function writeList(writer: MarkdownWriter, row: number, cells: SheetRow): void {
  const texts = new Map(cells.columns.map((column, index) => [column, cells.texts[index] ?? '']));
  for (const [column, text] of [...texts].toSorted(([left], [right]) => left - right)) {
    writer.paragraph(`${cellName(row, column)}: ${text.trim()}`, { kind: 'item', depth: 0 });
  }
}

/** `B7` for row 6 and column 1, both from 0. */
export function cellName(row: number, column: number): string {
  let letters = '';
  for (let left = column + 1; left > 0; left = Math.floor((left - 1) / 26)) letters = String.fromCharCode(65 + ((left - 1) % 26)) + letters;
  return `${letters}${row + 1}`;
}

/** Row and column, from 0, of a cell by its name; undefined if that is none that a sheet can have. */
export function cellPlace(name: string): { readonly row: number; readonly column: number } | undefined {
  const parts = /^\$?([A-Z]{1,3})\$?(\d{1,7})$/.exec(name);
  if (parts === null) return undefined;
  let column = 0;
  for (const letter of parts[1] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  const row = Number(parts[2]);
  return row >= 1 ? { row: row - 1, column: column - 1 } : undefined;
}
