import type { MarkdownWriter, ParagraphRole } from '../markdown-writer.ts';
import type { DrawnPart } from '../ooxml/drawn-parts.ts';
import { MathText } from '../ooxml/math-text.ts';
import type { Relationship } from '../ooxml/ooxml-package.ts';
import type { Counting } from '../ordinal-label.ts';
import { ordinalLabel } from '../ordinal-label.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

/** What a slide's content needs to be understood, and where it goes. */
export interface SlideContext {
  readonly writer: MarkdownWriter;
  readonly relationships: ReadonlyMap<string, Relationship>;
  readonly drawn: ReadonlyMap<string, DrawnPart>;
  /** A page of speaker's notes: only what was written on it counts, not the slide that it shows. */
  readonly isNotes: boolean;
}

interface TextParagraph {
  level: number;
  bullet: 'none' | 'bullet' | 'number' | undefined;
  numbering: string;
  startAt: number;
}

/** ECMA-376 part 1, 20.1.10.61, without its endings. */
const countings: Readonly<Record<string, Counting>> = {
  arabic: 'decimal', alphaLc: 'letter', alphaUc: 'letter-upper', romanLc: 'roman', romanUc: 'roman-upper', ea1Chs: 'chinese', ea1Cht: 'chinese',
  circleNumDb: 'circled',
};
const bulleted = new Set(['', 'body', 'obj']);
const titles = new Set(['title', 'ctrTitle']);
/** What a slide repeats by itself. */
const unwanted = new Set(['dt', 'sldNum', 'hdr']);

/** Writes what a slide shows, in the order in which PowerPoint reads it aloud; its title is kept apart (ECMA-376 part 1, 19.3). */
export class SlideText implements XmlHandler {
  readonly #context: SlideContext;
  readonly #writer: MarkdownWriter;
  readonly #titleParts: string[] = [];
  readonly #counts: number[] = [];
  readonly #footerParts: string[] = [];
  #placeholder: string | undefined;
  #paragraph: TextParagraph = newParagraph();
  #isText = false;
  #skippedDepth = 0;
  #tableDepth = 0;
  #link: string | undefined;
  #math: MathText | undefined;

  constructor(context: SlideContext) {
    this.#context = context;
    this.#writer = context.writer;
  }

  /** Its first title, on one line; '' if it has none. */
  get title(): string {
    return this.#titleParts.join('').trim().replaceAll(/\s+/g, ' ');
  }

  /** What it says at its foot, like its neighbours. */
  get footer(): string {
    return this.#footerParts.join('').trim().replaceAll(/\s+/g, ' ');
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#skippedDepth > 0 || name === 'mc:Fallback') {
      this.#skippedDepth += 1;
      return;
    }
    if (name === 'm:oMath') this.#math ??= new MathText();
    this.#math?.open(name, attributes);
    switch (name) {
      case 'p:sp': this.#placeholder = undefined; this.#counts.length = 0; break;
      case 'p:ph': this.#placeholder = attributes['type'] ?? ''; break;
      case 'p:cNvPr': this.#describe(attributes['descr']); break;
      case 'a:p': this.#paragraph = newParagraph(); break;
      case 'a:pPr': this.#paragraph.level = Number(attributes['lvl'] ?? 0); break;
      case 'a:buNone': this.#paragraph.bullet = 'none'; break;
      case 'a:buChar':
      case 'a:buBlip': this.#paragraph.bullet = 'bullet'; break;
      case 'a:buAutoNum':
        this.#paragraph.bullet = 'number';
        this.#paragraph.numbering = attributes['type'] ?? '';
        this.#paragraph.startAt = Number(attributes['startAt'] ?? 1);
        break;
      case 'a:hlinkClick': this.#link = this.#addressOf(attributes['r:id']); break;
      case 'a:t':
        this.#isText = true;
        if (this.#link !== undefined && this.#place === 'text') this.#writer.openLink(this.#link);
        break;
      case 'a:br': this.#write('\n'); break;
      case 'a:tbl': this.#writer.openTable(); this.#tableDepth += 1; break;
      case 'a:tr': this.#writer.openRow(); break;
      case 'a:tc': this.#writer.openCell(); break;
      case 'c:chart': this.#context.drawn.get(attributes['r:id'] ?? '')?.(this.#writer); break;
      case 'dgm:relIds': this.#context.drawn.get(attributes['r:dm'] ?? '')?.(this.#writer); break;
    }
  }

