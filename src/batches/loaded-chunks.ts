import type { StoredFile } from '../documents/stored-file.ts';
import type { Batch, Chunk } from './batch.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { type PlacedLine, readChunk } from './read-chunk.ts';

/** A line that something may be kept of. */
export interface OpenLine {
  readonly line: PlacedLine;
  /** Something had come of it when it was read. */
  readonly done: boolean;
}

/** So many chunks are in memory at once, as long as they are not longer than so many bytes: who looks for lines in about their order reads each once. */
const chunksMax = 16;
const loadedBytesMax = 4 * 1024 * 1024;

/** Finds lines of a batch by their number. */
export class LoadedChunks {
  readonly #deps: Pick<BatchesDeps, 'files' | 'protocols' | 'limits' | 'outcomes'>;
  readonly #batch: Batch;
  readonly #file: StoredFile;
  readonly #chunks: readonly Chunk[];
  /** By number; the one that was used last stands last. */
  readonly #loaded = new Map<number, { readonly bytes: number; readonly lines: Promise<readonly OpenLine[]> }>();

  constructor(deps: Pick<BatchesDeps, 'files' | 'protocols' | 'limits' | 'outcomes'>, batch: Batch, file: StoredFile, chunks: readonly Chunk[]) {
    this.#deps = deps;
    this.#batch = batch;
    this.#file = file;
    this.#chunks = chunks;
  }

  /** Undefined: the batch has no such line. */
  async line(number: number): Promise<OpenLine | undefined> {
    const chunk = this.#chunks.findLast(({ firstLine }) => firstLine <= number);
    if (chunk === undefined || number >= chunk.firstLine + chunk.lineCount) return undefined;
    const loaded = this.#loaded.get(chunk.number) ?? { bytes: chunk.end - chunk.start, lines: this.#load(chunk) };
    this.#loaded.delete(chunk.number);
    this.#loaded.set(chunk.number, loaded);
    this.#forgetOldest();
    return (await loaded.lines)[number - chunk.firstLine];
  }

  /** The one that was used last stays, however long it is. */
  #forgetOldest(): void {
    let bytes = [...this.#loaded.values()].reduce((sum, one) => sum + one.bytes, 0);
    for (const [number, one] of this.#loaded) {
      if (this.#loaded.size === 1 || (this.#loaded.size <= chunksMax && bytes <= loadedBytesMax)) return;
      this.#loaded.delete(number);
      bytes -= one.bytes;
    }
  }

  async #load(chunk: Chunk): Promise<readonly OpenLine[]> {
    const [lines, done] = await Promise.all([
      readChunk(this.#deps, this.#batch, chunk, this.#file),
      this.#deps.outcomes.linesDone(this.#batch.id, chunk.firstLine, chunk.lineCount),
    ]);
    return lines.map((line) => ({ line, done: done.has(line.number) }));
  }
}
