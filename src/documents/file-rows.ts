import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { FileId, TenantId } from '../base/id.ts';
import type { Sealer } from '../base/sealer.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { othersTurn } from '../base/others-turn.ts';
import type { Database } from '../storage/database.ts';
import type { DocumentTables, FilesTable } from './document-tables.ts';
import type { FileLimits } from './file-limits.ts';
import type { FilePlace, FilePurpose, StoredFile } from './stored-file.ts';

export interface FileRowsParts {
  readonly database: Pick<Database, 'builder' | 'query'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
}

export interface FileUsage {
  readonly files: number;
  readonly bytes: number;
}

/** Between so many rows others have their turn. */
const rowsAtOnce = 100;

type FileRow = Selectable<FilesTable> & { readonly blob_key: string };

/**
 * The rows of files, of what they hold, and of how much that is: statements for commits, and reads. Commits take rows in one order: a
 * file, the usage of its tenant, its content.
 */
export class FileRows {
  readonly #database: FileRowsParts['database'];
  readonly #builder: Kysely<DocumentTables>;
  readonly #sealer: FileRowsParts['sealer'];

  constructor({ database, sealer }: FileRowsParts) {
    this.#database = database;
    this.#builder = database.builder<DocumentTables>();
    this.#sealer = sealer;
  }

  /** So that there is a row to count on. */
  usageOpening({ tenantId, mode }: TenantScope): CompiledQuery {
    return this.#builder
      .insertInto('file_usage')
      .values({ tenant_id: tenantId, mode, files: 0, bytes: 0, uploads: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .compile();
  }

  /** Counts one file more. With limits it is a guard, that refuses when there would be more than they allow. */
  counting({ tenantId, mode }: TenantScope, bytes: number, limits?: FileLimits): CompiledQuery {
    const counted = this.#builder
      .updateTable('file_usage')
      .set((column) => ({ files: column('files', '+', 1), bytes: column('bytes', '+', bytes) }))
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode);
    if (limits === undefined) return counted.compile();
    return counted.where('files', '<', limits.filesMax).where('bytes', '<=', limits.totalBytesMax - bytes).compile();
  }

  /** The statements that add a file; `adopting` takes its bytes off the loose ones. Of equal contents the one that is there stays. */
  insertion(file: StoredFile, adopting: CompiledQuery): readonly CompiledQuery[] {
    const { tenantId, mode } = file.scope;
    const content = sql`
      INSERT INTO file_contents (tenant_id, mode, content_id, blob_key, files) VALUES (${tenantId}, ${mode}, ${file.contentId}, ${file.blobKey}, 1)
      ON CONFLICT (tenant_id, mode, content_id) DO UPDATE SET files = file_contents.files + 1`.compile(this.#builder);
    const row = this.#builder.insertInto('files').values({
      id: file.id, tenant_id: tenantId, mode, purpose: file.purpose, filename: this.#sealer.seal(file.filename, nameContext(file.scope, file.id)),
      bytes: file.bytes, content_id: file.contentId, created_ms: file.createdMs, expires_ms: file.expiresMs ?? null,
    });
    return [content, adopting, row.compile()];
  }

  /** A guard: the file is removed. Refuses when it is not there (any more). */
  removing({ id, scope: { tenantId, mode } }: StoredFile): CompiledQuery {
    return this.#builder.deleteFrom('files').where('id', '=', id).where('tenant_id', '=', tenantId).where('mode', '=', mode).compile();
  }

