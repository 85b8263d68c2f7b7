import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { newId } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { FileUploadPartsTable } from './document-tables.ts';
import { fileBytesMax, fileEmpty, fileTooLarge } from './file-limits.ts';
import { harmlessFilename } from './file-name.ts';
import type { FileRows } from './file-rows.ts';
import type { Files } from './files.ts';
import type { LooseBlobs } from './loose-blobs.ts';
import type { StoredFile, UploadPurpose } from './stored-file.ts';
import type { StoredUpload, UploadRows } from './upload-rows.ts';

export interface UploadsParts {
  readonly database: Pick<Database, 'commit' | 'commitIf'>;
  readonly blobs: BlobStore;
  readonly rows: FileRows;
  readonly uploadRows: UploadRows;
  readonly loose: LooseBlobs;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
}

export interface UploadWish {
  readonly filename: string;
  readonly purpose: UploadPurpose;
  readonly bytes: number;
  readonly fileLifeMs?: number;
}

/** In which order the parts are the file, and what it is to be. */
export interface Completion {
  readonly partIds: readonly string[];
  /** Of the whole, in hex or base64. */
  readonly md5?: string;
}

export interface CompletedUpload {
  readonly upload: StoredUpload;
  readonly file: StoredFile;
}

/** OpenAI's figures (responses-ark-anthropic-batch.md 4.3). */
const lifeMs = 3_600_000;
export const partBytesMax = 64 * 1024 * 1024;
/** Of one tenant and mode. */
const pendingMax = 100;
/** So long what has ended is told about. */
const endedKeptMs = 86_400_000;
const expiredBatchRows = 100;

/** Files that come in parts, in any order and at the same time, for each tenant and mode apart. */
export class Uploads {
  readonly #parts: UploadsParts;
  /** The uploads that this server makes files of. */
  readonly #completing = new Set<string>();

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  /**
   * Begins an upload, whose bytes count against the tenant's quota from now on. Throws Moonshot's refusals for a file that is too large or empty or
   * more than the tenant may have, and `rate_limited` when too many are pending.
   */
  async create(scope: TenantScope, { filename, purpose, bytes, fileLifeMs }: UploadWish): Promise<StoredUpload> {
    const { database, rows, uploadRows, files, clock, random } = this.#parts;
    const bytesMax = fileBytesMax(files.limits, purpose);
    if (bytes > bytesMax) throw fileTooLarge(bytesMax);
    if (bytes === 0) throw fileEmpty();
    await files.admit(scope, bytes);
    const nowMs = clock.nowMs();
    const upload: StoredUpload = {
      id: newId('upload', clock, random), scope, filename: harmlessFilename(filename), purpose, bytes, status: 'pending', fileId: undefined, fileLifeMs,
      createdMs: nowMs, expiresMs: nowMs + lifeMs,
    };
    await database.commit([rows.usageOpening(scope)]);
    const { committed } = await database.commitIf([uploadRows.counting(upload, { pendingMax, totalBytesMax: files.limits.totalBytesMax })], [uploadRows.insertion(upload)]);
    if (committed) return upload;
    await files.admit(scope, bytes);
    throw new Fault('rate_limited', { message: `at most ${pendingMax} uploads may be pending; complete or cancel some, or let them expire` });
  }

