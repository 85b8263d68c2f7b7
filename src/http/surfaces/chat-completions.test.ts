import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { openLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { Sealer } from '../../base/sealer.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import { IdempotencyStore } from '../../records/idempotency-store.ts';
import { recordsMigrations } from '../../records/records-tables.ts';
import type { PlannedAttempt } from '../../routing/plan.ts';
import { openSqliteDatabase, type SqliteDatabase } from '../../storage/sqlite-database.ts';
import { ContextCacheStore } from '../../threads/context-cache-store.ts';
import { basePaths } from '../base-path.ts';
import { eventStreamTiming } from '../event-stream.ts';
import { Idempotency } from '../idempotency.ts';
import { OpenExchanges } from '../open-exchanges.ts';
import { buildServer } from '../server.ts';
import { registerChatCompletions } from './chat-completions.ts';

const usage = { inputUncached: 60, cacheRead: 40, cacheWrite: 0, output: 20, estimated: false };
const priced: ReplyCost = {
  state: 'priced', amountNanos: 92_000n, currency: 'USD',
  lines: [{ bucket: 'input', tokens: 60, amountNanos: 36_000n }, { bucket: 'cacheRead', tokens: 40, amountNanos: 6_000n }, { bucket: 'output', tokens: 20, amountNanos: 50_000n }],
};
const events: readonly DialogueEvent[] = [
  { type: 'reply-start', id: 'r', model: 'm', createdS: 1 }, { type: 'text-delta', choice: 0, text: 'hello' },
  { type: 'choice-end', choice: 0, finish: { reason: 'stop' } }, { type: 'usage', usage },
];

const attempt: PlannedAttempt = {
  offer: { modelId: 'm', upstreamId: 'up', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 1_000, prices: [] },
  price: undefined, costState: 'unpriced', sendModel: 'm', retired: false, successor: false,
};

let cost: ReplyCost | undefined = priced;
/** Answers at once, and says what it costs. */
const gateway: Pick<Gateway, 'generate'> = {
  generate(_caller, request, _options, sink) {
    sink.onOpen({ upstreamId: 'up', attempt, losses: [], flow: { pause: () => undefined, resume: () => undefined } });
    if (request.stream) sink.onBatches([{ events }]);
    const reply = { id: 'r', model: 'm', createdS: 1, choices: [{ text: 'hello', toolCalls: [], finish: { reason: 'stop' as const } }], usage };
    return Promise.resolve({ usage, ...(request.stream ? {} : { reply }), ...(cost === undefined ? {} : { cost }) });
  },
};

let folder: string;
let database: SqliteDatabase;
let store: IdempotencyStore;
let app: FastifyInstance;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moongate-chat-'));
  database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: recordsMigrations });
  const log = openLog('silent');
  const common = { clock: systemClock, random: systemRandom, log };
  app = buildServer({ bodyBytesMax: 100_000, stallMs: 30_000, ...common });
  app.addHook('onRequest', (request, _reply, done) => {
    request.caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live' };
    done();
  });
  store = new IdempotencyStore(database);
  const idempotency = new Idempotency({ store, encryptionKey: Buffer.alloc(32), ...common });
  for (const base of basePaths) {
    const caches = new ContextCacheStore({ database, sealer: new Sealer(Buffer.alloc(32), systemRandom), clock: systemClock });
    registerChatCompletions(app, base, { gateway, idempotency, exchanges: new OpenExchanges(), timing: eventStreamTiming, caches, modelIdOf: (name) => name, ...common });
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port;
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly text: string;
}

