import chardet from 'chardet';
import { textScore } from './text-score.ts';
import { UnreadableDocument } from './format-reader.ts';

/** A text and what it was written in, by the names of the WHATWG's encoding standard. */
export interface DecodedText {
  readonly text: string;
  readonly encoding: string;
}

/** Marks at the beginning that say how the rest is written; the longer ones first. */
const byteOrderMarks: readonly { readonly bytes: readonly number[]; readonly encoding: string }[] = [
  { bytes: [0xff, 0xfe, 0, 0], encoding: 'utf-32le' },
  { bytes: [0, 0, 0xfe, 0xff], encoding: 'utf-32be' },
  { bytes: [0x84, 0x31, 0x95, 0x33], encoding: 'gb18030' },
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
];

/**
 * What texts without a mark are written in, when they are not UTF-8, and how much less likely than the others it is. At equal
 * plausibility the earlier one is taken.
 */
const rarity = {
  gb18030: 0, big5: 0, shift_jis: 0, 'euc-jp': 0, 'euc-kr': 0, 'windows-1252': 0, 'windows-1251': 0, 'windows-1250': 0, 'iso-8859-2': 0, 'koi8-u': 0, ibm866: 0.1, 'iso-8859-5': 0.1,
  'x-mac-cyrillic': 0.1, 'windows-1253': 0.05, 'windows-1254': 0.05, 'windows-1255': 0.15, 'windows-1256': 0.2, 'windows-1257': 0.05, 'windows-874': 0.3, macintosh: 0.15,
} as const;
type Candidate = keyof typeof rarity;
const candidates = Object.keys(rarity) as Candidate[];

/** Of a long text, so much tells its encoding. */
const sampleBytesMax = 64 * 1024;
/** A text that reads as UTF-16 reaches so much; and where it may be another encoding too, is ahead of that by so much. */
const wideScoreMin = 0.5;
const wideLeadMin = 0.2;
/** What chardet's own opinion counts for beside ours, when it is sure. */
const opinionWeight = 0.15;

/**
 * The text of `bytes`, whatever it is written in. First marks, then UTF-16 by its NULs, then UTF-8 if it is flawless, and else
 * the encoding whose result looks most like a language. Throws `UnreadableDocument` when the bytes are no text.
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  const mark = byteOrderMarks.find((one) => one.bytes.every((byte, at) => bytes[at] === byte));
  if (mark !== undefined) return { text: decodeAs(bytes.subarray(mark.bytes.length), mark.encoding), encoding: mark.encoding };
  const wide = wideEncoding(bytes);
  if (wide !== undefined) return { text: decodeAs(bytes, wide), encoding: wide };
  if (hasControls(bytes)) throw new UnreadableDocument('unsupported', 'the file is no text, and no document of a kind that is known');
  if (isSwitching(bytes)) return { text: decodeAs(bytes, 'iso-2022-jp'), encoding: 'iso-2022-jp' };
  const utf8 = decodeStrictly(bytes, 'utf-8');
  if (utf8 !== undefined) return { text: utf8, encoding: 'utf-8' };
  const encoding = likeliest(bytes);
  return { text: decodeAs(bytes, encoding), encoding };
}

/** Whether `bytes` may be a text at all; for telling formats apart. */
export function looksLikeText(bytes: Uint8Array): boolean {
  if (byteOrderMarks.some((one) => one.bytes.every((byte, at) => bytes[at] === byte))) return true;
  return wideEncoding(bytes) !== undefined || !hasControls(bytes);
}

function decodeAs(bytes: Uint8Array, encoding: string): string {
  if (encoding === 'utf-32le' || encoding === 'utf-32be') return decodeUtf32(bytes, encoding === 'utf-32le');
  return new TextDecoder(encoding).decode(bytes);
}

function decodeStrictly(bytes: Uint8Array, encoding: string, cutShort: boolean = false): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: cutShort });
  } catch {
    return undefined;
  }
}

function decodeUtf32(bytes: Uint8Array, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, littleEndian);
    parts.push(point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff) ? '\ufffd' : String.fromCodePoint(point));
  }
  return parts.join('');
}

/** UTF-16 without a mark: one of its readings is a text, and, unless there are bytes that no other text has, better than any other. */
function wideEncoding(bytes: Uint8Array): string | undefined {
  if (bytes.length % 2 !== 0 || bytes.length < 2) return undefined;
  const sample = bytes.subarray(0, sampleBytesMax);
  const narrow = !hasControls(sample);
  if (narrow && decodeStrictly(sample, 'utf-8', true) !== undefined) return undefined;
  const [best] = (['utf-16le', 'utf-16be'] as const)
    .map((encoding) => ({ encoding, score: wideScore(decodeStrictly(sample, encoding, true)) }))
    .sort((a, b) => b.score - a.score);
  if (best === undefined || best.score < wideScoreMin) return undefined;
  if (!narrow) return best.encoding;
  const others = candidates.map((encoding) => textScore(decodeStrictly(sample, encoding, true) ?? '', encoding));
  return best.score > Math.max(...others) + wideLeadMin ? best.encoding : undefined;
}

/** Of what is read as UTF-16: ASCII counts as well, since the other reading makes Han characters of it. */
function wideScore(text: string | undefined): number {
  if (text === undefined || text === '' || /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\ufffe\uffff]/.test(text)) return -1;
  const plain = (text.match(/[\t\n\f\r -~]/g)?.length ?? 0) / text.length;
  return plain + (1 - plain) * textScore(text, 'utf-16');
}

/** Control characters that no text has, in more than a hundredth of what is looked at. */
function hasControls(bytes: Uint8Array): boolean {
  const sample = bytes.subarray(0, sampleBytesMax);
  let count = 0;
  for (const byte of sample) {
    if (byte === 0) return true;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b) count += 1;
  }
  return count > sample.length / 100;
}

/** ISO-2022-JP: seven bits, with escapes that change the character set. */
function isSwitching(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(0, sampleBytesMax)).toString('latin1');
  return /\x1b\$[@B]/.test(text) && !/[\x80-\xff]/.test(text);
}

function likeliest(bytes: Uint8Array): string {
  const sample = bytes.subarray(firstHigh(bytes), firstHigh(bytes) + sampleBytesMax);
  const opinions = new Map(chardet.analyse(sample).map(({ name, confidence }) => [sameAs(name), confidence / 100]));
  let best: { readonly encoding: string; readonly score: number } = { encoding: 'windows-1252', score: -Infinity };
  for (const encoding of candidates) {
    const text = decodeStrictly(sample, encoding, sample.length < bytes.length);
    if (text === undefined) continue;
    const score = textScore(text, encoding) - rarity[encoding] + opinionWeight * (opinions.get(encoding) ?? 0);
    if (score > best.score) best = { encoding, score };
  }
  return best.encoding;
}

/** What is ASCII before the first other byte says nothing; a little of it is kept as context. */
function firstHigh(bytes: Uint8Array): number {
  const at = bytes.findIndex((byte) => byte >= 0x80);
  return Math.max(0, at - 64);
}

/** chardet's names for what the encoding standard holds under others. */
function sameAs(name: string): string {
  const lower = name.toLowerCase();
  const names: Readonly<Record<string, string>> = { 'iso-8859-1': 'windows-1252', 'koi8-r': 'koi8-u', 'iso-8859-9': 'windows-1254', 'iso-8859-7': 'windows-1253', 'iso-8859-8': 'windows-1255', 'iso-8859-6': 'windows-1256' };
  return names[lower] ?? lower;
}
