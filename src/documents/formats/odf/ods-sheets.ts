import { MarkdownWriter } from '../markdown-writer.ts';
import { SheetCells } from '../spreadsheet/sheet-cells.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import type { OdfContext } from './odf-text.ts';
import { OdfText } from './odf-text.ts';

/** Spreadsheets fill themselves up by repeating; what is written out of it has an end. */
const repeatsMax = 1_000;
const rowsMax = 1 << 24;

/** Writes the sheets of an OpenDocument spreadsheet (part 3, 9): what cells show, dates as ISO 8601. */
export class OdsSheets implements XmlHandler {
  sheetCount = 0;
  readonly notes: string[] = [];
  readonly #context: OdfContext;
  readonly #writer: MarkdownWriter;
  readonly #charsMax: number;
  #cells: SheetCells;
  /** What is drawn upon the sheet: it is written after it. */
  #drawn: MarkdownWriter;
  #drawing: OdfText | undefined;
  #drawingDepth = 0;
  #tableDepth = 0;
  #row = 0;
  #rowRepeats = 1;
  #rowCells: { readonly column: number; readonly repeats: number; readonly text: string }[] = [];
  #column = 0;
  #columnRepeats = 1;
  #value: string | undefined;
  #text = '';
  #paragraphDepth = 0;
  #comment = '';
  #isComment = false;
  #isIgnored = false;
  #isRowHidden = false;
  #hiddenRows = 0;
  #isCut = false;

  constructor(context: OdfContext, charsMax: number) {
    this.#context = context;
    this.#writer = context.writer;
    this.#charsMax = charsMax;
    this.#cells = new SheetCells(charsMax);
    this.#drawn = new MarkdownWriter(charsMax);
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#drawing !== undefined) {
      this.#drawingDepth += 1;
      this.#drawing.open(name, attributes);
      return;
    }
    switch (name) {
      case 'table:table': this.#openSheet(attributes); break;
      case 'table:table-row':
        this.#rowRepeats = Math.max(1, Number(attributes['table:number-rows-repeated'] ?? 1) || 1);
        this.#rowCells = [];
        this.#column = 0;
        this.#isRowHidden = ['collapse', 'filter'].includes(attributes['table:visibility'] ?? '');
        break;
      case 'table:table-cell':
      case 'table:covered-table-cell':
        this.#columnRepeats = Math.max(1, Number(attributes['table:number-columns-repeated'] ?? 1) || 1);
        this.#value = valueOf(attributes);
        this.#text = '';
        this.#comment = '';
        break;
      case 'office:annotation': this.#isComment = true; break;
      case 'dc:date':
      case 'dc:creator':
      case 'text:ruby-text': this.#isIgnored = true; break;
      case 'text:p':
        this.#paragraphDepth += 1;
        if (this.#isComment ? this.#comment !== '' : this.#text !== '') this.#add('\n');
        break;
      case 'text:s': this.#add(' '.repeat(Math.min(Number(attributes['text:c'] ?? 1) || 1, repeatsMax))); break;
      case 'text:tab': this.#add(' '); break;
      case 'text:line-break': this.#add('\n'); break;
      case 'draw:frame':
      case 'draw:custom-shape':
      case 'draw:g':
        this.#drawing = new OdfText({ ...this.#context, writer: this.#drawn });
        this.#drawingDepth = 1;
        this.#drawing.open(name, attributes);
        break;
    }
  }

