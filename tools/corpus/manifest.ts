import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Book, Deck } from './deck-and-book.ts';
import { sheetOfTable } from './encoded-texts.ts';
import { type Expectation, expectBook, expectDeck, expectText } from './expected-text.ts';
import type { TextSource } from './source-text.ts';

/** What stands in the pictures. */
export const notice: readonly string[] = ['LOST: one green umbrella', 'near the north gate on Tuesday.', 'Потерян зелёный зонт', 'у северных ворот во вторник.', 'Reward: 15 apples'];

interface Expected extends Expectation {
  readonly name: string;
  readonly languages: readonly string[];
}

interface Sources {
  readonly texts: readonly TextSource[];
  readonly decks: readonly Deck[];
  readonly books: readonly Book[];
}

/** Writes `<name>.expected.txt` for each source, and manifest.json, which lists every file of the folder with the source that it was made of. */
export function writeManifest(corpus: string, sources: Sources): void {
  const expected = expectations(corpus, sources);
  const known = new Set(expected.map(({ name }) => name));
  const files = readdirSync(corpus).filter((file) => !file.endsWith('.expected.txt') && file !== 'manifest.json').sort().map((file) => {
    const [source = '', producer = ''] = file.split('.');
    const name = expectedOf(file, source, sources.decks);
    if (!known.has(name)) throw new Error(`${file} has no expected text`);
    return { file, format: extname(file).slice(1), producer, source: name };
  });
  const used = expected.filter(({ name }) => files.some((file) => file.source === name));
  for (const { name, text } of used) writeFileSync(join(corpus, `${name}.expected.txt`), text);
  const table = used.map(({ name, languages, headings, rows }) => ({ name, languages, headings, rows }));
  writeFileSync(join(corpus, 'manifest.json'), `{\n"sources": [\n${linesOf(table)}\n],\n"files": [\n${linesOf(files)}\n]\n}\n`);
}

/** A table is one sheet of its book; a printed deck has no notes. */
function expectedOf(file: string, source: string, decks: readonly Deck[]): string {
  const sheet = sheetOfTable[file];
  if (sheet !== undefined) return `${source}-sheet-${sheet[1] + 1}`;
  return file.endsWith('.pdf') && decks.some(({ name }) => name === source) ? `${source}-printed` : source;
}

function linesOf(entries: readonly object[]): string {
  return entries.map((entry) => JSON.stringify(entry)).join(',\n');
}

function expectations(corpus: string, { texts, decks, books }: Sources): Expected[] {
  const sheets = Object.values(sheetOfTable).map(([name, sheet]): Expected => {
    const book = books.find((candidate) => candidate.name === name);
    const chosen = book?.sheets[sheet];
    if (book === undefined || chosen === undefined) throw new Error(`No sheet ${sheet} in ${name}`);
    const { text, rows } = expectBook({ ...book, sheets: [chosen] });
    // A CSV file does not say what its sheet was called.
    return { name: `${name}-sheet-${sheet + 1}`, languages: book.languages, headings: [], rows, text: text.slice(text.indexOf('\n') + 1) };
  });
  return [
    ...texts.map((text) => ({ name: text.name, languages: text.languages, ...expectText(text) })),
    ...decks.map((deck) => ({ name: deck.name, languages: deck.languages, ...expectDeck(deck) })),
    ...decks.map((deck) => ({ name: `${deck.name}-printed`, languages: deck.languages, ...expectDeck({ ...deck, slides: deck.slides.map(({ notes: _notes, ...slide }) => slide) }) })),
    ...books.map((book) => ({ name: book.name, languages: book.languages, ...expectBook(book) })),
    ...sheets,
    { name: 'lost-umbrella', languages: ['en', 'ru'], headings: [], rows: [], text: `${notice.join('\n')}\n` },
    ...byHand(corpus),
  ];
}

/** Files that are written by hand say in `by-hand.json` what they hold; their expected texts are written by hand too. */
function byHand(corpus: string): Expected[] {
  const entries = JSON.parse(readFileSync(join(import.meta.dirname, 'texts/by-hand.json'), 'utf8')) as Omit<Expected, 'text'>[];
  return entries.map((entry) => ({ ...entry, text: readFileSync(join(corpus, `${entry.name}.expected.txt`), 'utf8') }));
}
