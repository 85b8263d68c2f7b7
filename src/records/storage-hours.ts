import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Currency, Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { RecordsTables } from './records-tables.ts';
import { hourMs, type StorageHoursTable } from './storage-hours-table.ts';

/** A piece of one cache's storage, within one UTC hour. */
export interface StoredPiece {
  /** When it begins, Unix time. */
  readonly fromMs: number;
  readonly tenantId: string;
  readonly keyId: string;
  readonly modelId: string;
  readonly upstreamId: string;
  readonly costState: StorageHoursTable['cost_state'];
  readonly tokenSeconds: number;
  /** What the upstream asks; of a `free` one, what it would. Undefined: unpriced. */
  readonly cost: { readonly currency: Currency; readonly amountNanos: Nanos } | undefined;
  /** What the tenant pays, and what nobody does, in one currency. Undefined: nobody is asked. */
  readonly charge: { readonly currency: Currency; readonly amountNanos: Nanos; readonly lossNanos: Nanos } | undefined;
  /** Units of the charge's currency for one of the cost's. Undefined: they are the same, or none is known. */
  readonly exchangeRate: string | undefined;
}

const keyColumns = ['hour', 'tenant_id', 'key_id', 'model_id', 'upstream_id', 'cost_state', 'currency', 'charge_currency', 'exchange_rate'] as const;
const sumColumns = ['token_seconds', 'cost_nanos', 'charge_nanos', 'loss_nanos'] as const;

/** What storage comes to, by the hour, for reports. Written in the commits that bill it. */
export class StorageHours {
  readonly #builder: Kysely<RecordsTables>;

  constructor(database: Pick<Database, 'builder'>) {
    this.#builder = database.builder<RecordsTables>();
  }

  /** The statement that adds a piece to its hour. */
  addition(piece: StoredPiece): CompiledQuery {
    return this.#builder
      .insertInto('storage_hours')
      .values({
        hour: Math.floor(piece.fromMs / hourMs),
        tenant_id: piece.tenantId,
        key_id: piece.keyId,
        model_id: piece.modelId,
        upstream_id: piece.upstreamId,
        cost_state: piece.costState,
        currency: piece.cost?.currency ?? '',
        charge_currency: piece.charge?.currency ?? '',
        exchange_rate: piece.exchangeRate ?? '',
        token_seconds: piece.tokenSeconds,
        cost_nanos: piece.cost?.amountNanos ?? 0n,
        charge_nanos: piece.charge?.amountNanos ?? 0n,
        loss_nanos: piece.charge?.lossNanos ?? 0n,
      })
      .onConflict((conflict) =>
        conflict
          .columns([...keyColumns])
          .doUpdateSet(Object.fromEntries(sumColumns.map((column) => [column, sql`storage_hours.${sql.ref(column)} + excluded.${sql.ref(column)}`]))),
      )
      .compile();
  }
}
