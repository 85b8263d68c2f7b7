import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { FileId, TenantId, UploadId } from '../base/id.ts';
import type { Sealer } from '../base/sealer.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { Database } from '../storage/database.ts';
import type { DocumentTables, FileUploadPartsTable, FileUploadsTable } from './document-tables.ts';
import type { UploadPurpose } from './stored-file.ts';

/** A file that comes in parts. */
export interface StoredUpload {
  readonly id: UploadId;
  readonly scope: TenantScope;
  readonly filename: string;
  readonly purpose: UploadPurpose;
  /** How many its parts are to have together. */
  readonly bytes: number;
  readonly status: FileUploadsTable['status'];
  readonly fileId: FileId | undefined;
  /** How long its file is to live, from its completion; undefined: it stays. */
  readonly fileLifeMs: number | undefined;
  readonly createdMs: number;
  readonly expiresMs: number;
}

/** Of one tenant and mode. */
export interface UploadLimits {
  readonly pendingMax: number;
  readonly totalBytesMax: number;
}

export interface UploadRowsParts {
  readonly database: Pick<Database, 'builder' | 'query'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
}

/** The rows of uploads and of their parts: statements for commits, and reads. Commits take the row of the upload first, then the usage of its tenant. */
export class UploadRows {
  readonly #database: UploadRowsParts['database'];
  readonly #builder: Kysely<DocumentTables>;
  readonly #sealer: UploadRowsParts['sealer'];

  constructor({ database, sealer }: UploadRowsParts) {
    this.#database = database;
    this.#builder = database.builder<DocumentTables>();
    this.#sealer = sealer;
  }

  /** A guard: one pending upload more, and the bytes that it announces. Refuses when there are `pendingMax` already, or more bytes than the tenant may have. */
  counting({ scope, bytes }: StoredUpload, { pendingMax, totalBytesMax }: UploadLimits): CompiledQuery {
    return this.#usage(scope)
      .set((column) => ({ uploads: column('uploads', '+', 1), bytes: column('bytes', '+', bytes) }))
      .where('uploads', '<', pendingMax)
      .where('bytes', '<=', totalBytesMax - bytes)
      .compile();
  }

  /** A guard behind `ending`, which never refuses: what the upload announced is counted no more. */
  uncounting({ scope, bytes }: StoredUpload): CompiledQuery {
    return this.#usage(scope).set((column) => ({ uploads: column('uploads', '-', 1), bytes: column('bytes', '-', bytes) })).compile();
  }

  insertion(upload: StoredUpload): CompiledQuery {
    const { id, scope: { tenantId, mode } } = upload;
    const row = {
      id, tenant_id: tenantId, mode, purpose: upload.purpose, filename: this.#sealer.seal(upload.filename, nameContext(upload.scope, id)), bytes: upload.bytes,
      part_bytes: 0, status: upload.status, file_id: null, file_life_ms: upload.fileLifeMs ?? null, created_ms: upload.createdMs, expires_ms: upload.expiresMs,
    };
    return this.#builder.insertInto('file_uploads').values(row).compile();
  }

  /** A guard: so many bytes more have come. Refuses when the upload is not pending, or they are more together than it announced. */
  growing(upload: StoredUpload, bytes: number, nowMs: number): CompiledQuery {
    return this.#pending(upload, nowMs).set((column) => ({ part_bytes: column('part_bytes', '+', bytes) })).where('part_bytes', '<=', upload.bytes - bytes).compile();
  }

  partInsertion(part: FileUploadPartsTable): CompiledQuery {
    return this.#builder.insertInto('file_upload_parts').values(part).compile();
  }

  /** A guard: the upload ends so. Refuses when it is not pending; one that expires may be so only in its row. */
  ending(upload: StoredUpload, status: 'completed' | 'cancelled' | 'expired', nowMs: number): CompiledQuery {
    const pending = status === 'expired' ? this.#upload(upload).where('expires_ms', '<=', nowMs) : this.#pending(upload, nowMs);
    return pending.where('status', '=', 'pending').set({ status }).compile();
  }

  completion({ id }: StoredUpload, fileId: FileId): CompiledQuery {
    return this.#builder.updateTable('file_uploads').set({ file_id: fileId }).where('id', '=', id).compile();
  }

  /** The statements behind `ending`: its parts are due to be removed. */
  letting({ id }: StoredUpload, nowMs: number): readonly CompiledQuery[] {
    return [
      sql`INSERT INTO loose_blobs (blob_key, due_ms, removing)
        SELECT blob_key, CAST(${nowMs} AS BIGINT), 0 FROM file_upload_parts WHERE upload_id = ${id}`.compile(this.#builder),
      this.#builder.deleteFrom('file_upload_parts').where('upload_id', '=', id).compile(),
    ];
  }

  /** Undefined: this tenant has no such upload in this mode. */
  async get({ tenantId, mode }: TenantScope, id: string): Promise<StoredUpload | undefined> {
    const query = this.#builder.selectFrom('file_uploads').selectAll().where('id', '=', id).where('tenant_id', '=', tenantId).where('mode', '=', mode);
    const [row] = await this.#database.query(query.compile());
    return row === undefined ? undefined : this.#uploadOf(row);
  }

  parts(id: UploadId): Promise<FileUploadPartsTable[]> {
    return this.#database.query(this.#builder.selectFrom('file_upload_parts').selectAll().where('upload_id', '=', id).compile());
  }

  /** Some pending ones whose time is over. */
  async expired(nowMs: number, limit: number): Promise<readonly StoredUpload[]> {
    const query = this.#builder.selectFrom('file_uploads').selectAll().where('status', '=', 'pending').where('expires_ms', '<=', nowMs).limit(limit);
    return (await this.#database.query(query.compile())).map((row) => this.#uploadOf(row));
  }

  /** Removes those that have ended, and expired before `beforeMs`. */
  removal(beforeMs: number): CompiledQuery {
    return this.#builder.deleteFrom('file_uploads').where('status', '!=', 'pending').where('expires_ms', '<=', beforeMs).compile();
  }

  #upload({ id, scope: { tenantId, mode } }: StoredUpload) {
    return this.#builder.updateTable('file_uploads').where('id', '=', id).where('tenant_id', '=', tenantId).where('mode', '=', mode);
  }

  #pending(upload: StoredUpload, nowMs: number) {
    return this.#upload(upload).where('status', '=', 'pending').where('expires_ms', '>', nowMs);
  }

  #usage({ tenantId, mode }: TenantScope) {
    return this.#builder.updateTable('file_usage').where('tenant_id', '=', tenantId).where('mode', '=', mode);
  }

  #uploadOf(row: FileUploadsTable): StoredUpload {
    const scope: TenantScope = { tenantId: row.tenant_id as TenantId, mode: row.mode };
    return {
      id: row.id as UploadId, scope, filename: this.#sealer.open(row.filename, nameContext(scope, row.id)), purpose: row.purpose as UploadPurpose, bytes: row.bytes,
      status: row.status, fileId: (row.file_id ?? undefined) as FileId | undefined, fileLifeMs: row.file_life_ms ?? undefined, createdMs: row.created_ms, expiresMs: row.expires_ms,
    };
  }
}

function nameContext({ tenantId, mode }: TenantScope, id: string): string {
  return `upload-name ${tenantId} ${mode} ${id}`;
}