  close(name: string): void {
    if (this.#skippedDepth > 0) {
      this.#skippedDepth -= 1;
      return;
    }
    this.#math?.close(name);
    switch (name) {
      case 'm:oMath': {
        const text = this.#math?.result ?? '';
        this.#math = undefined;
        this.#write(text);
        break;
      }
      case 'a:t': this.#isText = false; break;
      case 'a:r':
      case 'a:fld': this.#writer.closeLink(); this.#link = undefined; break;
      case 'a:p': this.#endParagraph(); break;
      case 'p:sp': this.#placeholder = undefined; break;
      case 'a:tc': this.#writer.closeCell(); break;
      case 'a:tbl': this.#writer.closeTable(); this.#tableDepth -= 1; break;
    }
  }

  text(text: string): void {
    if (this.#skippedDepth > 0) return;
    if (this.#math !== undefined) this.#math.text(text);
    else if (this.#isText) this.#write(text);
  }

  get #place(): 'text' | 'title' | 'footer' | 'nowhere' {
    const placeholder = this.#placeholder;
    if (this.#context.isNotes) return placeholder === 'body' ? 'text' : 'nowhere';
    if (placeholder === undefined || this.#tableDepth > 0) return 'text';
    return titles.has(placeholder) ? 'title' : placeholder === 'ftr' ? 'footer' : unwanted.has(placeholder) ? 'nowhere' : 'text';
  }

  #write(text: string): void {
    switch (this.#place) {
      case 'title': this.#titleParts.push(text.slice(0, 10_000)); break;
      case 'footer': this.#footerParts.push(text.slice(0, 10_000)); break;
      case 'text': this.#writer.text(text); break;
      case 'nowhere': break;
    }
  }

  #endParagraph(): void {
    if (this.#place === 'text') this.#writer.endParagraph(this.#role());
    else this.#write(' ');
  }

  #role(): ParagraphRole {
    const { level, bullet, numbering, startAt } = this.#paragraph;
    const depth = level >= 0 && level < 9 ? level : 0;
    if (bullet === 'number') {
      this.#counts.length = depth + 1;
      const count = (this.#counts[depth] = (this.#counts[depth] ?? startAt - 1) + 1);
      const style = /^(.*?)(Period|ParenR|ParenBoth|Plain|Minus)?$/.exec(numbering);
      const label = ordinalLabel(count, countings[style?.[1] ?? ''] ?? 'decimal');
      const ending = style?.[2];
      return { kind: 'item', depth, label: ending === 'ParenBoth' ? `(${label})` : label + (ending === 'ParenR' ? ')' : ending === 'Plain' ? '' : '.') };
    }
    this.#counts.length = Math.min(this.#counts.length, depth);
    const isBulleted = bullet === 'bullet' || (bullet === undefined && this.#tableDepth === 0 && !this.#context.isNotes && bulleted.has(this.#placeholder ?? 'none'));
    return isBulleted ? { kind: 'item', depth } : { kind: 'paragraph' };
  }

  #describe(description: string | undefined): void {
    const text = description?.trim() ?? '';
    if (text !== '' && !this.#context.isNotes) this.#writer.paragraph(`[image: ${text}]`);
  }

  #addressOf(id: string | undefined): string | undefined {
    const target = this.#context.relationships.get(id ?? '');
    return target?.isExternal === true ? target.target : undefined;
  }
}

function newParagraph(): TextParagraph {
  return { level: 0, bullet: undefined, numbering: '', startAt: 1 };
}
