import { decodeBytes, encodingOfCharset, encodingOfCodePage, symbolCharset } from '../code-page.ts';
import { linkOfInstruction } from '../docx/docx-fields.ts';
import { FlatTables } from '../flat-tables.ts';
import type { ParagraphRole } from '../markdown-writer.ts';
import { MarkdownWriter } from '../markdown-writer.ts';
import { symbolOf } from '../ooxml/symbol-font.ts';
import type { RtfHandler } from './rtf-events.ts';
import { RtfStyleTable } from './rtf-style-table.ts';
import { rtfCharacters, rtfMargins, rtfShown, rtfSkipped } from './rtf-words.ts';

/** Where the text of a group goes. */
type Destination = 'text' | 'skip' | 'fonts' | 'styles' | 'instruction' | 'title' | 'label' | 'author' | 'info';

interface Field {
  instruction: string;
}

/** What a group changes, and gives back at its end. */
interface Group {
  destination: Destination;
  font: number | undefined;
  fallbackBytes: number;
  isHidden: boolean;
  isRaised: boolean;
  field: Field | undefined;
  /** What is to be done when it ends. */
  ending: (() => void) | undefined;
  /** Its first control word has not been met, and so not whether it is a destination. */
  isNew: boolean;
  isPassable: boolean;
}

/** A text of its own: the document, a note, a text box, a header. */
interface Flow {
  readonly writer: MarkdownWriter;
  readonly tables: FlatTables;
  style: number | undefined;
  outline: number | undefined;
  isInTable: boolean;
  tableDepth: number | undefined;
  listLevel: number;
  label: string | undefined;
}

const fieldCharsMax = 4_000;
const labelCharsMax = 60;

