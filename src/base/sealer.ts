import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from './random.ts';

const cipher = 'aes-256-gcm';
/** NIST SP 800-38D 8.2: 96 bits; drawn at random they are good for 2^32 texts under one key (8.3). */
const nonceBytes = 12;
const tagBytes = 16;
/** Names key and form, so that either can change while older texts stay readable. */
const prefix = 'v1.';

/** Texts that only this house can read, for a database that others may see: AES-256-GCM under a derived key. */
export class Sealer {
  readonly #key: Buffer;
  readonly #random: Random;

  /** `key` has 32 bytes: `RootSecret.derive('encryption', 1)`. */
  constructor(key: Buffer, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  /** `plain` sealed, as ASCII text. `context` says whose it is and is not stored: to open it elsewhere fails. */
  seal(plain: string, context: string): string {
    const nonce = this.#random.bytes(nonceBytes);
    const sealing = createCipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes });
    sealing.setAAD(Buffer.from(context));
    const body = Buffer.concat([nonce, sealing.update(plain, 'utf8'), sealing.final(), sealing.getAuthTag()]);
    return prefix + body.toString('base64');
  }

  /** What was sealed. Throws when it is damaged, was sealed under another key, or belongs to another context. */
  open(sealed: string, context: string): string {
    const body = Buffer.from(sealed.startsWith(prefix) ? sealed.slice(prefix.length) : '', 'base64');
    if (body.length < nonceBytes + tagBytes) throw new Error('this is no sealed text');
    const opening = createDecipheriv(cipher, this.#key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
    opening.setAAD(Buffer.from(context));
    opening.setAuthTag(body.subarray(-tagBytes));
    return Buffer.concat([opening.update(body.subarray(nonceBytes, -tagBytes)), opening.final()]).toString('utf8');
  }
}
