import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Currency, Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { Migration } from '../storage/migration.ts';
import type { RecordsTables } from './records-tables.ts';

export const hourMs = 3_600_000;

/**
 * What was kept in context caches in one UTC hour, by all that a report tells apart. As in `usage_days`, no column of the key is null:
 * what there is not is an empty text.
 */
export interface StorageHoursTable {
  /** Hours since 1 January 1970, UTC. */
  hour: number;
  tenant_id: string;
  key_id: string;
  model_id: string;
  upstream_id: string;
  cost_state: 'priced' | 'unpriced' | 'free';
  currency: string;
  charge_currency: string;
  exchange_rate: string;
  /** Tokens times the whole seconds that each was kept. */
  token_seconds: number;
  cost_nanos: bigint;
  charge_nanos: bigint;
  loss_nanos: bigint;
}

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

export const storageHoursMigrations: readonly Migration[] = [
  {
    name: 'records/0006-storage-hours',
    statements: [
      `CREATE TABLE storage_hours (
        hour BIGINT NOT NULL,
        tenant_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        upstream_id TEXT NOT NULL,
        cost_state TEXT NOT NULL CHECK (cost_state IN ('priced', 'unpriced', 'free')),
        currency TEXT NOT NULL,
        charge_currency TEXT NOT NULL,
        exchange_rate TEXT NOT NULL,
        token_seconds BIGINT NOT NULL,
        cost_nanos BIGINT NOT NULL,
        charge_nanos BIGINT NOT NULL,
        loss_nanos BIGINT NOT NULL,
        PRIMARY KEY (hour, tenant_id, key_id, model_id, upstream_id, cost_state, currency, charge_currency, exchange_rate)
      )`,
      'CREATE INDEX storage_hours_by_key ON storage_hours (key_id, hour)',
    ],
  },
];
