import type { MarkdownWriter, ParagraphRole } from '../markdown-writer.ts';
import { MathText } from '../ooxml/math-text.ts';
import type { Relationship } from '../ooxml/ooxml-package.ts';
import type { DrawnPart } from '../ooxml/drawn-parts.ts';
import { symbolOf } from '../ooxml/symbol-font.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import { DocxFields } from './docx-fields.ts';
import type { DocxNotes } from './docx-notes.ts';
import type { DocxNumbering } from './docx-numbering.ts';
import type { DocxStyles } from './docx-styles.ts';
import { isOn } from './docx-styles.ts';

/** What the text of a part needs to be understood. */
export interface DocxContext {
  readonly writer: MarkdownWriter;
  readonly styles: DocxStyles;
  readonly numbering: DocxNumbering;
  readonly notes: DocxNotes;
  readonly relationships: ReadonlyMap<string, Relationship>;
  /** Charts, SmartArt and embedded documents, by the ids by which the part shows them. */
  readonly drawn: ReadonlyMap<string, DrawnPart>;
}

/** A paragraph that is open: they nest, by text boxes. */
interface Paragraph {
  style: string | undefined;
  outline: number | undefined;
  numberingId: string | undefined;
  level: number | undefined;
  /** Its end was deleted in a tracked change: it goes on in the next one. */
  isJoined: boolean;
  label: string | undefined;
  isBegun: boolean;
}

interface Run {
  isHidden: boolean;
  isRaised: boolean;
  font: string;
}

/** What is not text, or was text once: deletions, the formatting before a change, what stands in for newer content, readings of characters. */
const skipped = new Set([
  'w:del', 'w:moveFrom', 'w:pPrChange', 'w:rPrChange', 'w:tblPrChange', 'w:trPrChange', 'w:tcPrChange', 'w:sectPrChange', 'w:tblGridChange',
  'w:tabs', 'mc:Fallback', 'w:rt', 'w:pBdr',
]);

/** Writes what a part of a Word document says: its body, a header, or a note (ECMA-376 part 1, 17). */
export class DocxText implements XmlHandler {
  readonly #context: DocxContext;
  readonly #writer: MarkdownWriter;
  readonly #fields = new DocxFields();
  readonly #paragraphs: Paragraph[] = [];
  readonly #runs: Run[] = [];
  readonly #open: string[] = [];
  #skippedDepth = 0;
  #math: MathText | undefined;
  #textKind: 'text' | 'instruction' | undefined;
  #cell: { columns: number } | undefined;
  #isPlaceholder = false;
  readonly #placeholders: boolean[] = [];

