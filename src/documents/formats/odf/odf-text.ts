import type { MarkdownWriter, ParagraphRole } from '../markdown-writer.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import { OdfLists } from './odf-lists.ts';
import type { OdfObject } from './odf-objects.ts';
import type { OdfStyle, OdfStyles } from './odf-styles.ts';

/** What the text of a document needs to be understood, and where it goes. */
export interface OdfContext {
  readonly writer: MarkdownWriter;
  readonly styles: OdfStyles;
  /** Equations and charts by the folder in which the document keeps them. */
  readonly objects: ReadonlyMap<string, OdfObject>;
  /** Counts the notes of a document, over all its parts. */
  readonly notes: { footnotes: number; comments: number };
}

interface Paragraph {
  readonly name: string;
  readonly style: string | undefined;
  readonly level: number;
  readonly label: string | undefined;
  readonly depth: number;
}

/** What is not text: deletions, forms, what indexes are made by, readings of characters, names of authors where they are met. */
const skipped = new Set([
  'text:tracked-changes', 'office:forms', 'office:scripts', 'text:script', 'text:ruby-text', 'text:note-citation', 'text:table-of-content-source', 'svg:title',
  'text:illustration-index-source', 'text:table-index-source', 'text:object-index-source', 'text:user-index-source', 'text:alphabetical-index-source',
  'text:bibliography-source', 'table:covered-table-cell', 'dc:date', 'meta:date-string', 'meta:creator-initials', 'text:hidden-text', 'office:event-listeners',
  'presentation:date-time', 'style:list-level-properties', 'table:table-template',
]);
const shapes = new Set(['draw:text-box', 'draw:custom-shape', 'draw:rect', 'draw:ellipse', 'draw:circle', 'draw:polygon', 'draw:path', 'draw:line', 'draw:connector', 'draw:caption']);
const blanksMax = 1_000;
const repeatsMax = 100;

/** Writes the text of an OpenDocument text, or of a page of a presentation (OpenDocument 1.3 part 3, 5 to 10). */
export class OdfText implements XmlHandler {
  readonly #context: OdfContext;
  readonly #writer: MarkdownWriter;
  readonly #lists: OdfLists[];
  readonly #paragraphs: Paragraph[] = [];
  readonly #spans: OdfStyle[] = [];
  /** For each shape that is open: whether it hangs in a paragraph. */
  readonly #asides: boolean[] = [];
  readonly #open: string[] = [];
  #skippedDepth = 0;
  #afterBlank = true;
  #isDescription = false;
  #isAuthor = false;

  constructor(context: OdfContext) {
    this.#context = context;
    this.#writer = context.writer;
    this.#lists = [new OdfLists(context.styles)];
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#skippedDepth > 0 || skipped.has(name)) {
      this.#skippedDepth += 1;
      return;
    }
    this.#open.push(name);
    if (!this.#openBlock(name, attributes)) this.#openInline(name, attributes);
  }

  close(name: string): void {
    if (this.#skippedDepth > 0) {
      this.#skippedDepth -= 1;
      return;
    }
    this.#open.pop();
    switch (name) {
      case 'text:p':
      case 'text:h': this.#endParagraph(); break;
      case 'text:list': this.#lists.at(-1)?.close(); break;
      case 'text:list-item': this.#lists.at(-1)?.closeItem(); break;
      case 'text:span': this.#spans.pop(); break;
      case 'text:a': this.#writer.closeLink(); break;
      case 'text:note':
      case 'office:annotation':
        this.#lists.pop();
        this.#writer.closeNote();
        this.#afterBlank = false;
        break;
      case 'dc:creator': this.#isAuthor = false; break;
      case 'svg:desc': this.#isDescription = false; break;
      case 'table:table-cell': this.#lists.pop(); this.#writer.closeCell(); break;
      case 'table:table': this.#writer.closeTable(); break;
      default: if (shapes.has(name)) this.#closeShape();
    }
  }

