import { builtInFormats } from '../spreadsheet/built-in-formats.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

/** The number formats of a workbook's cells, by the index that cells refer to. */
export class WorkbookStyles implements XmlHandler {
  readonly #formats = new Map<number, string>();
  readonly #cells: number[] = [];
  #isInCells = false;

  /** `General` where nothing else is said. */
  format(index: number): string {
    const id = this.#cells[index] ?? 0;
    return this.#formats.get(id) ?? builtInFormats[id] ?? 'General';
  }

  open(name: string, attributes: XmlAttributes): void {
    if (name === 'numFmt') this.#formats.set(Number(attributes['numFmtId']), attributes['formatCode'] ?? 'General');
    else if (name === 'cellXfs') this.#isInCells = true;
    else if (name === 'xf' && this.#isInCells) this.#cells.push(Number(attributes['numFmtId'] ?? 0));
  }

  close(name: string): void {
    if (name === 'cellXfs') this.#isInCells = false;
  }

  text(): void {}
}