  constructor(context: DocxContext) {
    this.#context = context;
    this.#writer = context.writer;
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    const parent = this.#open.at(-1);
    this.#open.push(name);
    if (this.#skippedDepth > 0) {
      this.#skippedDepth += 1;
      return;
    }
    if (this.#math !== undefined) this.#math.open(name, attributes);
    if (name === 'm:oMath' && this.#math === undefined) this.#math = new MathText();
    if (name === 'w:del' && parent === 'w:rPr') {
      const paragraph = this.#paragraphs.at(-1);
      if (paragraph !== undefined && this.#open.at(-3) === 'w:pPr') paragraph.isJoined = true;
    }
    if (skipped.has(name)) {
      this.#skippedDepth = 1;
      return;
    }
    if (this.#openStructure(name, attributes) || this.#openProperty(name, attributes, parent)) return;
    if (this.#runs.length > 0 && parent === 'w:r') this.#openInRun(name, attributes);
    else this.#openAround(name, attributes);
  }

  close(name: string): void {
    this.#open.pop();
    if (this.#skippedDepth > 0) {
      this.#skippedDepth -= 1;
      return;
    }
    if (this.#math !== undefined) {
      this.#math.close(name);
      if (name === 'm:oMath') {
        const text = this.#math.result;
        this.#math = undefined;
        this.#write(text);
      }
    }
    switch (name) {
      case 'w:p': this.#endParagraph(); break;
      case 'w:pPr': this.#beginParagraph(); break;
      case 'w:r': this.#runs.pop(); break;
      case 'w:t':
      case 'w:instrText': this.#textKind = undefined; break;
      case 'w:hyperlink': this.#writer.closeLink(); break;
      case 'w:txbxContent': this.#writer.closeAside(); break;
      case 'w:tbl': this.#writer.closeTable(); break;
      case 'w:tc': this.#beginCell(); this.#writer.closeCell(); break;
      case 'w:tcPr': this.#beginCell(); break;
      case 'w:sdt': this.#isPlaceholder = this.#placeholders.pop() ?? false; break;
    }
  }

  text(text: string): void {
    if (this.#skippedDepth > 0) return;
    if (this.#math !== undefined) this.#math.text(text);
    else if (this.#textKind === 'instruction') this.#fields.instruction(text);
    else if (this.#textKind === 'text') this.#write(mapSymbols(text, this.#runs.at(-1)?.font ?? ''));
  }

  #openStructure(name: string, attributes: XmlAttributes): boolean {
    switch (name) {
      case 'w:p':
        this.#beginCell();
        this.#paragraphs.push({
          style: undefined, outline: undefined, numberingId: undefined, level: undefined, isJoined: false, label: undefined, isBegun: false,
        });
        return true;
      case 'w:r': this.#runs.push({ isHidden: false, isRaised: false, font: '' }); return true;
      case 'w:tbl': this.#beginCell(); this.#writer.openTable(); return true;
      case 'w:tr': this.#writer.openRow(); return true;
      case 'w:tc': this.#cell = { columns: 1 }; return true;
      case 'w:txbxContent': this.#writer.openAside(); return true;
      case 'w:sdt':
        this.#placeholders.push(this.#isPlaceholder);
        return true;
      case 'w:showingPlcHdr': if (isOn(attributes['w:val'])) this.#isPlaceholder = true; return true;
      default: return false;
    }
  }

  #openProperty(name: string, attributes: XmlAttributes, parent: string | undefined): boolean {
    const value = attributes['w:val'];
    const paragraph = this.#paragraphs.at(-1);
    const run = this.#runs.at(-1);
    switch (name) {
      case 'w:pStyle': if (paragraph !== undefined) paragraph.style = value; return true;
      case 'w:ilvl': if (paragraph !== undefined) paragraph.level = Number(value); return true;
      case 'w:numId': if (paragraph !== undefined) paragraph.numberingId = value; return true;
      case 'w:outlineLvl': if (paragraph !== undefined) paragraph.outline = Number(value); return true;
      case 'w:rStyle': if (run !== undefined && this.#context.styles.get(value).isHidden === true) run.isHidden = true; return true;
      case 'w:vanish': if (run !== undefined && this.#open.at(-3) === 'w:r') run.isHidden = isOn(value); return true;
      case 'w:vertAlign': if (run !== undefined && parent === 'w:rPr') run.isRaised = value === 'superscript'; return true;
      case 'w:rFonts':
        if (run !== undefined && parent === 'w:rPr') run.font = attributes['w:ascii'] ?? attributes['w:hAnsi'] ?? '';
        return true;
      case 'w:gridSpan': if (this.#cell !== undefined) this.#cell.columns = Number(value); return true;
      default: return false;
    }
  }

  #openInRun(name: string, attributes: XmlAttributes): void {
    switch (name) {
      case 'w:t': this.#textKind = 'text'; break;
      case 'w:instrText': this.#textKind = 'instruction'; break;
      case 'w:tab':
      case 'w:ptab': this.#write('\t'); break;
      case 'w:br':
      case 'w:cr': this.#write('\n'); break;
      case 'w:noBreakHyphen': this.#write('-'); break;
      case 'w:sym': this.#write(symbolOf(attributes['w:font'] ?? '', Number.parseInt(attributes['w:char'] ?? '', 16))); break;
      case 'w:fldChar': this.#fieldMark(attributes['w:fldCharType']); break;
      case 'w:footnoteReference':
      case 'w:endnoteReference':
        this.#refer(this.#context.notes.label(name === 'w:footnoteReference' ? 'footnotes' : 'endnotes', attributes['w:id'] ?? ''));
        break;
      case 'w:commentReference': this.#refer(this.#context.notes.label('comments', attributes['w:id'] ?? '')); break;
    }
  }

  /** What stands around runs, or deep within drawings. */
  #openAround(name: string, attributes: XmlAttributes): void {
    switch (name) {
      case 'w:hyperlink': {
        const target = this.#context.relationships.get(attributes['r:id'] ?? '');
        if (target?.isExternal === true) this.#writer.openLink(target.target);
        break;
      }
      case 'w:t': this.#textKind = 'text'; break;
      case 'wp:docPr': {
        const description = attributes['descr']?.trim() ?? '';
        if (description !== '') this.#write(`[image: ${description}]`);
        break;
      }
      case 'c:chart':
      case 'dgm:relIds':
      case 'w:altChunk': this.#draw(attributes[name === 'dgm:relIds' ? 'r:dm' : 'r:id']); break;
    }
  }

  #draw(id: string | undefined): void {
    const drawn = this.#context.drawn.get(id ?? '');
    if (drawn === undefined) return;
    if (this.#paragraphs.length === 0) {
      drawn(this.#writer);
      return;
    }
    this.#writer.openAside();
    drawn(this.#writer);
    this.#writer.closeAside();
  }

  #fieldMark(type: string | undefined): void {
    if (type === 'begin') this.#fields.begin();
    else if (type === 'separate') {
      const link = this.#fields.separate();
      if (link !== undefined && !this.#fields.isInstruction) this.#writer.openLink(link);
    } else if (type === 'end' && this.#fields.end()) this.#writer.closeLink();
  }

  #refer(label: string | undefined): void {
    if (label !== undefined && !this.#fields.isInstruction && this.#runs.at(-1)?.isHidden !== true) this.#write(`[^${label}]`);
  }

  #write(text: string): void {
    if (text === '' || this.#fields.isInstruction || this.#isPlaceholder || this.#runs.at(-1)?.isHidden === true) return;
    const paragraph = this.#paragraphs.at(-1);
    if (paragraph?.label !== undefined && this.#outlineOf(paragraph) !== undefined) {
      this.#writer.text(`${paragraph.label} `);
      paragraph.label = undefined;
    }
    if (this.#runs.at(-1)?.isRaised === true) this.#writer.raised(text);
    else this.#writer.text(text);
  }

  /** Its properties are known: lists count here, also where a paragraph turns out to be empty. */
  #beginParagraph(): void {
    const paragraph = this.#paragraphs.at(-1);
    if (paragraph === undefined || paragraph.isBegun) return;
    paragraph.isBegun = true;
    const style = this.#context.styles.get(paragraph.style);
    const numberingId = paragraph.numberingId ?? style.numberingId;
    if (numberingId === undefined || numberingId === '0') return;
    paragraph.level ??= style.level ?? 0;
    const label = this.#context.numbering.nextLabel(numberingId, paragraph.level);
    if (label !== undefined && (label !== '' || this.#outlineOf(paragraph) === undefined)) paragraph.label = label;
  }

  #endParagraph(): void {
    const paragraph = this.#paragraphs.pop();
    if (paragraph === undefined || paragraph.isJoined) return;
    this.#writer.endParagraph(this.#roleOf(paragraph));
  }

  #roleOf(paragraph: Paragraph): ParagraphRole {
    const outline = this.#outlineOf(paragraph);
    if (outline !== undefined) return { kind: 'heading', level: outline + 1 };
    if (paragraph.label !== undefined) return { kind: 'item', depth: paragraph.level ?? 0, label: paragraph.label };
    return { kind: this.#context.styles.get(paragraph.style).isCode === true ? 'code' : 'paragraph' };
  }

  #outlineOf(paragraph: Paragraph): number | undefined {
    const outline = paragraph.outline ?? this.#context.styles.get(paragraph.style).outline;
    return outline !== undefined && outline >= 0 && outline < 9 ? outline : undefined;
  }

  /** Opens the cell at its first content: by then its properties are known. */
  #beginCell(): void {
    const cell = this.#cell;
    if (cell === undefined) return;
    this.#cell = undefined;
    this.#writer.openCell({ columns: cell.columns });
  }
}

/** Characters of symbol fonts, which Word keeps in the private area. */
function mapSymbols(text: string, font: string): string {
  return text.replaceAll(/[\uf000-\uf0ff]/g, (char) => symbolOf(font === '' ? 'Symbol' : font, char.charCodeAt(0)));
}
