/** Pieces that arrive by messages, to be taken one after the other. How many wait is up to the sender, who is told of each that is taken. */
export class OrderedPieces implements AsyncIterable<Uint8Array> {
  readonly #onTaken: () => void;
  readonly #waiting: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  push(piece: Uint8Array): void {
    this.#waiting.push(piece);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece !== undefined) {
        this.#onTaken();
        yield piece;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
