/**
 * Cells of a line of CSV, trimmed. For files none of whose values can hold a comma or a quote of its own, so that quotes around a cell
 * are only taken off.
 */
export function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1').trim());
}
