import { type Kysely, type RawBuilder, sql } from 'kysely';
import { formatNanos } from './base/money.ts';
import { StartRefusal } from './base/start-refusal.ts';
import { houseMigrations } from './house-migrations.ts';
import { type BooksProof, type Breach, type Law, lawsOn, testLaws, verifyLedger } from './ledger/verify.ts';
import type { Database } from './storage/database.ts';
import { pendingMigrations } from './storage/migration.ts';
import { verifyStorage } from './verify-storage.ts';

const ledgerMigration = 'ledger/0001-transfers-and-balances';
/** A charge may be booked that much later than its call began, and a little more: a line of a batch may wait for 28 days. */
const callMsMax = 30 * 86_400_000;

/**
 * Proves the books: the laws of the ledger itself, those between it and the records of generations, and what storage comes to. What was recorded before
 * there was a ledger is bound by none, and charges of calls whose records have been pruned are not looked for. `nowMs` decides
 * which holds should have come free. Throws `StartRefusal` when the database is of another version, and `storage_unavailable`.
 */
export async function verifyBooks(database: Database, nowMs: number): Promise<BooksProof> {
  const builder = database.builder<never>();
  const span = await spanOf(database, builder);
  const proof = await verifyLedger(database, nowMs);
  return { ...proof, laws: [...proof.laws, ...(await testLaws(database, lawsOf(builder, span))), ...(await verifyStorage(database))] };
}

/** Whether every law is kept. */
export function areSound({ laws }: BooksProof): boolean {
  return laws.every(({ breach }) => breach === undefined);
}

/** Which calls ledger and records both know of, in Unix time. */
interface Span {
  /** Calls that began from then on are bound by the laws. */
  readonly sinceMs: number;
  /** Of charges booked from then on, the call is recorded one by one. */
  readonly recordedSinceMs: number;
}

async function spanOf(database: Database, builder: Kysely<never>): Promise<Span> {
  const applied = await database.report(sql<{ name: string; checksum: string; applied_ms: number }>`SELECT name, checksum, applied_ms FROM schema_migrations`.compile(builder));
  const sinceMs = applied.find(({ name }) => name === ledgerMigration)?.applied_ms;
  if (sinceMs === undefined || pendingMigrations(applied, houseMigrations).length > 0) {
    throw new StartRefusal('this database is of an earlier version; start this version of the server on it once');
  }
  const pruned = sql<{ pruned_before_ms: number }>`SELECT pruned_before_ms FROM records_retention WHERE name = 'generations'`.compile(builder);
  const prunedBeforeMs = (await database.report(pruned))[0]?.pruned_before_ms ?? 0;
  return { sinceMs, recordedSinceMs: prunedBeforeMs === 0 ? 0 : prunedBeforeMs + callMsMax };
}

