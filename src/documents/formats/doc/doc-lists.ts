import type { Counting } from '../ordinal-label.ts';
import { ordinalLabel } from '../ordinal-label.ts';
import type { DocFile } from './doc-file.ts';
import { docTables } from './doc-file.ts';

interface Level {
  readonly start: number;
  readonly format: number;
  /** Characters below 9 stand for the counts of the levels. */
  readonly pattern: string;
}

const bulletFormat = 23;
/** [MS-OSHARED] 2.2.1.3. */
const countings: Readonly<Record<number, Counting>> = { 0: 'decimal', 1: 'roman-upper', 2: 'roman', 3: 'letter-upper', 4: 'letter', 22: 'decimal-zero', 255: 'none', 58: 'russian', 59: 'russian-upper' };
const listHeaderBytes = 28;
const levelHeaderBytes = 28;

/** The lists of a document ([MS-DOC] 2.9.150): what stands before each of their items. It counts, so items must be asked for in order. */
export class DocLists {
  readonly #levels = new Map<number, readonly Level[]>();
  /** The list that each use of one is of. */
  readonly #uses: number[] = [];
  readonly #counts = new Map<number, number[]>();

  constructor(file: DocFile) {
    // Levels follow behind the list of lists, beyond the length that is stated for it.
    const lists = file.entry(docTables.lists);
    if (lists.length >= 2) this.#readLists(file.table.subarray(file.main.readUInt32LE(154 + 8 * docTables.lists)), lists.readUInt16LE(0));
    const uses = file.entry(docTables.listUses);
    const count = uses.length >= 4 ? uses.readUInt32LE(0) : 0;
    for (let index = 0; index < count && 4 + 16 * index + 4 <= uses.length; index++) this.#uses.push(uses.readInt32LE(4 + 16 * index));
  }

  /** The next item of a use (from 1) at a level from 0: '' for a bullet, undefined if there is no such list. */
  nextLabel(use: number, level: number): string | undefined {
    const list = this.#uses[use - 1];
    const levels = list === undefined ? undefined : this.#levels.get(list);
    const own = levels?.[level];
    if (list === undefined || levels === undefined || own === undefined) return undefined;
    const counts = this.#counts.get(list) ?? [];
    this.#counts.set(list, counts);
    counts[level] = counts[level] === undefined ? own.start : counts[level] + 1;
    for (let upper = 0; upper < level; upper++) counts[upper] ??= levels[upper]?.start ?? 1;
    counts.length = level + 1;
    if (own.format === bulletFormat) return '';
    return [...own.pattern].map((char) => {
      const shown = char.charCodeAt(0);
      return shown < 9 ? ordinalLabel(counts[shown] ?? 1, countings[levels[shown]?.format ?? 0] ?? 'decimal') : char;
    }).join('').trim();
  }

  #readLists(bytes: Buffer, count: number): void {
    let at = 2 + listHeaderBytes * count;
    for (let index = 0; index < count && 2 + listHeaderBytes * (index + 1) <= bytes.length; index++) {
      const header = 2 + listHeaderBytes * index;
      const isSimple = ((bytes[header + 26] ?? 0) & 1) !== 0;
      const levels: Level[] = [];
      for (let level = 0; level < (isSimple ? 1 : 9) && at + levelHeaderBytes + 2 <= bytes.length; level++) {
        const textAt = at + levelHeaderBytes + (bytes[at + 24] ?? 0) + (bytes[at + 25] ?? 0);
        if (textAt + 2 > bytes.length) return;
        const chars = bytes.readUInt16LE(textAt);
        levels.push({ start: bytes.readUInt32LE(at), format: bytes[at + 4] ?? 0, pattern: bytes.toString('utf16le', textAt + 2, textAt + 2 + 2 * Math.min(chars, 100)) });
        at = textAt + 2 + 2 * chars;
      }
      this.#levels.set(bytes.readInt32LE(header), levels);
    }
  }
}
