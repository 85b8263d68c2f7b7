import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

const clearLine = '\r\u001b[2K';
/** Often enough to be seen moving. */
const everyMs = 100;

/** A line on stderr that is written over while something goes on; nothing where nobody sees it at once. */
export class ProgressLine {
  readonly #terminal: Terminal;
  #shownAtMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    if (!this.#terminal.live || this.#terminal.nowMs() - this.#shownAtMs < everyMs) return;
    this.#shownAtMs = this.#terminal.nowMs();
    this.#terminal.err(clearLine + printable(text));
  }

  /** Takes the line away. */
  end(): void {
    if (this.#terminal.live) this.#terminal.err(clearLine);
  }
}
