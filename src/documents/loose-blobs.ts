import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { DocumentTables } from './document-tables.ts';

export interface LooseBlobsParts {
  readonly database: Pick<Database, 'builder' | 'commit' | 'commitIf' | 'query'>;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** Whoever writes a blob and has not committed what refers to it after so long is dead. */
const writingMs = 6 * 3_600_000;
const batchRowsMax = 100;
const retryMs = 3_600_000;
/** In one sweep: then the store is not there at all. */
const failuresMax = 10;

/**
 * Blobs that nothing refers to. Each blob is written down here before its first byte is stored, and is taken off in the commit that refers
 * to it; one that is not needed any more is put on again in the commit that lets go of it, and removed only afterwards. So a crash, at
 * whatever point, leaves no blob that nobody knows of, and no row without its blob.
 */
export class LooseBlobs {
  readonly #parts: LooseBlobsParts;
  readonly #builder: Kysely<DocumentTables>;

  constructor(parts: LooseBlobsParts) {
    this.#parts = parts;
    this.#builder = parts.database.builder<DocumentTables>();
  }

  /**
   * Stores what `source` gives as a new blob, which nothing refers to yet. When it rejects, nothing is left. Throws `storage_unavailable`, and
   * what `source` throws. `alongside` is committed before.
   */
  async write({ tenantId, mode }: TenantScope, source: AsyncIterable<Uint8Array>, alongside: readonly CompiledQuery[] = []): Promise<string> {
    const { database, blobs, clock, random } = this.#parts;
    const key = `${tenantId}/${mode}/${random.bytes(16).toString('hex')}`;
    const row = { blob_key: key, due_ms: clock.nowMs() + writingMs, removing: 0 };
    await database.commit([...alongside, this.#builder.insertInto('loose_blobs').values(row).compile()]);
    try {
      await blobs.put(key, source);
    } catch (thrown) {
      // What cannot be removed now is removed by the sweep.
      await this.release([key]).catch(() => undefined);
      throw thrown;
    }
    return key;
  }

  /** A guard: the blob is still loose, and nobody removes it. Something may refer to it in the same commit; if nothing does, it is due. */
  holding(key: string): CompiledQuery {
    return this.#builder.updateTable('loose_blobs').set({ due_ms: this.#parts.clock.nowMs() }).where('blob_key', '=', key).where('removing', '=', 0).compile();
  }

  /** The statement by which a blob is loose no longer, if a row of `table` refers to it: it goes after that row in the same commit. */
  adopting(key: string, table: 'file_contents' | 'file_texts' | 'file_upload_parts'): CompiledQuery {
    return this.#builder
      .deleteFrom('loose_blobs')
      .where('blob_key', '=', key)
      .where((column) => column.exists(column.selectFrom(table).select(sql<number>`1`.as('one')).where('blob_key', '=', key)))
      .compile();
  }

  /** Removes those of the blobs that are loose, whatever they were kept for. Throws `storage_unavailable`; the sweep finishes then. */
  async release(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const { database, clock } = this.#parts;
    await database.commit([this.#builder.updateTable('loose_blobs').set({ due_ms: clock.nowMs() }).where('blob_key', 'in', keys).compile()]);
    for (const key of keys) await this.#remove(key);
  }

  /** No other server works on this database: who was writing a blob before this start is dead. */
  async disownAll(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    await this.#parts.database.commit([this.#builder.updateTable('loose_blobs').set({ due_ms: nowMs }).where('due_ms', '>', nowMs).compile()]);
  }

  /**
   * Removes all that are due, or until `signal` aborts. Resolves with how many there were. One that cannot be removed is tried again an hour later, and
   * holds up no other. Throws what the store says of the first such at the end, and as soon as there are too many.
   */
  async sweep(signal: AbortSignal): Promise<number> {
    const { database, clock } = this.#parts;
    const failures: unknown[] = [];
    let count = 0;
    while (!signal.aborted) {
      const due = this.#builder.selectFrom('loose_blobs').select('blob_key').where('due_ms', '<=', clock.nowMs()).orderBy('due_ms').limit(batchRowsMax);
      const rows = await database.query(due.compile());
      for (const { blob_key: key } of rows) {
        if (signal.aborted) return count;
        try {
          if (await this.#remove(key)) count += 1;
        } catch (thrown) {
          await this.#putOff(key);
          failures.push(thrown);
          if (failures.length >= failuresMax) throw failures[0];
        }
      }
      if (rows.length < batchRowsMax) break;
    }
    if (failures.length > 0) throw failures[0];
    return count;
  }

  async #putOff(key: string): Promise<void> {
    const { database, clock } = this.#parts;
    await database.commit([this.#builder.updateTable('loose_blobs').set({ due_ms: clock.nowMs() + retryMs }).where('blob_key', '=', key).compile()]);
  }

  /** From the claim on nothing can refer to it any more. Two that remove the same do no harm. */
  async #remove(key: string): Promise<boolean> {
    const { database, blobs, clock } = this.#parts;
    const claim = this.#builder.updateTable('loose_blobs').set({ removing: 1 }).where('blob_key', '=', key).where('due_ms', '<=', clock.nowMs());
    const { committed } = await database.commitIf([claim.compile()], []);
    if (!committed) return false;
    await blobs.delete(key);
    await database.commit([this.#builder.deleteFrom('loose_blobs').where('blob_key', '=', key).compile()]);
    return true;
  }
}
