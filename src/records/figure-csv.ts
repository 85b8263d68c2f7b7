import { cellsOf, problemsText } from '../base/csv-file.ts';
import { isCurrency } from '../base/currency.ts';
import { Fault } from '../base/fault.ts';
import { type Currency, type Nanos, parseDecimal } from '../base/money.ts';
import { parseUtcDay, type UtcDay, utcDayText } from './utc-day.ts';

/** A line of an imported file. */
export interface DayFigure {
  readonly day: UtcDay;
  readonly currency: Currency;
  readonly amountNanos: Nanos;
}

const linesMax = 10_000;
const header = 'day,amount,currency';

/**
 * Reads a file of figures: a header `day,amount,currency`, then one line for each UTC day and currency, such as
 * `2026-05-01,12.34,USD`. Cells may be quoted. Throws `invalid_request` that names each wrong line by its number (the
 * first five of them); all or nothing.
 */
export function parseFigureCsv(text: string, today: UtcDay): readonly DayFigure[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  if (cellsOf(lines[0] ?? '').join(',').toLowerCase() !== header) throw invalid([`line 1: expected the header ${header}`]);
  if (lines.length === 1) throw invalid([`line 2: expected a day, an amount and a currency, such as 2026-05-01,12.34,USD`]);
  if (lines.length > linesMax) throw invalid([`line ${linesMax + 1}: a file may have ${linesMax} lines; import it in parts`]);
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  const figures: DayFigure[] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue;
    const read = figureOf(cellsOf(line), today);
    if (typeof read === 'string') {
      problems.push(`line ${index + 1}: ${read}`);
      continue;
    }
    const name = `${utcDayText(read.day)} in ${read.currency}`;
    const earlier = lineOf.get(name);
    if (earlier !== undefined) problems.push(`line ${index + 1}: ${name} stands in line ${earlier} already; expected one line for each day and currency`);
    lineOf.set(name, earlier ?? index + 1);
    figures.push(read);
  }
  if (problems.length > 0) throw invalid(problems);
  return figures;
}

/** The figure of a line, or what is wrong with it. */
function figureOf(cells: readonly string[], today: UtcDay): DayFigure | string {
  const [dayText = '', amountText = '', currency = ''] = cells;
  if (cells.length !== 3) return `expected three cells (${header}), not ${cells.length}`;
  const day = parseUtcDay(dayText);
  if (day === undefined) return `expected a day such as 2026-05-01, not "${shown(dayText)}"`;
  if (day > today) return `${dayText} has not come yet`;
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(amountText)) return `expected an amount such as 12.34, of up to nine decimals and without a sign, not "${shown(amountText)}"`;
  if (!isCurrency(currency)) return `expected a currency code such as USD, not "${shown(currency)}"`;
  return { day, currency, amountNanos: parseDecimal(amountText, 9) };
}

function shown(text: string): string {
  return text.slice(0, 40);
}

function invalid(problems: readonly string[]): Fault {
  return new Fault('invalid_request', { message: `Invalid file: ${problemsText(problems)}`, field: 'csv' });
}
