import type { MarkdownWriter } from '../markdown-writer.ts';
import type { DrawnPart } from '../ooxml/drawn-parts.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

/** Writes what is drawn upon a sheet: text boxes, charts, SmartArt. */
export class DrawingText implements XmlHandler {
  readonly #writer: MarkdownWriter;
  readonly #drawn: ReadonlyMap<string, DrawnPart>;
  #isText = false;
  #fallbackDepth = 0;

  constructor(writer: MarkdownWriter, drawn: ReadonlyMap<string, DrawnPart>) {
    this.#writer = writer;
    this.#drawn = drawn;
  }

  isDone(): boolean {
    return this.#writer.isFull;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (this.#fallbackDepth > 0 || name === 'mc:Fallback') this.#fallbackDepth += 1;
    else if (name === 'a:t') this.#isText = true;
    else if (name === 'a:br') this.#writer.text('\n');
    else if (name === 'c:chart') this.#drawn.get(attributes['r:id'] ?? '')?.(this.#writer);
    else if (name === 'dgm:relIds') this.#drawn.get(attributes['r:dm'] ?? '')?.(this.#writer);
  }

  close(name: string): void {
    if (this.#fallbackDepth > 0) this.#fallbackDepth -= 1;
    else if (name === 'a:t') this.#isText = false;
    else if (name === 'a:p') this.#writer.endParagraph();
  }

  text(text: string): void {
    if (this.#isText && this.#fallbackDepth === 0) this.#writer.text(text);
  }
}