  /** Keeps a part. Throws `not_found`, `invalid_request` when the upload has ended or the part is too large, `storage_unavailable`, and what `source` throws. */
  async addPart(scope: TenantScope, id: string, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<FileUploadPartsTable> {
    const { database, uploadRows, loose, clock, random } = this.#parts;
    const upload = await this.#pending(scope, id);
    const counted = countedBytes(source, signal);
    const blobKey = await loose.write(scope, counted.source);
    try {
      const bytes = counted.bytes();
      const part = { id: newId('part', clock, random), upload_id: upload.id, blob_key: blobKey, bytes, created_ms: clock.nowMs() };
      const { committed } = await database.commitIf(
        [uploadRows.growing(upload, bytes, clock.nowMs()), loose.holding(blobKey)],
        [uploadRows.partInsertion(part), loose.adopting(blobKey, 'file_upload_parts')],
      );
      if (committed) return part;
      await this.#pending(scope, id);
      throw invalid(`the parts have more than the ${upload.bytes} bytes that were announced`, 'data');
    } finally {
      await loose.release([blobKey]).catch(() => undefined);
    }
  }

  /**
   * Makes a file of the parts. Throws as `addPart` and `Files.keep` do, and `invalid_request` for parts that are not there or have not as many
   * bytes as were announced, for another MD5, and while another does the same; then the upload stays as it is.
   */
  async complete(scope: TenantScope, id: string, completion: Completion, signal?: AbortSignal): Promise<CompletedUpload> {
    const upload = await this.#pending(scope, id);
    // Each would make a copy of its own of all parts, to learn only then that one of them was enough.
    if (this.#completing.has(upload.id)) throw ended(upload.id, 'is being completed');
    this.#completing.add(upload.id);
    try {
      return await this.#complete(upload, completion, signal);
    } finally {
      this.#completing.delete(upload.id);
    }
  }

  async #complete(upload: StoredUpload, { partIds, md5 }: Completion, signal: AbortSignal | undefined): Promise<CompletedUpload> {
    const { uploadRows, loose, files, clock } = this.#parts;
    const all = await uploadRows.parts(upload.id);
    const chosen = chosenParts(all, partIds);
    const bytes = chosen.reduce((sum, part) => sum + part.bytes, 0);
    if (bytes !== upload.bytes) throw invalid(`the parts have ${bytes} bytes, and ${upload.bytes} were announced`, 'part_ids');
    const digest = createHash('md5');
    const staged = await files.stage(upload.scope, this.#joined(chosen, digest), { bytesMax: bytes, ...(signal === undefined ? {} : { signal }) });
    if (md5 !== undefined && !isSame(digest.digest(), md5)) {
      await files.discard(staged);
      throw invalid('the MD5 of the parts is another one', 'md5');
    }
    const nowMs = clock.nowMs();
    const wish = { filename: upload.filename, purpose: upload.purpose, ...(upload.fileLifeMs === undefined ? {} : { expiresMs: nowMs + upload.fileLifeMs }) };
    const file = await files.keep(staged, wish, signal, {
      part: {
        // What was announced makes room for the file.
        guards: [uploadRows.ending(upload, 'completed', nowMs), uploadRows.uncounting(upload)],
        statements: (made) => [uploadRows.completion(upload, made.id), ...uploadRows.letting(upload, nowMs)],
      },
      refusal: () => ended(upload.id, 'ended meanwhile'),
    });
    await loose.release(all.map((part) => part.blob_key)).catch(() => undefined);
    return { upload: { ...upload, status: 'completed', fileId: file.id }, file };
  }

  /** Ends an upload without a file. Throws `not_found`, and `invalid_request` when it has ended. */
  async cancel(scope: TenantScope, id: string): Promise<StoredUpload> {
    const upload = await this.#pending(scope, id);
    if (!(await this.#end(upload, 'cancelled'))) throw ended(upload.id, 'ended meanwhile');
    return { ...upload, status: 'cancelled' };
  }

  /** Ends those whose time is over, and forgets those that ended long ago. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { database, uploadRows, clock } = this.#parts;
    while (!signal.aborted) {
      const expired = await uploadRows.expired(clock.nowMs(), expiredBatchRows);
      for (const upload of expired) await this.#end(upload, 'expired');
      if (expired.length < expiredBatchRows) break;
    }
    await database.commit([uploadRows.removal(clock.nowMs() - endedKeptMs)]);
  }

  async #end(upload: StoredUpload, status: 'cancelled' | 'expired'): Promise<boolean> {
    const { database, uploadRows, loose, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const parts = await uploadRows.parts(upload.id);
    const { committed } = await database.commitIf([uploadRows.ending(upload, status, nowMs), uploadRows.uncounting(upload)], uploadRows.letting(upload, nowMs));
    if (committed) await loose.release(parts.map((part) => part.blob_key)).catch(() => undefined);
    return committed;
  }

  async #pending(scope: TenantScope, id: string): Promise<StoredUpload> {
    const { uploadRows, clock } = this.#parts;
    const upload = await uploadRows.get(scope, id);
    if (upload === undefined) throw new Fault('not_found', { message: `No such Upload object: ${id.slice(0, 128).toWellFormed()}`, field: 'upload_id' });
    if (upload.status !== 'pending') throw ended(upload.id, `is ${upload.status}`);
    if (upload.expiresMs <= clock.nowMs()) throw ended(upload.id, 'has expired');
    return upload;
  }

  async *#joined(parts: readonly FileUploadPartsTable[], digest: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
    for (const { blob_key: key } of parts) {
      for await (const piece of this.#parts.blobs.read(key)) {
        digest.update(piece);
        yield piece;
      }
    }
  }
}

/** `source`, and how many bytes it gave. Refuses more than a part may have. */
function countedBytes(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): { readonly source: AsyncIterable<Uint8Array>; bytes(): number } {
  let bytes = 0;
  async function* through(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      signal?.throwIfAborted();
      bytes += piece.length;
      if (bytes > partBytesMax) throw invalid(`a part has at most ${partBytesMax} bytes`, 'data');
      yield piece;
    }
    if (bytes === 0) throw invalid('the part is empty', 'data');
  }
  return { source: through(), bytes: () => bytes };
}

function chosenParts(all: readonly FileUploadPartsTable[], ids: readonly string[]): readonly FileUploadPartsTable[] {
  const byId = new Map<string, FileUploadPartsTable>(all.map((part) => [part.id, part]));
  if (new Set(ids).size !== ids.length) throw invalid('a part stands there twice', 'part_ids');
  return ids.map((id) => {
    const part = byId.get(id);
    if (part === undefined) throw invalid('one of the parts is not there', 'part_ids');
    return part;
  });
}

function isSame(digest: Buffer, stated: string): boolean {
  return digest.toString('hex') === stated.toLowerCase() || digest.toString('base64') === stated;
}

function ended(id: string, how: string): Fault {
  return invalid(`the upload ${id} ${how}`, 'upload_id');
}

function invalid(detail: string, field: string): Fault {
  return new Fault('invalid_request', { message: `Invalid request: ${detail}`, field });
}
