import type { OoxmlPackage } from '../ooxml/ooxml-package.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';

/** What a style says of the paragraphs or runs that have it. */
export interface DocxStyle {
  /** 0 to 8 for headings; 9 is body text. */
  readonly outline?: number;
  readonly numberingId?: string;
  readonly level?: number;
  readonly isHidden?: boolean;
  readonly isCode?: boolean;
}

interface StyleEntry {
  id: string;
  basedOn?: string;
  outline?: number;
  numberingId?: string;
  level?: number;
  isHidden?: boolean;
  isCode?: boolean;
}

const none: DocxStyle = {};
const chainMax = 20;

/**
 * The styles of a Word document by id. A heading is known by its outline level, or by its name: `heading 1` whatever the language of
 * Word is, since only what is shown is translated (ECMA-376 part 1, 17.7.4.9). `Title` counts as the first level.
 */
export class DocxStyles implements XmlHandler {
  readonly #entries = new Map<string, StyleEntry>();
  readonly #resolved = new Map<string, DocxStyle>();
  #entry: StyleEntry | undefined;
  #isRunProperty = false;

  get(id: string | undefined): DocxStyle {
    if (id === undefined) return none;
    const known = this.#resolved.get(id);
    if (known !== undefined) return known;
    const style: { -readonly [name in keyof DocxStyle]: DocxStyle[name] } = {};
    let entry = this.#entries.get(id);
    for (let depth = 0; entry !== undefined && depth < chainMax; depth++) {
      if (entry.outline !== undefined) style.outline ??= entry.outline;
      if (entry.numberingId !== undefined) style.numberingId ??= entry.numberingId;
      if (entry.level !== undefined) style.level ??= entry.level;
      if (entry.isHidden !== undefined) style.isHidden ??= entry.isHidden;
      if (entry.isCode !== undefined) style.isCode ??= entry.isCode;
      entry = entry.basedOn === undefined ? undefined : this.#entries.get(entry.basedOn);
    }
    this.#resolved.set(id, style);
    return style;
  }

  open(name: string, attributes: XmlAttributes): void {
    const value = attributes['w:val'];
    if (name === 'w:style') {
      this.#entry = { id: attributes['w:styleId'] ?? '' };
      return;
    }
    const entry = this.#entry;
    if (entry === undefined) return;
    switch (name) {
      case 'w:name': applyName(entry, value ?? ''); break;
      case 'w:basedOn': if (value !== undefined) entry.basedOn = value; break;
      case 'w:outlineLvl': entry.outline = Number(value); break;
      case 'w:numId': if (value !== undefined) entry.numberingId = value; break;
      case 'w:ilvl': entry.level = Number(value); break;
      case 'w:rPr': this.#isRunProperty = true; break;
      case 'w:vanish': if (this.#isRunProperty) entry.isHidden = isOn(value); break;
    }
  }

  close(name: string): void {
    if (name === 'w:rPr') this.#isRunProperty = false;
    if (name !== 'w:style' || this.#entry === undefined) return;
    if (!this.#entries.has(this.#entry.id)) this.#entries.set(this.#entry.id, this.#entry);
    this.#entry = undefined;
  }

  text(): void {}
}

/** The styles of a document; none if it brings no such part. */
export async function readDocxStyles(document: OoxmlPackage, main: string): Promise<DocxStyles> {
  const styles = new DocxStyles();
  await document.read((await document.parts(main, 'styles'))[0], styles);
  return styles;
}

/** A switch of WordprocessingML: on when it is there, unless it says that it is off. */
export function isOn(value: string | undefined): boolean {
  return value === undefined || !['0', 'false', 'off', 'none'].includes(value);
}

function applyName(entry: StyleEntry, name: string): void {
  const plain = name.toLowerCase();
  const level = /^heading ([1-9])$/.exec(plain)?.[1];
  if (level !== undefined) entry.outline = Number(level) - 1;
  else if (plain === 'title') entry.outline = 0;
  else if (['source code', 'html preformatted', 'preformatted text', 'plain code', 'code', 'code block'].includes(plain)) entry.isCode = true;
}
