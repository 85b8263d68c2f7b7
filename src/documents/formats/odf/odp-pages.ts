import { MarkdownWriter } from '../markdown-writer.ts';
import { SlidePages } from '../slide-page.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import type { OdfContext } from './odf-text.ts';
import { OdfText } from './odf-text.ts';

/** One text of a page, by itself until the page has ended. */
interface Strand {
  readonly text: OdfText;
  readonly writer: MarkdownWriter;
}

/** Placeholders that pages repeat. */
const unwanted = new Set(['header', 'date-time', 'page-number', 'page']);

/** Writes the pages of an OpenDocument presentation, each under its title, with its notes. */
export class OdpPages implements XmlHandler {
  pageCount = 0;
  readonly #context: OdfContext;
  readonly #charsMax: number;
  readonly #pages: SlidePages;
  #page: Strand | undefined;
  #title: Strand | undefined;
  #notes: Strand | undefined;
  #footer: Strand | undefined;
  #isHidden = false;
  /** How deep within the frame or notes that what is met now belongs to. */
  #titleDepth = 0;
  #notesDepth = 0;
  #footerDepth = 0;
  #unwantedDepth = 0;

  constructor(context: OdfContext, charsMax: number) {
    this.#context = context;
    this.#pages = new SlidePages(context.writer);
    this.#charsMax = charsMax;
  }

  isDone(): boolean {
    return this.#context.writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (name === 'draw:page') {
      this.pageCount += 1;
      this.#isHidden = this.#context.styles.get('drawing-page', attributes['draw:style-name']).isHidden === true;
      [this.#page, this.#title, this.#notes, this.#footer] = [this.#strand(), this.#strand(), this.#strand(), this.#strand()];
      return;
    }
    const place = attributes['presentation:class'] ?? '';
    if (this.#unwantedDepth > 0 || name === 'draw:page-thumbnail' || (name === 'draw:frame' && unwanted.has(place))) {
      this.#unwantedDepth += 1;
      return;
    }
    if (this.#notesDepth > 0 || name === 'presentation:notes') this.#notesDepth += 1;
    else if (this.#titleDepth > 0 || (name === 'draw:frame' && place === 'title')) this.#titleDepth += 1;
    else if (this.#footerDepth > 0 || (name === 'draw:frame' && place === 'footer')) this.#footerDepth += 1;
    this.#current?.text.open(name, attributes);
  }

  close(name: string): void {
    if (name === 'draw:page') this.#endPage();
    else if (this.#unwantedDepth > 0) this.#unwantedDepth -= 1;
    else {
      this.#current?.text.close(name);
      if (this.#notesDepth > 0) this.#notesDepth -= 1;
      else if (this.#titleDepth > 0) this.#titleDepth -= 1;
      else if (this.#footerDepth > 0) this.#footerDepth -= 1;
    }
  }

  text(text: string): void {
    if (this.#unwantedDepth === 0) this.#current?.text.text(text);
  }

  get #current(): Strand | undefined {
    return this.#notesDepth > 0 ? this.#notes : this.#titleDepth > 0 ? this.#title : this.#footerDepth > 0 ? this.#footer : this.#page;
  }

  #strand(): Strand {
    const writer = new MarkdownWriter(this.#charsMax);
    return { writer, text: new OdfText({ ...this.#context, writer }) };
  }

  #endPage(): void {
    const said = (strand: Strand | undefined): string => strand?.writer.finish().text ?? '';
    this.#pages.write({
      number: this.pageCount, isHidden: this.#isHidden, title: said(this.#title), text: said(this.#page), footer: said(this.#footer), notes: said(this.#notes),
      comments: [],
    });
    this.#page = undefined;
  }
}
