interface Work<Result> {
  readonly result: Promise<Result>;
  readonly abort: AbortController;
  waiting: number;
}

/** Work that several may want at the same time, done once for all who wait. It is given up when the last of them has left. */
export class SharedWork<Result> {
  readonly #underWay = new Map<string, Work<Result>>();

  /** What `begin` makes for `key`, or is making already. Rejects with `signal`'s reason as soon as it aborts. */
  async do(key: string, signal: AbortSignal | undefined, begin: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    const work = this.#underWay.get(key) ?? this.#begun(key, begin);
    work.waiting += 1;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal?.reason);
    signal?.addEventListener('abort', leave);
    try {
      return await Promise.race([work.result, left.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
      work.waiting -= 1;
      if (work.waiting === 0) {
        this.#forget(key, work);
        work.abort.abort(signal?.reason);
      }
    }
  }

  #begun(key: string, begin: (signal: AbortSignal) => Promise<Result>): Work<Result> {
    const abort = new AbortController();
    const work: Work<Result> = { result: begin(abort.signal), abort, waiting: 0 };
    this.#underWay.set(key, work);
    const forget = (): void => this.#forget(key, work);
    work.result.then(forget, forget);
    return work;
  }

  /** Whoever comes now begins anew. */
  #forget(key: string, work: Work<Result>): void {
    if (this.#underWay.get(key) === work) this.#underWay.delete(key);
  }
}
