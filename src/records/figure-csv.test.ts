import { expect, it } from 'vitest';
import { parseFigureCsv } from './figure-csv.ts';
import { parseUtcDay, utcDayText } from './utc-day.ts';

const today = parseUtcDay('2026-06-01') ?? 0;
const parse = (text: string) => parseFigureCsv(text, today).map(({ day, currency, amountNanos }) => [utcDayText(day), amountNanos, currency]);

it('reads days, amounts and currencies, however the file was saved', () => {
  const expected = [['2026-05-01', 12_340_000_000n, 'USD'], ['2026-05-01', 1n, 'CNY'], ['2026-06-01', 0n, 'USD']];
  expect(parse('day,amount,currency\n2026-05-01,12.34,USD\n2026-05-01,0.000000001,CNY\n2026-06-01,0,USD\n')).toEqual(expected);
  expect(parse('\ufeffDay, Amount, Currency\r\n"2026-05-01","12.340",USD\r\n2026-05-01 , 0.000000001 ,"CNY"\r\n2026-06-01,0,USD\r\n\r\n')).toEqual(expected);
});

it.each([
  ['', 'line 1: expected the header day,amount,currency'],
  ['date,amount,currency\n', 'line 1: expected the header'],
  ['day,amount,currency\n', 'line 2: expected a day'],
  ['day,amount,currency\n2026-05-01,1,USD\n2026-02-31,1,USD', 'line 3: expected a day such as 2026-05-01, not "2026-02-31"'],
  ['day,amount,currency\n2026-06-02,1,USD', 'line 2: 2026-06-02 has not come yet'],
  ['day,amount,currency\n2026-05-01,-1,USD', 'line 2: expected an amount'],
  ['day,amount,currency\n2026-05-01,"1,5",USD', 'line 2: expected three cells'],
  ['day,amount,currency\n2026-05-01,1.0000000001,USD', 'line 2: expected an amount'],
  ['day,amount,currency\n2026-05-01,NaN,USD', 'line 2: expected an amount'],
  ['day,amount,currency\n2026-05-01,123456789012345678901234567890,USD', 'line 2: expected an amount'],
  ['day,amount,currency\n2026-05-01,1e3,USD', 'line 2: expected an amount'],
  ['day,amount,currency\n2026-05-01,1,usd', 'line 2: expected a currency code'],
  ['day,amount,currency\n2026-05-01,1,ZZZ', 'line 2: expected a currency code'],
  ['day,amount,currency\n\n2026-05-01,1,USD', 'line 2: expected three cells'],
  ['day,amount,currency\n2026-05-01,1,USD\n2026-05-02,1,USD\n2026-05-01,2,USD', 'line 4: 2026-05-01 in USD stands in line 2 already'],
  [`day,amount,currency\n${'x\n'.repeat(10_000)}`, 'line 10001: a file may have'],
])('refuses %j', (text, message) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'csv', message: expect.stringContaining(message) as string }));
});

it('names the first wrong lines, and counts the others', () => {
  expect(() => parse(`day,amount,currency\n${'x\n'.repeat(8)}`)).toThrow(/line 2: .*; line 6: .*; and 3 more$/);
});
