import type { Migration } from '../storage/migration.ts';

/** Rows are only ever added: a charge says which rate it used. */
export interface ExchangeRatesTable {
  from_currency: string;
  to_currency: string;
  /** ISO date. */
  valid_from: string;
  /** Decimal text. */
  rate: string;
  source: string;
  stored_ms: number;
}

export interface CatalogTables {
  exchange_rates: ExchangeRatesTable;
}

export const catalogMigrations: readonly Migration[] = [
  {
    name: 'catalog/0001-exchange-rates',
    statements: [
      `CREATE TABLE exchange_rates (
        from_currency TEXT NOT NULL,
        to_currency TEXT NOT NULL,
        valid_from TEXT NOT NULL,
        rate TEXT NOT NULL,
        source TEXT NOT NULL CHECK (source IN ('import', 'ecb', 'cbr')),
        stored_ms BIGINT NOT NULL,
        PRIMARY KEY (from_currency, to_currency, valid_from, source)
      )`,
    ],
  },
];
