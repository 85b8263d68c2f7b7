import type { Finish } from './finish.ts';
import type { DialogueReply } from './reply.ts';

/** Moonshot's built-in search, the only tool that a vendor runs and charges by the call (moonshot-api.md 2.5). */
const webSearchName = '$web_search';

/**
 * Counts the web searches of a reply. Moonshot charges those of a choice that ends to have its tools called, and of no
 * other: a call that was cut off searches nothing (moonshot-api.md 2.5).
 */
export class WebSearchCount {
  /** By choice, those that are charged once the choice has ended so. */
  readonly #pending = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A `tool-call-start` event. */
  started(choice: number, kind: 'function' | 'builtin', name: string): void {
    if (kind === 'builtin' && name === webSearchName) this.#pending.set(choice, (this.#pending.get(choice) ?? 0) + 1);
  }

  /** A `choice-end` event. */
  ended(choice: number, finish: Finish): void {
    if (finish.reason === 'tool-calls') this.#count += this.#pending.get(choice) ?? 0;
    this.#pending.delete(choice);
  }

  /** A reply that came whole. */
  addReply(reply: DialogueReply): void {
    for (const [index, choice] of reply.choices.entries()) {
      for (const call of choice.toolCalls) this.started(index, call.kind, call.name);
      this.ended(index, choice.finish);
    }
  }
}
