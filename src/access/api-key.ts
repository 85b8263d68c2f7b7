import { hash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Id } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import type { RootSecret } from '../base/secret.ts';

/**
 * The form of our tokens: prefix, then 59 characters of base62 without a separator: 10 of public id, 43 of secret (256
 * random bits), 6 of checksum (CRC-32 of everything before them), by which a mistyped or cut key is known for one
 * without asking the database, and a leaked one is known for ours by a scanner.
 */
export type TokenKind = 'live' | 'test' | 'admin';

export type KeyId = Id<'key'>;

const prefixByKind: Readonly<Record<TokenKind, string>> = { live: 'sk-', test: 'sk-test-', admin: 'mgadm-' };
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 10;
const secretLength = 43;
const checksumLength = 6;
const bodyLength = idLength + secretLength + checksumLength;
const bodyForm = /^[0-9A-Za-z]{59}$/;

export interface MintedToken {
  readonly token: string;
  readonly kind: TokenKind;
  readonly id: KeyId;
  /** Prefix and four characters of the public id, to tell keys apart in a list; nothing of the secret. */
  readonly display: string;
}

export interface ParsedToken {
  readonly kind: TokenKind;
  readonly id: KeyId;
  /** What its HMAC is taken of: the whole token. */
  readonly secretDigestInput: string;
}

/** A new token of that kind. The token is to be shown once and never stored. */
export function mintKey(kind: TokenKind, random: Random): MintedToken {
  const prefix = prefixByKind[kind];
  // 16 bytes for 10 characters: what the remainder favours is then below one part in 2^68.
  const publicId = base62(integerOf(random.bytes(16)) % 62n ** BigInt(idLength), idLength);
  const secret = base62(integerOf(random.bytes(32)), secretLength);
  const unchecked = `${prefix}${publicId}${secret}`;
  return {
    token: unchecked + checksumOf(unchecked),
    kind,
    id: `key_${publicId}`,
    display: `${prefix}${publicId.slice(0, 4)}…`,
  };
}

/**
 * The admin token that belongs to a root secret: the same in every server that shares it, so that one token opens the admin
 * API of all of them.
 */
export function deriveAdminToken(secret: RootSecret): string {
  const derived = secret.derive('admin-token', 1);
  // Of the public part nothing of the secret part can be told.
  const random: Random = { bytes: (count) => (count === derived.length ? derived : hash('sha256', derived, 'buffer').subarray(0, count)) };
  return mintKey('admin', random).token;
}

/** `text` taken apart, or undefined when it is no token of ours or its checksum is wrong. Says nothing of its validity. */
export function parseKey(text: string): ParsedToken | undefined {
  const kind = kindOf(text);
  if (kind === undefined || !bodyForm.test(text.slice(-bodyLength))) return undefined;
  const checkedLength = text.length - checksumLength;
  if (checksumOf(text.slice(0, checkedLength)) !== text.slice(checkedLength)) return undefined;
  return { kind, id: publicIdOf(text), secretDigestInput: text };
}

/** The id that `text` claims, if it has the length of a token; unchecked, for looking up what then gets compared. */
export function claimedId(text: string): KeyId | undefined {
  return kindOf(text) === undefined ? undefined : publicIdOf(text);
}

/** SHA-256 of a token: by which a token that was found right before is known again. */
export function tokenDigest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Whether the admin token that was given is the one expected; in a time that tells nothing of where they differ. */
export function isAdminToken(given: string, expected: string): boolean {
  if (expected === '') return false;
  return timingSafeEqual(tokenDigest(given), tokenDigest(expected));
}

function kindOf(text: string): TokenKind | undefined {
  for (const kind of ['live', 'test', 'admin'] as const) {
    const prefix = prefixByKind[kind];
    if (text.length === prefix.length + bodyLength && text.startsWith(prefix)) return kind;
  }
  return undefined;
}

function publicIdOf(token: string): KeyId {
  const start = token.length - bodyLength;
  return `key_${token.slice(start, start + idLength)}`;
}

function checksumOf(text: string): string {
  return base62(BigInt(crc32(text)), checksumLength);
}

function integerOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = (alphabet[Number(rest % 62n)] ?? '') + text;
  return text;
}
