/** A cell: text as it comes from others, or a figure. */
export type CsvCell = string | number | null | undefined;

const figure = /^-?\d+(\.\d+)?$/;
/** What makes a spreadsheet take a cell for a formula (OWASP, CSV injection), the full-width forms included. */
const formulaStart = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

/**
 * Lines of comma-separated values (RFC 4180), the titles first. Text that a spreadsheet would run as a formula begins with
 * an apostrophe; decimal figures, also negative ones, stay as they are.
 */
export function renderCsv(titles: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [titles, ...rows].map((row) => `${row.map(cellText).join(',')}\r\n`).join('');
}

function cellText(cell: CsvCell): string {
  if (cell === null || cell === undefined) return '';
  const text = String(cell);
  if (figure.test(text)) return text;
  const safe = formulaStart.test(text) ? `'${text}` : text;
  // Semicolons and tabs as well: where a comma is the decimal mark, they part cells, and what follows one may be a formula.
  return /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
