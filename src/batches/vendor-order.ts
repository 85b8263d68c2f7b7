import type { Chunk } from './batch.ts';
import type { BatchVendor, VendorOrder } from './batch-vendor.ts';
import type { Handover } from './handover-store.ts';
import { type HandedScene, handedLine, vendorText } from './handed-line.ts';
import { type PlacedLine, readChunk } from './read-chunk.ts';

/**
 * A batch as a file for a vendor. The most that a line may cost is held before the line is given out, so that all of it is held when the
 * vendor has the whole file, and can begin.
 */
export class HeldOrder implements VendorOrder {
  readonly reference: string;
  readonly bytes: number;
  readonly windowHours: number;
  /** What kept a line from being held or read, of which the vendor's side only knows that the file broke off. */
  failure: unknown;
  readonly #scene: HandedScene;
  readonly #handover: Handover;
  readonly #vendor: BatchVendor;
  readonly #chunks: readonly Chunk[];

  constructor(scene: HandedScene, handover: Handover, vendor: BatchVendor, chunks: readonly Chunk[], windowHours: number) {
    this.reference = scene.batch.id;
    this.bytes = handover.bytes;
    this.windowHours = windowHours;
    this.#scene = scene;
    this.#handover = handover;
    this.#vendor = vendor;
    this.#chunks = chunks;
  }

  async *open(): AsyncGenerator<Uint8Array, void> {
    try {
      for (const chunk of this.#chunks) {
        const texts = await this.#heldTexts(await readChunk(this.#scene.deps, this.#scene.batch, chunk, this.#scene.file));
        if (texts.length > 0) yield Buffer.from(texts.map((text) => `${text}\n`).join(''));
      }
    } catch (thrown) {
      this.failure = thrown;
      throw thrown;
    }
  }

  async #heldTexts(lines: readonly PlacedLine[]): Promise<readonly string[]> {
    const texts = await Promise.all(lines.map((line) => this.#heldText(line)));
    return texts.filter((text) => text !== undefined);
  }

  async #heldText(line: PlacedLine): Promise<string | undefined> {
    const handed = await handedLine(this.#scene, line);
    const attempt = handed === undefined ? undefined : this.#handover.terms.get(handed.modelId);
    if (handed === undefined || attempt === undefined) return undefined;
    const call = { ...handed.call, attempt };
    const text = vendorText(this.#scene, this.#vendor, call, line.number);
    if (text !== undefined) await this.#scene.parts.calls.hold(call, this.#handover.heldUntilMs);
    return text;
  }
}
