import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDelimitedText } from './delimited-text.ts';

const limits = { textCharsMax: 100_000, unpackedBytesMax: 1, entriesMax: 1, depthMax: 1 };
const read = async (text: string, filename = 'a.csv', textCharsMax = limits.textCharsMax): Promise<{ text: string; notes?: readonly string[] }> =>
  readDelimitedText({ bytes: Buffer.from(text), filename, limits: { ...limits, textCharsMax } });
const rowsOf = (text: string): string[][] => text.split('\n').filter((_, at) => at !== 1).map((line) => line.slice(2, -2).split(' | '));

describe('a table of separated values', () => {
  it('is a Markdown table, by whichever separator', async () => {
    const expected = [['Name', 'Preis'], ['Brot', '3,20']];
    for (const text of ['Name;Preis\r\nBrot;3,20\r\n', 'Name\tPreis\nBrot\t3,20', 'Name|Preis\rBrot|3,20\r', '"Name","Preis"\n"Brot","3,20"\n', 'sep=;\nName;Preis\nBrot;3,20']) {
      expect(rowsOf((await read(text)).text), text).toEqual(expected);
    }
    expect(rowsOf((await read('a,b\tc\n1,2\t3', 'a.tsv')).text)).toEqual([['a,b', 'c'], ['1,2', '3']]);
  });

  it('keeps quotes, line breaks, bars and rows of any length', async () => {
    expect((await read('a,b,c\n"x ""y""","1\n2",p|q\nshort\n\n"open,1\n')).text).toBe('| a | b | c |\n| --- | --- | --- |\n| x "y" | 1<br>2 | p\\|q |\n| short |  |  |\n| open,1 |  |  |');
  });

  it('of one long row and many short ones does not grow by what is not there', async () => {
    const { text } = await read(`${'x,'.repeat(5_000)}x\n${'1,2\n'.repeat(20_000)}`, 'ragged.csv', 20_000_000);
    expect(text.length).toBeLessThan(250_000);
    expect(text.endsWith('\n| 1 | 2 |')).toBe(true);
    expect(text.split('\n')).toHaveLength(20_002);
  });

  it('is cut at the limit, after a whole row', async () => {
    const { text, notes } = await read('a,b\n'.repeat(100), 'a.csv', 200);
    expect(text.length).toBeLessThanOrEqual(200);
    expect(text.endsWith('| a | b |')).toBe(true);
    expect(notes?.[0]).toMatch(/cut after \d+ rows/);
  });

  it('holds every cell once, in its place', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '"', ',', '1', '字') }).map((text) => `x${text}x`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 6 }), async (rows) => {
        const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')).join('\n');
        expect(rowsOf((await read(text)).text)).toEqual(rows);
      }),
    );
  });
});
