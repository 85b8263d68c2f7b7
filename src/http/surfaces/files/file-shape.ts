import type { JsonObject } from '../../../base/json.ts';
import { textPieces } from '../../../base/text-pieces.ts';
import type { FileText, TextTokens } from '../../../documents/file-texts.ts';
import type { StoredFile } from '../../../documents/stored-file.ts';

/** Purposes that are Moonshot's alone; the others are OpenAI's, whose SDK waits until a file is `processed`. */
const moonshotPurposes = new Set<string>(['file-extract', 'image', 'video']);

/**
 * A file as Moonshot shows it (moonshot-api.md 1.4) with the fields of OpenAI's (responses-ark-anthropic-batch.md 4.1), and as ours
 * `tokens`: how many its text has, null when it has not been read, and `tokens_estimated` when that is a guess.
 * `notes` is what a reader of its text should know: OpenAI has a text for what there is to say about a file.
 */
export function fileObject(file: StoredFile, tokens: TextTokens | undefined, notes: readonly string[] = []): JsonObject {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: Math.floor(file.createdMs / 1000),
    ...(file.expiresMs === undefined ? {} : { expires_at: Math.floor(file.expiresMs / 1000) }),
    filename: file.filename,
    purpose: file.purpose,
    status: moonshotPurposes.has(file.purpose) ? 'ready' : 'processed',
    status_details: notes.join('; '),
    tokens: tokens?.tokens ?? null,
    ...(tokens?.tokensExact === false ? { tokens_estimated: true } : {}),
  };
}

/** What Moonshot answers for the content of a file that was extracted: JSON, as text (moonshot-api.md 1.4), in pieces, between which others have their turn. */
export function* extractedContent({ filename }: Pick<StoredFile, 'filename'>, { text, title, mimeType }: Pick<FileText, 'text' | 'title' | 'mimeType'>): Generator<Buffer, void> {
  yield Buffer.from('{"content":"');
  for (const piece of textPieces(text)) yield Buffer.from(JSON.stringify(piece).slice(1, -1));
  yield Buffer.from(`",${JSON.stringify({ file_type: mimeType, filename, title: title ?? '', type: 'file' }).slice(1)}`);
}

/** `attachment`, by a name that no client can take for more than a name (RFC 6266, RFC 8187). */
export function contentDisposition(filename: string): string {
  const plain = filename.replace(/[^A-Za-z0-9._ -]/g, '_');
  const encoded = encodeURIComponent(filename).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
