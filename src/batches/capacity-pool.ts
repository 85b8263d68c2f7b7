import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { InteractiveLoad } from '../gateway/interactive-load.ts';
import { Brake } from './brake.ts';

/** Who wants a place, and where. */
export interface Demand {
  readonly tenantId: string;
  /** What takes turns with others of the tenant: a batch. */
  readonly group: string;
  readonly keyId: string;
  /** The upstream that will probably be asked. */
  readonly upstreamId: string;
}

/** To be left once. */
export interface Place {
  leave(): void;
}

/** Nobody will get in for so long: who waits had better come again then. */
export class PoolPause extends Error {
  readonly waitMs: number;

  constructor(waitMs: number) {
    super('the pool is closed for a while');
    this.waitMs = waitMs;
  }
}

export interface PoolParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Lines under way at once, in all. */
  readonly concurrency: number;
  /** The same at one upstream. */
  placesAt(upstreamId: string): number;
  readonly load: Pick<InteractiveLoad, 'runningAt' | 'waitingOf'>;
  /** Whether lines may run at `nowMs`: the hours that the operator allows. */
  isOpen(nowMs: number): boolean;
}

interface Waiter {
  readonly demand: Demand;
  readonly enter: (place: Place) => void;
  readonly refuse: (thrown: unknown) => void;
}

/** Who wants the same, first come first served. */
interface Queue {
  readonly demand: Demand;
  readonly waiters: Set<Waiter>;
}

/** So often is looked whether somebody may pass, while somebody waits or is under way; a look that comes later than that by the second figure says that the event loop is late. */
const beatMs = 100;
const lateMs = 50;
/** Whoever would wait longer is sent away. */
const pauseMsMax = 5_000;
const closedMs = 60_000;

/**
 * The places for what may wait, lines of batches before all. It yields: each call that somebody waits for takes a place away at its upstream;
 * no line of a tenant begins while a call of that tenant waits to be let in, and none at all while the event loop is late. Tenants take turns,
 * and batches within a tenant.
 */
