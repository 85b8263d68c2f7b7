import { createHash } from 'node:crypto';
import type { DialogueRequest } from '../dialogue/request.ts';

/** Shorter ones are cached by nobody: 256 tokens at the least (responses-ark-anthropic-batch.md 2.4). */
const prefixCharsMin = 1_000;
/** How long an upstream is taken to have a prefix in its cache after it read it last; vendors' caches last minutes. */
const warmMs = 300_000;
const prefixesMax = 1_000;

/**
 * Names the beginning that a request may share with others of its batch: its tools and its system messages, or, where it has neither, all
 * messages but the last. Undefined: there is nothing to share.
 */
export function prefixOf({ model, messages, tools }: DialogueRequest): string | undefined {
  const system = messages.findIndex(({ role }) => role !== 'system');
  const leading = system > 0 || tools !== undefined ? messages.slice(0, Math.max(0, system)) : messages.slice(0, -1);
  if (leading.length === 0 && tools === undefined) return undefined;
  const text = JSON.stringify([model, tools ?? [], leading]);
  return text.length < prefixCharsMin ? undefined : createHash('sha256').update(text).digest('base64url');
}

/** Which upstream has read which prefix lately. */
export class WarmPrefixes {
  /** By name; the one that was used last stands last. */
  readonly #warm = new Map<string, { readonly upstreamId: string; readonly atMs: number }>();

  /** Who has it in its cache, as far as we know. */
  holder(prefix: string, nowMs: number): string | undefined {
    const warm = this.#warm.get(prefix);
    return warm === undefined || nowMs - warm.atMs > warmMs ? undefined : warm.upstreamId;
  }

  /** An upstream has read it. */
  read(prefix: string, upstreamId: string, nowMs: number): void {
    this.#warm.delete(prefix);
    this.#warm.set(prefix, { upstreamId, atMs: nowMs });
    const [oldest] = this.#warm.keys();
    if (this.#warm.size > prefixesMax && oldest !== undefined) this.#warm.delete(oldest);
  }
}

/** Lets the first of those that share a prefix go alone, so that the others find it cached. */
export class PrefixTurns {
  readonly #first = new Map<string, Promise<void>>();

  /** Waits for who goes first with this prefix, if somebody does; else one is that oneself, and says with the function that is returned that one is done. */
  async turn(prefix: string): Promise<() => void> {
    const first = this.#first.get(prefix);
    if (first !== undefined) {
      await first;
      return () => undefined;
    }
    const gone = Promise.withResolvers<void>();
    this.#first.set(prefix, gone.promise);
    return gone.resolve;
  }
}
