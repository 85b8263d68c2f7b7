import type { CompiledQuery } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { newId } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { BlobStore, ByteRange } from '../storage/blobs/blob-store.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { Database } from '../storage/database.ts';
import { ContentMeter } from './content-meter.ts';
import { fileBytesMax, fileEmpty, type FileLimits, fileTooLarge, tooManyBytes, tooManyFiles } from './file-limits.ts';
import { harmlessFilename } from './file-name.ts';
import type { FileRows } from './file-rows.ts';
import type { FileTexts } from './file-texts.ts';
import type { LooseBlobs } from './loose-blobs.ts';
import type { FilePlace, FileWish, StagedBytes, StoredFile } from './stored-file.ts';

export interface FilesParts {
  readonly database: Pick<Database, 'commitIf'>;
  readonly blobs: BlobStore;
  readonly rows: FileRows;
  readonly loose: LooseBlobs;
  readonly texts: FileTexts;
  /** `RootSecret.derive('content-id', 1)`. */
  readonly contentKey: Buffer;
  readonly limits: FileLimits;
  readonly clock: Clock;
  readonly random: Random;
}

export interface StageOptions {
  /** More is refused, in Moonshot's words; absent: what a file may have at most, whatever it is for. */
  readonly bytesMax?: number;
  readonly signal?: AbortSignal;
}

/** A file that a commit makes. Where its bytes are is known afterwards: equal ones that are there already stay. */
export interface FileMaking {
  readonly file: Omit<StoredFile, 'blobKey'>;
  /** It refuses when the staged bytes are gone. */
  readonly part: CommitPart;
}

const expiredBatchRows = 100;

/**
 * The files of tenants, for each mode apart: another's file is not there. Equal bytes of one tenant and mode are stored once. A file is
 * there, with its bytes and within its tenant's limits, or nothing of it is.
 */
export class Files {
  readonly #parts: FilesParts;

  constructor(parts: FilesParts) {
    this.#parts = parts;
  }

  /** How much a tenant may have. */
  get limits(): FileLimits {
    return this.#parts.limits;
  }

  /** Refuses a tenant that may not have so many bytes more, or no file more, before it sends them. Throws Moonshot's refusal. */
  async admit(scope: TenantScope, bytes = 1): Promise<void> {
    const refusal = await this.#refusal(scope, bytes);
    if (refusal !== undefined) throw refusal;
  }

