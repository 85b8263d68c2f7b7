import { createHash } from 'node:crypto';
import { othersTurn } from '../base/others-turn.ts';
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

/** Where something is, as against base64 that stands by itself. */
const hasScheme = /^[a-z][a-z0-9+.-]{0,20}:/i;

/** The document that `url` holds whole, as a `data:` URL or as base64 alone; undefined: it holds none, but says where one is. */
export async function sentDocument(url: string, filename: string): Promise<SentDocument | undefined> {
  const head = url.slice(0, headUnitsMax);
  const isBare = !hasScheme.test(head);
  const comma = isBare ? -1 : head.indexOf(',');
  if (!isBare && !(head.startsWith('data:') && comma !== -1 && head.slice(0, comma).endsWith(';base64'))) return undefined;
  const hash = createHash('sha256').update(filename).update('\0');
  const pieces: Buffer[] = [];
  for (let at = comma + 1; at < url.length; at += pieceUnits) {
    const piece = Buffer.from(url.slice(at, at + pieceUnits), 'base64');
    hash.update(piece);
    pieces.push(piece);
    if (url.length > pieceUnits) await othersTurn();
  }
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return {
    filename, bytes, key: hash.digest('base64'),
    async *read() {
      yield* pieces;
    },
  };
}
