import { sql } from 'kysely';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { ToldBatch } from '../../src/batches/batches.ts';
import { houseMigrations } from '../../src/house-migrations.ts';
import { Wallets } from '../../src/ledger/wallets.ts';
import type { Database } from '../../src/storage/database.ts';
import { verifyBooks } from '../../src/verify-books.ts';
import { type Answer, batchCaller, BatchHouse, type BatchHouseParts, FilesDouble, lineChargeNanos, lineCostNanos, textOf } from '../doubles/batch-house.ts';
import { onEveryDatabase, type TestDatabase } from '../doubles/databases.ts';

const body = (text: string, over: object = {}): object => ({ model: 'kimi-k2-thinking', max_tokens: 100, messages: [{ role: 'user', content: text }], ...over });
const bodies = (count: number, over: object = {}): Record<string, object> =>
  Object.fromEntries(Array.from({ length: count }, (_, line) => [`id-${line}`, body(`line ${line}`, over)]));

onEveryDatabase((databases) => {
  let shared: TestDatabase;
  let database: Database;

  beforeEach(async () => {
    shared = await databases.create();
    database = await shared.open(houseMigrations);
    const wallets = new Wallets({ database, clock: systemClock, random: systemRandom });
    await database.commit(wallets.openingStatements({ tenantId: batchCaller.tenantId, currency: 'USD', floorNanos: 0n }));
    await wallets.topUp({ tenantId: batchCaller.tenantId, currency: 'USD', amountNanos: 1_000_000_000n, openable: false });
  });

  async function open(parts: Omit<BatchHouseParts, 'database'> = {}, on: Database = database): Promise<BatchHouse> {
    const house = await BatchHouse.open({ database: on, ...parts });
    onTestFinished(() => house[Symbol.asyncDispose]());
    return house;
  }

  /** How often each line was charged, in the order of the ids of the answers. */
  async function charges(): Promise<{ readonly count: number; readonly chargedNanos: bigint; readonly costNanos: bigint; readonly lossNanos: bigint; readonly batches: number }> {
    const [row] = await database.report(
      sql<{ count: number; charged_nanos: bigint; cost_nanos: bigint; loss_nanos: bigint; batches: number }>`
        SELECT COUNT(CASE WHEN charge_nanos > 0 THEN 1 END) AS count, COALESCE(SUM(charge_nanos), 0) AS charged_nanos, COALESCE(SUM(cost_nanos), 0) AS cost_nanos,
          COALESCE(SUM(loss_nanos), 0) AS loss_nanos, COUNT(DISTINCT batch_id) AS batches FROM generations`.compile(database.builder<never>()),
    );
    if (row === undefined) throw new Error('a sum has a row');
    return { count: row.count, chargedNanos: row.charged_nanos, costNanos: row.cost_nanos, lossNanos: row.loss_nanos, batches: row.batches };
  }

  async function expectSound(): Promise<void> {
    const { laws, openHoldCount } = await verifyBooks(database, Date.now());
    expect(laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
    expect(openHoldCount).toBe(0);
  }

  /** Answers the first call at once, and all others when `gate` opens. */
  function firstAtOnce(gate: Promise<void>): Answer {
    let calls = 0;
    return async () => ((calls += 1), calls === 1 ? {} : (await gate, {}));
  }

  const outputIds = (house: BatchHouse, { batch }: ToldBatch): unknown[] => house.files.lines(batch.outputFileId).map((line) => line['custom_id']);

  it('answers every line once, in order, at batch price, over two replicas', async () => {
    const files = new FilesDouble();
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    // What each has begun ends when both have begun something, and neither may have all chunks.
    const both = Promise.all(begun.map(({ promise }) => promise));
    const sharing = (mine: 0 | 1) => async () => (begun[mine].resolve(), await both, {});
    const one = await open({ files, chunksMax: 2, answer: sharing(0) });
    const other = await open({ files, chunksMax: 2, answer: sharing(1) }, databases.kind === 'Postgres' ? await shared.open(houseMigrations) : database);
    one.worker.start();
    other.worker.start();
    const { batch } = await one.create(bodies(300), { metadata: { a: 'b' } });
    const told = await one.until(batch.id);
    expect(told.batch).toMatchObject({ status: 'completed', totalLines: 300, model: 'kimi-k2-thinking', metadata: { a: 'b' }, problems: [] });
    expect(told.batch.errorFileId).toBeUndefined();
    expect(told.tally).toEqual({ completed: 300, failed: 0, inputTokens: 30_000, cachedTokens: 0, outputTokens: 15_000, reasoningTokens: 0, charges: [{ currency: 'USD', amountNanos: 300n * lineChargeNanos }] });
    expect(outputIds(one, told)).toEqual(Object.keys(bodies(300)));
    expect(files.lines(told.batch.outputFileId)[7]).toMatchObject({ id: expect.stringMatching(/^batch_req_/), custom_id: 'id-7', response: { status_code: 200, body: { choices: [{ message: { content: 'to line 7' } }] } }, error: null });
    expect(await charges()).toEqual({ count: 300, chargedNanos: 300n * lineChargeNanos, costNanos: 300n * lineCostNanos, lossNanos: 0n, batches: 1 });
    expect(one.calls.length + other.calls.length).toBe(300);
    expect(Math.min(one.calls.length, other.calls.length)).toBeGreaterThan(0);
    expect([...one.warnings, ...other.warnings]).toEqual([]);
    await expectSound();
    // It has ended before all of it is forgotten.
    const left = async (): Promise<number | undefined> =>
      (await database.report(sql<{ left: number }>`SELECT (SELECT COUNT(*) FROM jobs) + (SELECT COUNT(*) FROM batch_outcomes) + (SELECT COUNT(*) FROM batch_chunks) AS left`.compile(database.builder<never>())))[0]?.left;
    await expect.poll(left, { timeout: 5_000 }).toBe(0);
  });

  it('lets no bad line stop the others, tries again what may pass, and waits for who finds it too much', async () => {
    const seen = new Map<string, number>();
    const answer: Answer = (request) => {
      const text = textOf(request);
      const times = (seen.get(text) ?? 0) + 1;
      seen.set(text, times);
      if (text === 'line 1' && times <= 4) throw new Fault('upstream_rate_limited', { retryAfterMs: 5 });
      if (text === 'line 2' && times === 1) throw new Fault('upstream_failed');
      if (text === 'line 3') throw new Fault('content_filtered');
      return {};
    };
    // The limits of the key are for calls that somebody waits for.
    const house = await open({ answer, take: () => { throw new Fault('rate_limited'); } });
    house.worker.start();
    const { batch } = await house.create({ ...bodies(5), 'id-4': { model: 'kimi-k2-thinking' }, 'id-5': body('line 5', { model: 'none' }) });
    const told = await house.until(batch.id);
    expect(told.batch.status).toBe('completed');
    expect(outputIds(house, told)).toEqual(['id-0', 'id-1', 'id-2']);
    expect(house.files.lines(told.batch.errorFileId)).toMatchObject([
      { custom_id: 'id-3', response: { status_code: 400, body: { error: { type: 'content_filter' } } }, error: null },
      { custom_id: 'id-4', response: { status_code: 400, request_id: expect.stringMatching(/^req_/), body: { error: { type: 'invalid_request_error' } } }, error: null },
      { custom_id: 'id-5', response: { status_code: 404 }, error: null },
    ]);
    expect(await charges()).toMatchObject({ count: 3 });
    await expectSound();
  });

  it('asks a line once whose answer cannot be told, and which is paid for', async () => {
    const house = await open({ answer: () => ({ model: 'untellable' }) });
    house.worker.start();
    const { batch } = await house.create(bodies(1));
    const told = await house.until(batch.id);
    expect(house.files.lines(told.batch.errorFileId)).toMatchObject([{ custom_id: 'id-0', response: { status_code: 500 }, error: null }]);
    expect([house.calls.length, (await charges()).count]).toEqual([1, 1]);
    await expectSound();
  });

  it('charges nobody for what is done by one who has lost the chunk, and does the line again', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const files = new FilesDouble();
    const slow = await open({ files, answer: async () => ((calls += 1), await gate.promise, {}) });
    slow.worker.start();
    const { batch } = await slow.create(bodies(3));
    await expect.poll(() => calls, { timeout: 5_000 }).toBe(3);
    // As if it had been taken for dead.
    await database.commit([sql`UPDATE jobs SET available_ms = 0 WHERE kind = 'batch-chunk'`.compile(database.builder<never>())]);
    const quick = await open({ files }, databases.kind === 'Postgres' ? await shared.open(houseMigrations) : database);
    quick.worker.start();
    const told = await quick.until(batch.id);
    gate.resolve();
    await expect.poll(async () => (await charges()).lossNanos, { timeout: 5_000 }).toBe(3n * lineChargeNanos);
    expect(told).toMatchObject({ batch: { status: 'completed' }, tally: { completed: 3, failed: 0 } });
    expect(await charges()).toEqual({ count: 3, chargedNanos: 3n * lineChargeNanos, costNanos: 6n * lineCostNanos, lossNanos: 3n * lineChargeNanos, batches: 1 });
    const flags = (await slow.records.list({ limit: 10 })).flatMap(({ flags: some = [] }) => some);
    expect(flags).toEqual(['unwanted', 'unwanted', 'unwanted']);
    await expectSound();
  });

  it('leaves a place for a tenant that has none', async () => {
    const gate = Promise.withResolvers<void>();
    const house = await open({ chunksMax: 1, answer: async () => (await gate.promise, {}) });
    house.worker.start();
    await house.create(bodies(70));
    await expect.poll(() => house.calls.length, { timeout: 5_000 }).toBeGreaterThan(0);
    const { batch } = await house.batches.create({ tenantId: 'ten_2', keyId: 'key_2', mode: 'live' }, { endpoint: '/v1/chat/completions', completionWindow: '24h', input: { requests: [{ custom_id: 'a', body: body('line') }] } });
    // Its key is not known here: its line ends at once, with an error.
    await expect.poll(async () => (await house.batches.find(batch.id))?.tally.failed, { timeout: 5_000 }).toBe(1);
    gate.resolve();
  });

  it('keeps what is done when it is cancelled, and says of the rest that it was', async () => {
    const gate = Promise.withResolvers<void>();
    const house = await open({ answer: firstAtOnce(gate.promise), pool: { concurrency: 2 } });
    house.worker.start();
    const { batch } = await house.create(bodies(130));
    await house.until(batch.id, ({ tally }) => tally.completed === 1);
    expect((await house.batches.cancel(batchCaller, batch.id)).batch.status).toBe('cancelling');
    await expect(house.batches.cancel(batchCaller, batch.id)).rejects.toMatchObject({ code: 'invalid_request' });
    gate.resolve();
    const told = await house.until(batch.id);
    expect(told.batch).toMatchObject({ status: 'cancelled', cancellingMs: expect.any(Number) });
    const { completed, failed } = told.tally;
    expect([completed + failed, completed <= 4, completed >= 1]).toEqual([130, true, true]);
    const errors = house.files.lines(told.batch.errorFileId);
    expect(errors).toHaveLength(failed);
    expect(errors.every(({ response, error }) => response === null && (error as { code: string }).code === 'batch_cancelled')).toBe(true);
    const all = [...outputIds(house, told), ...errors.map((line) => line['custom_id'])];
    expect(new Set(all).size).toBe(130);
    await expectSound();
  });

  it('ends at its time, with what is done', async () => {
    const gate = Promise.withResolvers<void>();
    const house = await open({ answer: firstAtOnce(gate.promise), pool: { concurrency: 3 } });
    house.worker.start();
    const { batch } = await house.create(bodies(80));
    await house.until(batch.id, ({ tally }) => tally.completed === 1);
    const builder = database.builder<never>();
    await database.commit([sql`UPDATE batches SET expires_ms = 1`.compile(builder), sql`UPDATE jobs SET available_ms = 1 WHERE kind = 'batch-end'`.compile(builder)]);
    house.worker.stopBatch(batch.id);
    gate.resolve();
    const told = await house.until(batch.id);
    expect(told.batch.status).toBe('expired');
    expect(told.tally.completed + told.tally.failed).toBe(80);
    expect(house.files.lines(told.batch.errorFileId)[0]).toMatchObject({ response: null, error: { code: 'batch_expired' } });
    await expectSound();
  });

  it('says what is wrong with a file, and begins no line of it', async () => {
    const house = await open({ linesMax: 3 });
    house.worker.start();
    const line = (over: object): string => `${JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: {}, ...over })}\n`;
    const problemsOf = async (text: string): Promise<unknown> => {
      const { batch } = await house.createOf(text);
      const told = await house.until(batch.id);
      expect(told.batch.status).toBe('failed');
      return told.batch.problems.map(({ code, line: number, param }) => [code, number, param]);
    };
    expect(await problemsOf(`${line({})}\n${line({})}`)).toEqual([['duplicate_custom_id', 3, 'custom_id']]);
    expect(await problemsOf(`{"custom_id":\n${line({ url: '/v1/embeddings' })}${line({ custom_id: undefined })}`)).toEqual([
      ['invalid_json_line', 1, undefined], ['url_mismatch', 2, 'url'], ['missing_required_parameter', 3, 'custom_id'],
    ]);
    expect(await problemsOf(line({ method: 'GET' }))).toEqual([['invalid_method', 1, 'method']]);
    expect(await problemsOf('\n\r\n  \n')).toEqual([['empty_file', undefined, undefined]]);
    expect(await problemsOf([1, 2, 3, 4].map((custom_id) => line({ custom_id: `${custom_id}` })).join(''))).toEqual([['too_many_tasks', undefined, undefined]]);
    expect(await problemsOf(line({ body: { a: 'x'.repeat(100_001) } }))).toEqual([['line_too_long', 1, undefined]]);
    expect(house.calls).toEqual([]);
  });

  it('lets the first of those that share a prefix go alone, and the others to the same upstream', async () => {
    const gate = Promise.withResolvers<void>();
    const house = await open({ answer: async () => (await gate.promise, {}) });
    house.worker.start();
    const system = { role: 'system', content: 'be brief '.repeat(200) };
    const { batch } = await house.create(Object.fromEntries(Array.from({ length: 6 }, (_, line) => [`id-${line}`, body('', { messages: [system, { role: 'user', content: `line ${line}` }] })])));
    await expect.poll(() => house.calls.length, { timeout: 5_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(house.calls).toHaveLength(1);
    gate.resolve();
    await house.until(batch.id);
    expect(house.calls.map(({ lastUpstreamId }) => lastUpstreamId)).toEqual([undefined, 'a', 'a', 'a', 'a', 'a']);
    expect(new Set(house.calls.map(({ cacheKey }) => cacheKey)).size).toBe(1);
  });

  it('says in the error file when there is no money, once no other line holds any', async () => {
    // Each holds 0.0006 before it costs 0.0001: enough for two at a time, and for eight one after the other.
    await database.commit([sql`UPDATE ledger_balances SET posted_nanos = 1300000`.compile(database.builder<never>())]);
    const house = await open();
    house.worker.start();
    const { batch } = await house.create(bodies(20));
    const told = await house.until(batch.id);
    expect(told.batch.status).toBe('completed');
    expect(told.tally).toMatchObject({ completed: 8, failed: 12 });
    expect(house.files.lines(told.batch.errorFileId)[0]).toMatchObject({ response: { status_code: 429, body: { error: { type: 'exceeded_current_quota_error' } } } });
  });
});
