import { Fault } from '../../../base/fault.ts';

/** What waits has a bound, as every queue: so many calls, and so many bytes of their bodies. */
const callsMax = 4_096;
const bytesMax = 256 * 1024 * 1024;
/** How much of it one key may have, so that there is room for others. */
const keyShare = 1 / 4;
const retryMs = 30_000;

interface Held {
  calls: number;
  bytes: number;
}

/** Counts the calls that wait here, and the bytes that they hold meanwhile, in all and for each key. */
export class HeldShares {
  readonly #all: Held = { calls: 0, bytes: 0 };
  readonly #keys = new Map<string, Held>();

  /**
   * Counts one more; the function that is returned, that it waits no more. Throws a `rate_limited` that may pass when there is no room. Who
   * holds nothing is let in, however large the call is, if there is room in all.
   */
  enter(keyId: string, bytes: number): () => void {
    const ofKey = this.#keys.get(keyId) ?? { calls: 0, bytes: 0 };
    if (!hasRoom(this.#all, bytes, 1)) throw full('wait here already');
    if (!hasRoom(ofKey, bytes, keyShare)) throw full('of this key wait here already');
    this.#keys.set(keyId, ofKey);
    for (const held of [this.#all, ofKey]) {
      held.calls += 1;
      held.bytes += bytes;
    }
    return () => {
      for (const held of [this.#all, ofKey]) {
        held.calls -= 1;
        held.bytes -= bytes;
      }
      if (ofKey.calls === 0) this.#keys.delete(keyId);
    };
  }
}

function hasRoom({ calls, bytes }: Held, more: number, share: number): boolean {
  return calls === 0 || (calls < callsMax * share && bytes + more <= bytesMax * share);
}

function full(where: string): Fault {
  return new Fault('rate_limited', { message: `as many calls as there is room for ${where}`, retryAfterMs: retryMs });
}
