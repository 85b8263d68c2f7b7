import type { FileId } from '../base/id.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { StoredFile } from '../documents/stored-file.ts';
import type { ByteRange } from '../storage/blobs/blob-store.ts';
import type { CommitPart } from '../storage/commit-part.ts';

/** A file that a batch reads or writes. */
export interface NewBatchFile {
  readonly filename: string;
  readonly purpose: 'batch' | 'batch_output';
  /** Unix time from which it is gone; absent: as long as files of that purpose are kept. */
  readonly expiresMs?: number;
}

/** What batches want of files. */
export interface BatchFiles {
  /** Undefined: this tenant has none of that id, or it is gone. Throws `storage_unavailable`. */
  get(scope: TenantScope, id: string): Promise<StoredFile | undefined>;
  /** The bytes of a file, or of a range of it, in pieces. Iterating throws `not_found` and `storage_unavailable`. */
  open(file: StoredFile, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Keeps a file. Throws what an upload would be refused with. */
  create(scope: TenantScope, file: NewBatchFile, source: AsyncIterable<Uint8Array>): Promise<StoredFile>;
  /** Keeps the bytes of a file that is there once its `part` is committed. */
  stage(scope: TenantScope, file: NewBatchFile, source: AsyncIterable<Uint8Array>): Promise<StagedFile>;
}

/** Bytes that are to become a file. */
export interface StagedFile {
  readonly id: FileId;
  readonly part: CommitPart;
  /** To be called afterwards, whether or not `part` was committed. What is never released is swept away. */
  release(): Promise<void>;
}
