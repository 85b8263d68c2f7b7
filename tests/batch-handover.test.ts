import { sql } from 'kysely';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { Caller } from '../src/access/caller.ts';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import type { BatchCheckpoint } from '../src/batches/batch-checkpoint.ts';
import type { ToldBatch } from '../src/batches/batches.ts';
import { houseMigrations } from '../src/house-migrations.ts';
import { Wallets } from '../src/ledger/wallets.ts';
import type { Database } from '../src/storage/database.ts';
import { WireBatchVendor } from '../src/upstreams/batch/wire-batch-vendor.ts';
import { verifyBooks } from '../src/verify-books.ts';
import { batchCaller, BatchHouse, type BatchHouseParts, FilesDouble, lineChargeNanos, lineCostNanos } from './doubles/batch-house.ts';
import { BatchVendorDouble, type HandedLine } from './doubles/batch-vendor.ts';
import { onEveryDatabase, type TestDatabase } from './doubles/databases.ts';
import { completion } from './doubles/scripted-upstream.ts';

const body = (text: string, over: object = {}): object => ({ model: 'kimi-k2-thinking', max_tokens: 100, messages: [{ role: 'user', content: text }], ...over });
const bodies = (count: number): Record<string, object> => Object.fromEntries(Array.from({ length: count }, (_, line) => [`id-${line}`, body(`line ${line}`)]));
/** What a line of `lineUsage` has used, in a vendor's words. */
const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
/** The most that a line can cost at batch rates: 1,000 tokens of prompt and 100 of answer. */
const lineHeldNanos = 600_000n;

