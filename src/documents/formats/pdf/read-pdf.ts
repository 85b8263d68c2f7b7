import type { FormatInput, FormatReader, FormatText } from '../format-reader.ts';
import { blocksMarkdown, lineSizes } from './blocks-markdown.ts';
import { type PageBlock, pageBlocks } from './page-blocks.ts';
import { pagePicture } from './page-picture.ts';
import { pageRules } from './page-rules.ts';
import { pageSpans } from './page-spans.ts';
import { PdfDocument, type PdfPage } from './pdf-document.ts';
import { Pdfium } from './pdfium.ts';

/** Of what is read of one document. */
const pagesMax = 10_000;

interface ReadPage {
  readonly number: number;
  readonly blocks: readonly PageBlock[];
  /** What does not stand in lines: text that runs another way, or that was recognised in a picture. */
  readonly loose: string;
  readonly state: 'text' | 'recognised' | 'scanned' | 'empty' | 'broken';
  readonly chars: number;
}

/**
 * A PDF as Markdown: columns one after the other, tables as tables, lines joined to paragraphs, headings by their size. Pages that
 * are pictures are recognised if that can be done here, and named if not. Pages are told apart by `<!-- page 2 -->`.
 */
export const readPdf: FormatReader = async (input) => {
  const pdfium = await Pdfium.load();
  using document = PdfDocument.open(pdfium, input.bytes);
  const pages: ReadPage[] = [];
  let chars = 0;
  const count = Math.min(document.pageCount, pagesMax);
  for (let index = 0; index < count && !isEnough(index, chars, input); index += 1) {
    const page = await readPage(document, index, input);
    chars += page.chars;
    pages.push(page);
  }
  const title = document.property('Title');
  return { ...(title === '' ? {} : { title }), text: textOf(pages), pageCount: document.pageCount, notes: notesOf(pages, document.pageCount, input) } satisfies FormatText;
};

/** The first page is read in any case: nothing at all would be no text, but a lack of time. */
function isEnough(pages: number, chars: number, { limits, outOfTime }: FormatInput): boolean {
  return pages > 0 && (chars >= limits.textCharsMax || outOfTime?.() === true);
}

async function readPage(document: PdfDocument, index: number, input: FormatInput): Promise<ReadPage> {
  using page = document.page(index);
  const number = index + 1;
  if (page === undefined) return { number, blocks: [], loose: '', state: 'broken', chars: 0 };
  const { spans, turned } = pageSpans(page);
  const rules = pageRules(page);
  if (spans.length === 0 && turned === '') return pictureOnly(page, number, rules.pictureArea, input);
  const blocks = pageBlocks(spans, rules);
  const chars = blocks.reduce((sum, block) => sum + (block.kind === 'line' ? block.text.length : block.cells.flat().join('').length), turned.length);
  return { number, blocks, loose: turned, state: 'text', chars };
}

/** A page without text has a picture of it, or nothing. */
async function pictureOnly(page: PdfPage, number: number, pictureArea: number, { pictures, outOfTime }: FormatInput): Promise<ReadPage> {
  const empty = { number, blocks: [], loose: '', chars: 0 };
  if (pictureArea <= 0) return { ...empty, state: 'empty' };
  const picture = pictures === undefined || outOfTime?.() === true ? undefined : pagePicture(page);
  const text = picture === undefined ? undefined : await pictures?.read(picture);
  return text === undefined ? { ...empty, state: 'scanned' } : { ...empty, loose: text, state: 'recognised', chars: text.length };
}

function textOf(pages: readonly ReadPage[]): string {
  const sizes = lineSizes(pages.map(({ blocks }) => blocks));
  const parts: string[] = [];
  for (const { number, blocks, loose } of pages) {
    const text = [blocksMarkdown(blocks, sizes), loose].filter((part) => part !== '').join('\n\n');
    if (number > 1) parts.push(`<!-- page ${number} -->`);
    if (text !== '') parts.push(text);
  }
  return parts.join('\n\n');
}

function notesOf(pages: readonly ReadPage[], pageCount: number, { pictures }: FormatInput): readonly string[] {
  const notes: string[] = [];
  const note = (state: ReadPage['state'], text: (pages: string) => string): void => {
    const numbers = pages.filter((page) => page.state === state).map(({ number }) => number);
    if (numbers.length > 0) notes.push(text(pageList(numbers)));
  };
  note('recognised', (list) => `${list}: the text was recognised in a picture, and may have mistakes`);
  note('scanned', (list) => `${list}: no text, only a picture (scanned); ${pictures === undefined ? 'the server has no tesseract installed that could recognise it' : 'there was not enough time to recognise it'}`);
  note('empty', (list) => `${list}: no text`);
  note('broken', (list) => `${list}: damaged, and left out`);
  if (pages.length < pageCount) notes.push(`only the first ${pages.length} of ${pageCount} pages were read; send the rest as documents of their own`);
  return notes;
}

/** `page 3`, or `pages 3 to 7, 9`. */
function pageList(numbers: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to === number - 1) last.to = number;
    else ranges.push({ from: number, to: number });
  }
  const shown = ranges.slice(0, 20).map(({ from, to }) => (from === to ? String(from) : `${from} to ${to}`));
  return `${numbers.length === 1 ? 'page' : 'pages'} ${shown.join(', ')}${ranges.length > shown.length ? ', …' : ''}`;
}
