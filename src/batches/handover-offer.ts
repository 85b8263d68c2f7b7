import { Fault } from '../base/fault.ts';
import type { PlannedAttempt } from '../gateway/handed-calls.ts';
import type { Chunk } from './batch.ts';
import type { BatchVendor } from './batch-vendor.ts';
import type { NewHandover } from './handover-store.ts';
import { type HandedLine, type HandedScene, handedLine, vendorText } from './handed-line.ts';
import { readChunk } from './read-chunk.ts';
import { windowHoursFor } from './vendor-window.ts';

/** What lines come to may be told for so long after the batch's own end. */
const graceMs = 86_400_000;

/**
 * Whether a batch is to be handed over, and to whom: to the one vendor that makes all of its lines for less than they would cost from here, if
 * its file and its windows are large enough; undefined: to none. Lines that are wrong in themselves do not count. Nothing is sent.
 */
export async function offerHandover(scene: HandedScene, chunks: readonly Chunk[]): Promise<NewHandover | undefined> {
  const { batch, deps, startedMs } = scene;
  const survey = new Survey(scene);
  for (const chunk of chunks) {
    for (const line of await readChunk(deps, batch, chunk, scene.file)) {
      const handed = await handedLine(scene, line);
      if (handed !== undefined && !(await survey.takes(handed, line.number))) return undefined;
    }
  }
  const { vendor, terms, bytes } = survey;
  if (vendor === undefined || bytes === 0) return undefined;
  return { batchId: batch.id, upstreamId: vendor.upstreamId, startedMs, heldUntilMs: batch.expiresMs + graceMs, bytes, terms };
}

class Survey {
  readonly terms = new Map<string, PlannedAttempt>();
  vendor: BatchVendor | undefined;
  bytes = 0;
  #lines = 0;
  readonly #scene: HandedScene;
  readonly #candidates: ReadonlySet<string>;

  constructor(scene: HandedScene) {
    this.#scene = scene;
    const leftMs = scene.batch.expiresMs - scene.startedMs;
    const inTime = [...scene.parts.vendors].filter(([, { limits }]) => windowHoursFor(leftMs, limits) !== undefined);
    this.#candidates = new Set(inTime.map(([id]) => id));
  }

  /** False: the batch cannot be handed over with this line. */
  async takes({ call, modelId }: HandedLine, line: number): Promise<boolean> {
    const attempt = this.terms.get(modelId) ?? (await this.#placeFor({ call, modelId }));
    const { vendor } = this;
    if (attempt === undefined || vendor === undefined) return false;
    const text = vendorText(this.#scene, vendor, { ...call, attempt }, line);
    if (text === undefined) return true;
    this.#lines += 1;
    this.bytes += Buffer.byteLength(text) + 1;
    return this.#lines <= vendor.limits.linesMax && this.bytes <= vendor.limits.bytesMax;
  }

  /** The first line of a model decides for the others. What keeps that one from going anywhere it is told when it runs here. */
  async #placeFor({ call, modelId }: Pick<HandedLine, 'call' | 'modelId'>): Promise<PlannedAttempt | undefined> {
    const { calls, vendors } = this.#scene.parts;
    try {
      const attempt = await calls.cheaperPlace(call, this.vendor === undefined ? this.#candidates : new Set([this.vendor.upstreamId]));
      if (attempt === undefined) return undefined;
      this.vendor ??= vendors.get(attempt.offer.upstreamId);
      this.terms.set(modelId, attempt);
      return attempt;
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code !== 'storage_unavailable') return undefined;
      throw thrown;
    }
  }
}