onEveryDatabase((databases) => {
  let shared: TestDatabase;
  let database: Database;
  let wallets: Wallets;
  let vendor: BatchVendorDouble;

  beforeEach(async () => {
    shared = await databases.create();
    database = await shared.open(houseMigrations);
    vendor = await BatchVendorDouble.start();
    onTestFinished(() => vendor[Symbol.asyncDispose]());
    vendor.quick = true;
    vendor.answer = (line) => ({ body: completion(`made ${line.custom_id}`, { usage }) });
    wallets = new Wallets({ database, clock: systemClock, random: systemRandom });
    await database.commit(wallets.openingStatements({ tenantId: batchCaller.tenantId, currency: 'USD', floorNanos: 0n }));
    await wallets.topUp({ tenantId: batchCaller.tenantId, currency: 'USD', amountNanos: 100_000_000n, openable: false });
  });

  async function open(parts: Omit<BatchHouseParts, 'database'> = {}, on: Database = database): Promise<BatchHouse> {
    const client = new WireBatchVendor({ upstreamId: 'a', kind: 'moonshot', baseUrl: vendor.baseUrl, apiKey: 'sk-vendor-secret-1234' });
    const house = await BatchHouse.open({ database: on, vendor: client, ...parts });
    onTestFinished(async () => {
      await house[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
    });
    house.worker.start();
    return house;
  }

  /** Looks for work more often than a server does. */
  async function until(house: BatchHouse, id: string, isSo?: (told: ToldBatch) => boolean): Promise<ToldBatch> {
    const hurry = setInterval(() => void house.worker.look().catch(() => undefined), 15);
    return house.until(id, isSo).finally(() => clearInterval(hurry));
  }

  interface Sums {
    readonly lines: number;
    readonly chargedNanos: bigint;
    readonly costNanos: bigint;
    readonly lossNanos: bigint;
  }

  async function sums(): Promise<Sums> {
    const [row] = await database.report(
      sql<{ lines: number; charged_nanos: bigint; cost_nanos: bigint; loss_nanos: bigint }>`
        SELECT COUNT(CASE WHEN charge_nanos > 0 THEN 1 END) AS lines, COALESCE(SUM(charge_nanos), 0) AS charged_nanos, COALESCE(SUM(cost_nanos), 0) AS cost_nanos,
          COALESCE(SUM(loss_nanos), 0) AS loss_nanos FROM generations`.compile(database.builder<never>()),
    );
    if (row === undefined) throw new Error('a sum has a row');
    return { lines: row.lines, chargedNanos: row.charged_nanos, costNanos: row.cost_nanos, lossNanos: row.loss_nanos };
  }

  const madeThere = (count: number): Sums => ({ lines: count, chargedNanos: BigInt(count) * lineChargeNanos, costNanos: BigInt(count) * lineChargeNanos, lossNanos: 0n });
  const heldNanos = async (): Promise<bigint | undefined> => (await wallets.of(batchCaller.tenantId))[0]?.heldNanos;

  /** The books are sound, nothing is held or waits, and the vendor has forgotten all of it. */
  async function expectClean(house: BatchHouse): Promise<void> {
    const leftOver = async (): Promise<number | undefined> => {
      await house.worker.look();
      const rows = sql<{ left: number }>`SELECT (SELECT COUNT(*) FROM jobs) + (SELECT COUNT(*) FROM batch_handovers) AS left`.compile(database.builder<never>());
      return (await database.report(rows))[0]?.left;
    };
    await expect.poll(leftOver, { timeout: 5_000, interval: 20 }).toBe(0);
    const { laws, openHoldCount } = await verifyBooks(database, Date.now());
    expect(laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
    expect(openHoldCount).toBe(0);
    expect(await heldNanos()).toBe(0n);
    expect(vendor.files.size).toBe(0);
    expect(house.warnings).toEqual([]);
  }

  const texts = (house: BatchHouse, { batch }: ToldBatch): readonly string[] =>
    house.files.lines(batch.outputFileId).map(({ custom_id: id, response }) => {
      const said = (response as { readonly body: { readonly choices: readonly { readonly message: { readonly content: string } }[] } }).body.choices[0]?.message.content;
      return `${String(id)} ${said}`;
    });

  it('is made there, settled line by line at batch price on both sides, and comes out in order; two replicas hand it over once', async () => {
    const files = new FilesDouble();
    const one = await open({ files });
    await open({ files }, databases.kind === 'Postgres' ? await shared.open(houseMigrations) : database);
    const { batch } = await one.create(bodies(70));
    const told = await until(one, batch.id);
    expect(told.batch).toMatchObject({ status: 'completed', totalLines: 70 });
    expect(texts(one, told)).toEqual(Array.from({ length: 70 }, (_, line) => `id-${line} made line-${line}`));
    expect(told.tally).toMatchObject({ completed: 70, failed: 0, inputTokens: 7_000, outputTokens: 3_500, charges: [{ currency: 'USD', amountNanos: 70n * lineChargeNanos }] });
    expect(await sums()).toEqual(madeThere(70));
    expect([one.calls.length, vendor.count('POST /batches'), vendor.made.size]).toEqual([0, 1, 70]);
    await expectClean(one);
  });

  it('survives the servers that it dies with: made once, held throughout, charged once', async () => {
    const files = new FilesDouble();
    /** Works until it passes `place`, and leaves all as it is then. */
    const dyingAt = async (place: BatchCheckpoint, create?: () => Promise<unknown>): Promise<BatchHouse> => {
      const died = Promise.withResolvers<void>();
      const house = await open({
        files,
        onCheckpoint(passed) {
          if (passed !== place) return;
          died.resolve();
          throw new Error('died');
        },
      });
      await create?.call(house);
      await died.promise;
      await house[Symbol.asyncDispose]();
      await house.jobs.disownAll();
      return house;
    };
    let id = '';
    await dyingAt('batch-handed', async function (this: BatchHouse) {
      id = (await this.create(bodies(70))).batch.id;
    });
    expect(await heldNanos()).toBe(70n * lineHeldNanos);
    await dyingAt('batch-collected');
    const last = await open({ files });
    expect(texts(last, await until(last, id))).toHaveLength(70);
    expect(await sums()).toEqual(madeThere(70));
    expect([vendor.count('POST /files'), vendor.count('POST /batches'), last.calls.length]).toEqual([1, 1, 0]);
    await expectClean(last);
  });

  // What follows is between us and the vendor, whichever the database.
  if (databases.kind === 'Postgres') return;

  it('leaves to be run here what the vendor does not make, refuses what it refuses, and counts once what it tells twice', async () => {
    vendor.answer = (line: HandedLine) => {
      if (line.custom_id === 'line-0') return { status: 400, body: { error: { message: 'Invalid request: too odd', type: 'invalid_request_error' } } };
      if (line.custom_id === 'line-1') return 'missing';
      if (line.custom_id === 'line-2') return { error: 'batch_expired' };
      if (line.custom_id === 'line-3') return { status: 500, body: { error: { message: 'oh', type: 'server_error' } } };
      return { body: completion('there', { ...(line.custom_id === 'line-5' ? { usage: null } : { usage }) }), times: 2 };
    };
    const house = await open();
    const { batch } = await house.create({ ...bodies(6), bad: { model: 'kimi-k2-thinking' }, none: body('line 7', { model: 'none' }) });
    const told = await until(house, batch.id);
    expect(texts(house, told)).toEqual(['id-1 to line 1', 'id-2 to line 2', 'id-3 to line 3', 'id-4 there', 'id-5 there']);
    expect(house.files.lines(told.batch.errorFileId)).toMatchObject([
      { custom_id: 'id-0', response: { status_code: 400, body: { error: { message: 'Invalid request: too odd' } } }, error: null },
      { custom_id: 'bad', response: { status_code: 400 } }, { custom_id: 'none', response: { status_code: 404 } },
    ]);
    // Three at plain price from here, one at batch price from there, and one there whose usage is our estimate.
    const costs = await database.report(sql<{ cost_nanos: bigint; usage_estimated: number }>`SELECT cost_nanos, usage_estimated FROM generations WHERE charge_nanos > 0`.compile(database.builder<never>()));
    expect(costs.filter((row) => row.usage_estimated === 0).map((row) => row.cost_nanos).toSorted()).toEqual([lineChargeNanos, lineCostNanos, lineCostNanos, lineCostNanos]);
    expect(costs.filter((row) => row.usage_estimated === 1)).toHaveLength(1);
    await expectClean(house);
  });

  it('is run here when its payer cannot have all of it held at once, and nothing is spent that he has not', async () => {
    await wallets.withdraw({ tenantId: batchCaller.tenantId, currency: 'USD', amountNanos: 100_000_000n - 3n * lineHeldNanos });
    const house = await open({ pool: { concurrency: 1 } });
    const { batch } = await house.create(bodies(10));
    expect((await until(house, batch.id)).batch.status).toBe('completed');
    expect(vendor.jobs.size).toBe(0);
    expect(house.steps.at(-1)).toBe('a step of handing a batch over failed quota_exceeded');
    expect(await sums()).toMatchObject({ lines: 10, chargedNanos: 10n * lineChargeNanos });
    await expectClean(house);
  });

  it('is made once by a vendor that breaks off, says nothing, has too much to do, cannot be asked and does not find its files', async () => {
    vendor.trouble('POST /files', 'cut', 'done-then-cut');
    vendor.trouble('POST /batches', { status: 429, headers: { 'retry-after': '0' } }, 'done-then-cut');
    vendor.trouble('GET /batches/:id', { status: 502 }, 'cut');
    vendor.trouble('GET /files/:id/content', { status: 404 }, 'cut');
    const house = await open();
    const { batch } = await house.create(bodies(5));
    expect(texts(house, await until(house, batch.id))).toHaveLength(5);
    expect(house.steps.length).toBe(9);
    expect([...vendor.made.values()]).toEqual([1, 1, 1, 1, 1]);
    expect(await sums()).toEqual(madeThere(5));
    await expectClean(house);
  });

  it('is run here when the vendor refuses our key, has no batches, finds the file wrong, or has forgotten it', async () => {
    const house = await open();
    const ways: readonly (() => void)[] = [
      () => vendor.trouble('POST /files', { status: 401, body: { error: { message: 'Incorrect API key', type: 'incorrect_api_key_error' } } }),
      () => vendor.trouble('POST /batches', { status: 400, body: { error: { message: 'Invalid request', type: 'invalid_request_error' } } }),
      () => vendor.trouble('GET /batches/:id', { status: 404 }),
      () => void (vendor.describe = (job) => ({ ...job, status: 'failed', output_file_id: null })),
    ];
    for (const prepare of ways) {
      prepare();
      const { batch } = await house.create(bodies(3));
      expect(texts(house, await until(house, batch.id))).toEqual(Array.from({ length: 3 }, (_, line) => `id-${line} to line ${line}`));
    }
    expect(await sums()).toMatchObject({ lines: 12, costNanos: 12n * lineCostNanos });
    // Of what it calls failed it tells no files.
    vendor.files.clear();
    await expectClean(house);
  });

  it('is read again where its results broke off, and each line is booked once', async () => {
    let reads = 0;
    const client = new WireBatchVendor({ upstreamId: 'a', kind: 'moonshot', baseUrl: vendor.baseUrl });
    onTestFinished(() => client[Symbol.asyncDispose]());
    const house = await open({
      vendor: {
        upstreamId: 'a', limits: client.limits,
        line: (call) => client.line(call), submit: (order, signal) => client.submit(order, signal), poll: (id, signal) => client.poll(id, signal),
        cancel: (id, signal) => client.cancel(id, signal), clear: (reference, keepId, signal) => client.clear(reference, keepId, signal),
        async *results(of, signal) {
          reads += 1;
          let told = 0;
          for await (const result of client.results(of, signal)) {
            if (reads < 3 && (told += 1) > 20 * reads) throw new Error('cut');
            yield result;
          }
        },
      },
    });
    const { batch } = await house.create(bodies(50));
    expect(texts(house, await until(house, batch.id))).toHaveLength(50);
    expect(reads).toBe(3);
    expect(await sums()).toEqual(madeThere(50));
    await expectClean(house);
  });

  it('is cancelled at the vendor with the batch, and what that had made is kept', async () => {
    vendor.staysAt = 'in_progress';
    vendor.quick = false;
    vendor.answer = (line) => (Number(line.custom_id.slice(5)) < 3 ? { body: completion('in time', { usage }) } : 'missing');
    const house = await open();
    const { batch } = await house.create(bodies(8));
    await until(house, batch.id, () => vendor.count('GET /batches/:id') > 0);
    await house.batches.cancel(batchCaller, batch.id);
    const told = await until(house, batch.id);
    expect([told.batch.status, texts(house, told)]).toEqual(['cancelled', ['id-0 in time', 'id-1 in time', 'id-2 in time']]);
    expect(house.files.lines(told.batch.errorFileId).map(({ error }) => (error as { readonly code: string }).code)).toEqual(Array.from({ length: 5 }, () => 'batch_cancelled'));
    expect(await sums()).toEqual(madeThere(3));
    expect(house.calls).toEqual([]);
    await expectClean(house);
  });

  it('is stopped at the vendor when its window is over, and what that had made is kept', async () => {
    vendor.staysAt = 'in_progress';
    vendor.quick = false;
    vendor.answer = (line) => (line.custom_id === 'line-1' ? { body: completion('in time', { usage }) } : { error: 'batch_cancelled' });
    const house = await open();
    const { batch } = await house.create(bodies(4));
    await until(house, batch.id, () => vendor.count('GET /batches/:id') > 0);
    await database.commit([sql`UPDATE batches SET expires_ms = ${Date.now()}`.compile(database.builder<never>()), sql`UPDATE jobs SET available_ms = 0 WHERE owner IS NULL`.compile(database.builder<never>())]);
    const told = await until(house, batch.id);
    expect([told.batch.status, texts(house, told)]).toEqual(['expired', ['id-1 in time']]);
    expect(house.files.lines(told.batch.errorFileId).map(({ error }) => (error as { readonly code: string }).code)).toEqual(['batch_expired', 'batch_expired', 'batch_expired']);
    expect(await sums()).toEqual(madeThere(1));
    await expectClean(house);
  });

  it('charges nothing when its key is revoked while the vendor has it, and says so in its lines', async () => {
    let caller: Caller | undefined = batchCaller;
    vendor.staysAt = 'validating';
    const house = await open({ callerOfKey: () => caller });
    const { batch } = await house.create(bodies(3));
    await until(house, batch.id, () => vendor.count('GET /batches/:id') > 0);
    caller = undefined;
    vendor.staysAt = undefined;
    const told = await until(house, batch.id);
    expect(house.files.lines(told.batch.errorFileId)).toMatchObject(Array.from({ length: 3 }, () => ({ response: { status_code: 401 } })));
    expect(await sums()).toMatchObject({ lines: 0, chargedNanos: 0n });
    await expectClean(house);
  });
});
