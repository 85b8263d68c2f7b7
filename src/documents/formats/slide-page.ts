import type { MarkdownWriter } from './markdown-writer.ts';

/** One slide of a presentation, its parts as Markdown. */
export interface SlidePage {
  /** From 1. */
  readonly number: number;
  readonly isHidden: boolean;
  /** '' if no shape of the slide is one for a title. */
  readonly title: string;
  readonly text: string;
  readonly footer: string;
  readonly notes: string;
  readonly comments: readonly string[];
}

const titleCharsMax = 120;

/** Writes the slides of a presentation, each under its title; a footer that slides repeat is written once. */
export class SlidePages {
  readonly #writer: MarkdownWriter;
  readonly #footers = new Set<string>();

  constructor(writer: MarkdownWriter) {
    this.#writer = writer;
  }

  /** The number stands before the title, where it is no word of the slide. */
  write(slide: SlidePage): void {
    const writer = this.#writer;
    const { title, text } = slide.title === '' ? titleFromText(slide.text, slide.number) : slide;
    writer.paragraph(`<!-- slide ${slide.number}${slide.isHidden ? ', hidden' : ''} -->`);
    writer.paragraph(title.replaceAll(/\s+/g, ' '), { kind: 'heading', level: 1 });
    writer.paragraph(text);
    if (slide.footer !== '' && !this.#footers.has(slide.footer)) {
      this.#footers.add(slide.footer);
      writer.paragraph(slide.footer);
    }
    if (slide.notes !== '') writer.paragraph(`Notes: ${slide.notes}`);
    for (const comment of slide.comments) writer.paragraph(`Comment: ${comment}`);
  }
}

/** Where no shape is one for a title, a short line at the beginning is it: many programs draw titles as boxes. */
function titleFromText(text: string, number: number): { readonly title: string; readonly text: string } {
  const end = text.indexOf('\n\n');
  const first = end === -1 ? text : text.slice(0, end);
  const isTitle = first !== '' && first.length <= titleCharsMax && !first.includes('\n') && !/^(?:[-|#<>![]|\d{1,9}[.)] )/.test(first);
  return isTitle ? { title: first, text: end === -1 ? '' : text.slice(end) } : { title: `Slide ${number}`, text };
}
