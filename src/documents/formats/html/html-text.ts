import type { MarkdownWriter, ParagraphRole } from '../markdown-writer.ts';
import { ordinalLabel } from '../ordinal-label.ts';
import type { Counting } from '../ordinal-label.ts';
import { MathmlText } from '../mathml-text.ts';
import type { HtmlAttributes, HtmlHandler } from './html-events.ts';

/** An element whose end matters. Of the others it is only known that they begin and end a line, or do not. */
interface OpenElement {
  readonly name: string;
  readonly role?: ParagraphRole;
  /** Of a list: how its items are counted, and how far. */
  readonly counting?: Counting;
  count: number;
}

/** Elements that are not shown, or hold no text for a reader. */
const unshown = new Set([
  'script', 'style', 'template', 'noscript', 'iframe', 'object', 'embed', 'applet', 'audio', 'video', 'canvas', 'annotation', 'annotation-xml', 'rt', 'rp',
  'datalist', 'noframes', 'noembed',
]);
const voids = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'param', 'source', 'track', 'wbr']);
const lines = new Set([
  'address', 'article', 'aside', 'body', 'center', 'details', 'dialog', 'dir', 'div', 'fieldset', 'figcaption', 'figure', 'footer', 'form', 'header', 'hgroup',
  'html', 'legend', 'main', 'nav', 'option', 'p', 'search', 'section', 'summary', 'text', 'desc', 'optgroup', 'tbody', 'thead', 'tfoot', 'head',
]);
const tracked = new Set([
  'ul', 'ol', 'menu', 'dl', 'li', 'dt', 'dd', 'table', 'tr', 'td', 'th', 'caption', 'pre', 'code', 'a', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'title',
  'ruby', 'svg', 'textarea', 'listing', 'xmp',
]);
const countings: Readonly<Record<string, Counting>> = { a: 'letter', A: 'letter-upper', i: 'roman', I: 'roman-upper' };
/** What an opening tag ends if it is still open, and what keeps it from looking further up. */
const ends: Readonly<Record<string, { readonly names: readonly string[]; readonly within: readonly string[] }>> = {
  li: { names: ['li'], within: ['ul', 'ol', 'menu', 'td', 'th'] },
  dt: { names: ['dt', 'dd'], within: ['dl', 'td', 'th'] },
  dd: { names: ['dt', 'dd'], within: ['dl', 'td', 'th'] },
  td: { names: ['td', 'th', 'caption'], within: ['table'] },
  th: { names: ['td', 'th', 'caption'], within: ['table'] },
  tr: { names: ['tr', 'caption'], within: ['table'] },
  a: { names: ['a'], within: ['td', 'th', 'li'] },
};
const titleCharsMax = 1_000;

/** Writes what a page shows, by the tags that say so; styles apart from an element's own are not looked at. */
export class HtmlText implements HtmlHandler {
  readonly #writer: MarkdownWriter;
  readonly #depthMax: number;
  readonly #open: OpenElement[] = [];
  /** How many of each name are open, so that a stray closing tag costs nothing. */
  readonly #openCounts = new Map<string, number>();
  /** Elements beyond the depth that is followed: their closing tags must not close others. */
  readonly #beyond = new Map<string, number>();
  readonly #roles: ParagraphRole[] = [{ kind: 'paragraph' }];
  #hidden: { readonly name: string; readonly inside: Map<string, number> } | undefined;
  #afterBlank = true;
  /** Between two paragraphs of one item: a line of it, if anything follows. */
  #isLineDue = false;
  #title = '';
  #isRaised = false;
  #math: MathmlText | undefined;

  constructor(writer: MarkdownWriter, depthMax: number) {
    this.#writer = writer;
    this.#depthMax = depthMax;
  }

