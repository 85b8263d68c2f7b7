import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, systemRandom } from '../base/random.ts';
import { RootSecret } from '../base/secret.ts';
import { claimedId, deriveAdminToken, isAdminToken, mintKey, parseKey, type TokenKind } from './api-key.ts';

const kinds = fc.constantFrom<TokenKind>('live', 'test', 'admin');
const seeded = fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 32, maxLength: 32 }));
/** Hands out the given bytes, so that a key is a function of them. */
const randomOf = ([id, secret]: [Uint8Array, Uint8Array]): Random => ({ bytes: (count) => Buffer.from(count === 16 ? id : secret) });
const forms: Record<TokenKind, RegExp> = {
  live: /^sk-[0-9A-Za-z]{59}$/,
  test: /^sk-test-[0-9A-Za-z]{59}$/,
  admin: /^mgadm-[0-9A-Za-z]{59}$/,
};

describe('mintKey and parseKey', () => {
  it('give a key whose checksum others can compute', () => {
    const { token, id, display } = mintKey('live', { bytes: (count) => Buffer.alloc(count) });
    // CRC-32 of "sk-" and 53 zeros is 4161516417 (Python's zlib), in base62 4XdIWX.
    expect(token).toBe(`sk-${'0'.repeat(53)}4XdIWX`);
    expect(id).toBe('key_0000000000');
    expect(display).toBe('sk-0000…');
  });

  it('take apart what they put together', () => {
    fc.assert(
      fc.property(kinds, seeded, (kind, seed) => {
        const minted = mintKey(kind, randomOf(seed));
        expect(minted.token).toMatch(forms[kind]);
        expect(parseKey(minted.token)).toEqual({ kind, id: minted.id, secretDigestInput: minted.token });
        expect(claimedId(minted.token)).toBe(minted.id);
        expect(minted.token).toContain(minted.id.slice('key_'.length));
      }),
    );
  });

  it('keep all 256 bits of the secret: other bytes, other key', () => {
    fc.assert(
      fc.property(kinds, seeded, fc.nat(31), fc.nat(7), (kind, [id, secret], byte, bit) => {
        const flipped = Uint8Array.from(secret);
        flipped[byte] = (flipped[byte] ?? 0) ^ (1 << bit);
        expect(mintKey(kind, randomOf([id, flipped])).token).not.toBe(mintKey(kind, randomOf([id, secret])).token);
      }),
    );
  });

  it('know a key with one wrong character, two swapped, or a piece missing', () => {
    fc.assert(
      fc.property(kinds, seeded, fc.nat(), fc.constantFrom(...'0Az-é '), (kind, seed, place, wrong) => {
        const { token } = mintKey(kind, randomOf(seed));
        const at = place % token.length;
        const broken = [
          token.slice(0, at) + wrong + token.slice(at + 1),
          token.slice(0, at) + (token[at + 1] ?? '') + (token[at] ?? '') + token.slice(at + 2),
          token.slice(0, at),
          token.slice(at + 1),
          `${token}${wrong}`,
        ];
        for (const text of broken) if (text !== token) expect(parseKey(text)).toBeUndefined();
      }),
    );
  });

  it('take no text of any kind for a key', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseKey(text)).toBeUndefined();
      }),
    );
    expect(parseKey(`sk-${'x'.repeat(1_000_000)}`)).toBeUndefined();
  });

  it('do not let one kind pass for another', () => {
    const { token } = mintKey('live', systemRandom);
    expect(parseKey(token.replace('sk-', 'sk-test-'))).toBeUndefined();
    expect(parseKey(token.replace('sk-', 'mgadm-'))).toBeUndefined();
    expect(parseKey(token.replace('sk-', 'SK-'))).toBeUndefined();
  });

  it('show nothing of the secret', () => {
    const { token, display } = mintKey('test', systemRandom);
    expect(display).toBe(`${token.slice(0, 'sk-test-'.length + 4)}…`);
  });
});

describe('isAdminToken', () => {
  it('is true for the very token only', () => {
    const { token } = mintKey('admin', systemRandom);
    expect(isAdminToken(token, token)).toBe(true);
    expect(isAdminToken(`${token} `, token)).toBe(false);
    expect(isAdminToken(token.slice(0, -1), token)).toBe(false);
    expect(isAdminToken('', token)).toBe(false);
    expect(isAdminToken('', '')).toBe(false);
  });
});

describe('deriveAdminToken', () => {
  it('gives every server of one root secret the same token, and those of another one another', () => {
    const token = deriveAdminToken(new RootSecret(Buffer.alloc(32, 7)));
    expect(token).toMatch(forms.admin);
    expect(parseKey(token)).toMatchObject({ kind: 'admin' });
    expect(deriveAdminToken(new RootSecret(Buffer.alloc(32, 7)))).toBe(token);
    const other = deriveAdminToken(new RootSecret(Buffer.alloc(32, 8)));
    expect(other.slice('mgadm-'.length, 16)).not.toBe(token.slice('mgadm-'.length, 16));
    expect(other.slice(16, -6)).not.toBe(token.slice(16, -6));
  });
});
