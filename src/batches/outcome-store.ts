import type { CompiledQuery, Kysely } from 'kysely';
import type { BatchId } from '../base/id.ts';
import type { Sealer } from '../base/sealer.ts';
import type { ReplyCost } from '../dialogue/reply-cost.ts';
import { promptTokens, type Usage } from '../dialogue/usage.ts';
import type { Database } from '../storage/database.ts';
import { type BatchTally, emptyTally } from './batch.ts';
import type { BatchOutcomesTable, BatchTables } from './batch-tables.ts';

export type OutcomeKind = BatchOutcomesTable['kind'];

/** What has come of a line. */
export interface Outcome {
  /** From 0. */
  readonly line: number;
  readonly kind: OutcomeKind;
  /** The line of the output or error file, without its end. */
  readonly text: string;
}

/** What a line has used, and is charged. */
export interface OutcomeFigures {
  readonly usage?: Usage;
  readonly cost?: ReplyCost | undefined;
}

/** Rows that are read at a time, and removed at a time: each may hold an answer. */
const pageRows = 16;
const removalRows = 500;

/** What has come of the lines of batches that have not ended; see `Outcome`. */
export class OutcomeStore {
  readonly #database: Pick<Database, 'query' | 'report' | 'commit'>;
  readonly #builder: Kysely<BatchTables>;
  readonly #sealer: Pick<Sealer, 'seal' | 'open'>;

  constructor({ database, sealer }: { readonly database: Pick<Database, 'builder' | 'query' | 'report' | 'commit'>; readonly sealer: Pick<Sealer, 'seal' | 'open'> }) {
    this.#database = database;
    this.#builder = database.builder<BatchTables>();
    this.#sealer = sealer;
  }

  /** A guard: the line has come to this. Refuses when something has come of it before. */
  keeping(batchId: BatchId, { line, kind, text }: Outcome, { usage, cost }: OutcomeFigures): CompiledQuery {
    const charged = cost?.state === 'priced' ? cost : undefined;
    return this.#builder
      .insertInto('batch_outcomes')
      .values({
        batch_id: batchId, line, kind,
        input_tokens: usage === undefined ? 0 : promptTokens(usage),
        cached_tokens: usage?.cacheRead ?? 0,
        output_tokens: usage?.output ?? 0,
        reasoning_tokens: usage?.reasoning ?? 0,
        charge_nanos: charged?.amountNanos ?? null,
        charge_currency: charged?.currency ?? null,
        content: this.#sealer.seal(text, contextOf(batchId, line)),
      })
      .onConflict((conflict) => conflict.doNothing())
      .compile();
  }

  /** The lines from `firstLine` on, `lineCount` of them, that something has come of. */
  async linesDone(batchId: BatchId, firstLine: number, lineCount: number): Promise<ReadonlySet<number>> {
    const rows = await this.#database.query(
      this.#builder.selectFrom('batch_outcomes').select('line').where('batch_id', '=', batchId).where('line', '>=', firstLine).where('line', '<', firstLine + lineCount).compile(),
    );
    return new Set(rows.map(({ line }) => line));
  }

  async tally(batchId: BatchId): Promise<BatchTally> {
    return (await this.tallies([batchId])).get(batchId) ?? emptyTally;
  }

  /** What the lines of these batches have come to; nothing for one that nothing has come of. It looks at each line. */
  async tallies(batchIds: readonly BatchId[]): Promise<ReadonlyMap<BatchId, BatchTally>> {
    if (batchIds.length === 0) return new Map();
    const rows = await this.#database.report(
      this.#builder
        .selectFrom('batch_outcomes')
        .select((column) => [
          'batch_id', 'kind', 'charge_currency', column.fn.countAll<number>().as('lines'), column.fn.sum<bigint | null>('charge_nanos').as('sum_nanos'),
          ...(['input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens'] as const).map((name) => column.fn.sum<number>(name).as(name)),
        ])
        .where('batch_id', 'in', batchIds)
        .groupBy(['batch_id', 'kind', 'charge_currency'])
        .compile(),
    );
    return new Map([...Map.groupBy(rows, ({ batch_id: id }) => id as BatchId)].map(([id, ofBatch]) => [id, tallyOf(ofBatch)]));
  }

  /** What has come of the lines of a batch, in their order, of one kind. Not more than a page is kept in memory. */
  async *inOrder(batchId: BatchId, kind: OutcomeKind): AsyncGenerator<Outcome> {
    for (let after = -1; ; ) {
      const rows = await this.#database.query(
        this.#builder
          .selectFrom('batch_outcomes')
          .select(['line', 'content'])
          .where('batch_id', '=', batchId)
          .where('kind', '=', kind)
          .where('line', '>', after)
          .orderBy('line')
          .limit(pageRows)
          .compile(),
      );
      for (const { line, content } of rows) yield { line, kind, text: this.#sealer.open(content, contextOf(batchId, line)) };
      const last = rows.at(-1);
      if (last === undefined || rows.length < pageRows) return;
      after = last.line;
    }
  }

  /** The numbers of the lines that something has come of, in their order. */
  async *linesInOrder(batchId: BatchId): AsyncGenerator<number> {
    const linesMax = 1_000;
    for (let after = -1; ; ) {
      const rows = await this.#database.query(
        this.#builder.selectFrom('batch_outcomes').select('line').where('batch_id', '=', batchId).where('line', '>', after).orderBy('line').limit(linesMax).compile(),
      );
      for (const { line } of rows) yield line;
      const last = rows.at(-1);
      if (last === undefined || rows.length < linesMax) return;
      after = last.line;
    }
  }

  /** Forgets what has come of the lines of a batch, some at a time, so that no other commit waits for long. To be done once it has ended. */
  async remove(batchId: BatchId): Promise<void> {
    for (let from = 0; ; from += removalRows) {
      const [left] = await this.#database.query(
        this.#builder.selectFrom('batch_outcomes').select('line').where('batch_id', '=', batchId).where('line', '>=', from).orderBy('line').limit(1).compile(),
      );
      if (left === undefined) return;
      from = left.line;
      await this.#database.commit([
        this.#builder.deleteFrom('batch_outcomes').where('batch_id', '=', batchId).where('line', '>=', from).where('line', '<', from + removalRows).compile(),
      ]);
    }
  }
}

interface TallyRow {
  readonly kind: OutcomeKind;
  readonly charge_currency: string | null;
  readonly lines: number;
  readonly sum_nanos: bigint | null;
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly output_tokens: number;
  readonly reasoning_tokens: number;
}

function tallyOf(rows: readonly TallyRow[]): BatchTally {
  const tally = { ...emptyTally };
  const charges = new Map<string, bigint>();
  for (const row of rows) {
    if (row.kind === 'output') tally.completed += row.lines;
    else tally.failed += row.lines;
    tally.inputTokens += row.input_tokens;
    tally.cachedTokens += row.cached_tokens;
    tally.outputTokens += row.output_tokens;
    tally.reasoningTokens += row.reasoning_tokens;
    if (row.charge_currency !== null) charges.set(row.charge_currency, (charges.get(row.charge_currency) ?? 0n) + (row.sum_nanos ?? 0n));
  }
  return { ...tally, charges: [...charges].map(([currency, amountNanos]) => ({ currency, amountNanos })) };
}

function contextOf(batchId: BatchId, line: number): string {
  return `batch-outcome ${batchId} ${line}`;
}