  /** The statements behind `removing`: what no file holds any more is due to be removed, from `nowMs` on. */
  letting({ scope: { tenantId, mode }, contentId, bytes }: StoredFile, nowMs: number): readonly CompiledQuery[] {
    const here = sql`tenant_id = ${tenantId} AND mode = ${mode} AND content_id = ${contentId}`;
    const unheld = sql`EXISTS (SELECT 1 FROM file_contents WHERE ${here} AND files = 0)`;
    return [
      this.#builder
        .updateTable('file_usage')
        .set((column) => ({ files: column('files', '-', 1), bytes: column('bytes', '-', bytes) }))
        .where('tenant_id', '=', tenantId)
        .where('mode', '=', mode)
        .compile(),
      sql`UPDATE file_contents SET files = files - 1 WHERE ${here}`.compile(this.#builder),
      sql`INSERT INTO loose_blobs (blob_key, due_ms, removing)
        SELECT blob_key, CAST(${nowMs} AS BIGINT), 0 FROM file_contents WHERE ${here} AND files = 0`.compile(this.#builder),
      sql`INSERT INTO loose_blobs (blob_key, due_ms, removing)
        SELECT blob_key, CAST(${nowMs} AS BIGINT), 0 FROM file_texts WHERE ${here} AND ${unheld}`.compile(this.#builder),
      sql`DELETE FROM file_texts WHERE ${here} AND ${unheld}`.compile(this.#builder),
      sql`DELETE FROM file_contents WHERE ${here} AND files = 0`.compile(this.#builder),
    ];
  }

  /** Undefined: this tenant has no such file in this mode, or it has expired. */
  async get({ tenantId, mode }: TenantScope, id: string, nowMs: number): Promise<StoredFile | undefined> {
    const [row] = await this.#database.query(this.#alive(nowMs).where('files.id', '=', id).where('files.tenant_id', '=', tenantId).where('files.mode', '=', mode).compile());
    return row === undefined ? undefined : this.#fileOf(row);
  }

  /** Whosever it is: for the operator. */
  async find(id: string, nowMs: number): Promise<StoredFile | undefined> {
    const [row] = await this.#database.query(this.#alive(nowMs).where('files.id', '=', id).compile());
    return row === undefined ? undefined : this.#fileOf(row);
  }

  async list({ tenantId, mode }: TenantScope, { limit, order, after, purpose }: FilePlace, nowMs: number): Promise<readonly StoredFile[]> {
    let page = this.#alive(nowMs).where('files.tenant_id', '=', tenantId).where('files.mode', '=', mode).orderBy('files.id', order).limit(limit);
    if (after !== undefined) page = page.where('files.id', order === 'desc' ? '<' : '>', after);
    if (purpose !== undefined) page = page.where('files.purpose', '=', purpose);
    const files: StoredFile[] = [];
    for (const [index, row] of (await this.#database.query(page.compile())).entries()) {
      // Each name is opened by itself; of thousands, the loop would hear nothing for that long.
      if (index > 0 && index % rowsAtOnce === 0) await othersTurn();
      files.push(this.#fileOf(row));
    }
    return files;
  }

  /** Some whose time is over. */
  async expired(nowMs: number, limit: number): Promise<readonly StoredFile[]> {
    const rows = await this.#database.query(this.#all().where('files.expires_ms', '<=', nowMs).orderBy('files.expires_ms').limit(limit).compile());
    return rows.map((row) => this.#fileOf(row));
  }

  async usage({ tenantId, mode }: TenantScope): Promise<FileUsage> {
    const [row] = await this.#database.query(
      this.#builder.selectFrom('file_usage').select(['files', 'bytes']).where('tenant_id', '=', tenantId).where('mode', '=', mode).compile(),
    );
    return row ?? { files: 0, bytes: 0 };
  }

  #all() {
    return this.#builder
      .selectFrom('files')
      .innerJoin('file_contents', (join) =>
        join
          .onRef('file_contents.tenant_id', '=', 'files.tenant_id')
          .onRef('file_contents.mode', '=', 'files.mode')
          .onRef('file_contents.content_id', '=', 'files.content_id'))
      .selectAll('files')
      .select('file_contents.blob_key');
  }

  #alive(nowMs: number) {
    return this.#all().where((column) => column.or([column('files.expires_ms', 'is', null), column('files.expires_ms', '>', nowMs)]));
  }

  #fileOf(row: FileRow): StoredFile {
    const scope: TenantScope = { tenantId: row.tenant_id as TenantId, mode: row.mode };
    return {
      id: row.id as FileId, scope, filename: this.#sealer.open(row.filename, nameContext(scope, row.id)), purpose: row.purpose as FilePurpose,
      bytes: row.bytes, createdMs: row.created_ms, expiresMs: row.expires_ms ?? undefined, blobKey: row.blob_key, contentId: row.content_id,
    };
  }
}

function nameContext({ tenantId, mode }: TenantScope, id: string): string {
  return `file-name ${tenantId} ${mode} ${id}`;
}
