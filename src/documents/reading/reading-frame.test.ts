import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest, encodeFrame, encodeRequest, FrameReader, factsText, frameKinds, parseFacts, parseFailure, payloadBytesMax } from './reading-frame.ts';

const kinds = Object.values(frameKinds);

describe('frames', () => {
  it('come out as they went in, however they are cut', () => {
    const frame = fc.record({ kind: fc.constantFrom(...kinds), payload: fc.string({ unit: 'grapheme', maxLength: 60 }) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat({ max: 12 }), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
        const reader = new FrameReader();
        const found: { kind: number; payload: string }[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const end = at + 1 + (cuts[turn % cuts.length] ?? 0);
          for (const one of reader.take(bytes.subarray(at, end))) found.push({ kind: one.kind, payload: one.payload.toString('utf8') });
          at = end;
        }
        expect(found).toEqual(frames);
      }),
    );
  });

  it('are refused when they claim to be larger than any', () => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(payloadBytesMax + 1, 1);
    expect(() => [...new FrameReader().take(head)]).toThrow('a frame of');
  });

  it('carry the longest piece of text that is sent', () => {
    expect(encodeFrame(frameKinds.text, '字'.repeat(64 * 1024)).length).toBeLessThan(payloadBytesMax);
  });
});

describe('a request', () => {
  it('is followed by its document', () => {
    const request = { filename: 'наказ.txt', bytes: 3, timeMs: 1, limits: { textCharsMax: 1, unpackedBytesMax: 2, entriesMax: 3, depthMax: 4 } };
    const bytes = Buffer.concat([encodeRequest(request), Buffer.from('abc')]);
    const decoded = decodeRequest(bytes);
    expect(decoded?.request).toEqual(request);
    expect(bytes.subarray(decoded?.documentAt).toString()).toBe('abc');
    for (let end = 0; end < bytes.length - 3; end += 7) expect(decodeRequest(bytes.subarray(0, end))).toBeUndefined();
  });
});

describe('facts', () => {
  it('always fit into a frame, and are cut to what people can read', () => {
    const facts = { format: 'pdf' as const, mimeType: 'application/pdf', title: `a\u0000\n${'"'.repeat(9000)}`, notes: Array.from({ length: 9000 }, () => '"'.repeat(9000)) };
    const text = factsText(facts);
    expect(Buffer.byteLength(text)).toBeLessThan(payloadBytesMax);
    const parsed = parseFacts(Buffer.from(text));
    expect(parsed.title).toMatch(/^a "+…$/);
    expect(parsed.notes).toHaveLength(101);
    expect(parsed.notes.at(-1)).toBe('8900 more notes are left out');
  });

  it('are refused when they are none, whatever stands there', () => {
    for (const text of ['', 'null', '[]', '{"format":"exe","mimeType":"a","notes":[]}', '{"format":"pdf","notes":[]}', '{"format":"pdf","mimeType":"a"}']) {
      expect(() => parseFacts(Buffer.from(text)), text).toThrow();
    }
    expect(parseFacts(Buffer.from('{"format":"pdf","mimeType":"a","notes":[1,"b"],"pageCount":-1,"title":7}'))).toEqual({ format: 'pdf', mimeType: 'a', notes: ['b'] });
    expect(() => parseFailure(Buffer.from('{"reason":"because","message":"x"}'))).toThrow();
  });
});
