import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

/** How long to wait after the first refusal at least, and after many at most, where nobody says how long. */
const waitMsMin = 200;
const waitMsMax = 60_000;

/**
 * How many lines may be under way at once before somebody who refuses what is too much: an upstream, or the limits of a key. A refusal halves
 * it, and nobody passes for as long as it said; each round of lines that passed raises it by one again.
 */
export class Brake {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #placesMax: number;
  #places: number;
  #refusals = 0;
  #pausedUntilMs = -Infinity;
  #passes = 0;
  inFlight = 0;

  constructor({ clock, random, placesMax }: { readonly clock: Clock; readonly random: Random; readonly placesMax: number }) {
    this.#clock = clock;
    this.#random = random;
    this.#placesMax = placesMax;
    this.#places = placesMax;
  }

  /** Milliseconds until somebody may pass; 0: now. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonicMs());
  }

  /** Nobody has been refused for long, and nobody is under way: it is as good as a new one. */
  get isAtRest(): boolean {
    return this.inFlight === 0 && this.pauseMs === 0 && this.#places === this.#placesMax;
  }

  /** Whether one more may pass, when `taken` places belong to others. One place is always left. */
  mayPass(taken: number): boolean {
    return this.pauseMs === 0 && this.inFlight < Math.max(1, Math.min(Math.floor(this.#places), this.#placesMax - taken));
  }

  /** A line was refused; `retryAfterMs` as it was said. Returns how long nobody passes. Lines that were under way together count as one. */
  refused(retryAfterMs: number | undefined): number {
    if (this.pauseMs === 0) {
      this.#places = Math.max(1, Math.min(this.#places, this.inFlight) / 2);
      this.#refusals += 1;
      this.#pauseFor(retryAfterMs ?? this.#backOffMs());
    } else if (retryAfterMs !== undefined) {
      this.#pauseFor(retryAfterMs);
    }
    return this.pauseMs;
  }

  /** How many have passed. */
  get passes(): number {
    return this.#passes;
  }

  /** A line has passed. */
  passed(): void {
    this.#passes += 1;
    this.#refusals = 0;
    this.#places = Math.min(this.#placesMax, this.#places + 1 / this.#places);
  }

  #pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + Math.ceil(ms));
  }

  /** Twice as long after each refusal; half of it by chance, so that replicas do not come back together. */
  #backOffMs(): number {
    const doubled = Math.min(waitMsMax, waitMsMin * 2 ** Math.min(this.#refusals - 1, 20));
    return (doubled * (1 + this.#random.bytes(1).readUInt8() / 255)) / 2;
  }
}
