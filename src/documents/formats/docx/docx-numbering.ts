import type { OoxmlPackage } from '../ooxml/ooxml-package.ts';
import type { Counting } from '../ordinal-label.ts';
import { ordinalLabel } from '../ordinal-label.ts';
import type { XmlAttributes, XmlHandler } from '../xml-events.ts';
import { isOn } from './docx-styles.ts';

interface Level {
  start: number;
  /** `decimal`, `bullet`, `lowerRoman` … */
  format: string;
  /** `%1.%2)`: the counts of its own level and of those above. */
  pattern: string;
  /** All counts are shown in digits. */
  isLegal: boolean;
}

interface Numbering {
  abstractId: string;
  readonly starts: Map<number, number>;
  readonly levels: Map<number, Level>;
}

const levelsMax = 9;

/** ECMA-376 part 1, 17.18.59. */
const countings: Readonly<Record<string, Counting>> = {
  decimal: 'decimal', decimalZero: 'decimal-zero', lowerLetter: 'letter', upperLetter: 'letter-upper', lowerRoman: 'roman', upperRoman: 'roman-upper',
  russianLower: 'russian', russianUpper: 'russian-upper', chineseCounting: 'chinese', chineseCountingThousand: 'chinese', ideographDigital: 'chinese',
  taiwaneseCounting: 'chinese', taiwaneseCountingThousand: 'chinese', japaneseCounting: 'chinese', decimalEnclosedCircle: 'circled',
  decimalEnclosedCircleChinese: 'circled', none: 'none',
};

/** The lists of a Word document: what stands before each of their items. It counts, so items must be asked for in the document's order. */
export class DocxNumbering implements XmlHandler {
  readonly #abstract = new Map<string, Map<number, Level>>();
  readonly #styleLinks = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #numberings = new Map<string, Numbering>();
  readonly #counts = new Map<string, number[]>();
  readonly #started = new Set<string>();
  #abstractId: string | undefined;
  #numbering: Numbering | undefined;
  #level: number | undefined;

  /**
   * The next item of a list at a level from 0: '' for a bullet or where nothing is shown, undefined if there is no such list.
   */
  nextLabel(numberingId: string, level: number): string | undefined {
    const numbering = this.#numberings.get(numberingId);
    if (numbering === undefined || !(level >= 0 && level < levelsMax)) return undefined;
    const levels = this.#levelsOf(numbering);
    const own = levels.get(level);
    if (own === undefined) return undefined;
    const counts = this.#counts.get(numbering.abstractId) ?? [];
    this.#counts.set(numbering.abstractId, counts);
    const restart = numbering.starts.get(level);
    if (restart !== undefined && !this.#started.has(`${numberingId} ${level}`)) {
      this.#started.add(`${numberingId} ${level}`);
      counts[level] = restart;
    } else counts[level] = counts[level] === undefined ? own.start : counts[level] + 1;
    for (let upper = 0; upper < level; upper++) counts[upper] ??= levels.get(upper)?.start ?? 1;
    counts.length = level + 1;
    if (own.format === 'bullet') return '';
    return own.pattern.replaceAll(/%([1-9])/g, (_, digit: string) => {
      const shown = Number(digit) - 1;
      const format = own.isLegal ? 'decimal' : (levels.get(shown)?.format ?? 'decimal');
      return ordinalLabel(counts[shown] ?? 1, countings[format] ?? 'decimal');
    }).trim();
  }

  #levelsOf(numbering: Numbering): Map<number, Level> {
    const link = this.#links.get(numbering.abstractId);
    const linked = link === undefined ? undefined : this.#styleLinks.get(link);
    const levels = this.#abstract.get(linked ?? numbering.abstractId) ?? new Map<number, Level>();
    return numbering.levels.size === 0 ? levels : new Map([...levels, ...numbering.levels]);
  }

  open(name: string, attributes: XmlAttributes): void {
    const value = attributes['w:val'] ?? '';
    switch (name) {
      case 'w:abstractNum':
        this.#abstractId = attributes['w:abstractNumId'] ?? '';
        this.#abstract.set(this.#abstractId, new Map());
        break;
      case 'w:num':
        this.#numbering = { abstractId: '', starts: new Map(), levels: new Map() };
        this.#numberings.set(attributes['w:numId'] ?? '', this.#numbering);
        break;
      case 'w:abstractNumId':
        if (this.#numbering !== undefined) this.#numbering.abstractId = value;
        break;
      case 'w:styleLink': if (this.#abstractId !== undefined) this.#styleLinks.set(value, this.#abstractId); break;
      case 'w:numStyleLink': if (this.#abstractId !== undefined) this.#links.set(this.#abstractId, value); break;
      case 'w:lvlOverride': this.#level = Number(attributes['w:ilvl']); break;
      case 'w:startOverride': if (this.#level !== undefined) this.#numbering?.starts.set(this.#level, Number(value)); break;
      case 'w:lvl':
        this.#level = Number(attributes['w:ilvl']);
        this.#levelTarget?.set(this.#level, { start: 1, format: 'decimal', pattern: '', isLegal: false });
        break;
      default: this.#openInLevel(name, value, attributes['w:val']);
    }
  }

  close(name: string): void {
    if (name === 'w:abstractNum') this.#abstractId = undefined;
    else if (name === 'w:num') this.#numbering = undefined;
    else if (name === 'w:lvl' && this.#numbering === undefined) this.#level = undefined;
    else if (name === 'w:lvlOverride') this.#level = undefined;
  }

  text(): void {}

  get #levelTarget(): Map<number, Level> | undefined {
    return this.#numbering?.levels ?? (this.#abstractId === undefined ? undefined : this.#abstract.get(this.#abstractId));
  }

  #openInLevel(name: string, value: string, given: string | undefined): void {
    const level = this.#level === undefined ? undefined : this.#levelTarget?.get(this.#level);
    if (level === undefined) return;
    if (name === 'w:start') level.start = Number(value);
    else if (name === 'w:numFmt') level.format = value;
    else if (name === 'w:lvlText') level.pattern = value;
    else if (name === 'w:isLgl') level.isLegal = isOn(given);
  }
}

/** The lists of a document; none if it brings no such part. */
export async function readDocxNumbering(document: OoxmlPackage, main: string): Promise<DocxNumbering> {
  const numbering = new DocxNumbering();
  await document.read((await document.parts(main, 'numbering'))[0], numbering);
  return numbering;
}
