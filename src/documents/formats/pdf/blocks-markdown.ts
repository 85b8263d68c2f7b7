import { markdownTable } from '../markdown-table.ts';
import type { LineBlock, PageBlock } from './page-blocks.ts';
import { joinLines } from './pdf-word.ts';

/** The sizes of a document's fonts, from which headings stand out. */
export interface LineSizes {
  /** Of running text. */
  readonly body: number;
  /** Of headings, the largest first. */
  readonly headings: readonly number[];
}

/** Larger than running text by so much. */
const headingMin = 1.12;
const headingCharsMax = 200;
const boldHeadingCharsMax = 100;
const headingLevelsMax = 4;
/** Sizes that differ by less are one: fonts round. */
const sameSize = 0.06;
/** A gap between lines of more than so many sizes ends a paragraph. */
const paragraphGapMin = 0.5;

const bullet = /^[•◦▪▫‣●○■□]\s*/u;
const itemStart = /^(?:[-*–—•◦▪▫‣●○■□]\s|\(?\d{1,3}[.)]\s|\(?\p{L}[.)]\s|\[\d{1,3}\]\s?)/u;

/** What headings and running text measure, over all lines of a document. */
export function lineSizes(pages: readonly (readonly PageBlock[])[]): LineSizes {
  const chars = new Map<number, number>();
  for (const block of pages.flat()) if (block.kind === 'line') chars.set(block.size, (chars.get(block.size) ?? 0) + block.text.length);
  const body = [...chars].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
  const larger = [...chars.keys()].filter((size) => size >= body * headingMin).sort((a, b) => b - a);
  const headings = larger.filter((size, at) => at === 0 || size < (larger[at - 1] ?? 0) * (1 - sameSize));
  return { body, headings };
}

/** Lines that belong together, as one text. */
interface Paragraph {
  text: string;
  readonly first: LineBlock;
  last: LineBlock;
  lines: number;
}

/** The lines and tables of a page as Markdown. */
export function blocksMarkdown(blocks: readonly PageBlock[], sizes: LineSizes): string {
  const parts: string[] = [];
  let paragraph: Paragraph | undefined;
  const end = (): void => {
    if (paragraph !== undefined && paragraph.text.trim() !== '') parts.push(finished(paragraph, sizes));
    paragraph = undefined;
  };
  for (const block of blocks) {
    if (block.kind === 'table') {
      end();
      parts.push(markdownTable(block.cells.map((row) => row.map(withoutHyphens))));
      continue;
    }
    if (paragraph !== undefined && endsBefore(paragraph, block)) end();
    if (paragraph === undefined) paragraph = { text: lineText(block), first: block, last: block, lines: 1 };
    else goOn(paragraph, block);
  }
  end();
  return parts.join('\n\n');
}

function endsBefore({ first, last }: Paragraph, next: LineBlock): boolean {
  const gap = next.top - last.bottom;
  const size = Math.max(next.size, last.size);
  if (gap > size * paragraphGapMin || gap < -2 * size || next.bold !== last.bold || Math.abs(next.size - last.size) > size * sameSize) return true;
  // Behind a list, at the edge of the text again.
  return itemStart.test(first.text) && !itemStart.test(next.text) && next.left < first.left - size * 0.5;
}

function goOn(paragraph: Paragraph, next: LineBlock): void {
  const text = lineText(next);
  paragraph.text = wasMeant(paragraph.last, next) && !paragraph.text.endsWith('\u00ad') ? `${paragraph.text}\n${text}` : joinLines(paragraph.text, text);
  paragraph.last = next;
  paragraph.lines += 1;
}

/** A line's end is meant when there was room for the next one's first word, or when that begins an item. */
function wasMeant(last: LineBlock, next: LineBlock): boolean {
  return last.right + next.firstWordWidth + last.size * 0.5 < last.columnRight || itemStart.test(next.text);
}

function lineText({ text }: LineBlock): string {
  return text.replace(bullet, '- ');
}

function finished(paragraph: Paragraph, sizes: LineSizes): string {
  const text = withoutHyphens(paragraph.text);
  const level = headingLevel(paragraph, text, sizes);
  return level === undefined ? text : `${'#'.repeat(Math.min(headingLevelsMax, level))} ${text.replace(/\s*\n\s*/g, ' ')}`;
}

/** By its size; among running text a line that is bold as a whole, and no sentence, is one of the lowest level. */
function headingLevel({ last, lines }: Paragraph, text: string, { body, headings }: LineSizes): number | undefined {
  if (text.length > headingCharsMax || !/\p{L}/u.test(text)) return undefined;
  if (last.size >= body * headingMin) return Math.max(1, headings.findIndex((size) => last.size >= size * (1 - sameSize)) + 1);
  const isLabel = last.bold && lines === 1 && last.size >= body * (1 - sameSize) && text.length <= boldHeadingCharsMax && !/[.,;:!?。，；：]$/u.test(text) && !itemStart.test(text.replace(/^\d+[.)]\s/, ''));
  return isLabel ? headings.length + 1 : undefined;
}

function withoutHyphens(text: string): string {
  return text.replace(/\u00ad$/gm, '-').replaceAll('\u00ad', '');
}
