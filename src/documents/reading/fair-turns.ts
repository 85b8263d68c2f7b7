import { Fault } from '../../base/fault.ts';

export interface FairTurnsOptions {
  /** Under way at the same time. */
  readonly concurrency: number;
  /** More than may wait are refused. */
  readonly waitingMax: number;
}

type Wake = (granted: boolean) => void;

/**
 * Turns for work that many owners want done, some of them much: who waits comes in the order of arrival among an owner's own, and owner by owner in a
 * round. While others wait, an owner gets no more than half of the places, though always one; alone it may have all of them. It fills no more
 * than a quarter of the queue.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions;
  readonly #ofOwnerMax: number;
  readonly #waitingOfOwnerMax: number;
  readonly #underWay = new Map<string, number>();
  /** By owner, the next of the round first; an owner for whom nobody waits is not in it. */
  readonly #waiting = new Map<string, Wake[]>();
  #underWayCount = 0;
  #waitingCount = 0;
  #closed = false;

  constructor(options: FairTurnsOptions) {
    this.#options = options;
    this.#ofOwnerMax = Math.max(1, Math.floor(options.concurrency / 2));
    this.#waitingOfOwnerMax = Math.max(1, Math.floor(options.waitingMax / 4));
  }

  /**
   * Waits for a turn; who has got it gives it back by `leave`. Throws `documents_busy` when too many wait, of the owner or at all, `caller_gone` when
   * `signal` aborts, and `shutting_down`.
   */
  async enter(owner: string, signal?: AbortSignal): Promise<void> {
    this.refuseIfOver(signal);
    if (this.#underWayCount < this.#options.concurrency) {
      this.#take(owner);
      return;
    }
    const ofOwner = this.#waiting.get(owner)?.length ?? 0;
    if (this.#waitingCount >= this.#options.waitingMax || ofOwner >= this.#waitingOfOwnerMax) throw new Fault('documents_busy');
    if (!(await this.#turn(owner, signal))) throw new Fault(this.#closed ? 'shutting_down' : 'caller_gone');
  }

  /** Hands the place on to who is next, so that nobody who comes in between takes it. */
  leave(owner: string): void {
    this.#underWayCount -= 1;
    const left = (this.#underWay.get(owner) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(owner);
    else this.#underWay.set(owner, left);
    const next = this.#nextOwner();
    if (next === undefined) return;
    const wake = this.#waiting.get(next)?.[0];
    if (wake === undefined) return;
    this.#forget(next, wake);
    // The others' turn is first now.
    const others = this.#waiting.get(next);
    if (others !== undefined) {
      this.#waiting.delete(next);
      this.#waiting.set(next, others);
    }
    this.#take(next);
    wake(true);
  }

  /** Refuses all who wait, and all who come. */
  close(): void {
    this.#closed = true;
    for (const wakes of this.#waiting.values()) for (const wake of wakes) wake(false);
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  /** Throws `shutting_down` after `close`, and `caller_gone` when `signal` has aborted. */
  refuseIfOver(signal: AbortSignal | undefined): void {
    if (this.#closed) throw new Fault('shutting_down');
    if (signal?.aborted === true) throw new Fault('caller_gone');
  }

  #take(owner: string): void {
    this.#underWayCount += 1;
    this.#underWay.set(owner, (this.#underWay.get(owner) ?? 0) + 1);
  }

  /** Whose turn it is; if all who wait have their half already, the first of the round. */
  #nextOwner(): string | undefined {
    for (const owner of this.#waiting.keys()) if ((this.#underWay.get(owner) ?? 0) < this.#ofOwnerMax) return owner;
    const [first] = this.#waiting.keys();
    return first;
  }

  /** True: a place was handed on to the caller. */
  #turn(owner: string, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = (granted: boolean): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(granted);
      };
      const giveUp = (): void => {
        this.#forget(owner, wake);
        wake(false);
      };
      const wakes = this.#waiting.get(owner) ?? [];
      wakes.push(wake);
      this.#waiting.set(owner, wakes);
      this.#waitingCount += 1;
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  #forget(owner: string, wake: Wake): void {
    const wakes = this.#waiting.get(owner) ?? [];
    wakes.splice(wakes.indexOf(wake), 1);
    if (wakes.length === 0) this.#waiting.delete(owner);
    this.#waitingCount -= 1;
  }
}
