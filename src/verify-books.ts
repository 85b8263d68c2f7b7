import { type CompiledQuery, type Kysely, sql } from 'kysely';
import { formatNanos } from './base/money.ts';
import { StartRefusal } from './base/start-refusal.ts';
import { type BooksProof, type LawResult, verifyLedger } from './ledger/verify.ts';
import type { Database } from './storage/database.ts';

const ledgerMigration = 'ledger/0001-transfers-and-balances';
const chargesAreRecorded: boolean = false;

interface Breach {
  readonly id: string;
  readonly detail: string | null;
}

/** A law by its words, and the query for rows that break it. */
interface Law {
  readonly law: string;
  readonly query: CompiledQuery<Breach>;
}

/**
 * Proves the books: the laws of the ledger itself, and those between it and the records of generations. What was recorded before
 * there was a ledger is bound by none. `nowMs` decides which holds should have come free. Throws `StartRefusal` when the
 * database has no ledger, and `storage_unavailable`.
 */
export async function verifyBooks(database: Database, nowMs: number, comparesCharges = chargesAreRecorded): Promise<BooksProof> {
  const builder = database.builder<never>();
  const sinceMs = await ledgerSinceMs(database, builder);
  const proof = await verifyLedger(database, nowMs);
  const laws: LawResult[] = [];
  for (const { law, query } of lawsOf(builder, sinceMs, comparesCharges)) {
    const [breach] = await database.report(query);
    laws.push(breach === undefined ? { law } : { law, breach: `${breach.id}${breach.detail === null ? '' : ` (${breach.detail})`}` });
  }
  return { ...proof, laws: [...proof.laws, ...laws] };
}

/** Whether every law is kept. */
export function areSound({ laws }: BooksProof): boolean {
  return laws.every(({ breach }) => breach === undefined);
}

async function ledgerSinceMs(database: Database, builder: Kysely<never>): Promise<number> {
  const query = sql<{ applied_ms: number }>`SELECT applied_ms FROM schema_migrations WHERE name = ${ledgerMigration}`.compile(builder);
  const [row] = await database.report(query);
  if (row === undefined) throw new StartRefusal('this database has no ledger yet; start this version of the server on it once');
  return row.applied_ms;
}

function lawsOf(builder: Kysely<never>, sinceMs: number, comparesCharges: boolean): readonly Law[] {
  // How often each call was charged, and how often its hold was given back with its outcome unknown.
  const outcomes = sql`(
    SELECT generation_id, SUM(CASE WHEN phase = 'posted' THEN 1 ELSE 0 END) AS charges, SUM(CASE WHEN phase = 'expired' THEN 1 ELSE 0 END) AS expiries
    FROM ledger_transfers WHERE kind = 'charge' AND generation_id IS NOT NULL GROUP BY generation_id
  )`;
  const breaking = (law: string, text: ReturnType<typeof sql<Breach>>): Law => ({ law, query: text.compile(builder) });
  const laws = [
    breaking('each call that was recorded as priced has one charge, or a hold whose outcome came too late', sql<Breach>`
      SELECT g.id AS id, g.state AS detail FROM generations g LEFT JOIN ${outcomes} o ON o.generation_id = g.id
      WHERE g.mode = 'live' AND g.cost_state = 'priced' AND g.started_ms >= ${sinceMs}
        AND COALESCE(o.charges, 0) <> 1 AND NOT (COALESCE(o.charges, 0) = 0 AND COALESCE(o.expiries, 0) > 0) ORDER BY g.id LIMIT 1`),
    breaking('each charge is of a call that was recorded', sql<Breach>`
      SELECT t.generation_id AS id, t.id AS detail FROM ledger_transfers t LEFT JOIN generations g ON g.id = t.generation_id
      WHERE t.kind = 'charge' AND t.phase = 'posted' AND g.id IS NULL ORDER BY t.generation_id LIMIT 1`),
    breaking('each call whose outcome is unknown has a hold that was given back, and no charge', sql<Breach>`
      SELECT g.id AS id, CASE WHEN COALESCE(o.charges, 0) > 0 THEN 'charged' ELSE 'no hold was given back' END AS detail
      FROM generations g LEFT JOIN ${outcomes} o ON o.generation_id = g.id
      WHERE g.state = 'unknown' AND (COALESCE(o.charges, 0) > 0 OR COALESCE(o.expiries, 0) = 0) ORDER BY g.id LIMIT 1`),
  ];
  const amounts = breaking('each call was charged what its record says', sql<Breach>`
    SELECT g.id AS id, t.id AS detail FROM generations g JOIN ledger_transfers t ON t.generation_id = g.id AND t.kind = 'charge' AND t.phase = 'posted'
    WHERE g.started_ms >= ${sinceMs}
      AND (g.charge_nanos IS NULL OR g.charge_nanos <> t.amount_nanos OR g.charge_currency <> t.currency) ORDER BY g.id LIMIT 1`);
  return comparesCharges ? [...laws, amounts] : laws;
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
