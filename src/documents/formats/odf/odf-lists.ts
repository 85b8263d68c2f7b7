import { ordinalLabel } from '../ordinal-label.ts';
import type { XmlAttributes } from '../xml-events.ts';
import type { OdfStyles } from './odf-styles.ts';

interface OpenList {
  readonly style: string;
  count: number;
  isStarted: boolean;
}

/** The lists that are open at a place in a document, and what stands before their items. */
export class OdfLists {
  readonly #styles: OdfStyles;
  readonly #open: OpenList[] = [];
  /** How far a list style has counted, for lists that go on where one before has ended. */
  readonly #counted = new Map<string, number>();
  readonly #outline: number[] = [];
  /** What stands before the next paragraph, if it is the first of its item; '' for a bullet. */
  #due: string | undefined;

  constructor(styles: OdfStyles) {
    this.#styles = styles;
  }

  /** Depth of the list that is open, from 0; -1 outside of all. */
  get depth(): number {
    return this.#open.length - 1;
  }

  /** The mark of the item whose first paragraph begins; undefined for other paragraphs. */
  takeLabel(): string | undefined {
    const label = this.#due;
    this.#due = undefined;
    return label;
  }

  open(attributes: XmlAttributes): void {
    const style = attributes['text:style-name'] ?? this.#open.at(-1)?.style ?? '';
    const goesOn = attributes['text:continue-numbering'] === 'true' || attributes['text:continue-list'] !== undefined;
    const level = this.#open.length + 1;
    const start = this.#styles.listLevel(style, level)?.start ?? 1;
    const before = goesOn ? this.#counted.get(`${style} ${level}`) : undefined;
    this.#open.push({ style, count: before ?? start - 1, isStarted: false });
  }

  close(): void {
    const list = this.#open.pop();
    if (list !== undefined && this.#counted.size < 10_000) this.#counted.set(`${list.style} ${this.#open.length + 1}`, list.count);
  }

  openItem(attributes: XmlAttributes): void {
    const list = this.#open.at(-1);
    if (list === undefined) return;
    const start = attributes['text:start-value'];
    list.count = start === undefined ? list.count + 1 : Number(start);
    this.#due = this.#labelAt(list.style, this.#open.length, (level) => this.#open[level - 1]?.count ?? 1);
  }

  closeItem(): void {
    this.#due = undefined;
  }

  /** The number of a heading at a level from 1, by the outline of the document; '' if headings have none. */
  headingLabel(level: number): string {
    this.#outline.length = Math.min(this.#outline.length, level);
    for (let upper = 0; upper < level; upper++) this.#outline[upper] ??= upper < level - 1 ? 1 : 0;
    this.#outline[level - 1] = (this.#outline[level - 1] ?? 0) + 1;
    return this.#labelAt('outline', level, (at) => this.#outline[at - 1] ?? 1);
  }

  #labelAt(style: string, level: number, countAt: (level: number) => number): string {
    const shape = this.#styles.listLevel(style, level);
    if (shape === undefined || shape.isBullet || shape.counting === 'none') return '';
    const counts: string[] = [];
    for (let shown = Math.max(1, level - shape.shownLevels + 1); shown <= level; shown++) {
      const label = ordinalLabel(countAt(shown), this.#styles.listLevel(style, shown)?.counting ?? 'decimal');
      if (label !== '') counts.push(label);
    }
    return `${shape.prefix}${counts.join('.')}${shape.suffix}`.trim();
  }
}
