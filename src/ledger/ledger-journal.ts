import type { Kysely } from 'kysely';
import { Fault } from '../base/fault.ts';
import type { TenantId } from '../base/id.ts';
import type { Database } from '../storage/database.ts';
import type { LedgerTables, TransfersTable } from './ledger-tables.ts';

const pageRowsMax = 1_000;

export interface JournalPage {
  /** At most this many, 1 to 1,000. */
  readonly limit: number;
  /** Only those before the transfer of this id: the id of the last one of the page before. */
  readonly before?: string;
  readonly tenantId?: TenantId;
}

/** The journal of transfers, to be looked through by a person. */
export class LedgerJournal {
  readonly #database: Database;
  readonly #builder: Kysely<LedgerTables>;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<LedgerTables>();
  }

  /** Newest first; those of one moment by their ids, so that pages neither lose nor repeat one. Throws `not_found` when there is no transfer `before`. */
  async latest({ limit, before, tenantId }: JournalPage): Promise<readonly TransfersTable[]> {
    let query = this.#builder.selectFrom('ledger_transfers').selectAll().orderBy('created_ms', 'desc').orderBy('id', 'desc');
    if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId);
    if (before !== undefined) {
      const createdMs = await this.#createdMs(before);
      query = query.where((where) => where.or([where('created_ms', '<', createdMs), where.and([where('created_ms', '=', createdMs), where('id', '<', before)])]));
    }
    return this.#database.report(query.limit(Math.min(Math.max(1, Math.trunc(limit)), pageRowsMax)).compile());
  }

  async #createdMs(id: string): Promise<number> {
    const [row] = await this.#database.query(this.#builder.selectFrom('ledger_transfers').select('created_ms').where('id', '=', id).compile());
    if (row === undefined) throw new Fault('not_found', { message: 'there is no transfer of that id', field: 'before' });
    return row.created_ms;
  }
}
