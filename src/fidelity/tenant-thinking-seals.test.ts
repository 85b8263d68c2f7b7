import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { ThinkingProof } from '../dialogue/thinking-seal.ts';
import { TenantThinkingSeals } from './tenant-thinking-seals.ts';

const sealer = new Sealer(Buffer.alloc(32, 1), systemRandom);
const seals = new TenantThinkingSeals(sealer, 'ten_1');
const proof: ThinkingProof = { protocol: 'anthropic-messages', upstreamId: 'moonshot', value: 'c2ln' };

describe('TenantThinkingSeals', () => {
  it('gives back what it sealed, with what the upstream gave', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()), fc.boolean(), fc.constantFrom(undefined, proof, { ...proof, hidden: true as const }), (text, shown, given) => {
      const sealed = { text, ...(given === undefined ? {} : { proof: given }) };
      expect(seals.open(seals.seal(sealed, shown), shown ? text : '')).toEqual(sealed);
    }));
  });

  it('vouches for the very text that was shown', () => {
    const seal = seals.seal({ text: 'two and two is four' }, true);
    expect(seals.open(seal, 'two and two is five')).toBeUndefined();
    expect(seals.open(seal, '')).toBeUndefined();
  });

  it('holds no shown text, and hides the other', () => {
    const long = 'thought '.repeat(1000);
    expect(seals.seal({ text: long }, true).length).toBeLessThan(200);
    expect(Buffer.from(seals.seal({ text: long }, false).slice(3), 'base64').includes('thought')).toBe(false);
  });

  it("opens no other tenant's, no other house's, no damaged and no foreign one", () => {
    const seal = seals.seal({ text: 'x' }, false);
    expect(new TenantThinkingSeals(sealer, 'ten_2').open(seal, '')).toBeUndefined();
    expect(new TenantThinkingSeals(new Sealer(Buffer.alloc(32, 2), systemRandom), 'ten_1').open(seal, '')).toBeUndefined();
    expect(seals.open(`${seal.slice(0, -6)}AAAAAA`, '')).toBeUndefined();
    expect(seals.open('EqQBCkYIAhgCIkD3', 'x')).toBeUndefined();
    expect(seals.open('', '')).toBeUndefined();
    expect(seals.open(sealer.seal('[]', 'thinking\nten_1'), '')).toBeUndefined();
  });
});
