import type { XmlHandler } from '../xml-events.ts';

/** More than the cells of a sheet that are shown. */
const stringsMax = 2_000_000;

/** The texts that a workbook keeps once for all cells: of rich text the text, without the readings of Japanese. */
export class SharedStrings implements XmlHandler {
  readonly texts: string[] = [];
  #text = '';
  #isText = false;
  #isReading = false;

  isDone(): boolean {
    return this.texts.length >= stringsMax;
  }

  open(name: string): void {
    if (name === 'si') this.#text = '';
    else if (name === 'rPh') this.#isReading = true;
    else if (name === 't') this.#isText = !this.#isReading;
  }

  close(name: string): void {
    if (name === 'si') this.texts.push(unescapeControls(this.#text));
    else if (name === 'rPh') this.#isReading = false;
    else if (name === 't') this.#isText = false;
  }

  text(text: string): void {
    if (this.#isText) this.#text += text;
  }
}

/** `_x000D_`: how Office writes characters that XML does not have (ECMA-376 part 1, 22.9.2.19). */
export function unescapeControls(text: string): string {
  return text.includes('_x') ? text.replaceAll(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))) : text;
}
