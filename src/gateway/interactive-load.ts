/**
 * The calls that somebody waits for, as against lines of batches: how many run at each upstream, and how many of each tenant have not been
 * let in yet. What may wait yields to them.
 */
export class InteractiveLoad {
  readonly #running = new Map<string, number>();
  readonly #waiting = new Map<string, number>();

  /** A call of this tenant waits to be let in; the function that is returned says that it does no more. */
  waiting(tenantId: string): () => void {
    return counted(this.#waiting, tenantId);
  }

  /** A call runs at this upstream; the function that is returned says that it has ended. */
  running(upstreamId: string): () => void {
    return counted(this.#running, upstreamId);
  }

  /** How many calls run at an upstream. */
  runningAt(upstreamId: string): number {
    return this.#running.get(upstreamId) ?? 0;
  }

  /** How many calls of a tenant wait to be let in. */
  waitingOf(tenantId: string): number {
    return this.#waiting.get(tenantId) ?? 0;
  }
}

function counted(counts: Map<string, number>, name: string): () => void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
  return () => {
    const left = (counts.get(name) ?? 1) - 1;
    if (left === 0) counts.delete(name);
    else counts.set(name, left);
  };
}