/** Writes what an RTF document says (RTF specification 1.9.1). */
export class RtfText implements RtfHandler {
  readonly footers = new Set<string>();
  readonly #headers = new Set<string>();
  readonly #charsMax: number;
  readonly #depthMax: number;
  readonly #table = new RtfStyleTable();
  readonly #groups: Group[] = [];
  readonly #flows: Flow[];
  #group: Group = {
    destination: 'text', font: undefined, fallbackBytes: 1, isHidden: false, isRaised: false, field: undefined, ending: undefined, isNew: false, isPassable: false,
  };
  /** Groups beyond the depth that is followed. */
  #beyond = 0;
  #bytes: number[] = [];
  /** Characters that only stand for a `\u` before them, where it is not understood. */
  #fallbackLeft = 0;
  #encoding = 'windows-1252';
  #defaultFont: number | undefined;
  #title = '';
  #author = '';
  #noteCount = 0;
  #commentCount = 0;

  constructor(writer: MarkdownWriter, charsMax: number, depthMax: number) {
    this.#flows = [newFlow(writer)];
    this.#charsMax = charsMax;
    this.#depthMax = depthMax;
  }

  get title(): string {
    return this.#title.trim();
  }

  isDone(): boolean {
    return this.#flows[0]?.writer.isFull ?? true;
  }

  /** The document has ended, whatever was left open. */
  finish(): void {
    this.#flush();
    while (this.#groups.length > 0) this.closeGroup();
    this.#flow.tables.reach(0);
    this.#endParagraph();
  }

  openGroup(): void {
    this.#flush();
    this.#fallbackLeft = 0;
    if (this.#groups.length >= this.#depthMax) this.#beyond += 1;
    else {
      this.#groups.push(this.#group);
      this.#group = { ...this.#group, ending: undefined, isNew: true, isPassable: false };
    }
  }

  closeGroup(): void {
    this.#flush();
    this.#fallbackLeft = 0;
    if (this.#beyond > 0) this.#beyond -= 1;
    else {
      const before = this.#groups.pop();
      if (before === undefined) return;
      this.#group.ending?.();
      this.#group = before;
    }
  }

  byte(byte: number): void {
    if (this.#fallbackLeft > 0) this.#fallbackLeft -= 1;
    else if (this.#group.destination !== 'skip') this.#bytes.push(byte);
  }

  symbol(char: string): void {
    if (char === '*') {
      this.#group.isPassable = true;
      return;
    }
    if (this.#fallbackLeft > 0) {
      this.#fallbackLeft -= 1;
      return;
    }
    this.#flush();
    if (char === '~') this.#write('\u00a0');
    else if (char === '_') this.#write('-');
    else if (char === '\\' || char === '{' || char === '}') this.#write(char);
  }

  control(word: string, value: number | undefined): void {
    if (this.#fallbackLeft > 0 && word !== 'u') {
      this.#fallbackLeft -= 1;
      return;
    }
    this.#flush();
    const { isNew } = this.#group;
    if (isNew) {
      this.#group.isNew = false;
      this.#beginDestination(word, value);
    }
    if (this.#group.destination === 'skip') return;
    const char = rtfCharacters.get(word);
    if (char !== undefined) this.#write(char);
    else if (!this.#paragraphWord(word, value) && !this.#characterWord(word, value)) this.#documentWord(word, value);
  }

  #beginDestination(word: string, value: number | undefined): void {
    const group = this.#group;
    if (group.destination === 'skip') return;
    const margin = rtfMargins.get(word);
    if (rtfSkipped.has(word) || (group.isPassable && !rtfShown.has(word))) group.destination = 'skip';
    else if (margin !== undefined) this.#beginMargin(margin);
    else this.#beginShown(word, value);
  }

  #beginShown(word: string, _value: number | undefined): void {
    const group = this.#group;
    switch (word) {
      case 'fonttbl': group.destination = 'fonts'; break;
      case 'stylesheet': group.destination = 'styles'; break;
      case 'info': group.destination = 'info'; break;
      case 'title': if (group.destination === 'info') group.destination = 'title'; break;
      case 'upr': group.destination = 'skip'; break;
      case 'field': group.field = { instruction: '' }; break;
      case 'fldinst': group.destination = 'instruction'; break;
      case 'fldrslt': this.#beginResult(); break;
      case 'listtext':
      case 'pntext':
        group.destination = 'label';
        this.#flow.label = '';
        break;
      case 'atnauthor': group.destination = 'author'; this.#author = ''; break;
      case 'footnote': this.#beginNote(String((this.#noteCount += 1))); break;
      case 'annotation': this.#beginNote(`comment-${(this.#commentCount += 1)}`, this.#author); break;
      case 'shptxt':
      case 'dptxbxtext': this.#beginAside(); break;
    }
  }

  #beginResult(): void {
    const link = linkOfInstruction(this.#group.field?.instruction ?? '');
    if (link === undefined) return;
    const { writer } = this.#flow;
    this.#reach();
    writer.openLink(link);
    this.#group.ending = () => writer.closeLink();
  }

  #beginNote(label: string, author = ''): void {
    const { writer } = this.#flow;
    this.#reach();
    writer.reference(label);
    writer.openNote(label);
    if (author !== '') writer.text(`${author.trim()}: `);
    this.#beginFlow(writer, () => writer.closeNote());
  }

  #beginAside(): void {
    const { writer } = this.#flow;
    this.#reach();
    writer.openAside();
    this.#beginFlow(writer, () => writer.closeAside());
  }

  #beginMargin(kind: 'header' | 'footer'): void {
    const { writer } = this.#flow;
    const margin = new MarkdownWriter(this.#charsMax);
    this.#beginFlow(margin, () => {
      const { text } = margin.finish();
      const texts = kind === 'header' ? this.#headers : this.footers;
      if (!/\p{L}/u.test(text) || texts.has(text)) return;
      texts.add(text);
      if (kind === 'footer') return;
      writer.openAside();
      writer.paragraph(text);
      writer.closeAside();
      if (!writer.isInParagraph) writer.endParagraph();
    });
  }

  #beginFlow(writer: MarkdownWriter, ended: () => void): void {
    this.#flows.push(newFlow(writer));
    this.#group.destination = 'text';
    this.#group.ending = () => {
      this.#flow.tables.reach(0);
      this.#endParagraph();
      this.#flows.pop();
      ended();
    };
  }

  #paragraphWord(word: string, value: number | undefined): boolean {
    const flow = this.#flow;
    if (this.#group.destination !== 'text' && word !== 's') return false;
    switch (word) {
      case 'par':
      case 'sect':
      case 'page': this.#reach(); this.#endParagraph(); return true;
      case 'pard': Object.assign(flow, { style: undefined, outline: undefined, isInTable: false, tableDepth: undefined, listLevel: 0 }); return true;
      case 's':
        if (this.#group.destination === 'styles') this.#table.beginStyle(value ?? 0);
        else flow.style = value;
        return true;
      case 'outlinelevel': flow.outline = value; return true;
      case 'ilvl': flow.listLevel = value ?? 0; return true;
      case 'intbl': flow.isInTable = true; return true;
      case 'itap': flow.tableDepth = value; return true;
      case 'cell': this.#endCell(1); return true;
      case 'nestcell': this.#endCell(Math.max(2, this.#depth)); return true;
      case 'row': flow.tables.endRow(1); return true;
      case 'nestrow': flow.tables.endRow(Math.max(2, this.#depth)); return true;
      default: return false;
    }
  }

  #characterWord(word: string, value: number | undefined): boolean {
    const group = this.#group;
    switch (word) {
      case 'u': this.#unicode(value ?? 0); return true;
      case 'uc': group.fallbackBytes = Math.min(Math.max(value ?? 1, 0), 100); return true;
      case 'f':
        if (group.destination === 'fonts') this.#table.beginFont(value ?? 0);
        else group.font = value;
        return true;
      case 'v':
      case 'deleted': group.isHidden = value !== 0; return true;
      case 'super': group.isRaised = value !== 0; return true;
      case 'nosupersub':
      case 'sub': group.isRaised = false; return true;
      case 'plain': Object.assign(group, { font: this.#defaultFont, isHidden: false, isRaised: false }); return true;
      default: return false;
    }
  }

  #documentWord(word: string, value: number | undefined): void {
    switch (word) {
      case 'ansicpg': this.#encoding = encodingOfCodePage(value ?? 1252) ?? this.#encoding; break;
      case 'mac': this.#encoding = 'macintosh'; break;
      case 'deff': this.#defaultFont = value; break;
      case 'fcharset':
      case 'cpg':
      case 'outlinelevel': this.#table.property(word, value ?? 0); break;
    }
  }

  #unicode(value: number): void {
    this.#fallbackLeft = this.#group.fallbackBytes;
    const code = value < 0 ? value + 0x1_0000 : value;
    if (code < 0 || code > 0x10_ffff) return;
    const font = this.#table.font(this.#group.font ?? this.#defaultFont ?? 0);
    this.#write(code >= 0xf000 && code <= 0xf0ff ? symbolOf(font?.name.trim() || 'Symbol', code) : String.fromCodePoint(code));
  }

  /** Bytes make sense together: characters of Chinese and Japanese have two, and are written one by one. */
  #flush(): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    const font = this.#table.font(this.#group.font ?? this.#defaultFont ?? 0);
    if (font?.charset === symbolCharset && this.#group.destination === 'text') {
      this.#write([...bytes].map((byte) => symbolOf(font.name.trim(), byte)).join(''));
      return;
    }
    const own = font === undefined ? undefined : font.codePage === undefined ? encodingOfCharset(font.charset) : encodingOfCodePage(font.codePage);
    this.#write(decodeBytes(bytes, own ?? this.#encoding));
  }

  #write(text: string): void {
    const group = this.#group;
    switch (group.destination) {
      case 'fonts': this.#table.fontName(text); break;
      case 'styles': this.#table.styleName(text); break;
      case 'instruction': if (group.field !== undefined && group.field.instruction.length < fieldCharsMax) group.field.instruction += text; break;
      case 'title': if (this.#title.length < fieldCharsMax) this.#title += text; break;
      case 'author': if (this.#author.length < labelCharsMax) this.#author += text; break;
      case 'label': if (this.#flow.label !== undefined && this.#flow.label.length < labelCharsMax) this.#flow.label += text; break;
      case 'text':
        if (group.isHidden) return;
        this.#reach();
        this.#writeHeadingLabel();
        if (group.isRaised) this.#flow.writer.raised(text);
        else this.#flow.writer.text(text);
        break;
    }
  }

  get #flow(): Flow {
    const flow = this.#flows.at(-1);
    if (flow === undefined) throw new Error('the document itself never ends before its groups');
    return flow;
  }

  /** How deep in tables the paragraph is. */
  get #depth(): number {
    const { isInTable, tableDepth } = this.#flow;
    return Math.min(tableDepth ?? (isInTable ? 1 : 0), this.#depthMax);
  }

  #reach(): void {
    this.#flow.tables.reach(this.#depth);
  }

  #endCell(depth: number): void {
    this.#flow.tables.reach(depth);
    this.#endParagraph();
    this.#flow.tables.endCell(depth);
  }

  #endParagraph(): void {
    const flow = this.#flow;
    const role = this.#table.role(flow.style, flow.outline);
    const label = flow.label?.trim();
    flow.label = undefined;
    flow.writer.endParagraph(label === undefined || role.kind === 'heading' ? role : itemRole(label, flow.listLevel));
  }

  /** The number of a heading is a part of it. */
  #writeHeadingLabel(): void {
    const flow = this.#flow;
    if (flow.label === undefined || this.#table.role(flow.style, flow.outline).kind !== 'heading') return;
    const label = flow.label.trim();
    flow.label = undefined;
    if (/[\p{L}\p{N}]/u.test(label)) flow.writer.text(`${label} `);
  }
}

function newFlow(writer: MarkdownWriter): Flow {
  return { writer, tables: new FlatTables(writer), style: undefined, outline: undefined, isInTable: false, tableDepth: undefined, listLevel: 0, label: undefined };
}

/** A label that is a sign, or the `o` of Courier that Word marks its second level by, is a bullet. */
function itemRole(label: string, level: number): ParagraphRole {
  const depth = Math.min(Math.max(level, 0), 8);
  return label === 'o' || !/[\p{L}\p{N}]/u.test(label) ? { kind: 'item', depth } : { kind: 'item', depth, label };
}