async function chat(base: string, body: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Answer> {
  const request = httpRequest({ port, method: 'POST', path: `${base}/chat/completions`, headers: { 'content-type': 'application/json', ...headers } });
  request.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part as string;
  return { headers: response.headers, trailers: response.trailers, text };
}

const told = { 'x-moongate-cost': '0.000092 USD', 'x-moongate-cost-detail': 'input=0.000036; cache_read=0.000006; output=0.00005' };
const inUsage = {
  cost: 0.000092, is_byok: false,
  cost_details: { state: 'priced', currency: 'USD', upstream_inference_cost: null, upstream_inference_prompt_cost: 0.000042, upstream_inference_completions_cost: 0.00005 },
};

interface Chunk {
  readonly choices: readonly { finish_reason: string | null; usage?: object }[];
  readonly usage?: object | null;
}

function chunksOf(text: string): Chunk[] {
  return text.split('\n\n').filter((frame) => frame.startsWith('data: {')).map((frame) => JSON.parse(frame.slice(6)) as Chunk);
}

describe.each(['/v1', '/api/v3'])('what a reply costs, under %s', (base) => {
  it('stands in the headers of a whole reply', async () => {
    const { headers, text } = await chat(base);
    expect(headers).toMatchObject({ ...told, 'x-moongate-upstream': 'up' });
    expect(text).not.toContain('cost');
  });

  it('stands in the trailers of a stream, which are announced', async () => {
    const { headers, trailers, text } = await chat(base, { stream: true, stream_options: { include_usage: true } });
    expect(headers['trailer']).toBe('X-Moongate-Cost, X-Moongate-Cost-Detail');
    expect(trailers).toEqual(told);
    expect(text).not.toContain('cost');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('stands in the headers of what is sent again', async () => {
    await chat(base, { stream: true }, { 'idempotency-key': `cost ${base}` });
    const { headers, trailers } = await chat(base, { stream: true }, { 'idempotency-key': `cost ${base}` });
    expect(headers).toMatchObject({ ...told, 'idempotent-replayed': 'true' });
    expect(headers).not.toHaveProperty('trailer');
    expect(trailers).toEqual({});
  });

  it('goes without where HTTP has no trailers', async () => {
    const socket = connect(port, '127.0.0.1');
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true });
    socket.write(`POST ${base}/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    let received = '';
    for await (const part of socket.setEncoding('utf8')) received += part as string;
    expect(received).toContain('hello');
    expect(received.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(received).not.toMatch(/trailer|moongate-cost/i);
  });
});

describe('what a reply costs, under /api/v1', () => {
  it('stands in the usage of a whole reply', async () => {
    const { headers, text } = await chat('/api/v1');
    expect(JSON.parse(text)).toMatchObject({ usage: { prompt_tokens: 100, ...inUsage } });
    expect(headers).not.toHaveProperty('x-moongate-cost');
  });

  it('stands in the finishing chunk of a stream', async () => {
    const { headers, trailers, text } = await chat('/api/v1', { stream: true });
    const last = chunksOf(text).at(-1);
    expect(last).toMatchObject({ choices: [{ finish_reason: 'stop', usage: { prompt_tokens: 100 } }], usage: { prompt_tokens: 100, ...inUsage } });
    expect(headers).not.toHaveProperty('trailer');
    expect(trailers).toEqual({});
  });

  it('stands in the usage chunk when there is one, and there alone', async () => {
    const { text } = await chat('/api/v1', { stream: true, stream_options: { include_usage: true } });
    const chunks = chunksOf(text);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 100, ...inUsage } });
    expect(JSON.stringify(chunks.slice(0, -1))).not.toContain('cost');
  });

  it('is written digit by digit', async () => {
    cost = { state: 'priced', amountNanos: 1n, currency: 'USD', lines: [] };
    for (const stream of [true, false]) expect((await chat('/api/v1', { stream })).text).toContain('"cost":0.000000001,');
    cost = priced;
  });
});

it.each([true, false])('the end of a reply waits until it is kept; streamed: %s', async (stream) => {
  const keep = store.keep.bind(store);
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  store.keep = async (...args) => {
    asked.resolve();
    await gate.promise;
    return keep(...args);
  };
  const request = httpRequest({ port, method: 'POST', path: '/v1/chat/completions', headers: { 'content-type': 'application/json', 'idempotency-key': `gate ${stream}` } });
  let received = '';
  const ended = new Promise<void>((resolve) => {
    request.on('response', (response: IncomingMessage) => {
      response.setEncoding('utf8').on('data', (part: string) => { received += part; }).on('end', resolve);
    });
  });
  request.end(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream }));
  try {
    await asked.promise;
    // What had been written before this would have arrived with it.
    await chat('/v1');
    if (stream) await expect.poll(() => received).toContain('hello');
    expect(received).not.toMatch(stream ? /DONE/ : /./);
  } finally {
    gate.resolve();
    await ended;
  }
  expect(received).toMatch(stream ? /\[DONE\]\n\n$/ : /hello/);
  store.keep = keep;
});

it('a cost that nobody knows is none, and unknown is not zero', async () => {
  cost = { state: 'unpriced' };
  expect((await chat('/v1')).headers).toMatchObject({ 'x-moongate-cost': 'unpriced' });
  expect(JSON.parse((await chat('/api/v1')).text)).toMatchObject({ usage: { cost: null } });
  cost = undefined;
  expect((await chat('/v1')).headers).not.toHaveProperty('x-moongate-cost');
  expect((await chat('/v1', { stream: true })).trailers).toEqual({});
  expect((await chat('/api/v1')).text).not.toContain('cost');
  cost = priced;
});
