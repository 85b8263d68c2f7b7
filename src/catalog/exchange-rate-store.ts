import type { Kysely } from 'kysely';
import { problemsText } from '../base/csv-file.ts';
import { Fault } from '../base/fault.ts';
import { parseDecimal } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import { parseRatesCsv } from './exchange-rate-csv.ts';
import type { CatalogTables } from './exchange-rate-tables.ts';
import { type ExchangeRate, type RateSource, toExchangeRate } from './exchange-rate.ts';

/** Rows to an INSERT: far below the number of parameters that SQLite and Postgres take. */
const rowsPerInsert = 500;

export interface StoredCount {
  /** Rows that are new. */
  readonly stored: number;
  /** Rows that were there already. */
  readonly known: number;
}

/** The table `exchange_rates`: what was imported, and what the feed has brought. */
export class ExchangeRateStore {
  readonly #database: Database;
  readonly #builder: Kysely<CatalogTables>;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<CatalogTables>();
  }

  /** All of them. */
  async rows(): Promise<readonly ExchangeRate[]> {
    const rows = await this.#database.query(this.#builder.selectFrom('exchange_rates').selectAll().compile());
    return rows.map((row) => ({
      from: row.from_currency,
      to: row.to_currency,
      rate: row.rate,
      validFrom: row.valid_from,
      source: row.source as RateSource,
    }));
  }

  /** How many there are; rows are only ever added, so that a table of the same count is the same. */
  async count(): Promise<number> {
    const rows = await this.#database.query(this.#builder.selectFrom('exchange_rates').select((expression) => expression.fn.countAll<number>().as('count')).compile());
    return rows[0]?.count ?? 0;
  }

  /** Adds those that are new; of a pair, day and source that is there already, the first rate stays. All in one commit. */
  async add(rates: readonly ExchangeRate[], nowMs: number): Promise<StoredCount> {
    const statements = [];
    for (let start = 0; start < rates.length; start += rowsPerInsert) {
      const rows = rates.slice(start, start + rowsPerInsert).map((rate) => ({
        from_currency: rate.from,
        to_currency: rate.to,
        valid_from: rate.validFrom,
        rate: rate.rate,
        source: rate.source,
        stored_ms: nowMs,
      }));
      statements.push(this.#builder.insertInto('exchange_rates').values(rows).onConflict((conflict) => conflict.doNothing()).compile());
    }
    const changes = await this.#database.commit(statements);
    const stored = changes.reduce((sum, changed) => sum + changed, 0);
    return { stored, known: rates.length - stored };
  }

  /**
   * Adds the rates of a CSV file, all or none. Throws an `invalid_request` fault that names the lines which are wrong, and a
   * `conflict` fault when an earlier import says otherwise: what charges refer to does not change.
   */
  async importCsv(csv: string, nowMs: number): Promise<StoredCount> {
    const { rows, problems } = parseRatesCsv(csv);
    if (problems.length > 0) {
      const told = problemsText(problems.map(({ line, message }) => `line ${line}: ${message}`));
      throw new Fault('invalid_request', { message: `Invalid request: ${told}`, field: 'csv' });
    }
    if (rows.length === 0) throw new Fault('invalid_request', { message: 'Invalid request: there are no rates below the header', field: 'csv' });
    const earlier = new Map((await this.rows()).filter(({ source }) => source === 'import').map((row) => [`${row.from}/${row.to}/${row.validFrom}`, row.rate]));
    for (const { from, to, date, rate, line } of rows) {
      const before = earlier.get(`${from}/${to}/${date}`);
      if (before === undefined || parseDecimal(before, 12) === parseDecimal(rate, 12)) continue;
      const message = `line ${line}: the rate of ${from} in ${to} for ${date} has been imported as ${before} already and does not change; give a new rate a later date`;
      throw new Fault('conflict', { message, field: 'csv' });
    }
    return this.add(rows.map((row) => toExchangeRate(row, 'import')), nowMs);
  }
}
