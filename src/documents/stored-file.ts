import type { FileId } from '../base/id.ts';
import type { TenantScope } from '../base/tenant-scope.ts';

/** What a file is for: Moonshot's four, OpenAI's further ones, and what batches write. */
export const uploadPurposes = ['file-extract', 'batch', 'image', 'video', 'user_data', 'assistants', 'vision'] as const;
export type UploadPurpose = (typeof uploadPurposes)[number];
export type FilePurpose = UploadPurpose | 'batch_output';

/** A file of a tenant, without its bytes. */
export interface StoredFile {
  readonly id: FileId;
  readonly scope: TenantScope;
  readonly filename: string;
  readonly purpose: FilePurpose;
  readonly bytes: number;
  /** Unix time. */
  readonly createdMs: number;
  /** Unix time from which it is gone; undefined: it stays. */
  readonly expiresMs: number | undefined;
  /** Where its bytes are. Files of a tenant with the same bytes share them. */
  readonly blobKey: string;
  /** Names the bytes within the tenant: equal for equal bytes. */
  readonly contentId: string;
}

/** Bytes that are stored, for a tenant, and that no file holds yet. */
export interface StagedBytes {
  readonly scope: TenantScope;
  readonly blobKey: string;
  readonly contentId: string;
  readonly bytes: number;
}

/** A file as its owner wants it. */
export interface FileWish {
  readonly filename: string;
  readonly purpose: FilePurpose;
  /** Unix time from which it is to be gone; absent: it stays. */
  readonly expiresMs?: number;
}

/** Which part of a list is asked for, in the order of the files' making. */
export interface FilePlace {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** Only those that follow this one. */
  readonly after?: string;
  readonly purpose?: string;
}
