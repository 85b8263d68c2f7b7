import { describe, expect, it } from 'vitest';
import { holdsLongText, jsonPieces } from './json-pieces.ts';

describe('an answer with a long text', () => {
  it('is the same JSON, in pieces', () => {
    const answer = { file: { id: 'file_1' }, text: `"\n\\${'🌍'.repeat(200_000)}`, title: null, notes: ['short'] };
    const pieces = [...jsonPieces(answer)];
    expect(Buffer.concat(pieces).toString() === JSON.stringify(answer)).toBe(true);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(400_000);
    expect([holdsLongText(answer), holdsLongText({ ...answer, text: 'short' })]).toEqual([true, false]);
  });
});