export class CapacityPool implements Disposable {
  readonly #parts: PoolParts;
  /** By tenant, and within it by what is wanted; who was served last stands last. */
  readonly #queues = new Map<string, Map<string, Queue>>();
  readonly #keys = new Map<string, Brake>();
  readonly #upstreams = new Map<string, Brake>();
  #inFlight = 0;
  #late = false;
  #cancelBeat: (() => void) | undefined;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  [Symbol.dispose](): void {
    this.#cancelBeat?.();
  }

  /** Whether lines may run now. */
  get isOpen(): boolean {
    return this.#parts.isOpen(this.#parts.clock.nowMs());
  }

  /** Resolves with a place when it is one's turn. Rejects with `PoolPause`, and with the reason of `signal`. */
  enter(demand: Demand, signal: AbortSignal): Promise<Place> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waitMs = this.#pauseFor(demand);
      if (waitMs > pauseMsMax) return reject(new PoolPause(waitMs));
      const queue = this.#queueOf(demand);
      const onAbort = (): void => {
        queue.waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        demand,
        enter: (place) => {
          signal.removeEventListener('abort', onAbort);
          resolve(place);
        },
        refuse: (thrown) => {
          signal.removeEventListener('abort', onAbort);
          reject(thrown);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      queue.waiters.add(waiter);
      this.#serve();
    });
  }

  /** What was refused by the limits of its key, or by its upstream: others like it wait, too. */
  refused(demand: Demand, by: 'key' | 'upstream', retryAfterMs: number | undefined): void {
    const waitMs = (by === 'key' ? this.#keyBrake(demand) : this.#upstreamBrake(demand)).refused(retryAfterMs);
    if (waitMs > pauseMsMax) this.#sendAway();
  }

  /** How many have passed at its upstream so far, to be compared by who is under way there. */
  passesAt(demand: Demand): number {
    return this.#upstreamBrake(demand).passes;
  }

  /** What went through. */
  passed(demand: Demand): void {
    this.#keyBrake(demand).passed();
    this.#upstreamBrake(demand).passed();
  }

  #queueOf(demand: Demand): Queue {
    const { tenantId, group, keyId, upstreamId } = demand;
    const ofTenant = this.#queues.get(tenantId) ?? new Map<string, Queue>();
    this.#queues.set(tenantId, ofTenant);
    const name = JSON.stringify([group, keyId, upstreamId]);
    const queue = ofTenant.get(name) ?? { demand, waiters: new Set() };
    ofTenant.set(name, queue);
    return queue;
  }

  /** Lets in who may, in turns, until nobody may. */
  #serve(): void {
    while (this.#serveOne()) continue;
    this.#beatLater();
  }

  #serveOne(): boolean {
    if (this.#inFlight >= (this.#late ? 1 : this.#parts.concurrency)) return false;
    for (const [tenantId, ofTenant] of this.#queues) {
      for (const [name, queue] of ofTenant) {
        const [waiter] = queue.waiters;
        if (waiter === undefined) {
          ofTenant.delete(name);
          continue;
        }
        if (!this.#mayPass(queue.demand)) continue;
        queue.waiters.delete(waiter);
        // To the end of both lines.
        ofTenant.delete(name);
        ofTenant.set(name, queue);
        this.#queues.delete(tenantId);
        this.#queues.set(tenantId, ofTenant);
        waiter.enter(this.#place(waiter.demand));
        return true;
      }
      if (ofTenant.size === 0) this.#queues.delete(tenantId);
    }
    return false;
  }

  #mayPass(demand: Demand): boolean {
    const { load } = this.#parts;
    if (load.waitingOf(demand.tenantId) > 0) return false;
    return this.#keyBrake(demand).mayPass(0) && this.#upstreamBrake(demand).mayPass(load.runningAt(demand.upstreamId));
  }

  #place(demand: Demand): Place {
    const brakes = [this.#keyBrake(demand), this.#upstreamBrake(demand)];
    this.#inFlight += 1;
    for (const brake of brakes) brake.inFlight += 1;
    return {
      leave: () => {
        this.#inFlight -= 1;
        for (const brake of brakes) brake.inFlight -= 1;
        this.#serve();
      },
    };
  }

  /** How long nobody who wants this gets in. */
  #pauseFor(demand: Demand): number {
    if (!this.isOpen) return closedMs;
    return Math.max(this.#keyBrake(demand).pauseMs, this.#upstreamBrake(demand).pauseMs);
  }

  #sendAway(): void {
    for (const ofTenant of this.#queues.values()) {
      for (const { demand, waiters } of ofTenant.values()) {
        const waitMs = this.#pauseFor(demand);
        if (waitMs <= pauseMsMax) continue;
        for (const waiter of waiters) waiter.refuse(new PoolPause(waitMs));
        waiters.clear();
      }
    }
  }

  #beatLater(): void {
    if (this.#cancelBeat !== undefined || (this.#inFlight === 0 && this.#queues.size === 0)) return;
    const { clock } = this.#parts;
    const dueMs = clock.monotonicMs() + beatMs;
    this.#cancelBeat = clock.after(beatMs, () => {
      this.#cancelBeat = undefined;
      this.#late = clock.monotonicMs() - dueMs > lateMs;
      for (const brakes of [this.#keys, this.#upstreams]) for (const [name, brake] of brakes) if (brake.isAtRest) brakes.delete(name);
      this.#sendAway();
      this.#serve();
    });
  }

  #keyBrake({ keyId }: Demand): Brake {
    return this.#brake(this.#keys, keyId, this.#parts.concurrency);
  }

  #upstreamBrake({ upstreamId }: Demand): Brake {
    return this.#brake(this.#upstreams, upstreamId, this.#parts.placesAt(upstreamId));
  }

  #brake(brakes: Map<string, Brake>, name: string, placesMax: number): Brake {
    const known = brakes.get(name);
    if (known !== undefined) return known;
    const { clock, random } = this.#parts;
    const brake = new Brake({ clock, random, placesMax });
    brakes.set(name, brake);
    return brake;
  }
}
