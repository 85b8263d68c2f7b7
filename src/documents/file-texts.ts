import { Readable } from 'node:stream';
import { text as textOfStream } from 'node:stream/consumers';
import { type CompiledQuery, type Kysely, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Sealer } from '../base/sealer.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { textPieces } from '../base/text-pieces.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { DocumentTables, FileTextsTable } from './document-tables.ts';
import type { ExtractedText, Extractor } from './extraction.ts';
import { endingOf } from './file-name.ts';
import type { LooseBlobs } from './loose-blobs.ts';
import { SharedWork } from './shared-work.ts';
import type { StagedBytes, StoredFile } from './stored-file.ts';

/** How long a file's text is. */
export interface TextTokens {
  readonly tokens: number;
  /** False: it is a guess. */
  readonly tokensExact: boolean;
}

/** What is known of a file's text without reading it. */
export interface TextFacts extends Omit<ExtractedText, 'text'>, TextTokens {}

export interface FileText extends TextFacts {
  readonly text: string;
}

/** Whose text is meant: a file, or bytes that are to become one of that name. */
export type TextSource = StagedBytes & { readonly filename: string };

/** A text that was just read, or that is kept. */
interface ReadText {
  readonly facts: TextFacts;
  readonly blobKey: string;
  readonly kept: boolean;
}

export interface FileTextsParts {
  readonly database: Pick<Database, 'builder' | 'commit' | 'commitIf' | 'query'>;
  readonly blobs: BlobStore;
  readonly loose: LooseBlobs;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly clock: Clock;
  readonly extractor: Extractor;
  /** The tokens of a text as it stands. */
  countTokens(text: string): Promise<{ readonly tokens: number; readonly exact: boolean }>;
}

/** SQLite binds no more than 32,766 values. */
const lookedUpMax = 1_000;

/** So long nobody tries again to read what could not be read: it may have taken all the time that a document has. */
const unreadableMs = 600_000;
const unreadableMax = 1_000;

/**
 * What files say. A text is read once for each content, version of the extractor and ending of the name (a hint to the extractor), and is
 * kept, sealed like the file, for as long as some file has that content. Who wants the same text at the same time shares the reading.
 */
export class FileTexts {
  readonly #parts: FileTextsParts;
  readonly #builder: Kysely<DocumentTables>;
  readonly #reading = new SharedWork<ReadText>();
  readonly #unreadable = new LRUCache<string, { readonly fault: Fault; readonly untilMs: number }>({ max: unreadableMax });

  constructor(parts: FileTextsParts) {
    this.#parts = parts;
    this.#builder = parts.database.builder<DocumentTables>();
  }

  /**
   * The text of a file, read now if it is not kept. Throws `document_unreadable`, `caller_gone` when `signal` aborts, `not_found` when the
   * file is deleted meanwhile, and `storage_unavailable`.
   */
  async textOf(file: TextSource, signal?: AbortSignal): Promise<FileText> {
    const kept = await this.#kept(file);
    const text = kept === undefined ? undefined : await this.#storedOrLost(kept.blobKey);
    if (kept !== undefined && text !== undefined) return { ...kept.facts, text };
    const read = await this.#read(file, signal);
    const fresh = await this.#stored(read.blobKey);
    await this.#parts.database.commitIf([this.#contentHeld(file)], this.#keeping(file, read));
    // If the same was kept meanwhile, or the file is gone, nobody needs this one; its reader is served all the same.
    await this.#parts.loose.release([read.blobKey]);
    return { ...read.facts, text: fresh };
  }

  /** Reads the text of bytes that are to become a file: the statements by which it is kept in the commit of that file. Throws as `textOf` does. */
  async prepare(file: TextSource, signal?: AbortSignal): Promise<{ readonly facts: TextFacts; readonly keeping: readonly CompiledQuery[]; readonly blobKey: string }> {
    const read = await this.#read(file, signal);
    return { facts: read.facts, keeping: read.kept ? [] : this.#keeping(file, read), blobKey: read.blobKey };
  }

  /** What is known of the text of a file; undefined when it has not been read by this version of the extractor. */
  async factsOf(file: TextSource): Promise<TextFacts | undefined> {
    return (await this.#kept(file))?.facts;
  }

  /** How long the texts of files of one tenant and mode are, by their ids; without those that have not been read by this version of the extractor. */
  async tokensOf(files: readonly StoredFile[]): Promise<ReadonlyMap<string, TextTokens>> {
    const found = new Map<string, TextTokens>();
    for (let at = 0; at < files.length; at += lookedUpMax) {
      const some = files.slice(at, at + lookedUpMax);
      const [first] = some;
      if (first === undefined) break;
      const query = this.#ofTenant(first.scope).select(['content_id', 'reading', 'tokens', 'tokens_exact']).where('content_id', 'in', some.map(({ contentId }) => contentId));
      const rows = new Map((await this.#parts.database.query(query.compile())).map((row) => [`${row.content_id} ${row.reading}`, row]));
      for (const file of some) {
        const row = rows.get(`${file.contentId} ${this.#readingOf(file)}`);
        if (row !== undefined) found.set(file.id, { tokens: row.tokens, tokensExact: row.tokens_exact === 1 });
      }
    }
    return found;
  }

  /** Where the texts of a content are. */
  async blobKeysOf({ scope, contentId }: Pick<TextSource, 'scope' | 'contentId'>): Promise<readonly string[]> {
    const rows = await this.#parts.database.query(this.#ofContent(scope, contentId).select('blob_key').compile());
    return rows.map((row) => row.blob_key);
  }

  async #read(file: TextSource, signal: AbortSignal | undefined): Promise<ReadText> {
    const kept = await this.#kept(file);
    if (kept !== undefined) return kept;
    const { extractor } = this.#parts;
    const { tenantId, mode } = file.scope;
    const key = `${tenantId} ${mode} ${file.contentId} ${this.#readingOf(file)}`;
    const known = this.#unreadable.get(key);
    if (known !== undefined && known.untilMs > this.#parts.clock.nowMs()) throw known.fault;
    return this.#reading.do(key, signal, async (shared) => {
      try {
        return await this.#extract(file, extractor, shared);
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.code === 'document_unreadable') this.#unreadable.set(key, { fault: thrown, untilMs: this.#parts.clock.nowMs() + unreadableMs });
        throw thrown;
      }
    });
  }

  async #extract(file: TextSource, extractor: Extractor, signal: AbortSignal): Promise<ReadText> {
    const { blobs, loose, countTokens } = this.#parts;
    const { tenantId, mode } = file.scope;
    const source = { filename: file.filename, bytes: file.bytes, owner: `${tenantId} ${mode}`, read: () => blobs.read(file.blobKey) };
    const { text, ...facts } = await extractor.extract(source, signal).catch(failedToExtract);
    const { tokens, exact } = await countTokens(text);
    const blobKey = await loose.write(file.scope, encoded(text));
    return { facts: { ...facts, tokens, tokensExact: exact }, blobKey, kept: false };
  }

