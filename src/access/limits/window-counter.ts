import type { WindowShape } from './limit-counter.ts';

/** How many expired buckets may lie about before the arrays are cut. */
const slackMax = 64;

/**
 * A sum over a sliding window, in small buckets. A bucket counts until its end lies a whole window back, so that what is
 * counted is never less than what the window truly holds, and more by what came within one bucket's time at most. Memory is
 * bounded by window / bucket. Times are any clock's that does not go back; a bucket is named by its number since that
 * clock's zero.
 */
export class WindowCounter {
  readonly #shape: WindowShape;
  /** Ascending. Those before `#first` have expired. */
  #buckets: number[] = [];
  #amounts: number[] = [];
  #first = 0;
  #sum = 0;

  constructor(shape: WindowShape) {
    this.#shape = shape;
  }

  /** What counts at `nowMs`. */
  sum(nowMs: number): number {
    this.#expire(nowMs);
    return this.#sum;
  }

  /** Adds to the bucket of `atMs`. */
  add(atMs: number, amount: number): void {
    const bucket = this.bucketOf(atMs);
    this.#sum += amount;
    const last = this.#buckets.length - 1;
    if (last >= this.#first && (this.#buckets[last] ?? 0) >= bucket) {
      const place = this.#placeOf(bucket);
      if (this.#buckets[place] === bucket) {
        this.#amounts[place] = (this.#amounts[place] ?? 0) + amount;
      } else {
        this.#buckets.splice(place, 0, bucket);
        this.#amounts.splice(place, 0, amount);
      }
      return;
    }
    this.#buckets.push(bucket);
    this.#amounts.push(amount);
  }

  /** Changes what was added at `atMs` by `delta`, never to less than nothing. Does nothing once that has expired. */
  correct(atMs: number, delta: number): void {
    const place = this.#placeOf(this.bucketOf(atMs));
    const amount = this.#amounts[place];
    if (amount === undefined || this.#buckets[place] !== this.bucketOf(atMs)) return;
    const corrected = Math.max(0, amount + delta);
    this.#amounts[place] = corrected;
    this.#sum += corrected - amount;
  }

  /** Milliseconds from `nowMs` until at least `amount` of what counts has expired; undefined when there is not so much. */
  waitMs(nowMs: number, amount: number): number | undefined {
    this.#expire(nowMs);
    let freed = 0;
    for (let place = this.#first; place < this.#buckets.length; place += 1) {
      freed += this.#amounts[place] ?? 0;
      if (freed >= amount) return this.#expiryMs(this.#buckets[place] ?? 0) - nowMs;
    }
    return undefined;
  }

  /** Milliseconds from `nowMs` until nothing counts any more, if nothing is added. */
  resetMs(nowMs: number): number {
    this.#expire(nowMs);
    const last = this.#buckets.at(-1);
    return this.#first === this.#buckets.length || last === undefined ? 0 : this.#expiryMs(last) - nowMs;
  }

  /** Whether it holds no bucket that has not expired. */
  isEmpty(nowMs: number): boolean {
    this.#expire(nowMs);
    return this.#first === this.#buckets.length;
  }

  /** Bucket numbers and amounts that still count, flat: number, amount, number, amount. */
  entries(nowMs: number): readonly number[] {
    this.#expire(nowMs);
    return this.#buckets.slice(this.#first).flatMap((bucket, index) => [bucket, this.#amounts[this.#first + index] ?? 0]);
  }

  bucketOf(atMs: number): number {
    return Math.floor(atMs / this.#shape.bucketMs);
  }

  #expiryMs(bucket: number): number {
    return (bucket + 1) * this.#shape.bucketMs + this.#shape.windowMs;
  }

  #expire(nowMs: number): void {
    while (this.#first < this.#buckets.length && this.#expiryMs(this.#buckets[this.#first] ?? 0) <= nowMs) {
      this.#sum -= this.#amounts[this.#first] ?? 0;
      this.#first += 1;
    }
    if (this.#first === 0 || (this.#first <= slackMax && this.#first < this.#buckets.length)) return;
    this.#buckets = this.#buckets.slice(this.#first);
    this.#amounts = this.#amounts.slice(this.#first);
    this.#first = 0;
  }

  /** Where `bucket` is, or would be put. */
  #placeOf(bucket: number): number {
    let low = this.#first;
    let high = this.#buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#buckets[middle] ?? 0) < bucket) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
