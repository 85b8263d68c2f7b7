import { formatNumber } from '../spreadsheet/number-format.ts';
import type { SheetCells } from '../spreadsheet/sheet-cells.ts';
import { cellPlace } from '../spreadsheet/sheet-cells.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import { unescapeControls } from './shared-strings.ts';
import type { WorkbookStyles } from './workbook-styles.ts';

/** What the cells of a workbook share. */
export interface Workbook {
  readonly strings: readonly string[];
  readonly styles: WorkbookStyles;
  readonly isDate1904: boolean;
}

const formulaCharsMax = 1_000;
const linksMax = 20_000;

/** Reads the cells of a worksheet (ECMA-376 part 1, 18.3). */
export class SheetReader implements XmlHandler {
  /** Addresses by the names of the cells that lead there, as ids of the sheet's relationships. */
  readonly links = new Map<string, string>();
  hiddenRowCount = 0;
  readonly #workbook: Workbook;
  readonly #cells: SheetCells;
  #row = -1;
  #column = -1;
  #type = '';
  #style = 0;
  #value = '';
  #formula = '';
  #into: 'value' | 'formula' | undefined;
  #isReading = false;

  constructor(workbook: Workbook, cells: SheetCells) {
    this.#workbook = workbook;
    this.#cells = cells;
  }

  isDone(): boolean {
    return this.#cells.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    switch (name) {
      case 'row': {
        const row = Number(attributes['r'] ?? Number.NaN);
        this.#row = row >= 1 ? row - 1 : this.#row + 1;
        this.#column = -1;
        if (attributes['hidden'] === '1' || attributes['hidden'] === 'true') this.hiddenRowCount += 1;
        break;
      }
      case 'c': {
        const place = cellPlace(attributes['r'] ?? '');
        this.#row = place?.row ?? this.#row;
        this.#column = place?.column ?? this.#column + 1;
        this.#type = attributes['t'] ?? 'n';
        this.#style = Number(attributes['s'] ?? 0);
        this.#value = '';
        this.#formula = '';
        break;
      }
      case 'v': this.#into = 'value'; break;
      case 't': if (this.#type === 'inlineStr' && !this.#isReading) this.#into = 'value'; break;
      case 'rPh': this.#isReading = true; break;
      case 'f': this.#into = 'formula'; break;
      case 'hyperlink':
        if (attributes['r:id'] !== undefined && this.links.size < linksMax) this.links.set((attributes['ref'] ?? '').split(':')[0] ?? '', attributes['r:id']);
        break;
    }
  }

  close(name: string): void {
    if (name === 'v' || name === 't' || name === 'f') this.#into = undefined;
    else if (name === 'rPh') this.#isReading = false;
    else if (name === 'c') this.#cells.set(this.#row, this.#column, this.#shown());
  }

  text(text: string): void {
    if (this.#into === 'value') this.#value += text;
    else if (this.#into === 'formula' && this.#formula.length < formulaCharsMax) this.#formula += text;
  }

  #shown(): string {
    // A formula that was never worked out: programs that write workbooks leave that to Excel.
    if (this.#value === '') return this.#formula === '' ? '' : `=${this.#formula}`;
    switch (this.#type) {
      case 's': return this.#workbook.strings[Number(this.#value)] ?? '';
      case 'str':
      case 'inlineStr': return unescapeControls(this.#value);
      case 'b': return this.#value.trim() === '1' ? 'TRUE' : 'FALSE';
      case 'e': return this.#value;
      case 'd': return this.#value.replace('T', ' ').replace(/(?: 00:00:00)?(?:\.0+)?Z?$/, '');
      default: {
        const value = Number(this.#value);
        return Number.isFinite(value) ? formatNumber(value, this.#workbook.styles.format(this.#style), this.#workbook.isDate1904) : this.#value;
      }
    }
  }
}
