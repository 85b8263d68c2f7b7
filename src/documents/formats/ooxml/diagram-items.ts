import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

const pointsMax = 10_000;

/** What a SmartArt graphic says (DrawingML diagrams, ECMA-376 part 1, 21.4), as the items of a nested list. */
export class DiagramItems implements XmlHandler {
  readonly #texts = new Map<string, string>();
  readonly #children = new Map<string, { readonly id: string; readonly order: number }[]>();
  readonly #belowSomething = new Set<string>();
  #point: string | undefined;
  #isText = false;

  /** Texts with their depths from 0, each point once. */
  get items(): { readonly text: string; readonly depth: number }[] {
    const items: { text: string; depth: number }[] = [];
    const seen = new Set<string>();
    const visit = (id: string, depth: number): void => {
      if (seen.has(id) || depth > 50) return;
      seen.add(id);
      const text = (this.#texts.get(id) ?? '').trim();
      if (text !== '') items.push({ text, depth });
      const children = (this.#children.get(id) ?? []).toSorted((left, right) => left.order - right.order);
      for (const child of children) visit(child.id, text === '' ? depth : depth + 1);
    };
    for (const id of this.#texts.keys()) if (!this.#belowSomething.has(id)) visit(id, 0);
    for (const id of this.#texts.keys()) visit(id, 0);
    return items;
  }

  open(name: string, attributes: XmlAttributes): void {
    if (name === 'dgm:pt') {
      const isContent = ['node', 'asst', 'doc', undefined].includes(attributes['type']);
      this.#point = isContent && this.#texts.size < pointsMax ? (attributes['modelId'] ?? '') : undefined;
      if (this.#point !== undefined) this.#texts.set(this.#point, '');
    } else if (name === 'dgm:cxn' && (attributes['type'] ?? 'parOf') === 'parOf') {
      const source = attributes['srcId'] ?? '';
      const id = attributes['destId'] ?? '';
      const children = this.#children.get(source) ?? [];
      children.push({ id, order: Number(attributes['srcOrd'] ?? 0) });
      this.#children.set(source, children);
      this.#belowSomething.add(id);
    } else if (name === 'a:t') this.#isText = true;
    else if (name === 'a:br') this.#add('\n');
  }

  close(name: string): void {
    if (name === 'a:t') this.#isText = false;
    else if (name === 'a:p') this.#add('\n');
    else if (name === 'dgm:pt') this.#point = undefined;
  }

  text(text: string): void {
    if (this.#isText) this.#add(text);
  }

  #add(text: string): void {
    if (this.#point !== undefined) this.#texts.set(this.#point, (this.#texts.get(this.#point) ?? '') + text);
  }
}
