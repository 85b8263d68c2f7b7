import type { TableCell } from './markdown-table.ts';
import { layOutTable, markdownTable, withoutEmptyColumns } from './markdown-table.ts';

/** What a paragraph is. `depth` counts from 0; `label` is what stands before an item (`3.`, `(a)`), a bullet if there is none. */
export type ParagraphRole =
  | { readonly kind: 'paragraph' | 'code' | 'quote' }
  | { readonly kind: 'heading'; readonly level: number }
  | { readonly kind: 'item'; readonly depth: number; readonly label?: string };

type Block =
  | { readonly kind: 'paragraph' | 'code' | 'quote' | 'heading'; readonly text: string }
  | { readonly kind: 'item'; readonly text: string; readonly depth: number; readonly isNumbered: boolean }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] };

/** A run of blocks: the document, a cell, a note, what stands aside of a paragraph. */
interface Flow {
  readonly blocks: Block[];
  /** The paragraph that is open, in pieces: joined once, so that a long one with many links costs no more than its length. */
  inline: string[];
  isInked: boolean;
  link: { readonly url: string; readonly at: number } | undefined;
  /** Blocks that come after the paragraph in which they were met. */
  readonly aside: Block[];
}

interface OpenTable {
  readonly rows: { readonly cells: (TableCell & { readonly blocks: readonly Block[] })[] }[];
  span: { readonly columns: number; readonly rows: number };
}

const plain: ParagraphRole = { kind: 'paragraph' };
/** What one cell counts against the limit of the text: its own bar and blanks. */
const cellChars = 3;
const spanMax = 1_000;
const urlCharsMax = 2_000;
const depthShownMax = 20;

/**
 * Builds the Markdown of a document as its parts are met, in order. What a document says stays as it is: only what would break a table
 * is escaped, and emphasis is left out. It takes `charsMax` characters, and lets the rest fall.
 */
