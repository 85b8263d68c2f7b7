import type { Counting } from '../ordinal-label.ts';
import type { XmlAttributes } from '../xml-events.ts';

/** How one level of a list is marked. */
export interface OdfListLevel {
  readonly isBullet: boolean;
  readonly counting: Counting;
  readonly prefix: string;
  readonly suffix: string;
  /** How many levels are shown, from this one upwards: 2 gives `3.1`. */
  readonly shownLevels: number;
  readonly start: number;
}

/** What a style says, with what it has from those that it is derived from. */
export interface OdfStyle {
  readonly isTitle?: boolean;
  readonly isCode?: boolean;
  readonly isHidden?: boolean;
  readonly isRaised?: boolean;
  readonly listStyle?: string;
}

interface StyleEntry {
  readonly parent: string | undefined;
  readonly family: string;
  readonly own: { isTitle?: boolean; isCode?: boolean; isHidden?: boolean; isRaised?: boolean; listStyle?: string };
}

const none: OdfStyle = {};
const chainMax = 20;
const countings: Readonly<Record<string, Counting>> = {
  '1': 'decimal', a: 'letter', A: 'letter-upper', i: 'roman', I: 'roman-upper', '一, 二, 三, ...': 'chinese', '①, ②, ③, ...': 'circled',
  'А, Б, .., Аа, Аб, ... (ru)': 'russian-upper', 'а, б, .., аа, аб, ... (ru)': 'russian', '': 'none',
};

/** The styles of a text document, a sheet or a presentation: told of all elements, it picks what it wants (OpenDocument 1.3 part 3, 16). */
export class OdfStyles {
  readonly #entries = new Map<string, StyleEntry>();
  readonly #lists = new Map<string, Map<number, OdfListLevel>>();
  #entry: StyleEntry | undefined;
  #list: Map<number, OdfListLevel> | undefined;

  /** `family` is `paragraph`, `text`, `table`, `table-row`, `drawing-page`. */
  get(family: string, name: string | undefined): OdfStyle {
    let entry = name === undefined ? undefined : this.#entries.get(`${family} ${name}`);
    // Pandoc uses the style and does not bring it.
    if (entry === undefined) return family === 'paragraph' && name === 'Title' ? { isTitle: true } : none;
    const style: StyleEntry['own'] = {};
    for (let depth = 0; entry !== undefined && depth < chainMax; depth++) {
      if (entry.own.isTitle !== undefined) style.isTitle ??= entry.own.isTitle;
      if (entry.own.isCode !== undefined) style.isCode ??= entry.own.isCode;
      if (entry.own.isHidden !== undefined) style.isHidden ??= entry.own.isHidden;
      if (entry.own.isRaised !== undefined) style.isRaised ??= entry.own.isRaised;
      if (entry.own.listStyle !== undefined) style.listStyle ??= entry.own.listStyle;
      entry = entry.parent === undefined ? undefined : this.#entries.get(`${family} ${entry.parent}`);
    }
    return style;
  }

  /** A level from 1 of a list style; `outline` is the one that headings are numbered by. */
  listLevel(name: string, level: number): OdfListLevel | undefined {
    return this.#lists.get(name)?.get(level);
  }

  open(name: string, attributes: XmlAttributes): void {
    switch (name) {
      case 'style:style': this.#openStyle(attributes); break;
      case 'style:text-properties':
        if (attributes['text:display'] === 'none' && this.#entry?.family !== 'table') this.#mark({ isHidden: true });
        if (/^(super|[1-9])/.test(attributes['style:text-position'] ?? '')) this.#mark({ isRaised: true });
        break;
      case 'style:table-properties': if (attributes['table:display'] === 'false') this.#mark({ isHidden: true }); break;
      case 'style:drawing-page-properties': if (attributes['presentation:visibility'] === 'hidden') this.#mark({ isHidden: true }); break;
      case 'text:list-style':
        this.#list = new Map();
        this.#lists.set(attributes['style:name'] ?? '', this.#list);
        break;
      case 'text:outline-style':
        this.#list = new Map();
        this.#lists.set('outline', this.#list);
        break;
      case 'text:list-level-style-number':
      case 'text:outline-level-style':
      case 'text:list-level-style-bullet':
      case 'text:list-level-style-image': this.#openLevel(name, attributes); break;
    }
  }

  close(name: string): void {
    if (name === 'style:style') this.#entry = undefined;
    else if (name === 'text:list-style' || name === 'text:outline-style') this.#list = undefined;
  }

  #openStyle(attributes: XmlAttributes): void {
    const family = attributes['style:family'] ?? '';
    const name = attributes['style:name'] ?? '';
    const shown = (attributes['style:display-name'] ?? name.replaceAll('_20_', ' ')).toLowerCase();
    const own: StyleEntry['own'] = {};
    if (family === 'paragraph' && shown === 'title') own.isTitle = true;
    if (family === 'paragraph' && ['preformatted text', 'source code', 'code', 'html preformatted'].includes(shown)) own.isCode = true;
    const list = attributes['style:list-style-name'];
    if (list !== undefined && list !== '') own.listStyle = list;
    this.#entry = { parent: attributes['style:parent-style-name'], family, own };
    this.#entries.set(`${family} ${name}`, this.#entry);
  }

  #openLevel(name: string, attributes: XmlAttributes): void {
    const format = attributes['style:num-format'] ?? '';
    this.#list?.set(Number(attributes['text:level'] ?? 1), {
      isBullet: name.endsWith('bullet') || name.endsWith('image'), counting: countings[format] ?? 'decimal', prefix: attributes['style:num-prefix'] ?? '',
      suffix: attributes['style:num-suffix'] ?? '', shownLevels: Number(attributes['text:display-levels'] ?? 1), start: Number(attributes['text:start-value'] ?? 1),
    });
  }

  #mark(own: StyleEntry['own']): void {
    if (this.#entry !== undefined) Object.assign(this.#entry.own, own);
  }
}
