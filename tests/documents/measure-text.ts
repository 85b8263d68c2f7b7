/** What a file of the corpus should give; see tools/corpus. */
export interface ExpectedText {
  readonly text: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Shares between 0 and 1. */
export interface TextMeasure {
  /** Of the expected words, those that were found, each as often as expected. */
  readonly words: number;
  /** Of the expected words, those that were found in order: the longest common subsequence. */
  readonly order: number;
  /** Words found that nobody expected, by the number of expected ones. */
  readonly extra: number;
  /** Of the expected rows, those whose cells stand next to each other on one line. */
  readonly rows: number;
  /** Of the expected headings, those that are one in Markdown, whatever their level. */
  readonly headings: number;
}

const wide = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}ー';
const word = new RegExp(`[${wide}]|(?:(?![${wide}])[\\p{L}\\p{M}\\p{N}])+`, 'gu');

/** The words of a text: runs of letters and digits, and each character of scripts that put no space between words. */
export function wordsOf(text: string): string[] {
  return text.normalize('NFC').match(word) ?? [];
}

export function measureText(expected: ExpectedText, found: string): TextMeasure {
  const wanted = wordsOf(expected.text);
  const got = wordsOf(found);
  const common = countCommon(wanted, got);
  const lines = found.split('\n').map((line) => withoutAnchors(line)).map((line) => ({ isHeading: /^#{1,6} /.test(line), words: joined(wordsOf(line)) }));
  return {
    words: share(common, wanted.length),
    order: share(longestCommon(wanted, got), wanted.length),
    extra: wanted.length === 0 ? 0 : (got.length - common) / wanted.length,
    rows: shareOf(expected.rows, (row) => lines.some(({ words }) => words.includes(joined(wordsOf(row.join(' ')))))),
    headings: shareOf(expected.headings, (heading) => lines.some(({ isHeading, words }) => isHeading && words === joined(wordsOf(heading)))),
  };
}

/** Some libraries put an anchor before each heading, or its name after it. */
function withoutAnchors(line: string): string {
  return line.replace(/^(<a id="[^"]*"><\/a>)+/, '').replace(/ \{#[^}]*\}$/, '');
}

/** With a space at either end, so that a whole word can be looked for. */
function joined(words: readonly string[]): string {
  return ` ${words.join(' ')} `;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}

function shareOf<T>(all: readonly T[], isFound: (one: T) => boolean): number {
  return share(all.filter(isFound).length, all.length);
}

function countCommon(wanted: readonly string[], got: readonly string[]): number {
  const left = new Map<string, number>();
  for (const one of got) left.set(one, (left.get(one) ?? 0) + 1);
  let common = 0;
  for (const one of wanted) {
    const count = left.get(one) ?? 0;
    if (count === 0) continue;
    left.set(one, count - 1);
    common += 1;
  }
  return common;
}

/** The length of the longest common subsequence, row by row. */
function longestCommon(wanted: readonly string[], got: readonly string[]): number {
  let previous = new Uint32Array(got.length + 1);
  for (const one of wanted) {
    const current = new Uint32Array(got.length + 1);
    for (const [index, other] of got.entries()) {
      current[index + 1] = one === other ? (previous[index] ?? 0) + 1 : Math.max(previous[index + 1] ?? 0, current[index] ?? 0);
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
