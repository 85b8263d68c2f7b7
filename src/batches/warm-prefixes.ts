import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
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
  /** By name. */
  readonly #warm = new LRUCache<string, { readonly upstreamId: string; readonly atMs: number }>({ max: prefixesMax });

  /** Who has it in its cache, as far as we know. */
  holder(prefix: string, nowMs: number): string | undefined {
    // Only reading it anew keeps it warm.
    const warm = this.#warm.peek(prefix);
    return warm === undefined || nowMs - warm.atMs > warmMs ? undefined : warm.upstreamId;
  }

  /** An upstream has read it. */
  read(prefix: string, upstreamId: string, nowMs: number): void {
    this.#warm.set(prefix, { upstreamId, atMs: nowMs });
  }
}

/** Lets the first of those that share a prefix go alone, so that the others find it cached. */
export class PrefixTurns {
  /** Who goes first, and has not said yet that it is done; undefined: it has. */
  readonly #first = new Map<string, Promise<void> | undefined>();

  /** What to wait for before one asks again, when another goes first with this prefix; else one may go, and says with `done` that one is back. */
  take(prefix: string): { readonly behind: Promise<void> } | { readonly done: () => void } {
    const first = this.#first.get(prefix);
    if (first !== undefined) return { behind: first };
    if (this.#first.has(prefix)) return { done: () => undefined };
    const back = Promise.withResolvers<void>();
    this.#first.set(prefix, back.promise);
    return {
      done: () => {
        this.#first.set(prefix, undefined);
        back.resolve();
      },
    };
  }
}
