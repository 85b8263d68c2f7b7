import { describe, expect, it } from 'vitest';
import { parseRootSecret, RootSecret, type SecretPurpose } from './secret.ts';
import { StartRefusal } from './start-refusal.ts';

const counting = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const hexText = '0123456789abcdef'.repeat(4);

// Computed apart from this code: RFC 5869 by hand, with Python's hmac and hashlib.
const golden: readonly [SecretPurpose, number, string, string][] = [
  ['key-hmac', 1, '9785debe9d58806ad6c8f4997c1a1c68edd7716d3f53286839ee63eb5ab8aa27', 'ab4e4f3bda0c120d298f2f09a8ca41b89d004b31477cc99a9f7948856af268bd'],
  ['key-hmac', 2, '8ce92ee6be6a35db0f5845b40d5aca21f4fdaec1dbf0b57567abcb8d3c84f46b', 'e4232a768699858145b28699e212219f932c1f50a5131256a97af4d0ebc7b2b9'],
  ['signature', 1, 'bc22e4db741af342d3cf8ceb463f8727316efaa60298135a8dd9f3c1656a3752', 'fdf5d23d16b5a4ef7e4b8d060ce55de03fdaa58164a097c24b7b3e195acf1944'],
  ['cookie', 1, '16f04363880182494f5824055027ec9250a2c1c6a7daf9aad362219597726e52', '52f115ed9662821365c473663aee70ab19d1f193cda27fac7bc84534a03a8ad0'],
  ['encryption', 1, 'edc76e1c44e2aece5e5180cfc1b894f36c36799df0ebd4079ba2ae9826ca12a9', 'f4e1bb38a75bd0916a84b8caa6a547f358876c68fade5642f0434971a700f0f9'],
  ['admin-token', 1, 'a65444942747a68819ba040d1d3243ebc780a33722a11448a1c16f6599c7eaa0', 'b9430136898e41026af9869ce928ce6b4589bef42403281ae545b143f11c32f5'],
];

describe('RootSecret', () => {
  it.each(golden)('derives %s v%i as RFC 5869 says', (purpose, version, fromBytes, fromText) => {
    expect(new RootSecret(counting).derive(purpose, version).toString('hex')).toBe(fromBytes);
    expect(parseRootSecret(hexText).derive(purpose, version).toString('hex')).toBe(fromText);
  });

  it('keeps its own copy of the bytes', () => {
    const bytes = Buffer.from(counting);
    const secret = new RootSecret(bytes);
    bytes.fill(0);
    expect(secret.derive('key-hmac', 1).toString('hex')).toBe(golden[0]?.[2]);
  });

  it('takes the same text from a file, with its line end, and from the environment', () => {
    expect(parseRootSecret(`${hexText}\n`).derive('cookie', 1)).toEqual(parseRootSecret(hexText).derive('cookie', 1));
  });

  it('refuses a short secret in one line that does not quote it', () => {
    const short = 'hunter2-hunter2-hunter2-hunter2';
    expect(short).toHaveLength(31);
    for (const attempt of [() => parseRootSecret(short), () => new RootSecret(Buffer.from(short))]) {
      expect(attempt).toThrow(StartRefusal);
      expect(attempt).toThrow(/^[^\n]*31 bytes and needs at least 32[^\n]*$/);
      expect(attempt).not.toThrow(/hunter/);
    }
    expect(() => parseRootSecret('')).toThrow(StartRefusal);
    expect(() => parseRootSecret(`${short} \n\n`)).toThrow(StartRefusal);
    expect(() => parseRootSecret(`${short}x`)).not.toThrow();
  });

  it('refuses a version that is not a count from 1', () => {
    expect(() => new RootSecret(counting).derive('cookie', 0)).toThrow(RangeError);
    expect(() => new RootSecret(counting).derive('cookie', 1.5)).toThrow(RangeError);
  });
});
