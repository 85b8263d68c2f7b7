import { describe, expect, it } from 'vitest';
import { parseRatesCsv } from './exchange-rate-csv.ts';

const good = 'EUR,USD,1.0867,2026-10-30';

describe('parseRatesCsv', () => {
  it('reads rows with their lines, whatever ends the lines and in whatever order the columns stand', () => {
    const text = '\uFEFF\r\ndate, From ,to,"rate"\r\n2026-10-30,EUR,USD,1.0867\r\n\r\n"2026-10-31","USD","RUB","81.1234"\r\n';
    expect(parseRatesCsv(text)).toEqual({
      rows: [
        { from: 'EUR', to: 'USD', rate: '1.0867', date: '2026-10-30', line: 3 },
        { from: 'USD', to: 'RUB', rate: '81.1234', date: '2026-10-31', line: 5 },
      ],
      problems: [],
    });
  });

  it.each([
    ['no header', good, 1, 'header'],
    ['nothing', '', 1, 'header'],
    ['another header', `\n\na,b,c,d\n${good}`, 3, 'header'],
    ['a column twice', `from,to,rate,rate\n${good}`, 1, 'header'],
    ['a value too few', `from,to,rate,date\nEUR,USD,1.0867`, 2, 'expected 4 values, not 3'],
    ['a decimal comma', `from,to,rate,date\nEUR,USD,1,0867,2026-10-30`, 2, 'expected 4 values, not 5'],
    ['a rate of zero', `from,to,rate,date\n${good}\nEUR,PLN,0.00,2026-10-30`, 3, 'rate: a rate of zero'],
    ['a sign', `from,to,rate,date\nEUR,PLN,-4,2026-10-30`, 2, 'rate: '],
    ['an unknown currency', `from,to,rate,date\nEUR,XXQ,4,2026-10-30`, 2, 'to: "XXQ" is no currency'],
    ['a day that is none', `from,to,rate,date\nEUR,USD,4,30.10.2026`, 2, 'date: '],
    ['a pair and day twice', `from,to,rate,date\n${good}\n\nEUR,USD,1.1,2026-10-30`, 4, 'the first stands in line 2'],
    ['a future day twice', `from,to,rate,date\nEUR,USD,1.1,2099-01-01\nEUR,USD,1.1,2099-01-01`, 3, 'the first stands in line 2'],
  ])('names the line of %s', (_what, text, line, message) => {
    expect(parseRatesCsv(text).problems).toEqual([{ line, message: expect.stringContaining(message) }]);
  });

  it('names every line that is wrong', () => {
    expect(parseRatesCsv('from,to,rate,date\nx\nEUR,USD,0,2026-10-30\nUSD,EUR,1,2026-10-30').problems.map(({ line }) => line)).toEqual([2, 3]);
  });

  it('takes both ways round of a pair', () => {
    expect(parseRatesCsv(`from,to,rate,date\n${good}\nUSD,EUR,0.9,2026-10-30`).problems).toEqual([]);
  });
});
