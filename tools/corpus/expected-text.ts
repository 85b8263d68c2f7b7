import type { Book, Deck } from './deck-and-book.ts';
import { shownCell } from './deck-and-book.ts';
import type { ListBlock, TextSource } from './source-text.ts';

/** What a reader should find in every file that was made of one source. */
export interface Expectation {
  /** A line for each heading, paragraph, list item and row, in reading order; footnotes last. */
  readonly text: string;
  readonly headings: readonly string[];
  /** Tables' rows, cell by cell, each to be found on one line. */
  readonly rows: readonly (readonly string[])[];
}

export function expectText(source: TextSource): Expectation {
  const lines: string[] = [];
  const footnotes: string[] = [];
  const headings: string[] = [];
  const rows: (readonly string[])[] = [];
  for (const block of source.blocks) {
    if (block.kind === 'heading') headings.push(block.text);
    if (block.kind === 'heading' || block.kind === 'code') lines.push(block.text);
    if (block.kind === 'list') lines.push(...itemLines(block));
    if (block.kind === 'table') {
      rows.push(...block.rows);
      lines.push(...block.rows.map((row) => row.join(' | ')));
    }
    if (block.kind === 'paragraph') {
      lines.push(block.runs.map(({ text }) => text).join(''));
      if (block.footnote !== undefined) footnotes.push(block.footnote);
    }
  }
  return { text: textOf([...lines, ...footnotes]), headings, rows };
}

function itemLines(list: ListBlock): string[] {
  return list.items.flatMap(({ text, list: nested }) => [text, ...(nested === undefined ? [] : itemLines(nested))]);
}

export function expectDeck(deck: Deck): Expectation {
  const rows = deck.slides.flatMap(({ table }) => table ?? []);
  const lines = deck.slides.flatMap((slide) => [
    slide.title, ...(slide.bullets ?? []), ...(slide.table ?? []).map((row) => row.join(' | ')), ...(slide.group ?? []), ...(slide.notes === undefined ? [] : [slide.notes]),
  ]);
  return { text: textOf(lines), headings: deck.slides.map(({ title }) => title), rows };
}

export function expectBook(book: Book): Expectation {
  const rows = book.sheets.flatMap((sheet) => sheet.rows.map((row) => row.map(shownCell).filter((cell) => cell !== '')));
  const lines = book.sheets.flatMap((sheet) => [sheet.name, ...sheet.rows.map((row) => row.map(shownCell).filter((cell) => cell !== '').join(' | '))]);
  return { text: textOf(lines), headings: book.sheets.map(({ name }) => name), rows };
}

function textOf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
