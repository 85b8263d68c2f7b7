import type { ParagraphRole } from '../markdown-writer.ts';

/** A font of the document: how its bytes are read. */
export interface RtfFont {
  name: string;
  charset: number;
  codePage: number | undefined;
}

const entriesMax = 10_000;
const nameCharsMax = 200;

/** Fonts and styles of an RTF document, gathered while their tables are read. */
export class RtfStyleTable {
  readonly #fonts = new Map<number, RtfFont>();
  readonly #styles = new Map<number, { name: string; outline: number | undefined }>();
  #font: RtfFont | undefined;
  #style: { name: string; outline: number | undefined } | undefined;

  font(number: number): RtfFont | undefined {
    return this.#fonts.get(number);
  }

  beginFont(number: number): void {
    this.#font = { name: '', charset: 1, codePage: undefined };
    if (this.#fonts.size < entriesMax) this.#fonts.set(number, this.#font);
  }

  beginStyle(number: number): void {
    this.#style = { name: '', outline: undefined };
    if (this.#styles.size < entriesMax) this.#styles.set(number, this.#style);
  }

  /** A property of the font or style whose entry is being read. */
  property(word: string, value: number): void {
    if (word === 'fcharset' && this.#font !== undefined) this.#font.charset = value;
    else if (word === 'cpg' && this.#font !== undefined) this.#font.codePage = value;
    else if (word === 'outlinelevel' && this.#style !== undefined) this.#style.outline = value;
  }

  fontName(text: string): void {
    if (this.#font !== undefined && this.#font.name.length < nameCharsMax) this.#font.name += text.replaceAll(';', '');
  }

  styleName(text: string): void {
    if (this.#style !== undefined && this.#style.name.length < nameCharsMax) this.#style.name += text.replaceAll(';', '');
  }

  /** What the paragraphs of a style are; `outline` (from 0) is what the paragraph says itself. */
  role(style: number | undefined, outline: number | undefined): ParagraphRole {
    const entry = style === undefined ? undefined : this.#styles.get(style);
    const name = entry?.name.trim().toLowerCase() ?? '';
    const named = /^heading ([1-9])$/.exec(name)?.[1];
    const level = outline ?? entry?.outline ?? (named === undefined ? undefined : Number(named) - 1);
    if (level !== undefined && level >= 0 && level < 9) return { kind: 'heading', level: level + 1 };
    if (name === 'title') return { kind: 'heading', level: 1 };
    return { kind: ['source code', 'html preformatted', 'preformatted text', 'code'].includes(name) ? 'code' : 'paragraph' };
  }
}
