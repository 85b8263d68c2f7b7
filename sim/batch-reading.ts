import { sql } from 'kysely';
import type { Database } from '../src/storage/database.ts';
import { verifyBooks } from '../src/verify-books.ts';
import type { RunningServer } from '../tests/doubles/running-server.ts';

/** What the files and the books say of a batch that has ended. */
export interface BatchReading {
  readonly status: string;
  /** Lines of the output file. */
  readonly out: number;
  /** Lines of the input that neither file has. */
  readonly missing: number;
  /** Lines that are told more than once. */
  readonly twice: number;
  /** Lines of the error file. */
  readonly failed: number;
  /** Lines of the output file that stand before one of the input that came earlier. */
  readonly outOfOrder: number;
  /** Calls that were charged. */
  readonly chargedLines: number;
  /** Calls that were charged more than once. */
  readonly chargedTwice: number;
  /** What the ledger says that the wallet has paid for the batch. */
  readonly chargedNanos: string;
  /** What the usage that the output lines tell comes to. */
  readonly ratedNanos: string;
  /** Calls of which nobody knows the outcome, since their server died, or that were not wanted any more: nobody pays for them. */
  readonly unpaidCalls: number;
  readonly openHolds: number;
  /** Rows that should be gone: jobs, chunks and outcomes. */
  readonly leftBehind: number;
  /** Laws of the books that are broken. */
  readonly breaches: readonly string[];
}

export interface BatchWitness {
  readonly server: RunningServer;
  readonly liveKey: string;
  readonly books: Database;
  readonly id: string;
  readonly lines: number;
  readonly nanosPerToken: { readonly input: bigint; readonly output: bigint };
}

interface ToldLine {
  readonly custom_id: string;
  readonly response: { readonly body: { readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number } } };
}

/** Reads the batch's files by way of the server, and the books beside it. */
export async function readBatch({ server, liveKey, books, id, lines, nanosPerToken }: BatchWitness): Promise<BatchReading> {
  const headers = { authorization: `Bearer ${liveKey}` };
  const batch = (await (await fetch(`${server.url}/v1/batches/${id}`, { headers })).json()) as { status: string; output_file_id: string | null; error_file_id: string | null };
  const linesOf = async (file: string | null): Promise<readonly ToldLine[]> => {
    if (file === null) return [];
    const text = await (await fetch(`${server.url}/v1/files/${file}/content`, { headers })).text();
    return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ToldLine);
  };
  const [output, errors] = await Promise.all([linesOf(batch.output_file_id), linesOf(batch.error_file_id)]);
  const numbers = output.map(({ custom_id: customId }) => Number(customId.replace('line-', '')));
  const told = new Set([...output, ...errors].map(({ custom_id: customId }) => customId));
  const rated = output.reduce((sum, { response }) => {
    const { prompt_tokens: input, completion_tokens: completion } = response.body.usage;
    return sum + BigInt(input) * nanosPerToken.input + BigInt(completion) * nanosPerToken.output;
  }, 0n);
  return {
    status: batch.status,
    out: output.length,
    missing: lines - told.size,
    twice: output.length + errors.length - told.size,
    failed: errors.length,
    outOfOrder: numbers.filter((number, index) => index > 0 && number < (numbers[index - 1] ?? 0)).length,
    ratedNanos: String(rated),
    ...(await readCharges(books, id)),
  };
}

async function readCharges(books: Database, id: string): Promise<Pick<BatchReading, 'chargedLines' | 'chargedTwice' | 'chargedNanos' | 'unpaidCalls' | 'openHolds' | 'leftBehind' | 'breaches'>> {
  const builder = books.builder<never>();
  const calls = await books.report(
    sql<{ id: string; charge_count: number; charged_nanos: bigint | null }>`
      SELECT g.id AS id, COUNT(t.id) AS charge_count, SUM(t.amount_nanos) AS charged_nanos FROM generations g
      LEFT JOIN ledger_transfers t ON t.generation_id = g.id AND t.kind = 'charge' AND t.phase = 'posted' AND t.amount_nanos > 0
      WHERE g.batch_id = ${id} GROUP BY g.id`.compile(builder),
  );
  const [rows] = await books.report(
    sql<{ left: number }>`SELECT (SELECT COUNT(*) FROM jobs) + (SELECT COUNT(*) FROM batch_chunks) + (SELECT COUNT(*) FROM batch_outcomes) AS left`.compile(builder),
  );
  const { laws, openHoldCount } = await verifyBooks(books, Date.now());
  return {
    chargedLines: calls.filter(({ charge_count: count }) => count > 0).length,
    chargedTwice: calls.filter(({ charge_count: count }) => count > 1).length,
    chargedNanos: String(calls.reduce((sum, { charged_nanos: nanos }) => sum + (nanos ?? 0n), 0n)),
    unpaidCalls: calls.filter(({ charge_count: count }) => count === 0).length,
    openHolds: openHoldCount,
    leftBehind: rows?.left ?? -1,
    breaches: laws.flatMap(({ law, breach }) => (breach === undefined ? [] : [`${law}: ${breach}`])),
  };
}
