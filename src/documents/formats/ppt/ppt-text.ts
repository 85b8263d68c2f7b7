import type { PptRecord } from './ppt-records.ts';
import { pptTypes } from './ppt-records.ts';

/** A run of text on a slide: a title, a body, a box. */
export interface PptText {
  /** [MS-PPT] 2.13.33: 0 and 6 titles, 1, 7 and 8 bodies, 2 notes. */
  readonly kind: number;
  readonly paragraphs: readonly { readonly text: string; readonly level: number; readonly hasBullet: boolean | undefined }[];
}

interface ParagraphRun {
  readonly chars: number;
  readonly level: number;
  readonly hasBullet: boolean | undefined;
}

const runsMax = 10_000;

/** The texts that stand in the records of a text box, or of the part of an outline that is one slide's. */
export function pptTexts(records: Iterable<PptRecord>): PptText[] {
  const texts: { kind: number; chars: string; runs: ParagraphRun[] }[] = [];
  for (const { type, data } of records) {
    const text = texts.at(-1);
    if (type === pptTypes.textHeader) texts.push({ kind: data.length >= 4 ? data.readUInt32LE(0) : 4, chars: '', runs: [] });
    else if (type === pptTypes.textChars && text !== undefined) text.chars = data.toString('utf16le', 0, data.length & ~1);
    else if (type === pptTypes.textBytes && text !== undefined) text.chars = data.toString('latin1');
    else if (type === pptTypes.textStyle && text !== undefined) text.runs = paragraphRuns(data, text.chars.length + 1);
  }
  return texts.map(({ kind, chars, runs }) => ({ kind, paragraphs: splitParagraphs(chars, runs) }));
}

function splitParagraphs(chars: string, runs: readonly ParagraphRun[]): PptText['paragraphs'] {
  const paragraphs: PptText['paragraphs'][number][] = [];
  let at = 0;
  let run = 0;
  let runEnd = runs[0]?.chars ?? Number.POSITIVE_INFINITY;
  for (const line of chars.split('\r')) {
    while (at >= runEnd && run < runs.length - 1) {
      run += 1;
      runEnd += runs[run]?.chars ?? 0;
    }
    const { level = 0, hasBullet } = runs[run] ?? {};
    paragraphs.push({ text: line.replaceAll('\u000b', '\n'), level: Math.min(level, 8), hasBullet });
    at += line.length + 1;
  }
  return paragraphs;
}

/** Sizes of what a run may state, by its bit, in the order in which it is stored ([MS-PPT] 2.9.20); tab stops bring their own number. */
const statedBytes: readonly (readonly [mask: number, bytes: number])[] = [
  [0x80, 2], [0x10, 2], [0x40, 2], [0x20, 4], [0x800, 2], [0x1000, 2], [0x2000, 2], [0x4000, 2], [0x100, 2], [0x400, 2], [0x8000, 2],
];
const tabStopsMask = 0x10_0000;
const statedAfterTabs: readonly (readonly [mask: number, bytes: number])[] = [[0x1_0000, 2], [0xe_0000, 2], [0x20_0000, 2]];

/** How far indented the paragraphs of a text are, and whether they have bullets, as far as that is stated ([MS-PPT] 2.9.45). */
function paragraphRuns(data: Buffer, chars: number): ParagraphRun[] {
  const runs: ParagraphRun[] = [];
  let at = 0;
  for (let left = chars; left > 0 && at + 10 <= data.length && runs.length < runsMax;) {
    const count = data.readUInt32LE(at);
    const level = data.readUInt16LE(at + 4);
    const mask = data.readUInt32LE(at + 6);
    at += 10;
    let hasBullet: boolean | undefined;
    if ((mask & 0xf) !== 0) {
      if ((mask & 1) !== 0) hasBullet = ((data[at] ?? 0) & 1) !== 0;
      at += 2;
    }
    for (const [bit, bytes] of statedBytes) if ((mask & bit) !== 0) at += bytes;
    if ((mask & tabStopsMask) !== 0 && at + 2 <= data.length) at += 2 + 4 * data.readUInt16LE(at);
    for (const [bit, bytes] of statedAfterTabs) if ((mask & bit) !== 0) at += bytes;
    runs.push({ chars: count, level, hasBullet });
    left -= Math.max(1, count);
  }
  return runs;
}
