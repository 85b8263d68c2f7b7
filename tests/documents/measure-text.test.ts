import fc from 'fast-check';
import { expect, it } from 'vitest';
import { measureText, wordsOf } from './measure-text.ts';

const expected = { text: 'One heading\nalpha beta gamma\n山路 | 48元\n', headings: ['One heading'], rows: [['山路', '48元']] };

it('a perfect text measures 1 in everything, and nothing extra', () => {
  expect(measureText(expected, '# One heading\n\nalpha beta gamma\n\n| 山路 | 48元 |\n')).toEqual({ words: 1, order: 1, extra: 0, rows: 1, headings: 1 });
});

it('what is missing, out of order, too much, broken over lines or no heading is seen', () => {
  const measured = measureText(expected, 'One heading\ngamma beta zeta\n山路\n48元\n');
  expect(measured).toEqual({ words: 8 / 9, order: 7 / 9, extra: 1 / 9, rows: 0, headings: 0 });
});

it('words are runs of letters and digits, and single characters of scripts without spaces', () => {
  expect(wordsOf('Größe 4,20 m – 山路𠮷 кот; naïve')).toEqual(['Größe', '4', '20', 'm', '山', '路', '𠮷', 'кот', 'naïve']);
});

it('no text measures more than itself: order never exceeds words, and neither exceeds 1', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c', '山'), { maxLength: 12 }).map((list) => list.join(' '));
  fc.assert(fc.property(words, words, (wanted, found) => {
    const measured = measureText({ text: wanted, headings: [], rows: [] }, found);
    expect(measured.order).toBeLessThanOrEqual(measured.words);
    expect(measured.words).toBeLessThanOrEqual(1);
    expect(measureText({ text: wanted, headings: [], rows: [] }, wanted)).toMatchObject({ words: 1, order: 1, extra: 0 });
  }));
});
