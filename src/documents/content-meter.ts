import { createHmac } from 'node:crypto';
import type { TenantScope } from '../base/tenant-scope.ts';
import { fileTooLarge } from './file-limits.ts';

/**
 * Looks at bytes on their way: how many there are, and which. The name that it gives them is an HMAC under a key of the house, for each
 * tenant and mode another one, so that it tells nobody what is stored, or that two tenants have the same.
 */
export class ContentMeter {
  readonly #hmac;
  readonly #bytesMax: number;
  #bytes = 0;

  /** `key`: `RootSecret.derive('content-id', 1)`. */
  constructor(key: Buffer, { tenantId, mode }: TenantScope, bytesMax: number) {
    this.#hmac = createHmac('sha256', key).update(`${tenantId} ${mode}\0`);
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What `source` gives, unchanged. Throws Moonshot's refusal beyond `bytesMax`, and `signal`'s reason. */
  async *through(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      signal?.throwIfAborted();
      this.#bytes += piece.length;
      if (this.#bytes > this.#bytesMax) throw fileTooLarge(this.#bytesMax);
      this.#hmac.update(piece);
      yield piece;
    }
  }

  /** To be asked once, when all has gone through. */
  contentId(): string {
    return this.#hmac.digest('hex');
  }
}
