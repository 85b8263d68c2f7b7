/** A cell as its document has it: what it says, and how far it reaches. */
export interface TableCell {
  readonly text: string;
  readonly columns: number;
  readonly rows: number;
}

const paddingPerCell = 4;
const paddingFree = 1_000;

/** Whether short rows are filled up. In a table that is much emptier than full they are left short, which GFM fills up by itself: filled up it could be a thousand times as long. */
export function isPadded({ rows, columns, cells }: { readonly rows: number; readonly columns: number; readonly cells: number }): boolean {
  return rows * columns <= cells * paddingPerCell + paddingFree;
}

/**
 * The rows of a table as texts, each in its column: a cell that reaches over several columns or rows stands in its first place, and the
 * others are empty. Rows and columns in which nothing stands are left out. At most `cellsMax` cells are laid out.
 */
export function layOutTable(rows: readonly (readonly TableCell[])[], cellsMax: number): string[][] {
  const laidOut: string[][] = [];
  let covered: number[] = [];
  let cells = 0;
  for (const row of rows) {
    const texts: string[] = [];
    const next: number[] = [];
    const skipCovered = (): void => {
      while ((covered[texts.length] ?? 0) > 0 && cells < cellsMax) {
        next[texts.length] = (covered[texts.length] ?? 0) - 1;
        texts.push('');
        cells += 1;
      }
    };
    for (const cell of row) {
      skipCovered();
      for (let column = 0; column < cell.columns && cells < cellsMax; column++) {
        next[texts.length] = cell.rows - 1;
        texts.push(column === 0 ? cell.text : '');
        cells += 1;
      }
    }
    for (let column = texts.length; column < covered.length; column++) next[column] = Math.max(0, (covered[column] ?? 0) - 1);
    covered = next;
    if (texts.some((text) => text !== '')) laidOut.push(texts);
    if (cells >= cellsMax) break;
  }
  return withoutEmptyColumns(laidOut);
}

/** Rows without the columns in which nothing stands. */
export function withoutEmptyColumns(rows: readonly (readonly string[])[]): string[][] {
  const used: boolean[] = [];
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) if (row[column] !== '') used[column] = true;
  }
  return rows.map((row) => row.filter((_, column) => used[column] === true));
}

/** A GFM table whose first row is its head; '' if there are no rows. Each cell stays one cell, whatever it holds. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  let columns = 0;
  let cells = 0;
  for (const row of rows) {
    columns = Math.max(columns, row.length);
    cells += row.length;
  }
  if (columns === 0) return '';
  const padded = isPadded({ rows: rows.length, columns, cells });
  const lines: string[] = [];
  for (const [index, row] of rows.entries()) {
    const width = padded || index === 0 ? columns : row.length;
    lines.push(`| ${Array.from({ length: width }, (_, column) => tableCell(row[column] ?? '')).join(' | ')} |`);
    if (index === 0) lines.push(`|${' --- |'.repeat(columns)}`);
  }
  return lines.join('\n');
}

/** A text as one cell: `|` escaped, and the backslashes before it; its lines are told apart by `<br>`. */
export function tableCell(text: string): string {
  const line = text.trim().replaceAll('\r\n', '\n').replaceAll('\r', '\n').replaceAll('\t', ' ').replaceAll('\n', '<br>');
  if (!line.includes('|')) return line;
  const parts = line.split('|');
  return parts.map((part, index) => (index < parts.length - 1 ? withoutLooseBackslashes(part) : part)).join('\\|');
}

/** Doubles the backslashes at the end of a text, so that none of them escapes what comes after. */
function withoutLooseBackslashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\\') end -= 1;
  return text + text.slice(end);
}
