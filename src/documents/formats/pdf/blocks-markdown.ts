import { markdownTable } from '../markdown-table.ts';
import type { LineBlock, PageBlock } from './page-blocks.ts';
import { joint } from './pdf-word.ts';

/** The heights of a document's lines, from which headings stand out. */
export interface LineHeights {
  /** Of running text. */
  readonly body: number;
  /** Of headings, the largest first. */
  readonly headings: readonly number[];
}

/** Larger than running text by so much. */
const headingMin = 1.15;
const headingCharsMax = 200;
const headingLevelsMax = 4;
/** Heights that differ by less are one: fonts round. */
const sameHeight = 0.06;
/** A gap between lines of more than so many heights ends a paragraph. */
const paragraphGapMin = 0.55;

const bullet = /^[•◦▪▫‣●○■□]\s*/u;
const itemStart = /^(?:[-*–—•◦▪▫‣●○■□]\s|\(?\d{1,3}[.)]\s|\(?\p{L}[.)]\s|\[\d{1,3}\]\s?)/u;

/** What headings and running text measure, over all lines of a document. */
export function lineHeights(pages: readonly (readonly PageBlock[])[]): LineHeights {
  const chars = new Map<number, number>();
  for (const block of pages.flat()) if (block.kind === 'line') chars.set(block.height, (chars.get(block.height) ?? 0) + block.text.length);
  const body = [...chars].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
  const larger = [...chars.keys()].filter((height) => height >= body * headingMin).sort((a, b) => b - a);
  const headings = larger.filter((height, at) => at === 0 || height < (larger[at - 1] ?? 0) * (1 - sameHeight));
  return { body, headings };
}

/** The lines and tables of a page as Markdown. */
export function blocksMarkdown(blocks: readonly PageBlock[], heights: LineHeights): string {
  const parts: string[] = [];
  let paragraph = '';
  let last: LineBlock | undefined;
  const end = (): void => {
    if (paragraph.trim() !== '') parts.push(finished(paragraph, last, heights));
    paragraph = '';
    last = undefined;
  };
  for (const block of blocks) {
    if (block.kind === 'table') {
      end();
      parts.push(markdownTable(block.cells.map((row) => row.map(withoutHyphens))));
      continue;
    }
    if (last !== undefined && endsBefore(last, block)) end();
    paragraph = last === undefined ? lineText(block) : continued(paragraph, last, block);
    last = block;
  }
  end();
  return parts.join('\n\n');
}

function endsBefore(last: LineBlock, next: LineBlock): boolean {
  const gap = next.top - last.bottom;
  const other = Math.abs(next.height - last.height) > Math.max(next.height, last.height) * sameHeight;
  // Behind a list, at the edge of the text again.
  if (wasMeant(last, next) && !itemStart.test(next.text) && next.left < last.left - last.height * 0.5) return true;
  return gap > Math.max(next.height, last.height) * paragraphGapMin || gap < -last.height || other || next.bold !== last.bold;
}

/** A line's end is meant when there was room for the next one's first word, or when that begins an item. */
function wasMeant(last: LineBlock, next: LineBlock): boolean {
  return last.right + next.firstWordWidth + last.height * 0.4 < last.columnRight || itemStart.test(next.text);
}

function continued(paragraph: string, last: LineBlock, next: LineBlock): string {
  const text = lineText(next);
  const meant = wasMeant(last, next);
  if (/\u00ad$/.test(paragraph)) return paragraph.slice(0, -1) + text;
  if (meant) return `${paragraph}\n${text}`;
  // PDFium marks most hyphens of syllables itself; these are of fonts whose hyphen it does not know.
  if (/\p{Ll}[-\u2010]$/u.test(paragraph) && /^\p{Ll}/u.test(text) && last.right > last.columnRight - last.height) return paragraph.slice(0, -1) + text;
  return paragraph + joint(paragraph, text) + text;
}

function lineText({ text }: LineBlock): string {
  return text.replace(bullet, '- ');
}

function finished(paragraph: string, last: LineBlock | undefined, { body, headings }: LineHeights): string {
  const text = withoutHyphens(paragraph);
  if (last === undefined || last.height < body * headingMin || text.length > headingCharsMax || !/[\p{L}\d]/u.test(text)) return text;
  const level = headings.findIndex((height) => last.height >= height * (1 - sameHeight)) + 1;
  return `${'#'.repeat(Math.min(headingLevelsMax, Math.max(1, level)))} ${text.replace(/\s*\n\s*/g, ' ')}`;
}

function withoutHyphens(text: string): string {
  return text.replace(/\u00ad$/gm, '-').replaceAll('\u00ad', '');
}
