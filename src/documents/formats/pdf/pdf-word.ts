/** A word on a page. Places are in points from the page's upper left corner, as it is looked at. */
export interface PdfWord {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Of its font, as it is drawn; in points. */
  readonly size: number;
  readonly bold: boolean;
  /** There was a space before it, or the beginning of a line. */
  readonly spaced: boolean;
}

/** Words of one line that stand close together; or a whole table, in place of the words that it took up. */
export interface PdfSpan {
  readonly table?: readonly (readonly string[])[];
  readonly words: readonly PdfWord[];
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Words as a span, which reaches as far as they do. */
export function spanOf(words: readonly PdfWord[]): PdfSpan {
  return {
    words,
    left: Math.min(...words.map(({ left }) => left)),
    right: Math.max(...words.map(({ right }) => right)),
    top: Math.min(...words.map(({ top }) => top)),
    bottom: Math.max(...words.map(({ bottom }) => bottom)),
  };
}

/** Han, kana, Hangul, and their punctuation; what is written without spaces, Korean aside. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;

/** What stands between two pieces of a line, or of lines that go on. */
export function joint(before: string, after: string): string {
  const last = before.at(-1) ?? '';
  const first = after.at(0) ?? '';
  return last === '' || first === '' || /\s/.test(last) || (unspaced.test(last) && unspaced.test(first)) ? '' : ' ';
}

/** The words as a line of text. */
export function textOfWords(words: readonly PdfWord[]): string {
  let text = '';
  for (const word of words) text += (word.spaced && text !== '' ? ' ' : '') + word.text;
  return text;
}

/** The spans of a row as a line of text. */
export function textOfSpans(spans: readonly PdfSpan[]): string {
  let text = '';
  for (const { words } of spans) {
    const next = textOfWords(words);
    text += joint(text, next) + next;
  }
  return text;
}

/** Words that a hyphen before them does not belong to: `Vor- und Nachteile`. */
const afterLooseHyphen = /^(?:und|oder|bzw|and|or|et|ou|y|o|и|или|i|lub|en|of)\b/u;

/** Two lines of a paragraph, or of a cell, as one: syllables that were divided come together again. */
export function joinLines(before: string, after: string): string {
  if (before.endsWith('\u00ad')) return before.slice(0, -1) + after;
  const divided = /\p{L}[-\u2010]$/u.test(before) && /^\p{Ll}/u.test(after) && !afterLooseHyphen.test(after);
  return divided ? before.slice(0, -1) + after : before + joint(before, after) + after;
}
