import type { PdfPage } from './pdf-document.ts';
import type { Native } from './pdfium.ts';
import { type PdfSpan, type PdfWord, spanOf } from './pdf-word.ts';

/** The text of a page, in the order in which the file has it. */
export interface PageSpans {
  readonly spans: readonly PdfSpan[];
  /** Text that runs upwards, downwards or across, such as a stamp on the margin. */
  readonly turned: string;
}

/** Beyond this the rest of a page is left out: a page of a book has three thousand. */
const charsMax = 400_000;
/** Parts of the line's height. */
const spanGapMax = 0.9;
const wordGapMax = 0.3;
const backwardMax = 0.6;

/** PDFium writes matrices of six floats and boxes of four into it, and behind them flags and the name of a font. */
const flagsAt = 24;
const nameAt = 32;
const nameBytesMax = 128;
const roomBytes = nameAt + nameBytesMax;
/** Characters that are looked at to see which way a page's text runs. */
const turnSamples = 64;

interface Glyph {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Reads a page's characters with their places, and joins them to words and spans. */
export function pageSpans(page: PdfPage): PageSpans {
  const { pdfium } = page;
  const textPage = pdfium.call('FPDFText_LoadPage', page.handle);
  if (textPage === 0) return { spans: [], turned: '' };
  const room = pdfium.allocate(roomBytes);
  try {
    page.turnedBy(usualTurn(page, textPage));
    return new SpanBuilder(page, textPage, room).build();
  } finally {
    pdfium.free(room);
    pdfium.call('FPDFText_ClosePage', textPage);
  }
}

/** By how many quarters to the right most of the text must be turned to be upright: pages are turned for the screen, and are not. */
function usualTurn({ pdfium }: PdfPage, textPage: number): number {
  const count = pdfium.call('FPDFText_CountChars', textPage);
  const turns = [0, 0, 0, 0];
  for (let index = 0; index < count; index += Math.max(1, Math.floor(count / turnSamples))) {
    const quarters = quartersOf(pdfium.call('FPDFText_GetCharAngle', textPage, index));
    const at = (4 - Math.round(quarters)) % 4;
    turns[at] = (turns[at] ?? 0) + 1;
  }
  return turns.indexOf(Math.max(...turns));
}

/** An angle in radians as quarters of a circle, from 0 up to 4. */
function quartersOf(radians: number): number {
  const quarters = (radians / (Math.PI / 2)) % 4;
  return quarters < 0 ? quarters + 4 : quarters;
}

class SpanBuilder {
  readonly #page: PdfPage;
  readonly #textPage: number;
  readonly #room: number;
  readonly #unicode: Native;
  readonly #objectOf: Native;
  readonly #looseBox: Native;
  readonly #spans: PdfSpan[] = [];
  #words: PdfWord[] = [];
  #glyphs: Glyph[] = [];
  #spaced = true;
  #turned = '';
  #object = -1;
  #upright = true;
  #bold = false;
  #size = 0;

  constructor(page: PdfPage, textPage: number, room: number) {
    this.#page = page;
    this.#textPage = textPage;
    this.#room = room;
    this.#unicode = page.pdfium.bind('FPDFText_GetUnicode');
    this.#objectOf = page.pdfium.bind('FPDFText_GetTextObject');
    this.#looseBox = page.pdfium.bind('FPDFText_GetLooseCharBox');
  }

