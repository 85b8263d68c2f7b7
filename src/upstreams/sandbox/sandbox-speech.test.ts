import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockChars, PrefixCache } from './prefix-cache.ts';
import { splitPieces, untilStop } from './sandbox-speech.ts';
import { languageOf } from './situation.ts';

describe('splitPieces', () => {
  it('loses nothing and parts no surrogate pair', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const pieces = splitPieces(text);
      expect(pieces.join('')).toBe(text);
      for (const piece of pieces) expect(piece.isWellFormed() || !text.isWellFormed()).toBe(true);
    }));
  });

  it('cuts long runs of anything small', () => {
    for (const run of ['a', ' ', '\n', '月', '🌙', '.', '\u0301']) {
      const pieces = splitPieces(run.repeat(1_000));
      expect(Math.max(...pieces.map((piece) => Array.from(piece).length))).toBeLessThanOrEqual(10);
    }
  });
});

describe('untilStop', () => {
  it('takes the earliest stop, and never an empty one', () => {
    expect(untilStop('abcabc', ['c', 'b', ''])).toEqual({ text: 'a', stopSequence: 'b' });
    expect(untilStop('abc', [])).toEqual({ text: 'abc' });
    expect(untilStop('abc', undefined)).toEqual({ text: 'abc' });
  });
});

describe('languageOf', () => {
  it.each([['Hello there', 'en'], ['', 'en'], ['天气', 'zh'], ['Как дела? OK', 'ru'], ['Jak się masz', 'pl'], ['Zażółć', 'pl']])('%s is %s', (text, language) => {
    expect(languageOf(text)).toBe(language);
  });
});

describe('PrefixCache', () => {
  const block = (char: string): string => char.repeat(blockChars);

  it('finds whole leading blocks only, in their order', () => {
    const cache = new PrefixCache();
    expect(cache.read('m', block('a') + block('b') + block('c'))).toBe(0);
    expect(cache.read('m', `${block('a')}${block('b')}tail`)).toBe(2 * blockChars);
    expect(cache.read('m', block('b') + block('a'))).toBe(0);
    expect(cache.read('other', block('a'))).toBe(0);
    expect(cache.read('m', 'a'.repeat(blockChars - 1))).toBe(0);
  });

  it('forgets the least recently used', () => {
    const cache = new PrefixCache(2);
    cache.read('m', block('a'));
    cache.read('m', block('b'));
    cache.read('m', block('a'));
    cache.read('m', block('c'));
    expect(cache.read('m', block('a'))).toBe(blockChars);
    expect(cache.read('m', block('b'))).toBe(0);
  });
});