  async #kept(file: TextSource): Promise<ReadText | undefined> {
    const reading = this.#readingOf(file);
    const [row] = await this.#parts.database.query(this.#ofContent(file.scope, file.contentId).selectAll().where('reading', '=', reading).compile());
    return row === undefined ? undefined : { facts: this.#factsOf(row, file.scope), blobKey: row.blob_key, kept: true };
  }

  /** A guard: some file still has that content. */
  #contentHeld({ scope: { tenantId, mode }, contentId }: TextSource): CompiledQuery {
    return sql`UPDATE file_contents SET files = files WHERE tenant_id = ${tenantId} AND mode = ${mode} AND content_id = ${contentId} AND files > 0`.compile(this.#builder);
  }

  #keeping(file: TextSource, { facts: { tokens, tokensExact, ...facts }, blobKey }: ReadText): readonly CompiledQuery[] {
    const { scope, contentId } = file;
    const reading = this.#readingOf(file);
    const row = {
      tenant_id: scope.tenantId, mode: scope.mode, content_id: contentId, reading, blob_key: blobKey, tokens, tokens_exact: tokensExact ? 1 : 0,
      created_ms: this.#parts.clock.nowMs(), facts: this.#parts.sealer.seal(JSON.stringify(facts), contextOf(scope, contentId, reading)),
    };
    const insertion = this.#builder.insertInto('file_texts').values(row).onConflict((conflict) => conflict.doNothing());
    return [insertion.compile(), this.#parts.loose.adopting(blobKey, 'file_texts')];
  }

  #ofTenant({ tenantId, mode }: TenantScope) {
    return this.#builder.selectFrom('file_texts').where('tenant_id', '=', tenantId).where('mode', '=', mode);
  }

  #ofContent(scope: TenantScope, contentId: string) {
    return this.#ofTenant(scope).where('content_id', '=', contentId);
  }

  #factsOf(row: FileTextsTable, scope: TenantScope): TextFacts {
    const facts = JSON.parse(this.#parts.sealer.open(row.facts, contextOf(scope, row.content_id, row.reading))) as Omit<ExtractedText, 'text'>;
    return { ...facts, tokens: row.tokens, tokensExact: row.tokens_exact === 1 };
  }

  #readingOf({ filename }: TextSource): string {
    return `${this.#parts.extractor.version} ${endingOf(filename)}`;
  }

  /** Undefined: who kept it had it from another, whose file was deleted in that moment. Then it is kept no more. */
  async #storedOrLost(blobKey: string): Promise<string | undefined> {
    try {
      return await this.#stored(blobKey);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'not_found') throw thrown;
      // The store may say so of one that comes back: whatever there is of it goes as well.
      await this.#parts.database.commit([
        sql`INSERT INTO loose_blobs (blob_key, due_ms, removing)
          SELECT blob_key, CAST(${this.#parts.clock.nowMs()} AS BIGINT), 0 FROM file_texts WHERE blob_key = ${blobKey}
          ON CONFLICT (blob_key) DO NOTHING`.compile(this.#builder),
        this.#builder.deleteFrom('file_texts').where('blob_key', '=', blobKey).compile(),
      ]);
      return undefined;
    }
  }

  #stored(blobKey: string): Promise<string> {
    return textOfStream(Readable.from(this.#parts.blobs.read(blobKey)));
  }
}

/** In Moonshot's words (moonshot-api.md 3.2). */
function failedToExtract(thrown: unknown): never {
  if (!(thrown instanceof Fault) || thrown.code !== 'document_unreadable') throw thrown;
  throw new Fault('document_unreadable', { message: `Failed to extract file: ${thrown.message}`, field: 'file', cause: thrown });
}

async function* encoded(text: string): AsyncGenerator<Uint8Array> {
  for (const piece of textPieces(text)) yield Buffer.from(piece, 'utf8');
}

function contextOf({ tenantId, mode }: TenantScope, contentId: string, reading: string): string {
  return `file-text ${tenantId} ${mode} ${contentId} ${reading}`;
}
