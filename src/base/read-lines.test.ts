import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FileLine, LineCutter } from './line-cutter.ts';
import { readLines } from './read-lines.ts';

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes.length === 0 ? bytes.length : (sizes[index % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(bytes: Buffer, sizes: readonly number[] = [], max = 1_000): Promise<readonly FileLine[]> {
  return (await Array.fromAsync(readLines(inPieces(bytes, sizes), max))).flat();
}

describe('the lines of a file', () => {
  it('are those that a split would give without the blank ones, however it is cut, and stand where they say', async () => {
    const line = fc.oneof(fc.constantFrom('', ' ', '\r', 'ü', '中文\r'), fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', '')));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }), async (texts, sizes) => {
        const bytes = Buffer.from(texts.join('\n'));
        const found = await linesOf(bytes, sizes);
        const wanted = texts.flatMap((text, index) => (/^[ \t\r]*$/.test(text) ? [] : [{ number: index + 1, text }]));
        expect(found.map(({ number, bytes: own }) => ({ number, text: own.toString('utf8') }))).toEqual(wanted);
        for (const { start, end, bytes: own } of found) expect(bytes.subarray(start, end).equals(own)).toBe(true);
      }),
    );
  });

  it('leave out a byte order mark, and keep nothing of a line that is too long', async () => {
    expect((await linesOf(Buffer.from('\uFEFFa\nb'))).map(({ bytes }) => bytes.toString())).toEqual(['a', 'b']);
    const [first, second] = await linesOf(Buffer.from(`${'x'.repeat(50)}\ny`), [7], 20);
    expect(first).toMatchObject({ number: 1, start: 0, end: 50, tooLong: true, bytes: Buffer.alloc(0) });
    expect(second).toMatchObject({ number: 2, start: 51, end: 52, tooLong: false });
  });

  it('say of a line that it is too long before it has ended', () => {
    const cutter = new LineCutter(10);
    expect([cutter.push(Buffer.from('a\n0123456789')).length, cutter.isTooLong]).toEqual([1, false]);
    expect([cutter.push(Buffer.from('x')).length, cutter.isTooLong]).toEqual([0, true]);
    expect(cutter.push(Buffer.from('\nb\n'))).toMatchObject([{ number: 2, tooLong: true }, { number: 3, tooLong: false }]);
    expect(cutter.isTooLong).toBe(false);
  });
});
