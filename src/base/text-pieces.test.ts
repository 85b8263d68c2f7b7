import { describe, expect, it } from 'vitest';
import { textPieces } from './text-pieces.ts';

describe('pieces of a text', () => {
  it('are the text, and none of them is long or cuts a character', () => {
    for (const text of ['', 'a', '🌍'.repeat(100_000), `a${'🌍'.repeat(100_000)}`, 'x'.repeat(65_536), `${'x'.repeat(65_535)}\ud83c`]) {
      const pieces = [...textPieces(text)];
      expect(pieces.join('') === text).toBe(true);
      expect(pieces.every((piece) => piece.length > 0 && piece.length <= 65_537)).toBe(true);
      expect(!text.isWellFormed() || pieces.every((piece) => piece.isWellFormed())).toBe(true);
    }
  });
});
