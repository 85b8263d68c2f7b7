/** To be given back once. */
export interface TakenBytes {
  giveBack(): void;
}

interface Waiter {
  readonly bytes: number;
  readonly enter: (taken: TakenBytes) => void;
}

/** So many bytes may be in memory at once; who wants more waits, first come first served. What is larger than all of it goes alone. */
export class ByteBudget {
  readonly #bytesMax: number;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Rejects with the reason of `signal`. */
  take(bytes: number, signal: AbortSignal): Promise<TakenBytes> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
        // Those behind it may want less.
        this.#serve();
      };
      const waiter: Waiter = {
        bytes,
        enter: (taken) => {
          signal.removeEventListener('abort', onAbort);
          resolve(taken);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#serve();
    });
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      const { bytes, enter } = waiter;
      if (this.#taken > 0 && this.#taken + bytes > this.#bytesMax) return;
      this.#waiters.delete(waiter);
      this.#taken += bytes;
      enter({
        giveBack: () => {
          this.#taken -= bytes;
          this.#serve();
        },
      });
    }
  }
}
