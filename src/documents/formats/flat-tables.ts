import type { MarkdownWriter } from './markdown-writer.ts';

interface OpenTable {
  isInRow: boolean;
  isInCell: boolean;
}

/** The tables that are open at a place of an RTF or a DOC: those only say of each paragraph how deep in tables it is, and where cells and rows end. */
export class FlatTables {
  readonly #writer: MarkdownWriter;
  readonly #open: OpenTable[] = [];

  constructor(writer: MarkdownWriter) {
    this.#writer = writer;
  }

  /** What comes now is so deep in tables: 0 is outside of all. */
  reach(depth: number): void {
    while (this.#open.length > depth) this.#closeTable();
    const table = this.#open.at(-1);
    if (table !== undefined) this.#openCell(table);
    while (this.#open.length < depth) {
      this.#writer.openTable();
      const inner = { isInRow: false, isInCell: false };
      this.#open.push(inner);
      this.#openCell(inner);
    }
  }

  /** A cell ends, with the tables in it. */
  endCell(depth: number): void {
    this.reach(depth);
    const table = this.#open.at(-1);
    if (table === undefined) return;
    this.#writer.closeCell();
    table.isInCell = false;
  }

  /** A row ends, if one is open. */
  endRow(depth: number): void {
    while (this.#open.length > depth) this.#closeTable();
    const table = this.#open.length === depth ? this.#open.at(-1) : undefined;
    if (table === undefined) return;
    if (table.isInCell) this.#writer.closeCell();
    table.isInCell = false;
    table.isInRow = false;
  }

  #openCell(table: OpenTable): void {
    if (table.isInCell) return;
    if (!table.isInRow) this.#writer.openRow();
    this.#writer.openCell();
    table.isInRow = true;
    table.isInCell = true;
  }

  #closeTable(): void {
    const table = this.#open.pop();
    if (table?.isInCell === true) this.#writer.closeCell();
    this.#writer.closeTable();
  }
}
