/**
 * Which replicas there are, as far as this one knows, and what part of a limit is its own when each must keep to a share. All
 * replicas that see the same ones come to shares that add up to the limit.
 */
export class ReplicaView {
  readonly #self: string;
  readonly #keepMs: number;
  /** Time of the last sign of each. */
  readonly #seenMs = new Map<string, number>();

  /** `keepMs`: for how long a replica is reckoned with after its last sign; it may come back. */
  constructor(self: string, keepMs: number) {
    this.#self = self;
    this.#keepMs = keepMs;
  }

  /** These replicas have been seen alive. */
  see(nodes: Iterable<string>, nowMs: number): void {
    for (const node of nodes) this.#seenMs.set(node, nowMs);
    for (const [node, seenMs] of this.#seenMs) if (nowMs - seenMs > this.#keepMs) this.#seenMs.delete(node);
  }

  /** Nobody could be seen for a while; the known ones are reckoned with until they have had time to show themselves. */
  excuse(nowMs: number): void {
    for (const node of this.#seenMs.keys()) this.#seenMs.set(node, nowMs);
  }

  /** This replica's part of `limit`: all have the same, and the first ones one more until nothing is left over. */
  shareOf(limit: number): number {
    const nodes = [...this.#seenMs.keys()].sort();
    const rank = nodes.indexOf(this.#self);
    if (rank < 0) return 0;
    return Math.floor(limit / nodes.length) + (rank < limit % nodes.length ? 1 : 0);
  }

  get count(): number {
    return this.#seenMs.size;
  }
}
