import { createHash } from 'node:crypto';
import type { DocumentSource } from '../documents/extraction.ts';

/** A document that came with a request, in its URL. */
export interface SentDocument extends DocumentSource {
  /** Names the document and what it is called. */
  readonly key: string;
}

/** Where the head of a `data:` URL ends at the latest. */
const headUnitsMax = 1_000;
/** A multiple of four, so that base64 can be taken apart there; so much is done at once, and in between others have their turn. */
const pieceUnits = 1_048_576;

/** The document that `url` holds whole; undefined: it holds none, but says where one is. */
export async function sentDocument(url: string, filename: string): Promise<SentDocument | undefined> {
  const comma = url.slice(0, headUnitsMax).indexOf(',');
  if (!url.startsWith('data:') || comma === -1 || !url.slice(0, comma).endsWith(';base64')) return undefined;
  const hash = createHash('sha256').update(filename).update('\0');
  const pieces: Buffer[] = [];
  for (let at = comma + 1; at < url.length; at += pieceUnits) {
    const piece = Buffer.from(url.slice(at, at + pieceUnits), 'base64');
    hash.update(piece);
    pieces.push(piece);
    if (url.length > pieceUnits) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return {
    filename, bytes, key: hash.digest('base64'),
    async *read() {
      yield* pieces;
    },
  };
}
