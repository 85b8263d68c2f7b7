import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { Fault } from '../base/fault.ts';
import { Catalog } from '../catalog/catalog.ts';
import { ExchangeRates } from '../catalog/exchange-rates.ts';
import { SellRules } from '../catalog/sell-rules.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import type { EventBatch } from '../dialogue/event.ts';
import type { Content } from '../dialogue/message.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { GenerationRecord } from '../records/generation-record.ts';
import { RecordsStore } from '../records/records-store.ts';
import { recordsMigrations } from '../records/records-tables.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import { AttemptFailure, type Upstream } from '../upstreams/upstream.ts';
import { Ledger } from '../ledger/ledger.ts';
import { ledgerMigrations } from '../ledger/ledger-tables.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../storage/sqlite-database.ts';
import { Billing } from './billing.ts';
import type { DocumentReaders } from './file-parts.ts';
import { Gateway, type GenerateOptions, type GenerationSink } from './gateway.ts';
import { Tariff } from './tariff.ts';

const usage: Usage = { inputUncached: 100, cacheRead: 0, cacheWrite: 0, output: 50, reasoning: 0, estimated: false };
const text = (words: string): EventBatch => ({ events: [{ type: 'text-delta', choice: 0, text: words }] });
const start: EventBatch = { events: [{ type: 'reply-start', id: 'up-1', model: 'm', createdS: 1 }] };
const ending: EventBatch = { events: [{ type: 'choice-end', choice: 0, finish: { reason: 'stop' } }, { type: 'usage', usage }] };

function fail(reason: string): never {
  throw new Error(reason);
}

/** An upstream that does what it is told, once per call. */
function upstream(id: string, act: (push: (batches: readonly EventBatch[]) => void, signal: AbortSignal) => Promise<void> | void): Upstream {
  return {
    id,
    async generate(_call, handler, signal) {
      handler.onOpen({ pause: () => undefined, resume: () => undefined }, []);
      await act((batches) => handler.onBatches(batches), signal);
      return undefined;
    },
    async [Symbol.asyncDispose]() {},
  };
}

function failing(id: string, failure: AttemptFailure): Upstream {
  return upstream(id, () => {
    throw failure;
  });
}

let folder: string;
let database: SqliteDatabase;
let runs = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-gateway-'));
  database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: [...recordsMigrations, ...ledgerMigrations] });
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const catalog = new Catalog(shippedCatalog(), undefined, []);
const model = catalog.models().find(({ id }) => id === 'kimi-k2-thinking') ?? fail('the catalog lacks kimi-k2-thinking');
const price = { id: 'p', validFrom: '2020-01-01', currency: 'USD', input: '1', output: '2' };

function attempt(upstreamId: string, over: Partial<PlannedAttempt> = {}): PlannedAttempt {
  const offer = { modelId: 'kimi-k2-thinking', upstreamId, upstreamModel: 'm', contextTokens: 1000, outputTokensMax: 100, prices: [price] };
  return { offer, price, costState: 'priced', sendModel: 'm', retired: false, successor: false, ...over };
}

interface Run {
  readonly delivered: string;
  readonly record: GenerationRecord | undefined;
  readonly fault: Fault | undefined;
  readonly tried: readonly string[];
  /** What became of the lease of its rate limits: the tokens that it was settled with, or that it was cancelled. */
  readonly lease: readonly (number | 'cancelled')[];
  /** Each time that files were put in place of their names: who of those that may answer reads documents. */
  readonly filesReadFor: readonly DocumentReaders[];
}