function lawsOf(builder: Kysely<never>, { sinceMs, recordedSinceMs }: Span): readonly Law[] {
  // How often each call was charged, and how often its hold was given back with its outcome unknown.
  const outcomes = sql`(
    SELECT generation_id, SUM(CASE WHEN phase = 'posted' THEN 1 ELSE 0 END) AS charges, SUM(CASE WHEN phase = 'expired' THEN 1 ELSE 0 END) AS expiries
    FROM ledger_transfers WHERE kind = 'charge' AND generation_id IS NOT NULL GROUP BY generation_id
  )`;
  const breaking = lawsOn(builder);
  // A call without a charge, even of nothing, is one that nobody pays for: a free one, or one without a price.
  const bookedLike = (kind: 'cost' | 'loss', law: string, nanos: RawBuilder<unknown>, currency: RawBuilder<unknown>): Law =>
    breaking(law, sql<Breach>`
      SELECT g.id AS id, COALESCE(t.id, ${sql.lit(`no ${kind}`)}) AS detail, COALESCE(t.amount_nanos, 0) AS found_nanos, COALESCE(${nanos}, 0) AS expected_nanos
      FROM generations g LEFT JOIN ledger_transfers t ON t.id = g.id || ${sql.lit(`/${kind}`)}
      WHERE g.started_ms >= ${sinceMs} AND (
        CASE WHEN g.charge_nanos IS NULL THEN 0 ELSE COALESCE(${nanos}, 0) END <> COALESCE(t.amount_nanos, 0) OR (t.id IS NOT NULL AND ${currency} <> t.currency)
      ) ORDER BY g.id LIMIT 1`);
  return [
    breaking('each call that was recorded as priced has one charge, or a hold whose outcome came too late', sql<Breach>`
      SELECT g.id AS id, g.state AS detail FROM generations g LEFT JOIN ${outcomes} o ON o.generation_id = g.id
      WHERE g.mode = 'live' AND g.cost_state = 'priced' AND g.started_ms >= ${sinceMs}
        AND COALESCE(o.charges, 0) <> 1 AND NOT (COALESCE(o.charges, 0) = 0 AND COALESCE(o.expiries, 0) > 0) ORDER BY g.id LIMIT 1`),
    breaking('each charge, cost and loss is of a call that was recorded', sql<Breach>`
      SELECT t.generation_id AS id, t.id AS detail FROM ledger_transfers t LEFT JOIN generations g ON g.id = t.generation_id
      WHERE t.kind IN ('charge', 'cost', 'loss') AND t.phase = 'posted' AND g.id IS NULL AND t.created_ms >= ${recordedSinceMs} ORDER BY t.generation_id, t.id LIMIT 1`),
    breaking('each call whose outcome is unknown has a hold that was given back, and no charge', sql<Breach>`
      SELECT g.id AS id, CASE WHEN COALESCE(o.charges, 0) > 0 THEN 'charged' ELSE 'no hold was given back' END AS detail
      FROM generations g LEFT JOIN ${outcomes} o ON o.generation_id = g.id
      WHERE g.state = 'unknown' AND (COALESCE(o.charges, 0) > 0 OR COALESCE(o.expiries, 0) = 0) ORDER BY g.id LIMIT 1`),
    breaking('each call was charged what its record says', sql<Breach>`
      SELECT g.id AS id, COALESCE(t.id, 'no charge') AS detail, COALESCE(t.amount_nanos, 0) AS found_nanos, COALESCE(g.charge_nanos, 0) AS expected_nanos
      FROM generations g LEFT JOIN ledger_transfers t ON t.generation_id = g.id AND t.kind = 'charge' AND t.phase = 'posted'
      WHERE g.started_ms >= ${sinceMs} AND (COALESCE(g.charge_nanos, 0) <> COALESCE(t.amount_nanos, 0)
        OR (t.id IS NOT NULL AND (g.charge_currency IS NULL OR g.charge_currency <> t.currency))) ORDER BY g.id LIMIT 1`),
    breaking('no call is charged that was recorded as costing nothing or nobody knows what', sql<Breach>`
      SELECT id, cost_state AS detail FROM generations WHERE cost_state <> 'priced' AND charge_nanos > 0 AND started_ms >= ${sinceMs} ORDER BY id LIMIT 1`),
    bookedLike('cost', 'each call cost the operator what its record says', sql.ref('g.cost_nanos'), sql.ref('g.currency')),
    bookedLike('loss', 'each call has lost the operator what its record says', sql.ref('g.loss_nanos'), sql.ref('g.charge_currency')),
  ];
}

/** The proof for people: each law, the totals, the counts, and what it comes to. Ends in a newline. */
export function proofText(proof: BooksProof): string {
  const { laws, totals, transferCount, openHoldCount } = proof;
  const lawLines = laws.map(({ law, breach }) => (breach === undefined ? `ok      ${law}` : `BROKEN  ${law}\n        first: ${breach}`));
  const amounts = totals.map(({ balanceNanos }) => formatNanos(balanceNanos));
  const width = Math.max(0, ...amounts.map((amount) => amount.length));
  const totalLines = totals.map(({ currency, kind }, index) => `${currency}  ${kind.padEnd(16)}  ${(amounts[index] ?? '').padStart(width)}`);
  const sums = [...Map.groupBy(totals, ({ currency }) => currency)].map(
    ([currency, same]) => `${currency}  ${'sum'.padEnd(16)}  ${formatNanos(same.reduce((so, { balanceNanos }) => so + balanceNanos, 0n)).padStart(width)}`,
  );
  const broken = laws.filter(({ breach }) => breach !== undefined).length;
  const verdict = broken === 0 ? `The books are sound: all ${laws.length} laws hold.` : `The books are NOT sound: ${broken} of ${laws.length} laws are broken.`;
  return [...lawLines, '', ...totalLines, ...sums, `${transferCount} transfers, ${openHoldCount} calls with an open hold`, '', verdict, ''].join('\n');
}

/** The proof as it is printed with `--json`. */
export function proofJson(proof: BooksProof): object {
  return {
    ok: areSound(proof),
    laws: proof.laws.map(({ law, breach }) => ({ law, breach: breach ?? null })),
    totals: proof.totals.map(({ currency, kind, balanceNanos }) => ({ currency, kind, balance: formatNanos(balanceNanos) })),
    transfers: proof.transferCount,
    openHolds: proof.openHoldCount,
  };
}
