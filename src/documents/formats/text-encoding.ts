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

/** What texts without a mark are written in, when they are not UTF-8. At equal plausibility the earlier one is taken. */
const candidates = [
  'gb18030', 'big5', 'shift_jis', 'euc-jp', 'euc-kr', 'windows-1252', 'windows-1251', 'windows-1250', 'iso-8859-2', 'koi8-u', 'ibm866', 'iso-8859-5', 'x-mac-cyrillic',
  'windows-1253', 'windows-1254', 'windows-1255', 'windows-1256', 'windows-1257', 'windows-874', 'macintosh',
] as const;

/** Of a long text, so much tells its encoding. */
const sampleBytesMax = 64 * 1024;
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

/** UTF-16 without a mark: its NULs all stand on one side, or, where there are none, the one reading is a text and nothing else is. */
function wideEncoding(bytes: Uint8Array): string | undefined {
  const sample = bytes.subarray(0, sampleBytesMax - (sampleBytesMax % 2));
  const nuls = [0, 0];
  for (let at = 0; at < sample.length; at += 1) if (sample[at] === 0) nuls[at % 2] = (nuls[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = nuls;
  if (bytes.length % 2 !== 0 || bytes.length < 2) return undefined;
  if (even === 0 && odd === 0) return wideWithoutNuls(sample);
  const encoding = odd > even ? 'utf-16le' : 'utf-16be';
  if (Math.min(even, odd) > Math.max(even, odd) / 8) return undefined;
  const text = decodeStrictly(sample, encoding, sample.length < bytes.length);
  return text !== undefined && !/[\0-\x08\x0e-\x1a\x1c-\x1f\ufffe\uffff]/.test(text) && textScore(text) > 0 ? encoding : undefined;
}

/** Nothing but, say, Chinese: hardly any other text is read as frequent Han characters by mistake. */
function wideWithoutNuls(sample: Uint8Array): string | undefined {
  if (sample.length < 8 || decodeStrictly(sample, 'utf-8', true) !== undefined) return undefined;
  const [best] = (['utf-16le', 'utf-16be'] as const)
    .map((encoding) => ({ encoding, score: textScore(decodeStrictly(sample, encoding, true) ?? '') }))
    .sort((a, b) => b.score - a.score);
  if (best === undefined || best.score < 0.5) return undefined;
  const others = candidates.map((encoding) => textScore(decodeStrictly(sample, encoding, true) ?? ''));
  return best.score > Math.max(...others) ? best.encoding : undefined;
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
    const score = textScore(text) + opinionWeight * (opinions.get(encoding) ?? 0);
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