async function run(upstreams: readonly Upstream[], attempts: readonly PlannedAttempt[] | Fault, options: { abortAfterFirst?: boolean; abortAfterMs?: number; recordFails?: boolean; over?: Partial<GenerateOptions>; content?: Content } = {}): Promise<Run> {
  const records: GenerationRecord[] = [];
  const tried: string[] = [];
  const lease: (number | 'cancelled')[] = [];
  const filesReadFor: DocumentReaders[] = [];
  const abort = new AbortController();
  const clock = new ManualClock();
  const store = new RecordsStore(database);
  const billing = new Billing({
    clock, callMsMax: 60_000, batchCallMsMax: 60_000, patienceMs: 0,
    ledger: new Ledger({ database, clock, nodeId: 'node_1' }),
    tariff: new Tariff({ sellRules: new SellRules([], () => undefined), rates: new ExchangeRates({ staleDays: 7, staleRates: 'flag' }), officialPrice: () => undefined }),
    database: {
      async commitIf(guards, statements) {
        if (options.recordFails === true && records.length > 0) throw new Fault('storage_unavailable');
        return database.commitIf(guards, statements);
      },
    },
    records: {
      insertion: (record) => (records.push(record), store.insertion(record)),
      upsertion: (record) => store.upsertion(record),
    },
  });
  const gateway = new Gateway({
    clock, billing, files: { resolve: async (_scope, asked, readers) => (filesReadFor.push(readers), asked) }, limiter: { take: () => ({ standing: undefined, settle: (tokens) => lease.push(tokens), cancel: () => lease.push('cancelled') }) }, countsTokens: () => false,
    plan() {
      if (attempts instanceof Fault) throw attempts;
      return { model, variant: undefined, attempts, promptTokensMax: 50 };
    },
    upstream: (id) => upstreams.find((one) => one.id === id),
    model: (id) => catalog.model(id),
    successor: () => catalog.model('kimi-k2.6'),
    reportAttempt: (id) => tried.push(id),
    estimatePrompt: async () => 7,
  });
  let delivered = '';
  const sink: GenerationSink = {
    onOpen: () => undefined,
    onBatches(batches) {
      for (const { events } of batches) for (const event of events) if (event.type === 'text-delta') delivered += event.text;
      if (options.abortAfterFirst === true) abort.abort();
    },
  };
  const request: DialogueRequest = { protocol: 'openai-chat', model: 'kimi-k2-thinking', messages: [{ role: 'user', content: options.content ?? 'hi' }], sampling: {}, stream: true };
  if (options.abortAfterMs !== undefined) setTimeout(() => abort.abort(), options.abortAfterMs);
  const caller = { tenantId: 'ten_1', keyId: 'k', mode: 'live' } as const;
  const fault = await gateway.generate(caller, request, { generationId: `gen_${(runs += 1)}`, surface: '/v1/chat/completions', ...options.over }, sink, abort.signal).then(
    () => undefined,
    (thrown: unknown) => thrown as Fault,
  );
  return { delivered, record: records[0], fault, tried, lease, filesReadFor };
}

const good = (id: string): Upstream => upstream(id, (push) => push([start, text('hello'), ending]));
const refused = new AttemptFailure(new Fault('upstream_unreachable'), 'not-sent');

