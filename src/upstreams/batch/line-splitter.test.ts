import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(text: string, cuts: readonly number[], lineBytesMax = 1_000): string[] {
  const bytes = Buffer.from(text);
  const splitter = new LineSplitter(lineBytesMax);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((one, other) => one - other);
  const lines = edges.slice(1).flatMap((edge, index) => splitter.push(bytes.subarray(edges[index], edge)));
  return [...lines, ...splitter.end()].map((line) => Buffer.from(line).toString('utf8'));
}

describe('LineSplitter', () => {
  it('gives the lines, however the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 0, maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ' '));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 5 }), fc.boolean(), (lines, cuts, ended) => {
        const wanted = lines.filter((each) => Buffer.from(each).some((byte) => byte > 0x20));
        expect(split(lines.join('\n') + (ended ? '\n' : ''), cuts)).toEqual(wanted);
      }),
    );
  });

  it('throws for a line that is too long, be it in pieces', () => {
    expect(split('a'.repeat(10), [], 10)).toEqual(['a'.repeat(10)]);
    expect(() => split('a'.repeat(11), [3, 6], 10)).toThrow(RangeError);
  });
});
