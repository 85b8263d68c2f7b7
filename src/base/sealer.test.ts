import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from './random.ts';
import { Sealer } from './sealer.ts';

const sealer = new Sealer(randomBytes(32), systemRandom);

describe('Sealer', () => {
  it('gives back what was sealed, whatever it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plain, context) => {
      expect(sealer.open(sealer.seal(plain, context), context)).toBe(plain);
    }));
  });

  it('shows nothing of it, and never the same text twice', () => {
    const [one, other] = [sealer.seal('canary canary', 'a'), sealer.seal('canary canary', 'a')];
    expect(one).not.toBe(other);
    expect(Buffer.from(one.slice(3), 'base64').toString('latin1')).not.toContain('canary');
  });

  it('opens nothing of another context, another key, or that was touched', () => {
    const sealed = sealer.seal('text', 'ten_1');
    expect(() => sealer.open(sealed, 'ten_2')).toThrow();
    expect(() => new Sealer(randomBytes(32), systemRandom).open(sealed, 'ten_1')).toThrow();
    const bytes = Buffer.from(sealed.slice(3), 'base64');
    for (const at of [0, 12, bytes.length - 1]) {
      const touched = Buffer.from(bytes);
      touched.writeUInt8(touched.readUInt8(at) ^ 1, at);
      expect(() => sealer.open(`v1.${touched.toString('base64')}`, 'ten_1')).toThrow();
    }
    for (const none of ['', 'v1.', 'v2.' + sealed.slice(3), 'v1.AAAA']) expect(() => sealer.open(none, 'ten_1')).toThrow();
  });
});