describe('Gateway', () => {
  it('reads files for those who may answer, and for nobody who gets no answer', async () => {
    const content: Content = [{ type: 'file', url: 'ms://file_1' }];
    const reading = (id: string): Upstream => ({ ...good(id), readsDocuments: true });
    const both = [attempt('a'), attempt('b')];
    expect((await run([good('a'), good('b')], both, { content })).filesReadFor).toEqual(['none']);
    expect((await run([good('a'), reading('b')], both, { content })).filesReadFor).toEqual(['some']);
    expect((await run([reading('a'), reading('b')], both, { content })).filesReadFor).toEqual(['all']);
    expect(await run([good('a')], new Fault('permission_denied'), { content })).toMatchObject({ fault: { code: 'permission_denied' }, filesReadFor: [] });
    expect((await run([good('a')], [attempt('a')])).filesReadFor).toEqual([]);
  });

  it('delivers, rates and records a complete generation', async () => {
    const { delivered, record, fault } = await run([good('a')], [attempt('a')]);
    expect({ delivered, fault }).toEqual({ delivered: 'hello', fault: undefined });
    expect(record).toMatchObject({
      state: 'complete', upstreamId: 'a', upstreamReplyId: 'up-1', finishReason: 'stop', attempts: 1,
      usage, costState: 'priced', costNanos: 200_000n, currency: 'USD', priceId: 'p',
    });
  });

  it('charges no more than was held, and marks what the upstream counted beyond it and what has no price', async () => {
    const dear = upstream('a', (push) => push([start, text('hello'), { events: [{ type: 'choice-end', choice: 0, finish: { reason: 'stop' } }, { type: 'usage', usage: { ...usage, inputUncached: 5_000, webSearches: 2 } }] }]));
    const { record } = await run([dear], [attempt('a')]);
    expect(record).toMatchObject({ costNanos: 5_100_000n, flags: ['unpriced-extras', 'beyond-hold'] });
    expect(record?.lossNanos).toBeGreaterThan(0n);
    expect((record?.chargeNanos ?? 0n) + (record?.lossNanos ?? 0n)).toBe(5_100_000n);
  });

  it('tries the next upstream while nothing has been handed out, and never after', async () => {
    const next = await run([failing('a', refused), good('b')], [attempt('a'), attempt('b')]);
    expect(next).toMatchObject({ delivered: 'hello', record: { upstreamId: 'b', attempts: 2 } });
    const cut = upstream('a', (push) => {
      push([start, text('hel')]);
      throw new AttemptFailure(new Fault('upstream_interrupted'), 'committed');
    });
    const broken = await run([cut, good('b')], [attempt('a'), attempt('b')]);
    expect(broken).toMatchObject({ delivered: 'hel', fault: { code: 'upstream_interrupted' }, record: { state: 'partial', attempts: 1 } });
    expect(broken.record?.usage).toMatchObject({ estimated: true, inputUncached: 7 });
  });

  it('takes nothing from rate limits for a line of a batch', async () => {
    expect((await run([good('a')], [attempt('a')])).lease).toEqual([expect.any(Number)]);
    expect(await run([good('a')], [attempt('a')], { over: { atBatchRates: true, batchId: 'batch_1' } })).toMatchObject({ delivered: 'hello', lease: [] });
  });

  it('takes what a batch endpoint says for no sign of the health of its upstream', async () => {
    const busy = new AttemptFailure(new Fault('upstream_rate_limited'), 'rejected');
    expect(await run([failing('a', busy)], [attempt('a', { batchEndpoint: true })])).toMatchObject({ fault: { code: 'upstream_rate_limited' }, tried: [] });
    expect((await run([good('a')], [attempt('a', { batchEndpoint: true })])).tried).toEqual([]);
  });

  it('tries three upstreams at most, and a request that may have been processed only once more', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    const all = await run(ids.map((id) => failing(id, refused)), ids.map((id) => attempt(id)));
    expect(all.tried).toEqual(['a', 'b', 'c']);
    const reset = new AttemptFailure(new Fault('upstream_failed'), 'maybe');
    const maybe = await run(ids.map((id) => failing(id, reset)), ids.map((id) => attempt(id)));
    expect(maybe.tried).toEqual(['a', 'b']);
    expect(maybe.record).toMatchObject({ state: 'failed', costState: 'none', faultCode: 'upstream_failed' });
    expect(maybe.record).not.toHaveProperty('usage');
  });

  it("does not try another upstream with the caller's own mistake", async () => {
    const bad = new AttemptFailure(new Fault('invalid_request', { message: 'Invalid request: x' }), 'rejected');
    const { tried, fault } = await run([failing('a', bad), good('b')], [attempt('a'), attempt('b')]);
    expect(tried).toEqual(['a']);
    expect(fault).toMatchObject({ code: 'invalid_request', message: 'Invalid request: x' });
  });

  it('names the successor when a vendor refuses a model past its day, and goes there only when told to', async () => {
    const gone = new AttemptFailure(new Fault('model_not_found'), 'rejected');
    const told = await run([failing('a', gone)], [attempt('a', { retired: true })]);
    expect(told.fault).toMatchObject({ code: 'model_retired', message: expect.stringContaining('kimi-k2.6') });
    const mapped = await run([failing('a', gone), good('b')], [attempt('a', { retired: true }), attempt('b', { successor: true })]);
    expect(mapped).toMatchObject({ delivered: 'hello', fault: undefined });
    const other = await run([failing('a', refused), good('b')], [attempt('a', { retired: true }), attempt('b', { successor: true })]);
    expect(other.fault).toMatchObject({ code: 'upstream_unreachable' });
  });

  it('records what was delivered to a client that left', async () => {
    const slow = upstream('a', async (push, signal) => {
      push([start, text('hello world')]);
      await new Promise<void>((_resolve, reject) => {
        const leave = (): void => reject(new AttemptFailure(new Fault('caller_gone'), 'committed'));
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave);
      });
    });
    const { record, fault, tried } = await run([slow, good('b')], [attempt('a'), attempt('b')], { abortAfterFirst: true });
    expect(fault?.code).toBe('caller_gone');
    expect(record).toMatchObject({ state: 'partial', cancelled: true, upstreamId: 'a' });
    expect(tried).toEqual([]);
  });

  it('does not call a generation complete whose record could not be kept', async () => {
    const { fault } = await run([good('a')], [attempt('a')], { recordFails: true });
    expect(fault?.code).toBe('storage_unavailable');
  });

  it('keeps unpriced and free apart from a price of zero', async () => {
    const unpriced = await run([good('a')], [attempt('a', { price: undefined, costState: 'unpriced' })]);
    expect(unpriced.record?.costState).toBe('unpriced');
    expect(unpriced.record).not.toHaveProperty('costNanos');
    const free = await run([good('sandbox')], [attempt('sandbox', { costState: 'free' })]);
    expect(free.record).toMatchObject({ costState: 'free', costNanos: 200_000n });
  });
});

