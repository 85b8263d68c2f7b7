/**
 * Ids of the calls of one reply. A client must send each result once and name its call, and our own door refuses two calls of one id in
 * a turn: an upstream that gives an id twice (some hosts of K2 do) would end the conversation.
 */
export class UniqueCallIds {
  /** By id, how often it has come. */
  readonly #taken = new Map<string, number>();

  has(id: string): boolean {
    return this.#taken.has(id);
  }

  /** `id` the first time, and `id_2`, `id_3` … whenever it comes again. */
  take(id: string): string {
    let count = (this.#taken.get(id) ?? 0) + 1;
    let unique = count === 1 ? id : `${id}_${count}`;
    while (this.#taken.has(unique)) {
      count += 1;
      unique = `${id}_${count}`;
    }
    this.#taken.set(id, count);
    if (unique !== id) this.#taken.set(unique, 1);
    return unique;
  }
}