  get title(): string {
    return this.#title.trim().replaceAll(/\s+/g, ' ');
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  /** The page has ended, whatever was left open. */
  finish(): void {
    while (this.#open.length > 0) this.#closeTop();
    this.#endParagraph();
  }

  open(name: string, attributes: HtmlAttributes, isClosed: boolean): void {
    if (this.#hidden !== undefined) {
      if (this.#hidden.name === 'p' && (name === 'p' || name === 'div' || name === 'table')) this.#hidden = undefined;
      else if (isClosed || voids.has(name)) return;
      else {
        this.#hidden.inside.set(name, (this.#hidden.inside.get(name) ?? 0) + 1);
        return;
      }
    }
    if (this.#math !== undefined || name === 'math') {
      this.#math ??= new MathmlText();
      this.#math.open(name, attributes);
      if (isClosed) this.#math.close(name);
      return;
    }
    if (name === 'br') this.#lineBreak();
    else if (name === 'img') this.#image(attributes);
    else if (name === 'hr') this.#endParagraph();
    else if (name === 'sup') this.#isRaised = true;
    if (voids.has(name)) return;
    if (unshown.has(name) || isHidden(name, attributes)) {
      if (!isClosed) this.#hidden = { name, inside: new Map() };
      return;
    }
    if (lines.has(name)) this.#endLine();
    else if (tracked.has(name)) {
      this.#closeImplied(name);
      this.#openTracked(name, attributes);
      if (isClosed) this.#closeNamed(name);
    }
  }

  close(name: string): void {
    if (this.#hidden !== undefined && !this.#endsHiding(name)) return;
    if (this.#math !== undefined) {
      this.#math.close(name);
      if (name === 'math') this.#endMath(this.#math.result);
      return;
    }
    if (name === 'sup') this.#isRaised = false;
    else if (name === 'br') this.#lineBreak();
    else if (lines.has(name)) this.#endLine();
    else if (tracked.has(name)) this.#closeNamed(name);
  }

  text(text: string): void {
    if (this.#hidden !== undefined || text === '') return;
    if (this.#math !== undefined) {
      this.#math.text(text);
      return;
    }
    const top = this.#open.at(-1)?.name;
    if (top === 'title') {
      if (!this.#openCounts.has('svg') && this.#title.length < titleCharsMax) this.#title += text;
      return;
    }
    const isRaw = this.#roles.at(-1)?.kind === 'code';
    const collapsed = isRaw ? text : text.replaceAll(/[ \t\n\r\f]+/g, ' ');
    if (isRaw) {
      this.#writer.text(collapsed);
      return;
    }
    const shown = this.#afterBlank && collapsed.startsWith(' ') ? collapsed.slice(1) : collapsed;
    if (shown === '') return;
    if (this.#isLineDue) {
      this.#isLineDue = false;
      this.#writer.text('\n');
    }
    this.#afterBlank = shown.endsWith(' ');
    if (this.#isRaised) this.#writer.raised(shown);
    else this.#writer.text(shown);
  }

  #endMath(equation: string): void {
    this.#math = undefined;
    this.text(equation);
  }

  /** Whether a closing tag is to be heeded: it is one from around what is hidden, which was never closed. */
  #endsHiding(name: string): boolean {
    const hidden = this.#hidden;
    if (hidden === undefined) return true;
    const inside = hidden.inside.get(name) ?? 0;
    if (inside > 0) hidden.inside.set(name, inside - 1);
    else if (name === hidden.name) this.#hidden = undefined;
    else if ((this.#openCounts.get(name) ?? 0) > 0) {
      this.#hidden = undefined;
      return true;
    }
    return false;
  }

  #openTracked(name: string, attributes: HtmlAttributes): void {
    if (this.#open.length >= this.#depthMax) {
      this.#beyond.set(name, (this.#beyond.get(name) ?? 0) + 1);
      return;
    }
    const role = this.#begin(name, attributes);
    if (role === undefined && (name === 'tr' || name === 'td' || name === 'th') && !this.#openCounts.has('table')) return;
    if (role !== undefined) this.#roles.push(role);
    const counting = name === 'ol' ? (countings[attributes['type'] ?? ''] ?? 'decimal') : undefined;
    this.#open.push({
      name, count: Number.parseInt(attributes['start'] ?? '1', 10) - 1 || 0, ...(role === undefined ? {} : { role }), ...(counting === undefined ? {} : { counting }),
    });
    this.#openCounts.set(name, (this.#openCounts.get(name) ?? 0) + 1);
  }

  /** What an element does to what is written; its role, if its paragraphs have one of their own. */
  #begin(name: string, attributes: HtmlAttributes): ParagraphRole | undefined {
    switch (name) {
      case 'a':
        if (attributes['href'] !== undefined) this.#writer.openLink(attributes['href']);
        // A number that leads to another place of the page is the mark of a note, raised or not.
        this.#isRaised ||= attributes['href']?.includes('#') === true;
        return undefined;
      case 'code': if (this.#roles.at(-1)?.kind !== 'code') this.#writer.text('`'); return undefined;
      case 'title':
      case 'ruby':
      case 'svg': return undefined;
      case 'table':
        this.#endParagraph();
        this.#writer.openTable();
        return undefined;
      case 'tr': if (this.#openCounts.has('table')) this.#writer.openRow(); return undefined;
      case 'td':
      case 'th':
        if (!this.#openCounts.has('table')) return undefined;
        this.#writer.openCell({ columns: Number.parseInt(attributes['colspan'] ?? '1', 10), rows: Number.parseInt(attributes['rowspan'] ?? '1', 10) });
        this.#afterBlank = true;
        return { kind: 'paragraph' };
      default:
        this.#endParagraph();
        return this.#roleOf(name, attributes);
    }
  }

  #roleOf(name: string, attributes: HtmlAttributes): ParagraphRole | undefined {
    if (/^h[1-6]$/.test(name)) return { kind: 'heading', level: Number(name[1]) };
    if (name === 'pre' || name === 'listing' || name === 'xmp') return { kind: 'code' };
    if (name === 'blockquote') return { kind: 'quote' };
    if (name !== 'li' && name !== 'dd') return undefined;
    const depth = Math.max(0, this.#listDepth - 1);
    const list = this.#open.findLast((element) => element.counting !== undefined || element.name === 'ul' || element.name === 'menu' || element.name === 'dl');
    if (name === 'dd' || list?.counting === undefined) return { kind: 'item', depth };
    list.count = attributes['value'] === undefined ? list.count + 1 : Number.parseInt(attributes['value'], 10) || 0;
    return { kind: 'item', depth, label: `${ordinalLabel(list.count, list.counting)}.` };
  }

  get #listDepth(): number {
    return ['ul', 'ol', 'menu', 'dl'].reduce((sum, name) => sum + (this.#openCounts.get(name) ?? 0), 0);
  }

  #closeImplied(name: string): void {
    const rule = ends[name];
    if (rule === undefined || !rule.names.some((ended) => this.#openCounts.has(ended))) return;
    const at = this.#open.findLastIndex((element) => rule.names.includes(element.name) || rule.within.includes(element.name));
    const found = this.#open[at];
    if (found === undefined || !rule.names.includes(found.name)) return;
    while (this.#open.length > at) this.#closeTop();
  }

  #closeNamed(name: string): void {
    const beyond = this.#beyond.get(name) ?? 0;
    if (beyond > 0) {
      this.#beyond.set(name, beyond - 1);
      return;
    }
    if (!this.#openCounts.has(name)) return;
    // A closing tag in a cell closes nothing around its table.
    const at = this.#open.findLastIndex((element) => element.name === name || (element.name === 'table' && name !== 'svg'));
    if (this.#open[at]?.name !== name) return;
    while (this.#open.length > at) this.#closeTop();
  }

  #closeTop(): void {
    const element = this.#open.pop();
    if (element === undefined) return;
    const left = (this.#openCounts.get(element.name) ?? 1) - 1;
    if (left === 0) this.#openCounts.delete(element.name);
    else this.#openCounts.set(element.name, left);
    switch (element.name) {
      case 'a': this.#writer.closeLink(); this.#isRaised = false; break;
      case 'code': if (this.#roles.at(-1)?.kind !== 'code') this.#writer.text('`'); break;
      case 'tr':
      case 'title':
      case 'ruby':
      case 'svg': break;
      default: this.#endParagraph();
    }
    if (element.role !== undefined) this.#roles.pop();
    if (element.name === 'td' || element.name === 'th') this.#writer.closeCell();
    else if (element.name === 'table') this.#writer.closeTable();
  }

  #image(attributes: HtmlAttributes): void {
    const description = attributes['alt']?.trim() ?? '';
    if (description !== '') this.text(`[image: ${description}]`);
  }

  #lineBreak(): void {
    this.#writer.text('\n');
    this.#afterBlank = true;
  }

  /** A paragraph ends, or a line of an item: what stands in it belongs to it. */
  #endLine(): void {
    const role = this.#roles.at(-1);
    if (role?.kind === 'code' || role?.kind === 'heading') return;
    if (role?.kind !== 'item') this.#endParagraph();
    else if (this.#writer.isInParagraph) this.#isLineDue = true;
    this.#afterBlank = true;
  }

  #endParagraph(): void {
    const role = this.#roles.at(-1) ?? { kind: 'paragraph' };
    this.#isLineDue = false;
    // An item has its mark once; what comes in it after a list or a table of its own are paragraphs.
    if (role.kind === 'item' && this.#writer.isInParagraph) this.#roles[this.#roles.length - 1] = { kind: 'paragraph' };
    this.#writer.endParagraph(role);
    this.#afterBlank = true;
  }
}

function isHidden(name: string, attributes: HtmlAttributes): boolean {
  if (attributes['hidden'] !== undefined && attributes['hidden'] !== 'false') return true;
  if (name === 'dialog' && attributes['open'] === undefined) return true;
  const style = attributes['style'];
  return style !== undefined && /(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)/i.test(style);
}