describe('accounting', () => {
  const leaving = (stage: 'not-sent' | 'maybe', push?: readonly EventBatch[]): Upstream =>
    upstream('a', async (deliver, signal) => {
      if (push !== undefined) deliver(push);
      await new Promise<void>((_resolve, reject) => {
        const leave = (): void => reject(new AttemptFailure(new Fault('caller_gone'), stage));
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave);
      });
    });

  it('counts the prompt of a caller who left after it had been sent, and marks it', async () => {
    const { record } = await run([leaving('maybe')], [attempt('a')], { abortAfterMs: 1 });
    expect(record).toMatchObject({ state: 'failed', cancelled: true, costState: 'priced', costNanos: 7_000n, usage: { inputUncached: 7, output: 0, estimated: true } });
  });

  it('counts nothing when nothing was sent, or when the upstream failed before it answered', async () => {
    const { record } = await run([leaving('not-sent')], [attempt('a')], { abortAfterMs: 1 });
    expect(record).toMatchObject({ state: 'failed', costState: 'none' });
    expect(record).not.toHaveProperty('usage');
    const timeout = new AttemptFailure(new Fault('upstream_timeout'), 'maybe');
    expect((await run([failing('a', timeout)], [attempt('a')])).record).toMatchObject({ costState: 'none', faultCode: 'upstream_timeout' });
  });

  it("does not take one choice's usage for that of all when the others were cut", async () => {
    const one: EventBatch = { events: [{ type: 'usage', usage: { ...usage, output: 1 } }] };
    const other: EventBatch = { events: [{ type: 'text-delta', choice: 1, text: 'x'.repeat(4_000) }] };
    const cut = upstream('a', (push) => {
      push([start, one, other]);
      throw new AttemptFailure(new Fault('upstream_interrupted'), 'committed');
    });
    expect((await run([cut], [attempt('a')])).record?.usage).toMatchObject({ inputUncached: 100, output: 1_000, estimated: true });
  });

  it('ends the lease of the rate limits once, with what was used, or with what was reserved where that is not known', async () => {
    const interrupted = upstream('a', (push) => {
      push([start, text('hel')]);
      throw new AttemptFailure(new Fault('upstream_interrupted'), 'committed');
    });
    const ends = {
      good: await run([good('a')], [attempt('a')]),
      interrupted: await run([interrupted], [attempt('a')]),
      unreachable: await run([failing('a', refused)], [attempt('a')]),
      left: await run([leaving('not-sent')], [attempt('a')], { abortAfterMs: 1 }),
      notBooked: await run([good('a')], [attempt('a')], { recordFails: true }),
      nobody: await run([], []),
      tooDear: await run([good('a')], [attempt('a', { price: { ...price, output: '99999999999999' } })]),
      refused: await run([], new Fault('model_unpriced')),
    };
    expect(Object.fromEntries(Object.entries(ends).map(([name, { lease }]) => [name, lease]))).toEqual({
      good: [150], interrupted: [8], unreachable: [0], left: [0], notBooked: [Number.NaN], nobody: ['cancelled'], tooDear: ['cancelled'], refused: [],
    });
    expect(ends.tooDear).toMatchObject({ fault: { code: 'quota_exceeded' }, tried: [], record: { state: 'failed', attempts: 0, costState: 'none' } });
  });

  it('records what was refused before anybody was asked', async () => {
    const { record, fault } = await run([], new Fault('model_unpriced'));
    expect(fault?.code).toBe('model_unpriced');
    expect(record).toMatchObject({ state: 'failed', faultCode: 'model_unpriced', attempts: 0, costState: 'none', modelId: 'kimi-k2-thinking' });
  });

  it('goes on to a place with a larger window, and does not count refusals of the model among the attempts', async () => {
    const tooLong = new AttemptFailure(new Fault('prompt_too_long'), 'rejected');
    expect(await run([failing('a', tooLong), good('b')], [attempt('a'), attempt('b')])).toMatchObject({ delivered: 'hello' });
    const gone = new AttemptFailure(new Fault('model_not_found'), 'rejected');
    const ids = ['a', 'b', 'c', 'd'];
    const all = await run([...ids.map((id) => failing(id, gone)), good('e')], [...ids, 'e'].map((id) => attempt(id)));
    expect(all).toMatchObject({ delivered: 'hello', record: { attempts: 5 } });
  });
});
