import { MathmlText } from '../mathml-text.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

/** What an object says that a document keeps in a folder of its own: an equation, or a chart. */
export interface OdfObject {
  readonly equation: string;
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

const cellsMax = 20_000;

/** Reads the content of such an object. */
export class OdfObjectReader implements XmlHandler, OdfObject {
  readonly rows: string[][] = [];
  #math: MathmlText | undefined;
  #title = '';
  #isTitle = false;
  #isCell = false;
  #isText = false;
  /** Within what says where a value comes from. */
  #sourceDepth = 0;
  #cells = 0;

  get equation(): string {
    return this.#math?.result ?? '';
  }

  get title(): string {
    return this.#title.trim();
  }

  open(name: string, attributes: XmlAttributes): void {
    if (name === 'math:math' || name === 'math') this.#math ??= new MathmlText();
    this.#math?.open(name.replace(/^math:/, ''), attributes);
    if (this.#sourceDepth > 0 || name === 'draw:g') this.#sourceDepth += 1;
    else if (name === 'text:p') this.#isText = true;
    else if (name === 'chart:title') this.#isTitle = true;
    else if (name === 'table:table-row') this.rows.push([]);
    else if (name === 'table:table-cell' && this.#cells < cellsMax) {
      this.#cells += 1;
      this.rows.at(-1)?.push('');
      this.#isCell = true;
    }
  }

  close(name: string): void {
    this.#math?.close(name.replace(/^math:/, ''));
    if (this.#sourceDepth > 0) this.#sourceDepth -= 1;
    else if (name === 'text:p') this.#isText = false;
    else if (name === 'chart:title') this.#isTitle = false;
    else if (name === 'table:table-cell') this.#isCell = false;
  }

  text(text: string): void {
    this.#math?.text(text);
    if (!this.#isText || this.#sourceDepth > 0) return;
    const row = this.rows.at(-1);
    if (this.#isTitle && this.#title.length < 1_000) this.#title += text.trim();
    else if (this.#isCell && row !== undefined) row[row.length - 1] += text.trim();
  }
}