  /** Stores a file from `source`. Throws as `stage` and `keep` do. */
  async create(scope: TenantScope, wish: FileWish, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<StoredFile> {
    const { limits } = this.#parts;
    const staged = await this.stage(scope, source, { bytesMax: fileBytesMax(limits, wish.purpose), ...(signal === undefined ? {} : { signal }) });
    return this.keep(staged, wish, signal);
  }

  /**
   * Stores bytes that are to become a file, by `keep` or in a commit with others by `making`; else they are to be given back by `discard`, and
   * are removed hours later if that does not happen. Throws `invalid_request` for too many, `storage_unavailable`, and what `source` throws.
   */
  async stage(scope: TenantScope, source: AsyncIterable<Uint8Array>, { bytesMax, signal }: StageOptions = {}): Promise<StagedBytes> {
    const { rows, loose, contentKey, limits } = this.#parts;
    const meter = new ContentMeter(contentKey, scope, bytesMax ?? fileBytesMax(limits));
    const blobKey = await loose.write(scope, meter.through(source, signal), [rows.usageOpening(scope)]);
    return { scope, blobKey, contentId: meter.contentId(), bytes: meter.bytes };
  }

  /**
   * Makes staged bytes a file, in a commit with `along`, if that is given; durable when it resolves. For `file-extract` its text is read
   * before. When it rejects, nothing is left of them. Throws Moonshot's refusals (`invalid_request`) for an empty file, one that is too large
   * for its purpose, and one more than the tenant may have; `document_unreadable`; `conflict` when a guard of `along` refuses; `storage_unavailable`.
   */
  async keep(staged: StagedBytes, wish: FileWish, signal?: AbortSignal, along?: Along): Promise<StoredFile> {
    const { database, rows, loose, texts, limits } = this.#parts;
    const { scope } = staged;
    const left = [staged.blobKey];
    try {
      this.#checkSize(staged, wish);
      const { file, part } = this.#insertion(staged, wish);
      const prepared = wish.purpose === 'file-extract' ? await texts.prepare(file, signal) : undefined;
      if (prepared !== undefined) left.push(prepared.blobKey);
      const guards = [...(along?.part.guards ?? []), rows.counting(scope, staged.bytes, limits), ...part.guards];
      const statements = [...(along?.part.statements(file) ?? []), ...part.statements, ...(prepared?.keeping ?? [])];
      const outcome = await database.commitIf(guards, statements);
      // Where equal bytes were there already, the file has those.
      if (outcome.committed) return (await this.get(scope, file.id)) ?? file;
      const others = along?.part.guards.length ?? 0;
      if (along !== undefined && outcome.guard < others) throw along.refusal();
      // It may have become less in the meantime.
      if (outcome.guard === others) throw (await this.#refusal(scope, staged.bytes)) ?? tooManyFiles(limits);
      throw new Error('staged bytes were removed before they became a file');
    } finally {
      // What the file holds is loose no more, and stays. What cannot be removed now is removed by the sweep.
      await loose.release(left).catch(() => undefined);
    }
  }

  /** Makes staged bytes a file in a commit of the caller's. It is counted, and not refused: what a batch has made is not lost to a limit. */
  making(staged: StagedBytes, wish: FileWish): FileMaking {
    const { file, part } = this.#insertion(staged, wish);
    return { file, part: { guards: part.guards, statements: [this.#parts.rows.counting(staged.scope, staged.bytes), ...part.statements] } };
  }

  /** Gives back staged bytes; to be called too when they have become a file by `making`, since equal ones may have been there. */
  discard(staged: StagedBytes): Promise<void> {
    return this.#parts.loose.release([staged.blobKey]);
  }

  /** Undefined: this tenant has no such file in this mode, or it has expired. */
  get(scope: TenantScope, id: string): Promise<StoredFile | undefined> {
    return this.#parts.rows.get(scope, id, this.#parts.clock.nowMs());
  }

  /** Whosever it is: for the operator. */
  find(id: string): Promise<StoredFile | undefined> {
    return this.#parts.rows.find(id, this.#parts.clock.nowMs());
  }

  list(scope: TenantScope, place: FilePlace): Promise<readonly StoredFile[]> {
    return this.#parts.rows.list(scope, place, this.#parts.clock.nowMs());
  }

  /** The bytes of a file, or a range of them. Iterating throws `not_found` when it was deleted meanwhile, and `storage_unavailable`. */
  open({ blobKey, bytes }: StoredFile, range?: ByteRange): AsyncIterable<Uint8Array> {
    if (range === undefined) return this.#parts.blobs.read(blobKey);
    const start = Math.min(range.start, bytes);
    return this.#parts.blobs.read(blobKey, { start, end: Math.max(start, Math.min(range.end, bytes)) });
  }

  /** Removes a file; its bytes and their text with the last that holds them. False: it is not there (any more). Throws `storage_unavailable`. */
  async delete(scope: TenantScope, id: string): Promise<boolean> {
    const file = await this.#parts.rows.get(scope, id, this.#parts.clock.nowMs());
    return file !== undefined && this.#remove(file);
  }

  /** Removes the files whose time is over, and the blobs that nothing refers to. Resolves with how many files there were. */
  async sweep(signal: AbortSignal): Promise<number> {
    const { rows, loose, clock } = this.#parts;
    let count = 0;
    while (!signal.aborted) {
      const expired = await rows.expired(clock.nowMs(), expiredBatchRows);
      for (const file of expired) {
        if (signal.aborted) break;
        if (await this.#remove(file)) count += 1;
      }
      if (expired.length < expiredBatchRows) break;
    }
    await loose.sweep(signal);
    return count;
  }

  async #remove(file: StoredFile): Promise<boolean> {
    const { database, rows, loose, texts, clock } = this.#parts;
    const textKeys = await texts.blobKeysOf(file);
    const { committed } = await database.commitIf([rows.removing(file)], rows.letting(file, clock.nowMs()));
    // Shared ones are not loose, and stay. What cannot be removed now is removed by the sweep.
    if (committed) await loose.release([file.blobKey, ...textKeys]).catch(() => undefined);
    return committed;
  }

  #insertion(staged: StagedBytes, { filename, purpose, expiresMs }: FileWish): { readonly file: StoredFile; readonly part: CommitPart } {
    const { rows, loose, clock, random } = this.#parts;
    const file: StoredFile = {
      ...staged, id: newId('file', clock, random), filename: harmlessFilename(filename), purpose, createdMs: clock.nowMs(), expiresMs,
    };
    return { file, part: { guards: [loose.holding(staged.blobKey)], statements: rows.insertion(file, loose.adopting(staged.blobKey, 'file_contents')) } };
  }

  #checkSize({ bytes }: StagedBytes, { purpose }: FileWish): void {
    if (bytes === 0) throw fileEmpty();
    const bytesMax = fileBytesMax(this.#parts.limits, purpose);
    if (bytes > bytesMax) throw fileTooLarge(bytesMax);
  }

  /** Why so much more is refused; undefined: it is not. */
  async #refusal(scope: TenantScope, bytesMore: number): Promise<Fault | undefined> {
    const { rows, limits } = this.#parts;
    const { files, bytes } = await rows.usage(scope);
    if (files >= limits.filesMax) return tooManyFiles(limits);
    return bytes + bytesMore > limits.totalBytesMax ? tooManyBytes(limits) : undefined;
  }
}

/** What is committed together with a new file, or not at all. */
export interface Along {
  readonly part: { readonly guards: readonly CompiledQuery[]; statements(file: StoredFile): readonly CompiledQuery[] };
  /** Why a guard refused. */
  refusal(): Fault;
}