  text(text: string): void {
    if (this.#skippedDepth > 0) return;
    if (this.#isDescription) {
      if (text.trim() !== '') this.#write(`[image: ${text.trim()}]`);
      return;
    }
    if (this.#isAuthor) {
      this.#writer.text(`${text.trim()}: `);
      return;
    }
    if (this.#paragraphs.length === 0 || this.#isBetween) return;
    // Blanks collapse as in HTML (part 3, 6.1.2).
    const collapsed = text.replaceAll(/[ \t\r\n]+/g, ' ');
    const shown = this.#afterBlank && collapsed.startsWith(' ') ? collapsed.slice(1) : collapsed;
    if (shown === '') return;
    this.#afterBlank = shown.endsWith(' ');
    this.#write(shown);
  }

  /** Text between the parts of a drawing or a note within a paragraph is only how the file is laid out. */
  get #isBetween(): boolean {
    const name = this.#open.at(-1) ?? '';
    return name.startsWith('draw:') || name.startsWith('table:') || name.startsWith('office:') || name === 'text:note' || name === 'text:note-body' || name.startsWith('text:list');
  }

  #openBlock(name: string, attributes: XmlAttributes): boolean {
    const lists = this.#lists.at(-1);
    switch (name) {
      case 'text:p':
      case 'text:h': this.#beginParagraph(name, attributes); return true;
      case 'text:list': lists?.open(attributes); return true;
      case 'text:list-item': lists?.openItem(attributes); return true;
      case 'table:table': this.#writer.openTable(); return true;
      case 'table:table-row': this.#writer.openRow(); return true;
      case 'table:table-cell': {
        const repeats = Math.min(Number(attributes['table:number-columns-repeated'] ?? 1), repeatsMax);
        for (let repeat = 1; repeat < repeats; repeat++) {
          this.#writer.openCell();
          this.#writer.closeCell();
        }
        this.#writer.openCell({ columns: Number(attributes['table:number-columns-spanned'] ?? 1), rows: Number(attributes['table:number-rows-spanned'] ?? 1) });
        this.#lists.push(new OdfLists(this.#context.styles));
        return true;
      }
      case 'text:note': this.#openNote(String((this.#context.notes.footnotes += 1))); return true;
      case 'office:annotation': this.#openNote(`comment-${(this.#context.notes.comments += 1)}`); return true;
      case 'dc:creator': this.#isAuthor = this.#open.at(-2) === 'office:annotation'; return true;
      case 'draw:object': this.#writeObject(attributes['xlink:href'] ?? ''); return true;
      case 'svg:desc': this.#isDescription = true; return true;
      default:
        if (!shapes.has(name)) return false;
        this.#asides.push(this.#paragraphs.length > 0);
        if (this.#asides.at(-1) === true) this.#writer.openAside();
        return true;
    }
  }

  #openInline(name: string, attributes: XmlAttributes): void {
    switch (name) {
      case 'text:span': this.#spans.push(this.#context.styles.get('text', attributes['text:style-name'])); break;
      case 'text:a': if (attributes['xlink:href'] !== undefined) this.#writer.openLink(attributes['xlink:href']); break;
      case 'text:s':
        this.#write(' '.repeat(Math.min(Number(attributes['text:c'] ?? 1) || 1, blanksMax)));
        this.#afterBlank = false;
        break;
      case 'text:tab': this.#write('\t'); this.#afterBlank = false; break;
      case 'text:line-break': this.#write('\n'); this.#afterBlank = true; break;
    }
  }

  #write(text: string): void {
    if (this.#spans.some((span) => span.isHidden === true)) return;
    if (this.#spans.at(-1)?.isRaised === true) this.#writer.raised(text);
    else this.#writer.text(text);
  }

  #beginParagraph(name: string, attributes: XmlAttributes): void {
    const style = attributes['text:style-name'];
    const lists = this.#lists.at(-1);
    const level = Math.min(Math.max(Number(attributes['text:outline-level'] ?? 1) || 1, 1), 10);
    const due = lists?.takeLabel();
    const isNumbered = name === 'text:h' && attributes['text:is-list-header'] !== 'true';
    const label = isNumbered ? due || lists?.headingLabel(level) : due;
    this.#paragraphs.push({ name, style, level, label, depth: lists?.depth ?? -1 });
    this.#afterBlank = true;
    if (name === 'text:h' && label !== undefined && label !== '') this.#write(`${label} `);
  }

  #endParagraph(): void {
    const paragraph = this.#paragraphs.pop();
    if (paragraph === undefined) return;
    this.#writer.endParagraph(this.#roleOf(paragraph));
    this.#afterBlank = true;
  }

  #roleOf({ name, style, level, label, depth }: Paragraph): ParagraphRole {
    const { isTitle, isCode } = this.#context.styles.get('paragraph', style);
    if (name === 'text:h') return { kind: 'heading', level };
    if (isTitle === true) return { kind: 'heading', level: 1 };
    if (isCode === true) return { kind: 'code' };
    return label === undefined ? { kind: 'paragraph' } : { kind: 'item', depth: Math.max(0, depth), label };
  }

  #openNote(label: string): void {
    this.#writer.reference(label);
    this.#writer.openNote(label);
    this.#lists.push(new OdfLists(this.#context.styles));
  }

  #closeShape(): void {
    if (this.#asides.pop() === true) this.#writer.closeAside();
    else this.#writer.endParagraph();
  }

  #writeObject(href: string): void {
    const object = this.#context.objects.get(href.replace(/^\.\//, '').replace(/\/$/, ''));
    if (object === undefined) return;
    if (object.equation !== '') this.#write(object.equation);
    if (object.rows.length === 0) return;
    const isAside = this.#paragraphs.length > 0;
    if (isAside) this.#writer.openAside();
    if (object.title !== '') this.#writer.paragraph(object.title);
    this.#writer.table(object.rows);
    if (isAside) this.#writer.closeAside();
  }
}
