import type { StoredFile } from '../documents/stored-file.ts';
import type { Batch, Chunk } from './batch.ts';
import { type BatchLine, parseBatchLine } from './batch-line.ts';
import type { BatchesDeps } from './batches-deps.ts';
import { readLines } from '../base/read-lines.ts';

/** A line and its place in the batch, from 0. */
export interface PlacedLine extends BatchLine {
  readonly number: number;
}

/** The lines of a chunk, as they were found good when the batch was validated. Throws `not_found` when the file has been deleted since. */
export async function readChunk(
  { files, protocols, limits }: Pick<BatchesDeps, 'files' | 'protocols' | 'limits'>,
  { endpoint }: Pick<Batch, 'endpoint'>,
  { firstLine, start, end }: Chunk,
  file: StoredFile,
): Promise<readonly PlacedLine[]> {
  const placed: PlacedLine[] = [];
  for await (const lines of readLines(files.open(file, { start, end }), limits.lineBytesMax)) {
    for (const line of lines) {
      const parsed = parseBatchLine(line, endpoint, protocols);
      if ('code' in parsed) throw new Error('a line that was read well before cannot be read');
      placed.push({ ...parsed, number: firstLine + placed.length });
    }
  }
  return placed;
}
