import { sql } from 'kysely';
import type { Database } from '../src/storage/database.ts';
import { verifyBooks } from '../src/verify-books.ts';
import type { UpstreamCallLog } from './money-upstream.ts';

/** What the books say of a run, beside what clients and the upstream have seen. All should be zero or empty. */
export interface BooksReading {
  /** Replies that a client has had whole, and that have no complete record with its charge. */
  readonly lost: number;
  /** Calls that were charged more than once. */
  readonly doubled: number;
  /** Charges, in nano-units, that differ from what the upstream's own log makes them. */
  readonly amountsWrong: number;
  /** Calls in the upstream's log beyond those for which money was held, or of which there is a record. */
  readonly callsWithoutHold: number;
  /** Calls that still hold money. */
  readonly openHolds: number;
  /** Laws of the ledger that are broken. */
  readonly breaches: readonly string[];
}

/** List price of kimi-k2-thinking at Moonshot, in nano-units a token (0.60 and 2.50 USD per 1M). */
const nanosPerToken = { input: 600n, output: 2_500n };

export interface Witnesses {
  readonly acknowledged: readonly string[];
  readonly upstreamCalls: readonly UpstreamCallLog[];
}

/** Reads the books against what clients (`acknowledged`: ids of generations) and the upstream have seen. */
export async function readBooks(database: Database, { acknowledged, upstreamCalls }: Witnesses, nowMs: number): Promise<BooksReading> {
  const builder = database.builder<object>();
  const charges = await database.report(
    sql<{ id: string; reply_id: string | null; state: string; charged_nanos: bigint | null; charge_count: number }>`
      SELECT g.id AS id, g.upstream_reply_id AS reply_id, g.state AS state, MAX(t.amount_nanos) AS charged_nanos, COUNT(t.id) AS charge_count
      FROM generations g LEFT JOIN ledger_transfers t ON t.generation_id = g.id AND t.kind = 'charge' AND t.phase = 'posted'
      GROUP BY g.id, g.upstream_reply_id, g.state`.compile(builder),
  );
  const [holds] = await database.report(
    sql<{ held: number }>`SELECT COUNT(DISTINCT generation_id) AS held FROM ledger_transfers WHERE kind = 'charge' AND phase = 'pending'`.compile(builder),
  );
  const byId = new Map(charges.map((row) => [row.id, row]));
  const calls = new Map(upstreamCalls.map((call) => [call.replyId, call]));
  const amountIsRight = (row: (typeof charges)[number]): boolean => {
    const call = calls.get(row.reply_id ?? '');
    if (call === undefined) return false;
    return row.charged_nanos === BigInt(call.promptTokens) * nanosPerToken.input + BigInt(call.outputTokens) * nanosPerToken.output;
  };
  const { laws, openHoldCount } = await verifyBooks(database, nowMs);
  // A call in the upstream's log is on record by its reply, or is one of those whose outcome nobody knows.
  const recorded = charges.filter((row) => calls.has(row.reply_id ?? '')).length;
  const untold = charges.filter((row) => row.reply_id === null && row.state !== 'complete').length;
  return {
    lost: acknowledged.filter((id) => byId.get(id)?.state !== 'complete' || byId.get(id)?.charge_count !== 1).length,
    doubled: charges.filter((row) => row.charge_count > 1).length,
    amountsWrong: charges.filter((row) => row.state === 'complete' && !amountIsRight(row)).length,
    callsWithoutHold: Math.max(0, upstreamCalls.length - (holds?.held ?? 0), upstreamCalls.length - recorded - untold),
    openHolds: openHoldCount,
    breaches: laws.flatMap(({ law, breach }) => (breach === undefined ? [] : [`${law}: ${breach}`])),
  };
}
