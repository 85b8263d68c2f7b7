import { hkdfSync } from 'node:crypto';
import { StartRefusal } from './start-refusal.ts';

/** What a derived key is for. Keys for different purposes tell nothing about each other. */
export type SecretPurpose = 'key-hmac' | 'signature' | 'cookie' | 'encryption' | 'admin-token' | 'blob-encryption' | 'content-id';

const secretBytesMin = 32;
const derivedBytes = 32;

/**
 * The one secret that all others derive from, so that replicas which share it share everything. `derive` is HKDF-SHA-256
 * (RFC 5869) with an empty salt and the info `moongate/<purpose>/v<version>`; a version is how a purpose's key rotates.
 */
export class RootSecret {
  readonly #bytes: Buffer;

  /** Throws `StartRefusal` when there are fewer than 32 bytes. */
  constructor(bytes: Buffer) {
    if (bytes.length < secretBytesMin) throw tooShort('the root secret', bytes.length);
    this.#bytes = Buffer.from(bytes);
  }

  /** 32 bytes for `purpose`; always the same for the same secret, purpose and version. `version` counts from 1. */
  derive(purpose: SecretPurpose, version: number): Buffer {
    if (!Number.isSafeInteger(version) || version < 1) throw new RangeError('the version of a derived secret counts from 1');
    return Buffer.from(hkdfSync('sha256', this.#bytes, '', `moongate/${purpose}/v${version}`, derivedBytes));
  }
}

/**
 * The root secret as text: the UTF-8 bytes of `text` without the white space around it, so that the content of a data
 * folder's `secret` file and the same text in `MOONGATE_SECRET` are one secret. `source` names it in the refusal.
 * Throws `StartRefusal` when it is shorter than 32 bytes; the text itself is never quoted.
 */
export function parseRootSecret(text: string, source = 'MOONGATE_SECRET'): RootSecret {
  const bytes = Buffer.from(text.trim(), 'utf8');
  if (bytes.length < secretBytesMin) throw tooShort(source, bytes.length);
  return new RootSecret(bytes);
}

function tooShort(source: string, length: number): StartRefusal {
  return new StartRefusal(
    `${source} has ${length} bytes and needs at least ${secretBytesMin}; make one with: openssl rand -hex 32`,
  );
}
