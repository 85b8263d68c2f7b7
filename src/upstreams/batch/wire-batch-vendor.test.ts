import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchVendorDouble } from '../../../tests/doubles/batch-vendor.ts';
import { completion } from '../../../tests/doubles/scripted-upstream.ts';
import { systemClock } from '../../base/clock.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { BatchVendor, VendorBatch, VendorOrder, VendorResult } from '../../batches/batch-vendor.ts';
import { WireBatchVendor } from './wire-batch-vendor.ts';

const apiKey = 'sk-batch-secret-123456';
const never = new AbortController().signal;
const request: DialogueRequest = { protocol: 'openai-chat', model: 'kimi-k2', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: false };
let server: BatchVendorDouble;
let vendor: BatchVendor & AsyncDisposable;

beforeEach(async () => {
  server = await BatchVendorDouble.start();
  vendor = new WireBatchVendor({ upstreamId: 'here', kind: 'moonshot', baseUrl: server.baseUrl, apiKey, clock: systemClock });
});

afterEach(async () => {
  await vendor[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function orderOf(count: number, reference = 'batch_1'): VendorOrder {
  const lines = Array.from({ length: count }, (_, index) => Buffer.from(`${vendor.line({ customId: `line-${index}`, request, upstreamModel: 'kimi-k2.6' }).text}\n`));
  async function* open(): AsyncGenerator<Uint8Array> {
    yield* lines;
  }
  return { reference, bytes: lines.reduce((sum, { length }) => sum + length, 0), open, windowHours: 24 };
}

async function ended(batch: VendorBatch): Promise<VendorBatch> {
  for (let polls = 0; polls < 5; polls += 1) {
    const seen = await vendor.poll(batch.id, never);
    if (seen === undefined || seen.state !== 'working') return seen ?? batch;
  }
  throw new Error('the batch does not end');
}

async function resultsOf(batch: VendorBatch): Promise<readonly VendorResult[]> {
  const results: VendorResult[] = [];
  for await (const result of vendor.results(batch, never)) results.push(result);
  return results;
}

/** `line-0: text` or `line-0: fault code`. */
async function told(batch: VendorBatch): Promise<readonly string[]> {
  const results = await resultsOf(batch);
  return results.map(({ customId, outcome }) => `${customId}: ${outcome instanceof Error ? outcome.code : (outcome.choices[0]?.text ?? '')}`).toSorted();
}

describe('a batch at a vendor', () => {
  it('is sent as a file, made, and read back', async () => {
    const batch = await vendor.submit(orderOf(3), never);
    expect(batch).toMatchObject({ state: 'working', counts: { total: 3, completed: 0, failed: 0 }, outputFileId: undefined });
    const [job] = server.jobs.values();
    expect(job).toMatchObject({ window: '1d', metadata: { moongate_batch: 'batch_1' } });
    const file = server.files.get(batch.inputFileId);
    expect(file?.filename).toBe('moongate-batch_1.jsonl');
    expect(JSON.parse(file?.text.split('\n')[0] ?? '')).toEqual({
      custom_id: 'line-0', method: 'POST', url: '/v1/chat/completions', body: { model: 'kimi-k2.6', messages: [{ role: 'user', content: 'hi' }] },
    });
    const done = await ended(batch);
    expect(done).toMatchObject({ state: 'completed', counts: { completed: 3 } });
    expect(await told(done)).toEqual(['line-0: done line-0', 'line-1: done line-1', 'line-2: done line-2']);
    expect((await resultsOf(done))[0]?.outcome).toMatchObject({ usage: { inputUncached: 3, output: 2 } });
    expect(await vendor.clear('batch_1', undefined, never)).toBe(0);
    expect(await vendor.clear('batch_1', undefined, never)).toBe(0);
    expect(server.files.size).toBe(0);
  });

  it('tells refusals, lines that were not made, and lines twice, as the vendor does; and leaves out what is none', async () => {
    server.answer = ({ custom_id: id }) => {
      if (id === 'line-0') return { status: 400, body: { error: { message: 'Invalid request: too odd', type: 'invalid_request_error' } } };
      if (id === 'line-1') return { error: 'batch_expired' };
      if (id === 'line-2') return 'missing';
      if (id === 'line-3') return { body: completion('twice'), times: 2 };
      return id === 'line-4' ? { body: JSON.stringify(completion('a text')) } : { status: 429, body: { error: { message: 'slow down', type: 'rate_limit_reached_error' } } };
    };
    const done = await ended(await vendor.submit(orderOf(6), never));
    const text = server.files.get(done.outputFileId ?? '');
    server.files.set(done.outputFileId ?? '', { ...text, text: `nonsense\n\n[]\n{"custom_id":7}\n${text?.text ?? ''}\r\n` } as never);
    expect(await told(done)).toEqual([
      'line-0: invalid_request', 'line-1: upstream_failed', 'line-3: twice', 'line-3: twice', 'line-4: a text', 'line-5: upstream_rate_limited',
    ]);
    const retryable = new Map((await resultsOf(done)).map(({ customId, outcome }) => [customId, outcome instanceof Error && outcome.retryable]));
    expect([retryable.get('line-0'), retryable.get('line-1'), retryable.get('line-5')]).toEqual([false, true, true]);
  });

  it.each([
    ['a state that nobody knows', { status: 'pondering', request_counts: undefined }, 'working'],
    ['another spelling', { status: 'Canceled' }, 'cancelled'],
    ['no state', { status: undefined }, 'working'],
    ['a failed validation', { status: 'failed' }, 'failed'],
  ])('is read leniently: %s', async (_what, words, state) => {
    const batch = await vendor.submit(orderOf(1), never);
    server.describe = (job) => ({ ...job, ...words });
    expect(await vendor.poll(batch.id, never)).toMatchObject({ id: batch.id, state });
  });

  it('reads lines as they are asked for, and gives the connection up when nobody asks', async () => {
    server.answer = () => ({ body: completion('x'.repeat(40_000)) });
    const done = await ended(await vendor.submit(orderOf(400), never));
    let count = 0;
    for await (const { outcome } of vendor.results(done, never)) {
      if (outcome instanceof Error) throw outcome;
      count += 1;
      if (count === 3) break;
    }
    expect(count).toBe(3);
    expect(await resultsOf(done)).toHaveLength(400);
  });
});

describe('a submission that went wrong', () => {
  it('sends the file again when it was cut on the way', async () => {
    server.trouble('POST /files', 'cut');
    await expect(vendor.submit(orderOf(2), never)).rejects.toMatchObject({ name: 'Fault', retryable: true });
    await vendor.submit(orderOf(2), never);
    expect([server.jobs.size, server.files.size]).toEqual([1, 1]);
  });

  it('uses a file again whose reply was lost, and removes one that is not whole', async () => {
    server.trouble('POST /files', 'done-then-cut');
    await expect(vendor.submit(orderOf(2), never)).rejects.toMatchObject({ retryable: true });
    server.files.set('file-half', { id: 'file-half', filename: 'moongate-batch_1.jsonl', purpose: 'batch', text: '{' });
    await vendor.submit(orderOf(2), never);
    expect(server.count('POST /files')).toBe(1);
    expect([...server.files.keys()]).not.toContain('file-half');
  });

  it.each(['by its metadata', 'by its file'])('finds a batch whose reply was lost, %s, on whichever page', async (by) => {
    server.listPageSize = 1;
    if (by === 'by its file') server.describe = (job) => ({ ...job, metadata: null });
    server.trouble('POST /batches', 'done-then-cut');
    await expect(vendor.submit(orderOf(2), never)).rejects.toMatchObject({ retryable: true });
    await vendor.submit(orderOf(1, 'batch_2'), never);
    await vendor.submit(orderOf(1, 'batch_3'), never);
    const [first] = server.jobs.keys();
    expect((await vendor.submit(orderOf(2), never)).id).toBe(first);
    expect(server.count('POST /batches')).toBe(3);
  });

  it('does not read on and on where the vendor does not know how to go on in its list', async () => {
    await vendor.submit(orderOf(1, 'batch_2'), never);
    await vendor.submit(orderOf(1, 'batch_3'), never);
    server.listPageSize = 1;
    server.ignoresAfter = true;
    const before = server.count('GET /batches');
    await vendor.submit(orderOf(1), never);
    expect(server.count('GET /batches') - before).toBe(2);
  });

  it.each([
    [429, { error: { message: 'please try again after 7 seconds', type: 'rate_limit_reached_error' } }, { code: 'upstream_rate_limited', retryable: true, retryAfterMs: 7_000 }],
    [429, { error: { message: 'suspended due to insufficient balance', type: 'exceeded_current_quota_error' } }, { code: 'upstream_refused_key', retryable: false }],
    [401, { error: { message: `Incorrect API key provided: ${apiKey}` } }, { code: 'upstream_refused_key', retryable: false }],
    [400, { error: { message: 'Invalid request: no batches here', type: 'invalid_request_error' } }, { code: 'invalid_request', retryable: false }],
    [500, {}, { code: 'upstream_failed', retryable: true }],
  ])('says by its fault whether to try again: %s', async (status, body, fault) => {
    server.trouble('POST /batches', { status, body });
    const failure: unknown = await vendor.submit(orderOf(1), never).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ ...fault, upstream: 'here' });
    expect(`${String(failure)} ${JSON.stringify(failure)}`).not.toContain(apiKey);
  });

  it('ends at once when it is not wanted any more', async () => {
    const gone = new AbortController();
    const order = orderOf(1);
    async function* open(): AsyncGenerator<Uint8Array> {
      gone.abort();
      await new Promise<void>(() => undefined);
      yield Buffer.alloc(0);
    }
    await expect(vendor.submit({ ...order, open }, gone.signal)).rejects.toMatchObject({ code: 'caller_gone' });
    expect(server.jobs.size).toBe(0);
  });
});

describe('a batch that is not wanted', () => {
  it('is cancelled, and what it had done can be read', async () => {
    const batch = await vendor.submit(orderOf(2), never);
    expect(await vendor.cancel(batch.id, never)).toMatchObject({ state: 'working' });
    expect(await vendor.cancel(batch.id, never)).toMatchObject({ state: 'cancelled' });
    expect(await told(await ended(batch))).toHaveLength(2);
    expect(await vendor.cancel('batch-unknown', never)).toBeUndefined();
    expect(await vendor.poll('batch-unknown', never)).toBeUndefined();
  });

  it('is stopped when it is a second one of its reference, and no other', async () => {
    const kept = await vendor.submit(orderOf(2), never);
    const other = await vendor.submit(orderOf(2, 'batch_2'), never);
    const job = server.jobs.get(kept.id);
    if (job === undefined) throw new Error('no job');
    server.jobs.set('batch-twin', { ...job, id: 'batch-twin' });
    expect(await vendor.clear('batch_1', kept.id, never)).toBe(1);
    expect([...server.jobs.values()].map(({ id, status }) => [id, status])).toEqual([[kept.id, 'validating'], [other.id, 'validating'], ['batch-twin', 'cancelling']]);
    expect(await vendor.clear('batch_1', undefined, never)).toBe(1);
    expect(await ended(kept)).toMatchObject({ state: 'cancelled' });
    expect(await vendor.clear('batch_1', undefined, never)).toBe(0);
    expect([...server.files.values()].map(({ filename }) => filename)).toEqual(['moongate-batch_2.jsonl']);
  });

  it('whose results cannot be had is said to be so, after what came', async () => {
    const done = await ended(await vendor.submit(orderOf(2), never));
    server.trouble('GET /files/:id/content', { status: 500 }, { status: 404 });
    await expect(resultsOf(done)).rejects.toMatchObject({ code: 'upstream_failed', retryable: true });
    await expect(resultsOf(done)).rejects.toMatchObject({ code: 'upstream_failed', retryable: true });
    expect(await told(done)).toHaveLength(2);
  });
});