  build(): PageSpans {
    const count = Math.min(charsMax, this.#page.pdfium.call('FPDFText_CountChars', this.#textPage));
    let high = 0;
    for (let index = 0; index < count; index += 1) {
      const point = this.#unicode(this.#textPage, index);
      // Beyond the first plane it may tell two halves, each as a character.
      if (point >= 0xd800 && point < 0xdc00) {
        high = point;
        continue;
      }
      const text = high === 0 ? textOfPoint(point) : String.fromCharCode(high, point);
      high = 0;
      this.#take(index, text);
    }
    this.#endSpan();
    return { spans: this.#spans, turned: this.#turned.trim() };
  }

  #take(index: number, text: string): void {
    if (text === '\n') {
      this.#endSpan();
      if (!this.#upright) this.#turned += '\n';
      return;
    }
    if (text === ' ') {
      this.#endWord();
      this.#spaced = true;
      if (!this.#upright) this.#turned += ' ';
      return;
    }
    if (text === '') return;
    this.#look(index);
    if (!this.#upright) {
      this.#endSpan();
      this.#turned += text;
      return;
    }
    const glyph = this.#glyph(index, text);
    if (glyph !== undefined) this.#place(glyph);
  }

  /** What is the same for all characters of a text object is asked once. */
  #look(index: number): void {
    const object = this.#objectOf(this.#textPage, index);
    if (object === this.#object) return;
    this.#object = object;
    const { pdfium } = this.#page;
    const off = (quartersOf(pdfium.call('FPDFText_GetCharAngle', this.#textPage, index)) + this.#page.turns) % 4;
    this.#upright = off < 0.15 || off > 3.85;
    const bold = pdfium.call('FPDFText_GetFontWeight', this.#textPage, index) >= 600 || /bold|black|heavy/i.test(this.#fontName(index));
    if (bold !== this.#bold) this.#endWord();
    this.#bold = bold;
    this.#size = this.#sizeOf(index);
  }

  /** Fonts that are not in the file state no weight, but have it in their name. */
  #fontName(index: number): string {
    const { pdfium } = this.#page;
    const length = pdfium.call('FPDFText_GetFontInfo', this.#textPage, index, this.#room + nameAt, nameBytesMax, this.#room + flagsAt);
    return length === 0 || length > nameBytesMax ? '' : Buffer.from(pdfium.bytesAt(this.#room + nameAt, length)).toString('latin1');
  }

  /** The size that the font is asked for, times what the text is stretched by. */
  #sizeOf(index: number): number {
    const { pdfium } = this.#page;
    if (pdfium.call('FPDFText_GetMatrix', this.#textPage, index, this.#room) === 0) return 0;
    const view = pdfium.view();
    return pdfium.call('FPDFText_GetFontSize', this.#textPage, index) * Math.hypot(view.getFloat32(this.#room + 8, true), view.getFloat32(this.#room + 12, true));
  }

  #glyph(index: number, text: string): Glyph | undefined {
    if (this.#looseBox(this.#textPage, index, this.#room) === 0) return undefined;
    const view = this.#page.pdfium.view();
    // FS_RECTF: left, top, right, bottom, from the page's lower left corner.
    const [left, top, right, bottom] = [0, 4, 8, 12].map((at) => view.getFloat32(this.#room + at, true)) as [number, number, number, number];
    return { text, ...this.#page.asSeen({ left, top, right, bottom }) };
  }

  #place(glyph: Glyph): void {
    const last = this.#glyphs.at(-1) ?? this.#words.at(-1);
    if (last !== undefined) {
      const height = Math.max(1, Math.min(last.bottom - last.top, glyph.bottom - glyph.top));
      const shared = Math.min(last.bottom, glyph.bottom) - Math.max(last.top, glyph.top);
      const gap = glyph.left - last.right;
      // The letters of a ligature have its box, each of them.
      if (shared < height * 0.4 || gap > height * spanGapMax || (gap < -height * backwardMax && glyph.left < last.left)) this.#endSpan();
      else if (gap > height * wordGapMax && this.#glyphs.length > 0) {
        this.#endWord();
        this.#spaced = true;
      }
    }
    this.#glyphs.push(glyph);
  }

  #endWord(): void {
    if (this.#glyphs.length === 0) return;
    let text = '';
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const glyph of this.#glyphs) {
      text += glyph.text;
      left = Math.min(left, glyph.left);
      right = Math.max(right, glyph.right);
      top = Math.min(top, glyph.top);
      bottom = Math.max(bottom, glyph.bottom);
    }
    this.#words.push({ text, left, right, top, bottom, size: plausible(this.#size, bottom - top), bold: this.#bold, spaced: this.#spaced });
    this.#glyphs = [];
    this.#spaced = false;
  }

  #endSpan(): void {
    this.#endWord();
    this.#spaced = true;
    if (this.#words.length === 0) return;
    this.#spans.push(spanOf(this.#words));
    this.#words = [];
  }
}

/** Fonts that say nothing of use about themselves are measured by their boxes. */
function plausible(size: number, boxHeight: number): number {
  return size > boxHeight * 0.4 && size < boxHeight * 1.6 ? size : boxHeight / 1.2;
}

/** PDFium tells a hyphen that it takes for one of syllables as U+0002, and what it cannot map as 0 or U+FFFE. */
function textOfPoint(point: number): string {
  if (point === 0x0d || point === 0x0a || point === 0x2028 || point === 0x2029) return '\n';
  if (point === 0x02 || point === 0xad) return '\u00ad';
  if (point === 0x20 || point === 0xa0 || point === 0x09 || point === 0x3000 || (point >= 0x2000 && point <= 0x200a)) return ' ';
  if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point === 0xfffe || point === 0xffff || point === 0xfeff || point === 0x200b || point > 0x10_ffff) return '';
  // Where symbol fonts have their bullets.
  if (point === 0xf0b7 || point === 0xf0a7 || point === 0xf0a8) return '•';
  return String.fromCodePoint(point);
}
