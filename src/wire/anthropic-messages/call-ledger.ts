import { invalidRequest, shortened } from './messages-request-schema.ts';

/** Which calls wait for their result, with the bookkeeping and the words of Anthropic. */
export class CallLedger {
  readonly #waiting = new Set<string>();
  readonly #answered = new Set<string>();
  /** The message that made them. */
  #index = 0;

  /** A call of message `index`. Ids are to be unique in one turn; over turns K2's own are not, and those come from us. */
  make(id: string, index: number, field: string): void {
    if (this.#waiting.has(id)) throw invalidRequest(field, '`tool_use` ids must be unique');
    if (this.#waiting.size === 0) this.#answered.clear();
    this.#waiting.add(id);
    this.#index = index;
  }

  answer(id: string, field: string): void {
    if (this.#waiting.delete(id)) {
      this.#answered.add(id);
      return;
    }
    if (this.#answered.has(id)) {
      throw invalidRequest(field, `each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${shortened(id)}`);
    }
    throw invalidRequest(
      `${field}.tool_use_id`,
      `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${shortened(id)}. Each \`tool_result\` block must have a corresponding ` +
        '`tool_use` block in the previous message.',
    );
  }

  /** To be called before the assistant's next turn, and at the end: throws when a call has no result. What came before is settled. */
  settle(): void {
    if (this.#waiting.size > 0) {
      throw invalidRequest(
        `messages.${this.#index}`,
        `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${[...this.#waiting].slice(0, 16).map(shortened).join(', ')}. ` +
          'Each `tool_use` block must have a corresponding `tool_result` block in the next message.',
      );
    }
    this.#answered.clear();
  }
}
