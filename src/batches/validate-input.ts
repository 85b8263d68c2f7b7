import type { BatchProblem, Chunk } from './batch.ts';
import { CustomIds, parseBatchLine } from './batch-line.ts';
import type { LineProtocols } from './line-protocol.ts';
import type { FileLine } from '../base/line-cutter.ts';
import { readLines } from '../base/read-lines.ts';

export interface InputLimits {
  readonly linesMax: number;
  readonly lineBytesMax: number;
}

/** What an input file holds. */
export interface ValidatedInput {
  readonly totalLines: number;
  readonly chunks: readonly Chunk[];
  /** Of all lines; undefined: there is not one for all. */
  readonly model: string | undefined;
}

/** Lines that one server works on at a time, and so is done over when it dies; fewer when they are long. */
const chunkLinesMax = 64;
const chunkBytesMax = 256 * 1024;
/** A file that is wrong is wrong in every line; the first ones tell. */
const problemsMax = 50;

/**
 * Reads an input file line by line and says what it holds, or what is wrong with it, as vendors report it. Whatever the length of the file, only
 * a digest of each id and the places of the chunks are kept. Throws what `source` throws.
 */
export async function validateInput(
  source: AsyncIterable<Uint8Array>,
  endpoint: string,
  protocols: Pick<LineProtocols, 'isSame' | 'parseJson'>,
  { linesMax, lineBytesMax }: InputLimits,
): Promise<ValidatedInput | readonly BatchProblem[]> {
  const problems: BatchProblem[] = [];
  const ids = new CustomIds();
  const chunks = new ChunkCutter();
  const models = new Set<unknown>();
  for await (const lines of readLines(source, lineBytesMax)) {
    for (const line of lines) {
      chunks.add(line);
      const parsed = parseBatchLine(line, endpoint, protocols);
      if ('code' in parsed) problems.push({ ...parsed, line: line.number });
      else if (!ids.add(parsed.customId)) problems.push({ ...duplicate, line: line.number });
      else if (models.size < 2) models.add(parsed.body['model']);
      if (chunks.lineCount > linesMax) return [{ code: 'too_many_tasks', message: `The input file has more than ${linesMax} requests.` }];
      if (problems.length === problemsMax) return problems;
    }
  }
  if (problems.length > 0) return problems;
  if (chunks.lineCount === 0) return [{ code: 'empty_file', message: 'The input file has no requests.' }];
  const [model] = models;
  return { totalLines: chunks.lineCount, chunks: chunks.end(), model: models.size === 1 && typeof model === 'string' ? model : undefined };
}

const duplicate = { code: 'duplicate_custom_id', message: "The 'custom_id' of this request was used on a line before.", param: 'custom_id' } as const;

/** Puts lines that lie side by side together. */
class ChunkCutter {
  readonly #chunks: Chunk[] = [];
  #open: Chunk | undefined;
  lineCount = 0;

  add({ start, end }: FileLine): void {
    const open = this.#open;
    if (open === undefined || open.lineCount === chunkLinesMax || end - open.start > chunkBytesMax) {
      this.#close();
      this.#open = { number: this.#chunks.length, firstLine: this.lineCount, lineCount: 1, start, end };
    } else {
      this.#open = { ...open, lineCount: open.lineCount + 1, end };
    }
    this.lineCount += 1;
  }

  end(): readonly Chunk[] {
    this.#close();
    return this.#chunks;
  }

  #close(): void {
    if (this.#open !== undefined) this.#chunks.push(this.#open);
    this.#open = undefined;
  }
}