export class MarkdownWriter {
  readonly #charsMax: number;
  #charsLeft: number;
  readonly #flows: Flow[] = [newFlow()];
  readonly #tables: OpenTable[] = [];
  readonly #notes: string[] = [];
  readonly #noteLabels: string[] = [];

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
    this.#charsLeft = charsMax;
  }

  /** Nothing more is taken: a reader may stop. */
  get isFull(): boolean {
    return this.#charsLeft <= 0;
  }

  /** Whether anything stands in the paragraph that is open. */
  get isInParagraph(): boolean {
    return this.#flow.isInked;
  }

  /** Adds to the paragraph that is open. */
  text(text: string): void {
    if (text === '' || this.#charsLeft <= 0) return;
    const taken = text.length <= this.#charsLeft ? text : text.slice(0, this.#charsLeft);
    this.#charsLeft -= taken.length;
    this.#flow.inline.push(taken);
    if (!this.#flow.isInked && /\S/.test(taken)) this.#flow.isInked = true;
  }

  /** Adds what stands raised: digits get a `^`, or they would belong to the word or number before them. */
  raised(text: string): void {
    const before = this.#flow.inline.at(-1)?.at(-1) ?? '';
    this.text(/[\p{L}\p{N})]/u.test(before) && /^[-+−]?\d/.test(text) ? `^${text}` : text);
  }

  /** A mark that refers to a note with the same label. */
  reference(label: string): void {
    this.text(`[^${label}]`);
  }

  openLink(url: string): void {
    this.closeLink();
    this.#flow.link = { url, at: this.#flow.inline.length };
  }

  /** What stands between is a link if it leads out of the document; to a place within it, it stays as it is. */
  closeLink(): void {
    const flow = this.#flow;
    if (flow.link === undefined) return;
    const { url, at } = flow.link;
    flow.link = undefined;
    const shown = flow.inline.slice(at).join('');
    const bare = shown.trim();
    if (bare === '' || !isOutward(url) || bare === url || `mailto:${bare}` === url || bare.includes('](')) return;
    const start = shown.indexOf(bare);
    flow.inline.length = at;
    this.#charsLeft += shown.length;
    this.text(shown.slice(0, start));
    this.text(`[${bare}](${/[\s()<>]/.test(url) ? encodeURI(url).replaceAll('(', '%28').replaceAll(')', '%29') : url})`);
    this.text(shown.slice(start + bare.length));
  }

  /** Ends the paragraph that is open, whatever it turned out to be. An empty one leaves nothing. */
  endParagraph(role: ParagraphRole = plain): void {
    this.closeLink();
    const flow = this.#flow;
    const block = blockOf(flow.inline.join(''), role);
    flow.inline.length = 0;
    flow.isInked = false;
    if (block !== undefined) addBlock(flow.blocks, block);
    for (const aside of flow.aside) addBlock(flow.blocks, aside);
    flow.aside.length = 0;
  }

  /** A paragraph by itself. */
  paragraph(text: string, role: ParagraphRole = plain): void {
    this.endParagraph();
    this.text(text);
    this.endParagraph(role);
  }

  openTable(): void {
    this.endParagraph();
    this.#tables.push({ rows: [], span: { columns: 1, rows: 1 } });
  }

  openRow(): void {
    if (this.isFull) return;
    this.#charsLeft -= cellChars;
    this.#tables.at(-1)?.rows.push({ cells: [] });
  }

  openCell(span: { readonly columns?: number; readonly rows?: number } = {}): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    if (table.rows.length === 0) this.openRow();
    table.span = { columns: clampSpan(span.columns), rows: clampSpan(span.rows) };
    this.#flows.push(newFlow());
  }

  closeCell(): void {
    const table = this.#tables.at(-1);
    const blocks = this.#closeFlow();
    if (table === undefined || (this.isFull && blocks.length === 0)) return;
    this.#charsLeft -= cellChars;
    table.rows.at(-1)?.cells.push({ ...table.span, text: flatten(blocks), blocks });
  }

  closeTable(): void {
    const table = this.#tables.pop();
    if (table === undefined) return;
    const flow = this.#flow;
    const unrolled = blocksOfLayout(table);
    if (unrolled !== undefined) {
      for (const block of unrolled) addBlock(flow.blocks, block);
      return;
    }
    const rows = layOutTable(table.rows.map((row) => row.cells), Math.ceil(this.#charsMax / cellChars));
    if (rows.length > 0) addBlock(flow.blocks, { kind: 'table', rows });
  }

  /** A table that is known as a whole, of texts without structure; rows may differ in length. Sheets have millions of cells. */
  table(rows: readonly (readonly string[])[]): void {
    this.endParagraph();
    const taken: string[][] = [];
    for (const row of rows) {
      if (this.isFull) break;
      this.#charsLeft -= cellChars;
      const texts = row.map((text) => {
        const cell = text.trim().slice(0, Math.max(0, this.#charsLeft));
        this.#charsLeft -= cell.length + cellChars;
        return cell;
      });
      if (texts.some((text) => text !== '')) taken.push(texts);
    }
    const shown = withoutEmptyColumns(taken);
    const [only] = shown;
    if (shown.length === 1 && only?.length === 1) addBlock(this.#flow.blocks, { kind: 'paragraph', text: only[0] ?? '' });
    else if (shown.length > 0) {
      // Within a cell it will be lines of that cell; elsewhere it takes less room written out.
      const isInner = this.#flows.length > 1;
      addBlock(this.#flow.blocks, isInner ? { kind: 'table', rows: shown } : { kind: 'paragraph', text: markdownTable(shown) });
    }
  }

  /** What is written until `closeNote` stands at the end of the document, under its label. */
  openNote(label: string): void {
    this.#noteLabels.push(label);
    this.#flows.push(newFlow());
  }

  closeNote(): void {
    const label = this.#noteLabels.pop();
    if (label === undefined) return;
    const text = flatten(this.#closeFlow()).replaceAll('\n', ' ');
    if (text !== '') this.#notes.push(`[^${label}]: ${text}`);
  }

  /** What is written until `closeAside` comes after the paragraph that is open: text boxes hang in the middle of one. */
  openAside(): void {
    this.#flows.push(newFlow());
  }

  closeAside(): void {
    const blocks = this.#closeFlow();
    for (const block of blocks) this.#flow.aside.push(block);
  }

  /** All that was written, as Markdown. */
  finish(): { readonly text: string; readonly notes: readonly string[] } {
    while (this.#tables.length > 0) this.closeTable();
    while (this.#flows.length > 1) this.closeAside();
    this.endParagraph();
    const text = cleanText([render(this.#flow.blocks), ...this.#notes].filter((part) => part !== '').join('\n\n'));
    const isCut = this.isFull || text.length > this.#charsMax;
    return {
      text: isCut ? text.slice(0, this.#charsMax).toWellFormed() : text,
      notes: isCut ? [`The text is longer than ${this.#charsMax} characters and was cut there.`] : [],
    };
  }

  get #flow(): Flow {
    const flow = this.#flows.at(-1);
    if (flow === undefined) throw new Error('the document itself cannot be closed');
    return flow;
  }

  #closeFlow(): Block[] {
    this.endParagraph();
    return this.#flows.length > 1 ? (this.#flows.pop()?.blocks ?? []) : [];
  }
}

/** Lines of code that follow each other are one block; an empty line counts only within it. */
function addBlock(blocks: Block[], block: Block): void {
  const last = blocks.at(-1);
  if (block.kind === 'code' && last?.kind === 'code') blocks[blocks.length - 1] = { kind: 'code', text: `${last.text}\n${block.text}` };
  else if (block.kind !== 'code' || block.text.trim() !== '') blocks.push(block);
}

function newFlow(): Flow {
  return { blocks: [], inline: [], isInked: false, link: undefined, aside: [] };
}

function clampSpan(span: number | undefined): number {
  return span === undefined || !(span >= 1) ? 1 : Math.min(Math.trunc(span), spanMax);
}

/** Addresses that mean something to a reader; not `javascript:`, not places within the document. */
function isOutward(url: string): boolean {
  return url.length <= urlCharsMax && /^(?:https?|ftp|mailto|tel):/i.test(url);
}

function blockOf(inline: string, role: ParagraphRole): Block | undefined {
  if (role.kind === 'code') return { kind: 'code', text: inline };
  const text = inline.trim();
  if (text === '') return undefined;
  if (role.kind === 'heading') {
    return { kind: 'heading', text: `${'#'.repeat(Math.min(Math.max(role.level, 1), 6))} ${text.replaceAll('\n', ' ')}` };
  }
  if (role.kind !== 'item') return { kind: role.kind, text };
  const indent = '   '.repeat(Math.min(Math.max(role.depth, 0), depthShownMax));
  const label = role.label ?? '';
  const marker = label === '' ? '-' : /^\d{1,9}[.)]$/.test(label) ? label : `- ${label}`;
  return { kind: 'item', depth: role.depth, isNumbered: label !== '', text: `${indent}${marker} ${text.replaceAll('\n', `\n${indent}   `)}` };
}

/** Blocks of a table that only arranges what stands in it; undefined if it is a table of data. */
function blocksOfLayout(table: OpenTable): readonly Block[] | undefined {
  const filled = table.rows.map((row) => row.cells.filter((cell) => cell.blocks.length > 0)).filter((cells) => cells.length > 0);
  const isOneColumn = filled.every((cells) => cells.length === 1);
  const cells = filled.flat();
  const holdsStructure = cells.some((cell) => cell.blocks.some((block) => block.kind === 'heading' || block.kind === 'table'));
  const isLayout = cells.length === 1 || (holdsStructure && (isOneColumn || filled.length === 1));
  return isLayout ? cells.flatMap((cell) => cell.blocks) : undefined;
}

/** Blocks as one text, for a cell or a note; `\n` between what were lines. */
function flatten(blocks: readonly Block[]): string {
  return blocks.map((block) => {
    if (block.kind === 'table') return block.rows.map((row) => row.filter((text) => text !== '').join(' / ')).join('\n');
    return block.kind === 'heading' ? block.text.replace(/^#+ /, '') : block.text.trim();
  }).join('\n');
}

function render(blocks: readonly Block[]): string {
  const parts: string[] = [];
  let last: Block | undefined;
  for (const block of blocks) {
    if (last !== undefined) parts.push(isOneList(last, block) ? '\n' : '\n\n');
    parts.push(renderBlock(block));
    last = block;
  }
  return parts.join('');
}

/** Bullets and numbers at the outermost depth are two lists. */
function isOneList(last: Block, next: Block): boolean {
  if (last.kind !== 'item' || next.kind !== 'item') return false;
  return next.depth > 0 || last.depth > 0 || last.isNumbered === next.isNumbered;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case 'table':
      return markdownTable(block.rows);
    case 'code': {
      const fence = '`'.repeat(Math.max(3, longestRun(block.text, '`') + 1));
      return `${fence}\n${block.text.trimEnd()}\n${fence}`;
    }
    case 'quote':
      return `> ${block.text.replaceAll('\n', '\n> ')}`;
    default:
      return block.text;
  }
}

function longestRun(text: string, char: string): number {
  let longest = 0;
  let run = 0;
  for (const next of text) {
    run = next === char ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Without control characters, soft hyphens and halves of pairs; every kind of blank that is as wide as a blank is one. */
function cleanText(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u00ad\ufeff\ufffe\uffff]/g, '').replaceAll('\u00a0', ' ').toWellFormed();
}
