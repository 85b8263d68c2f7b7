/** Of a file with many mistakes, how many are told. */
const problemsShown = 5;

/** The first of what is wrong with a file, in one line, and how much more there is. */
export function problemsText(problems: readonly string[]): string {
  const more = problems.length - problemsShown;
  return `${problems.slice(0, problemsShown).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/**
 * Cells of a line of CSV, trimmed. For files none of whose values can hold a comma or a quote of its own, so that quotes around a cell
 * are only taken off.
 */
export function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1').trim());
}
