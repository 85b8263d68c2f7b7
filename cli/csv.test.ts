import { expect, it } from 'vitest';
import { renderCsv } from './csv.ts';

it('writes lines as RFC 4180 has them', () => {
  expect(renderCsv(['a', 'b'], [['x', 1], [null, undefined], ['say "no", please', 'two\nlines'], [' edge', 'a;b']])).toBe(
    'a,b\r\nx,1\r\n,\r\n"say ""no"", please","two\nlines"\r\n" edge","a;b"\r\n',
  );
});

it.each(['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\uff1d1', '-2e3', '+5', "=cmd|' /C calc'!A0"])('makes no formula of %j', (text) => {
  const [, line = ''] = renderCsv(['a'], [[text]]).split('\r\n');
  expect(line.replace(/^"/, '')).toMatch(/^'/);
});

it.each(['-0.5', '0', '12.000000001', '-9007199254740993'])('leaves the figure %s as it is', (text) => {
  expect(renderCsv(['a'], [[text]])).toBe(`a\r\n${text}\r\n`);
});