  close(name: string): void {
    if (this.#drawing !== undefined) {
      this.#drawing.close(name);
      this.#drawingDepth -= 1;
      if (this.#drawingDepth > 0) return;
      this.#drawing = undefined;
      this.#drawn.endParagraph();
      return;
    }
    switch (name) {
      case 'table:table-cell':
      case 'table:covered-table-cell': this.#closeCell(); break;
      case 'table:table-row': this.#closeRow(); break;
      case 'table:table':
        this.#tableDepth -= 1;
        if (this.#tableDepth === 0) this.#closeSheet();
        break;
      case 'office:annotation': this.#isComment = false; break;
      case 'dc:date':
      case 'dc:creator':
      case 'text:ruby-text': this.#isIgnored = false; break;
      case 'text:p': this.#paragraphDepth -= 1; break;
    }
  }

  text(text: string): void {
    if (this.#drawing !== undefined) this.#drawing.text(text);
    else if (this.#paragraphDepth > 0 && !this.#isIgnored) this.#add(text.replaceAll(/[ \t\r\n]+/g, ' '));
  }

  #add(text: string): void {
    if (this.#isComment) this.#comment += text;
    else this.#text += text;
  }

  #openSheet(attributes: XmlAttributes): void {
    this.#tableDepth += 1;
    if (this.#tableDepth > 1) return;
    this.sheetCount += 1;
    this.#row = 0;
    this.#hiddenRows = 0;
    this.#isCut = false;
    this.#cells = new SheetCells(this.#charsMax);
    this.#drawn = new MarkdownWriter(this.#charsMax);
    const name = attributes['table:name'] ?? '';
    const isHidden = this.#context.styles.get('table', attributes['table:style-name']).isHidden === true;
    this.#writer.paragraph(isHidden ? `${name} (hidden)` : name, { kind: 'heading', level: 2 });
  }

  #closeCell(): void {
    const text = this.#value === undefined ? this.#text : withShownSeconds(this.#value, this.#text);
    let mark = '';
    if (this.#comment.trim() !== '') {
      const label = `comment-${(this.#context.notes.comments += 1)}`;
      mark = `[^${label}]`;
      this.#writer.openNote(label);
      this.#writer.text(this.#comment);
      this.#writer.closeNote();
    }
    if (text.trim() !== '' || mark !== '') this.#rowCells.push({ column: this.#column, repeats: this.#columnRepeats, text: text + mark });
    this.#column = Math.min(this.#column + this.#columnRepeats, rowsMax);
  }

  #closeRow(): void {
    const isFilled = this.#rowCells.length > 0;
    const repeats = isFilled ? Math.min(this.#rowRepeats, repeatsMax) : 0;
    if (isFilled && this.#isRowHidden) this.#hiddenRows += repeats;
    if (isFilled && this.#rowRepeats > repeatsMax) this.#isCut = true;
    for (let row = 0; row < repeats; row++) {
      for (const cell of this.#rowCells) {
        if (cell.repeats > repeatsMax) this.#isCut = true;
        for (let column = 0; column < Math.min(cell.repeats, repeatsMax) && !this.#cells.isFull; column++) {
          this.#cells.set(this.#row + row, cell.column + column, cell.text);
        }
      }
    }
    this.#row = Math.min(this.#row + this.#rowRepeats, rowsMax);
  }

  #closeSheet(): void {
    this.#cells.write(this.#writer);
    this.#writer.paragraph(this.#drawn.finish().text);
    if (this.#cells.isFull) this.notes.push(`Sheet ${this.sheetCount} is larger than can be shown; the rest of it is left out.`);
    if (this.#hiddenRows > 0) this.notes.push(`Sheet ${this.sheetCount} has ${this.#hiddenRows} hidden rows; they are included.`);
    if (this.#isCut) this.notes.push(`Sheet ${this.sheetCount} repeats a row or cell more than ${repeatsMax} times; the rest is left out.`);
  }
}

/** A moment without its seconds, where the cell shows none. */
function withShownSeconds(moment: string, shown: string): string {
  return (shown.match(/:/g) ?? []).length === 1 ? moment.replace(/(:\d\d):00$/, '$1') : moment;
}

/** What a cell holds, where that says more than what it shows: days in an order that everyone reads alike. */
function valueOf(attributes: XmlAttributes): string | undefined {
  const date = attributes['office:date-value'];
  return date === undefined ? undefined : date.replace('T', ' ').replace(/ 00:00:00$/, '');
}
