import { DocxFields } from '../docx/docx-fields.ts';
import { FlatTables } from '../flat-tables.ts';
import type { MarkdownWriter, ParagraphRole } from '../markdown-writer.ts';
import { symbolOf } from '../ooxml/symbol-font.ts';
import type { DocFile } from './doc-file.ts';
import type { DocLists } from './doc-lists.ts';
import type { DocRun } from './doc-properties.ts';
import { docProperties, runAt } from './doc-properties.ts';
import type { DocStyles } from './doc-styles.ts';

/** What the text of a document needs to be understood. */
export interface DocContext {
  readonly file: DocFile;
  readonly styles: DocStyles;
  readonly lists: DocLists;
  readonly paragraphs: readonly DocRun[];
  readonly characters: readonly DocRun[];
  /** The labels of notes by the places in the text that refer to them. */
  readonly references: ReadonlyMap<number, string>;
}

/** Characters that are something else ([MS-DOC] 2.4.1). */
const cellMark = 0x07;
const fieldBegin = 0x13;
const fieldSeparator = 0x14;
const fieldEnd = 0x15;
const symbolMark = 0x28;

/** Writes stretches of a document's text. */
export class DocText {
  readonly #context: DocContext;
  readonly #writer: MarkdownWriter;
  readonly #fields = new DocxFields();
  readonly #tables: FlatTables;
  #line = '';
  #run: DocRun | undefined;
  /** The paragraph that is open, as its end says; found when its first character is met. */
  #paragraph: DocRun | undefined;
  #isBegun = false;
  #label: string | undefined;

  constructor(context: DocContext, writer: MarkdownWriter) {
    this.#context = context;
    this.#writer = writer;
    this.#tables = new FlatTables(writer);
  }

  /** Writes the characters from one place of the text to another. */
  write(start: number, end: number): void {
    for (const { text, offset, charBytes, at } of this.#context.file.stretches(start, end)) {
      for (let index = 0; index < text.length; index++) {
        if (this.#writer.isFull) return;
        this.#take(text.charCodeAt(index), offset + index * charBytes, at + index);
      }
    }
    this.#endParagraph(this.#roleOf());
    this.#tables.reach(0);
  }

  #take(code: number, offset: number, at: number): void {
    if (this.#run === undefined || offset < this.#run.start || offset >= this.#run.end) {
      this.#flush();
      this.#run = runAt(this.#context.characters, offset);
    }
    if (code === cellMark || code === 0x0d || code === 0x0c) {
      this.#endAt(code, offset);
      return;
    }
    if (!this.#isBegun) this.#beginParagraph(offset);
    const label = this.#context.references.get(at);
    if (label !== undefined) this.#put(`[^${label}]`);
    else if (code === fieldBegin || code === fieldSeparator || code === fieldEnd) this.#takeField(code);
    else if (code === symbolMark && this.#run?.properties.has(docProperties.symbol) === true) this.#put(this.#symbol());
    else this.#put(charOf(code));
  }

  #put(text: string): void {
    if (this.#fields.isInstruction) this.#fields.instruction(text);
    else if (!isOn(this.#run, docProperties.isHidden) && !isOn(this.#run, docProperties.isDeleted)) this.#line += text;
  }

  #takeField(code: number): void {
    this.#flush();
    if (code === fieldBegin) this.#fields.begin();
    else if (code === fieldSeparator) {
      const link = this.#fields.separate();
      if (link !== undefined && !this.#fields.isInstruction) this.#writer.openLink(link);
    } else if (this.#fields.end()) this.#writer.closeLink();
  }

  #flush(): void {
    if (this.#line === '') return;
    if (this.#label !== undefined && this.#roleOf().kind === 'heading') {
      this.#writer.text(`${this.#label} `);
      this.#label = undefined;
    }
    if (this.#run?.properties.get(docProperties.raised) === 1) this.#writer.raised(this.#line);
    else this.#writer.text(this.#line);
    this.#line = '';
  }

  #beginParagraph(offset: number): void {
    this.#isBegun = true;
    this.#paragraph = runAt(this.#context.paragraphs, offset);
    const depth = tableDepth(this.#paragraph);
    this.#tables.reach(depth);
    const use = this.#property(docProperties.listUse);
    if (use === undefined || use === 0 || use > 0x7fff) return;
    const label = this.#context.lists.nextLabel(use, this.#property(docProperties.listLevel) ?? 0);
    if (label !== undefined && (label !== '' || this.#roleOf().kind !== 'heading')) this.#label = label;
  }

  /** A paragraph ends, and perhaps a cell or a row with it. */
  #endAt(code: number, offset: number): void {
    if (!this.#isBegun) this.#beginParagraph(offset);
    this.#flush();
    const paragraph = this.#paragraph;
    const depth = tableDepth(paragraph);
    if (isOn(paragraph, docProperties.isRowEnd) || isOn(paragraph, docProperties.isInnerRowEnd)) {
      this.#endParagraph({ kind: 'paragraph' });
      this.#tables.endRow(depth);
      return;
    }
    this.#endParagraph(this.#roleOf());
    if (code === cellMark || isOn(paragraph, docProperties.isInnerCell)) this.#tables.endCell(Math.max(1, depth));
  }

  #endParagraph(role: ParagraphRole): void {
    this.#flush();
    this.#writer.endParagraph(role);
    this.#isBegun = false;
    this.#label = undefined;
    this.#paragraph = undefined;
  }

  #roleOf(): ParagraphRole {
    const role = this.#context.styles.role(this.#paragraph?.style ?? 0, this.#paragraph?.properties.get(docProperties.outline));
    if (role.kind === 'heading' || this.#label === undefined) return role;
    return { kind: 'item', depth: this.#property(docProperties.listLevel) ?? 0, label: this.#label };
  }

  #property(code: number): number | undefined {
    return this.#paragraph?.properties.get(code) ?? this.#context.styles.property(this.#paragraph?.style ?? 0, code);
  }

  /** The character of a symbol font; the font's number alone is kept, and most of them are Symbol or Wingdings. */
  #symbol(): string {
    const code = (this.#run?.properties.get(docProperties.symbol) ?? 0) >>> 16;
    return symbolOf('Wingdings', code) || symbolOf('Symbol', code);
  }
}

function isOn(run: DocRun | undefined, code: number): boolean {
  return (run?.properties.get(code) ?? 0) === 1;
}

function tableDepth(paragraph: DocRun | undefined): number {
  if (paragraph === undefined || !isOn(paragraph, docProperties.isInTable)) return 0;
  return Math.min(Math.max(1, paragraph.properties.get(docProperties.tableDepth) ?? 1), 20);
}

function charOf(code: number): string {
  switch (code) {
    case 0x09: return '\t';
    case 0x0b:
    case 0x0e: return '\n';
    case 0x1e: return '-';
    case 0xa0: return ' ';
    default: return code < 0x20 || (code >= 0xe000 && code <= 0xf8ff) ? '' : String.fromCharCode(code);
  }
}
