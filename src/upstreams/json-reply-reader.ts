import type { BodyMode, ReplyReader } from './exchange.ts';
import type { ReplyHead } from './reply-head.ts';

/** Reads a small reply that is JSON as a whole; nothing of it is handed on. */
export abstract class JsonReplyReader implements ReplyReader {
  readonly committed = false;
  #status = 0;

  /** What there is to do with the reply; `value` is undefined when it is no JSON. Throws `AttemptFailure` when it is of no use. */
  protected abstract take(status: number, value: unknown): void;

  onHead(head: ReplyHead): BodyMode {
    this.#status = head.status;
    return head.status >= 400 ? 'refusal' : 'whole';
  }

  onBytes(): boolean {
    return false;
  }

  onEnd(body: Buffer): void {
    this.take(this.#status, parsed(body));
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
