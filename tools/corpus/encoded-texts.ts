import type { Book } from './deck-and-book.ts';
import { shownCell } from './deck-and-book.ts';
import { expectText } from './expected-text.ts';
import type { TextSource } from './source-text.ts';

/** Which source goes into which encoding, as Python names it. */
const plainTexts: readonly (readonly [source: string, encoding: string, label: string])[] = [
  ['tea-road', 'gb18030', 'gb18030'], ['library-night', 'cp1251', 'windows-1251'], ['steppe-letter', 'koi8_r', 'koi8-r'], ['bakery', 'cp1250', 'windows-1250'],
  ['bakery', 'iso8859_2', 'iso-8859-2'], ['winter-garden', 'cp1252', 'windows-1252'], ['snow-country', 'shift_jis', 'shift-jis'], ['snow-country', 'euc_jp', 'euc-jp'],
  ['island-ferry', 'cp949', 'euc-kr'], ['four-desks', 'utf-8-sig', 'utf-8-bom'], ['library-night', 'utf-16', 'utf-16-bom'], ['tea-road', 'utf-16-be', 'utf-16be'],
];

/** Files by name: encoding and text. Tables in plain text are rows of tabs, in CSV and TSV the first sheet or table. */
export function encodedFiles(texts: readonly TextSource[], books: readonly Book[]): Record<string, readonly [encoding: string, text: string]> {
  const files: Record<string, readonly [string, string]> = {};
  for (const [source, encoding, label] of plainTexts) {
    const text = texts.find(({ name }) => name === source);
    if (text === undefined) throw new Error(`No text is called ${source}`);
    files[`${source}.${label}.txt`] = [encoding, expectText(text).text.replaceAll(' | ', '\t').replaceAll('\n', '\r\n')];
  }
  files['tea-stock.gb18030.csv'] = ['gb18030', tableOf(books, 'tea-stock', ',')];
  files['kiosk.windows-1251.csv'] = ['cp1251', tableOf(books, 'kiosk', ';', 1)];
  files['allotments.utf-8.csv'] = ['utf-8', tableOf(books, 'allotments', ',')];
  files['kiosk.utf-16.tsv'] = ['utf-16', tableOf(books, 'kiosk', '\t')];
  return files;
}

/** Which sheet of which book each of the tables above is made of. */
export const sheetOfTable: Readonly<Record<string, readonly [book: string, sheet: number]>> = {
  'tea-stock.gb18030.csv': ['tea-stock', 0], 'kiosk.windows-1251.csv': ['kiosk', 1], 'allotments.utf-8.csv': ['allotments', 0], 'kiosk.utf-16.tsv': ['kiosk', 0],
};

function tableOf(books: readonly Book[], name: string, separator: string, sheet = 0): string {
  const rows = books.find((book) => book.name === name)?.sheets[sheet]?.rows;
  if (rows === undefined) throw new Error(`No book is called ${name}`);
  const lines = rows.map((row) => row.map((cell) => quoted(shownCell(cell), separator)).join(separator));
  return `${lines.join('\r\n')}\r\n`;
}

function quoted(cell: string, separator: string): string {
  return cell.includes(separator) || cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell;
}
