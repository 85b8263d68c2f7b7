import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';

export interface Slide {
  readonly title: string;
  readonly bullets?: readonly string[];
  readonly table?: readonly (readonly string[])[];
  /** Two shapes that are grouped. */
  readonly group?: readonly string[];
  readonly notes?: string;
}

export interface Deck {
  readonly name: string;
  readonly title: string;
  readonly languages: readonly string[];
  readonly slides: readonly Slide[];
}

/** A cell: as it is, or a number with a format. */
export type Cell =
  | string | number | null
  | { readonly money: number } | { readonly percent: number } | { readonly bool: boolean } | { readonly date: string } | { readonly datetime: string }
  | { readonly formula: string; readonly value: number; readonly format?: 'money' };

export interface Sheet {
  readonly name: string;
  readonly merge?: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Book {
  readonly name: string;
  readonly title: string;
  readonly languages: readonly string[];
  readonly sheets: readonly Sheet[];
}

/** The slide decks of a folder, `<name>.deck.yaml`. */
export function loadDecks(folder: string): Deck[] {
  return filesOf(folder, '.deck.yaml').map((file) => ({ name: basename(file, '.deck.yaml'), ...(read(folder, file) as Omit<Deck, 'name'>) }));
}

/** The workbooks of a folder, `<name>.book.yaml`. */
export function loadBooks(folder: string): Book[] {
  return filesOf(folder, '.book.yaml').map((file) => ({ name: basename(file, '.book.yaml'), ...(read(folder, file) as Omit<Book, 'name'>) }));
}

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(folder).filter((file) => file.endsWith(ending)).sort();
}

function read(folder: string, file: string): unknown {
  return parse(readFileSync(join(folder, file), 'utf8'));
}

/** A cell as a person sees it, in an English spreadsheet program. */
export function shownCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'object') return String(cell);
  if ('money' in cell) return money(cell.money);
  if ('percent' in cell) return `${(cell.percent * 100).toFixed(1)}%`;
  if ('bool' in cell) return cell.bool ? 'TRUE' : 'FALSE';
  if ('date' in cell) return cell.date;
  if ('datetime' in cell) return cell.datetime;
  return cell.format === 'money' ? money(cell.value) : String(cell.value);
}

function money(value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
