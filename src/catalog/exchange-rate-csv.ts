import { cellsOf } from '../base/csv-file.ts';
import { type StatedRate, statedRateSchema } from './exchange-rate.ts';

/** A row and its line in the file, from 1. */
export interface CsvRate extends StatedRate {
  readonly line: number;
}

export interface CsvProblem {
  readonly line: number;
  readonly message: string;
}

export interface CsvRates {
  readonly rows: readonly CsvRate[];
  /** Empty: every line is right. */
  readonly problems: readonly CsvProblem[];
}

const columns = ['from', 'to', 'rate', 'date'] as const;

/**
 * Exchange rates of a CSV file: a header with the columns from, to, rate and date in any order, then a row a line. Blank lines
 * are passed over. Two rows for one pair and day are a problem, whether or not they agree: one of them is a mistake.
 */
export function parseRatesCsv(text: string): CsvRates {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const headerAt = lines.findIndex((line) => line.trim() !== '');
  const header = cellsOf(lines[headerAt] ?? '').map((cell) => cell.toLowerCase());
  if (header.length !== columns.length || !columns.every((column) => header.includes(column))) {
    return { rows: [], problems: [{ line: Math.max(headerAt, 0) + 1, message: 'expected the header "from,to,rate,date"' }] };
  }
  const rows: CsvRate[] = [];
  const problems: CsvProblem[] = [];
  const firstLines = new Map<string, number>();
  for (const [index, text] of lines.entries()) {
    if (index <= headerAt || text.trim() === '') continue;
    const line = index + 1;
    const read = rowOf(cellsOf(text), header);
    if (typeof read === 'string') {
      problems.push({ line, message: read });
      continue;
    }
    const key = `${read.from}/${read.to}/${read.date}`;
    const first = firstLines.get(key);
    if (first !== undefined) problems.push({ line, message: `a second rate of ${read.from} in ${read.to} for ${read.date}; the first stands in line ${first}` });
    firstLines.set(key, first ?? line);
    rows.push({ ...read, line });
  }
  return { rows, problems };
}

/** The row, or what is wrong with it. */
function rowOf(cells: readonly string[], header: readonly string[]): StatedRate | string {
  if (cells.length !== header.length) return `expected ${header.length} values, not ${cells.length}`;
  const parsed = statedRateSchema.safeParse(Object.fromEntries(header.map((column, index) => [column, cells[index]])));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a rate'}`;
}
