import { formatOf } from '../../src/documents/formats/format-of.ts';
import type { FormatInput, FormatText } from '../../src/documents/formats/format-reader.ts';
import { readerOf } from '../../src/documents/formats/format-readers.ts';
import { readingSettings } from '../../src/documents/reading/reading-limits.ts';

/** Reads a document that can be trusted here and now, as a reading process would, with its limits. */
export async function readInProcess(filename: string, bytes: Uint8Array, pictures?: FormatInput['pictures']): Promise<FormatText> {
  const { format } = formatOf(bytes, filename);
  const read = await readerOf(format);
  return read({ bytes, filename, limits: readingSettings(2, {}).limits.format, ...(pictures === undefined ? {} : { pictures }) });
}
