import { type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import { type Currency, formatNanos, type Nanos } from '../base/money.ts';
import type { Database } from '../storage/database.ts';
import type { LedgerTables } from './ledger-tables.ts';

/** A law that the books keep, and the first row that breaks it. */
export interface LawResult {
  readonly law: string;
  /** Undefined: kept by every row. */
  readonly breach?: string;
}

/** What the accounts of one kind come to, in one currency. */
export interface AccountTotal {
  readonly kind: string;
  readonly currency: Currency;
  readonly balanceNanos: Nanos;
}

export interface BooksProof {
  readonly laws: readonly LawResult[];
  /** By currency and kind of account; those of one currency sum to zero. */
  readonly totals: readonly AccountTotal[];
  readonly transferCount: number;
  readonly openHoldCount: number;
}

/** A row that breaks a law. */
export interface Breach {
  readonly id: string;
  /** In a word, what is wrong with it. */
  readonly detail: string | null;
  /** Where two amounts should be the same: what is there, and what should be. */
  readonly found_nanos?: Nanos;
  readonly expected_nanos?: Nanos;
}

/** A law by its words, and the query for rows that break it. */
export interface Law {
  readonly law: string;
  readonly query: CompiledQuery<Breach>;
}

/** How long after its expiry a hold may still be open: the sweep comes by every few seconds. */
const sweepGraceMs = 60_000;

/**
 * Proves the books from what is stored: nothing is taken from memory, so that it works beside a running server and without
 * one. `nowMs` decides which holds should have come free. Throws `storage_unavailable`.
 */
export async function verifyLedger(database: Database, nowMs: number): Promise<BooksProof> {
  const laws = [...(await testLaws(database, lawsOf(database, nowMs)))];
  const totals = await database.report(totalsQuery(database));
  for (const [currency, same] of Map.groupBy(totals, (total) => total.currency)) {
    const sum = same.reduce((so, { balance_nanos }) => so + balance_nanos, 0n);
    const law = `the accounts in ${currency} sum to zero`;
    laws.push(sum === 0n ? { law } : { law, breach: `they sum to ${formatNanos(sum)}` });
  }
  const [counts] = await database.report(countsQuery(database));
  return {
    laws,
    totals: totals.map(({ kind, currency, balance_nanos }) => ({ kind, currency, balanceNanos: balance_nanos })),
    transferCount: counts?.transfer_count ?? 0,
    openHoldCount: counts?.open_count ?? 0,
  };
}

/** Makes laws of words and the query for rows that break them. */
export function lawsOn(builder: Kysely<never>): (law: string, text: RawBuilder<Breach>) => Law {
  return (law, text) => ({ law, query: text.compile(builder) });
}

/** Looks for the first row that breaks each law. Throws `storage_unavailable`. */
export async function testLaws(database: Database, laws: readonly Law[]): Promise<readonly LawResult[]> {
  const results: LawResult[] = [];
  for (const { law, query } of laws) {
    const [breach] = await database.report(query);
    results.push(breach === undefined ? { law } : { law, breach: breachText(breach) });
  }
  return results;
}

function breachText({ id, detail, found_nanos: found, expected_nanos: expected }: Breach): string {
  const amounts = found === undefined || expected === undefined ? [] : [`${formatNanos(found)} instead of ${formatNanos(expected)}`];
  const words = [...(detail === null ? [] : [detail]), ...amounts];
  return words.length === 0 ? id : `${id} (${words.join(', ')})`;
}

function lawsOf(database: Database, nowMs: number): readonly Law[] {
  const builder = database.builder<never>();
  const breaking = lawsOn(builder);
  return [
    breaking('each balance is the sum of its transfers', sql<Breach>`
      SELECT b.id AS id, 'posted' AS detail, b.posted_nanos AS found_nanos, COALESCE(s.moved_nanos, 0) AS expected_nanos FROM ledger_balances b LEFT JOIN (
        SELECT account, SUM(moved_nanos) AS moved_nanos FROM (
          SELECT credit_account AS account, amount_nanos AS moved_nanos FROM ledger_transfers WHERE phase = 'posted'
          UNION ALL SELECT debit_account, -amount_nanos FROM ledger_transfers WHERE phase = 'posted'
        ) moves GROUP BY account
      ) s ON s.account = b.id WHERE b.posted_nanos <> COALESCE(s.moved_nanos, 0) ORDER BY b.id LIMIT 1`),
    breaking('what is held on each account is the sum of its open holds', sql<Breach>`
      SELECT b.id AS id, 'held' AS detail, b.pending_nanos AS found_nanos, COALESCE(s.held_nanos, 0) AS expected_nanos FROM ledger_balances b LEFT JOIN (
        SELECT debit_account AS account, SUM(amount_nanos) AS held_nanos FROM ledger_transfers WHERE open = 1 GROUP BY debit_account
      ) s ON s.account = b.id WHERE b.pending_nanos <> COALESCE(s.held_nanos, 0) ORDER BY b.id LIMIT 1`),
    breaking('no account is below its floor', sql<Breach>`
      SELECT id, currency AS detail FROM ledger_balances WHERE posted_nanos - pending_nanos < floor_nanos ORDER BY id LIMIT 1`),
    breaking('each hold is open or resolved, never both, never neither', sql<Breach>`
      SELECT p.id AS id, r.phase AS detail FROM ledger_transfers p LEFT JOIN ledger_transfers r ON r.id = p.id || '/end'
      WHERE p.phase = 'pending' AND ((p.open = 1) = (r.id IS NOT NULL)) ORDER BY p.id LIMIT 1`),
    breaking('each resolution is of a hold between the same accounts, and moves no more than was held', sql<Breach>`
      SELECT r.id AS id, r.phase AS detail FROM ledger_transfers r LEFT JOIN ledger_transfers p ON p.id = r.pending_id
      WHERE r.pending_id IS NOT NULL AND (p.id IS NULL OR p.phase <> 'pending' OR p.debit_account <> r.debit_account
        OR p.credit_account <> r.credit_account OR p.currency <> r.currency OR r.amount_nanos > p.amount_nanos
        OR (r.phase <> 'posted' AND r.amount_nanos <> 0)) ORDER BY r.id LIMIT 1`),
    breaking('no hold is open past its expiry', sql<Breach>`
      SELECT id, owner AS detail FROM ledger_transfers WHERE open = 1 AND expires_ms < ${nowMs - sweepGraceMs} ORDER BY id LIMIT 1`),
    breaking('each transfer is in the currency of its two accounts', sql<Breach>`
      SELECT id, currency AS detail FROM ledger_transfers
      WHERE debit_account NOT LIKE '%/' || currency OR credit_account NOT LIKE '%/' || currency ORDER BY id LIMIT 1`),
    // A told rate is rounded, so the product is not exact; what is posted is less than it when the hold was. A piece of storage is the
    // difference of two roundings in each currency; a law of its own proves their sum.
    breaking('each conversion comes to what was posted', sql<Breach>`
      SELECT r.id AS id, r.price_currency || ' at ' || r.rate AS detail FROM ledger_transfers r LEFT JOIN ledger_transfers p ON p.id = r.pending_id
      WHERE r.rate IS NOT NULL AND r.phase = 'posted' AND r.kind <> 'storage' AND (
        r.amount_nanos > r.price_nanos * CAST(r.rate AS DOUBLE PRECISION) * 1.000001 + 2
        OR (r.amount_nanos < r.price_nanos * CAST(r.rate AS DOUBLE PRECISION) * 0.999999 - 2 AND r.amount_nanos < COALESCE(p.amount_nanos, 0))
      ) ORDER BY r.id LIMIT 1`),
    breaking('no call is charged twice', sql<Breach>`
      SELECT generation_id AS id, NULL AS detail FROM ledger_transfers WHERE kind = 'charge' AND phase = 'posted'
      GROUP BY generation_id HAVING COUNT(*) > 1 ORDER BY generation_id LIMIT 1`),
  ];
}

/** Running balances where they are kept, sums of transfers for all other accounts, so that the two prove each other. */
function totalsQuery(database: Database): CompiledQuery<{ kind: string; currency: Currency; balance_nanos: Nanos }> {
  return sql<{ kind: string; currency: Currency; balance_nanos: Nanos }>`
    SELECT kind, currency, SUM(moved_nanos) AS balance_nanos FROM (
      SELECT kind, currency, posted_nanos AS moved_nanos FROM ledger_balances
      UNION ALL
      SELECT ${kindOf(sql.ref('credit_account'))}, currency, amount_nanos FROM ledger_transfers
      WHERE phase = 'posted' AND credit_account NOT LIKE 'wallet/%' AND credit_account NOT LIKE 'budget/%'
      UNION ALL
      SELECT ${kindOf(sql.ref('debit_account'))}, currency, -amount_nanos FROM ledger_transfers
      WHERE phase = 'posted' AND debit_account NOT LIKE 'wallet/%' AND debit_account NOT LIKE 'budget/%'
    ) moves GROUP BY kind, currency ORDER BY currency, kind`.compile(database.builder<LedgerTables>());
}

/** The part of an account's name before the first slash, by what SQLite and Postgres both know. */
function kindOf(account: ReturnType<typeof sql.ref>): ReturnType<typeof sql<string>> {
  const kinds = ['revenue', 'operator-loss', 'upstream-cost', 'upstream-payable', 'funding', 'trial', 'allowance', 'spent'];
  const cases = kinds.map((kind) => sql`WHEN ${account} LIKE ${sql.lit(`${kind}/%`)} THEN ${sql.lit(kind)}`);
  return sql<string>`CASE ${sql.join(cases, sql` `)} ELSE ${account} END`;
}

function countsQuery(database: Database): CompiledQuery<{ transfer_count: number; open_count: number }> {
  return sql<{ transfer_count: number; open_count: number }>`
    SELECT COUNT(*) AS transfer_count, COUNT(DISTINCT CASE WHEN open = 1 THEN generation_id END) AS open_count FROM ledger_transfers`.compile(
    database.builder<LedgerTables>(),
  );
}
