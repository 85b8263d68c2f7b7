import type { FormatInput, FormatLimits } from '../../src/documents/formats/format-reader.ts';

/** As a reading process has them. */
export const documentLimits: FormatLimits = { textCharsMax: 20_000_000, unpackedBytesMax: 256_000_000, entriesMax: 10_000, depthMax: 256 };

/** A document as a reader is handed it. */
export function documentInput(bytes: Uint8Array | string, filename = 'document', limits: Partial<FormatLimits> = {}): FormatInput {
  return { bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, filename, limits: { ...documentLimits, ...limits } };
}
