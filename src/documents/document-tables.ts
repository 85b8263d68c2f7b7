import type { Migration } from '../storage/migration.ts';

type Mode = 'live' | 'test';

/** One row per file. Times are integer milliseconds. */
export interface FilesTable {
  id: string;
  tenant_id: string;
  mode: Mode;
  purpose: string;
  /** Sealed. */
  filename: string;
  bytes: number;
  content_id: string;
  created_ms: number;
  /** Null: it stays. */
  expires_ms: number | null;
}

/** What files of a tenant and mode hold: one row, and one blob, for equal bytes. */
export interface FileContentsTable {
  tenant_id: string;
  mode: Mode;
  content_id: string;
  blob_key: string;
  /** How many files hold it; at 0 the row goes, and with it its texts. */
  files: number;
}

/** What a content says, as one version of the extractor has read it. */
export interface FileTextsTable {
  tenant_id: string;
  mode: Mode;
  content_id: string;
  /** Which reading of it: the extractor's version, and how the name of the file ended. */
  reading: string;
  /** Where the text is. */
  blob_key: string;
  tokens: number;
  /** 0: a bound. */
  tokens_exact: number;
  created_ms: number;
  /** Sealed: format, title, pages and notes. */
  facts: string;
}

/** How much a tenant has in a mode; what quotas are held against. */
export interface FileUsageTable {
  tenant_id: string;
  mode: Mode;
  files: number;
  /** Of its files, and those that its pending uploads have announced. */
  bytes: number;
  /** Uploads in parts that have not ended. */
  uploads: number;
}

/** Blobs that nothing refers to: those that are being written, and those that are to be removed. */
export interface LooseBlobsTable {
  blob_key: string;
  /** From then on it may be removed. */
  due_ms: number;
  /** 1: it is being removed, and nothing may refer to it any more. */
  removing: number;
}

/** Files that come in parts; see `Uploads`. */
export interface FileUploadsTable {
  id: string;
  tenant_id: string;
  mode: Mode;
  purpose: string;
  /** Sealed. */
  filename: string;
  /** How many its parts are to have together. */
  bytes: number;
  /** How many all parts have that have come. */
  part_bytes: number;
  /** Expired is a pending one whose time is over, until the sweep says so. */
  status: 'pending' | 'completed' | 'cancelled' | 'expired';
  file_id: string | null;
  /** How long its file is to live. Null: it stays. */
  file_life_ms: number | null;
  created_ms: number;
  expires_ms: number;
}

export interface FileUploadPartsTable {
  id: string;
  upload_id: string;
  blob_key: string;
  bytes: number;
  created_ms: number;
}

export interface DocumentTables {
  files: FilesTable;
  file_contents: FileContentsTable;
  file_texts: FileTextsTable;
  file_usage: FileUsageTable;
  loose_blobs: LooseBlobsTable;
  file_uploads: FileUploadsTable;
  file_upload_parts: FileUploadPartsTable;
}

const scopeColumns = `tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test'))`;

export const documentsMigrations: readonly Migration[] = [
  {
    name: 'documents/0001-files',
    statements: [
      `CREATE TABLE files (
        id TEXT NOT NULL PRIMARY KEY,
        ${scopeColumns},
        purpose TEXT NOT NULL,
        filename TEXT NOT NULL,
        bytes BIGINT NOT NULL CHECK (bytes >= 0),
        content_id TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT
      )`,
      'CREATE INDEX files_by_owner ON files (tenant_id, mode, id)',
      'CREATE INDEX files_by_expiry ON files (expires_ms) WHERE expires_ms IS NOT NULL',
      `CREATE TABLE file_contents (
        ${scopeColumns},
        content_id TEXT NOT NULL,
        blob_key TEXT NOT NULL UNIQUE,
        files BIGINT NOT NULL CHECK (files >= 0),
        PRIMARY KEY (tenant_id, mode, content_id)
      )`,
      `CREATE TABLE file_texts (
        ${scopeColumns},
        content_id TEXT NOT NULL,
        reading TEXT NOT NULL,
        blob_key TEXT NOT NULL,
        tokens BIGINT NOT NULL,
        tokens_exact INTEGER NOT NULL,
        created_ms BIGINT NOT NULL,
        facts TEXT NOT NULL,
        PRIMARY KEY (tenant_id, mode, content_id, reading)
      )`,
      'CREATE INDEX file_texts_by_blob ON file_texts (blob_key)',
      `CREATE TABLE file_usage (
        ${scopeColumns},
        files BIGINT NOT NULL CHECK (files >= 0),
        bytes BIGINT NOT NULL CHECK (bytes >= 0),
        uploads BIGINT NOT NULL CHECK (uploads >= 0),
        PRIMARY KEY (tenant_id, mode)
      )`,
      `CREATE TABLE loose_blobs (
        blob_key TEXT NOT NULL PRIMARY KEY,
        due_ms BIGINT NOT NULL,
        removing INTEGER NOT NULL
      )`,
      'CREATE INDEX loose_blobs_due ON loose_blobs (due_ms)',
    ],
  },
  {
    name: 'documents/0002-uploads',
    statements: [
      `CREATE TABLE file_uploads (
        id TEXT NOT NULL PRIMARY KEY,
        ${scopeColumns},
        purpose TEXT NOT NULL,
        filename TEXT NOT NULL,
        bytes BIGINT NOT NULL,
        part_bytes BIGINT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
        file_id TEXT,
        file_life_ms BIGINT,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL
      )`,
      'CREATE INDEX file_uploads_by_expiry ON file_uploads (status, expires_ms)',
      `CREATE TABLE file_upload_parts (
        id TEXT NOT NULL PRIMARY KEY,
        upload_id TEXT NOT NULL,
        blob_key TEXT NOT NULL,
        bytes BIGINT NOT NULL,
        created_ms BIGINT NOT NULL
      )`,
      'CREATE INDEX file_upload_parts_by_upload ON file_upload_parts (upload_id)',
    ],
  },
];
