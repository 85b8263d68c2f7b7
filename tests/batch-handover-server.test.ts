import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBooks } from '../src/open-books.ts';
import { verifyBooks } from '../src/verify-books.ts';
import { BatchVendorDouble } from './doubles/batch-vendor.ts';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { completion } from './doubles/scripted-upstream.ts';

const usage = { prompt_tokens: 4, completion_tokens: 50, total_tokens: 54 };
let moonshot: BatchVendorDouble;
let ark: BatchVendorDouble;
let server: RunningServer;

beforeAll(async () => {
  [moonshot, ark] = await Promise.all([BatchVendorDouble.start(), BatchVendorDouble.start()]);
  moonshot.quick = true;
  for (const vendor of [moonshot, ark]) vendor.answer = (line) => ({ body: completion(`made ${line.custom_id}`, { usage }) });
  server = await start({ MOONGATE_CRASH_AT: 'batch-handed:1' });
});

afterAll(async () => {
  await server.stop();
  await Promise.all([moonshot, ark].map((vendor) => vendor[Symbol.asyncDispose]()));
});

function start(environment: Record<string, string>, dataDir?: string): Promise<RunningServer> {
  const config = `batches: { pollS: 1 }
catalog:
  offers:
    - { upstream: ark, model: kimi-k2, batchModel: ep-bi-1 }
    - upstream: moonshot
      model: kimi-k2.6
      prices: [{ validFrom: '2026-04-20', currency: USD, input: '0.95', output: '4.00', batchInput: '0.5', batchOutput: '2.00' }]
`;
  return startServer({
    config, ...(dataDir === undefined ? {} : { dataDir }),
    environment: { MOONSHOT_API_KEY: 'm', MOONSHOT_BASE_URL: moonshot.baseUrl, ARK_API_KEY: 'a', ARK_BASE_URL: ark.baseUrl, ...environment },
  });
}

async function call(key: string, path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.body === undefined || init.body instanceof FormData ? {} : { 'content-type': 'application/json' }) } });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

async function create(key: string, model: string, count: number): Promise<string> {
  const requests = Array.from({ length: count }, (_, line) => ({ custom_id: `id-${line}`, body: { model, max_tokens: 100, messages: [{ role: 'user', content: `line ${line}` }] } }));
  const batch = await call(key, '/v1/batches', { method: 'POST', body: JSON.stringify({ requests, endpoint: '/v1/chat/completions', completion_window: '24h' }) });
  return String(batch['id']);
}

/** The content of each line of the output, in its order. */
async function outcome(key: string, id: string): Promise<readonly string[]> {
  const read = (): Promise<Record<string, unknown>> => call(key, `/v1/batches/${id}`);
  await expect.poll(async () => (await read())['status'], { timeout: 20_000, interval: 100 }).toBe('completed');
  const response = await fetch(`${server.url}/v1/files/${String((await read())['output_file_id'])}/content`, { headers: { authorization: `Bearer ${key}` } });
  const lines = (await response.text()).trim().split('\n').map((line) => JSON.parse(line) as { custom_id: string; response: { body: { choices: { message: { content: string } }[] } } });
  return lines.map((line) => `${line.custom_id} ${line.response.body.choices[0]?.message.content}`);
}

it('hands a batch over to Moonshot once, be the server killed when it has just done so, and sends lines to the batch endpoint at Ark; both cost batch rates', async () => {
  const { liveKey, dataDir } = server;
  const handed = await create(liveKey, 'kimi-k2.6', 12);
  await server.exited;
  expect(moonshot.count('POST /batches')).toBe(1);
  const dead = server;
  server = await start({}, dataDir);
  try {
    expect(await outcome(liveKey, handed)).toEqual(Array.from({ length: 12 }, (_, line) => `id-${line} made line-${line}`));
    expect([moonshot.count('POST /files'), moonshot.count('POST /batches'), moonshot.calls.length]).toEqual([1, 1, 0]);
    const atArk = await create(liveKey, 'kimi-k2', 5);
    expect(await outcome(liveKey, atArk)).toEqual(Array.from({ length: 5 }, (_, line) => `id-${line} here`));
    expect(ark.calls).toHaveLength(5);
    expect(ark.calls[0]).toMatchObject({ path: '/batch/chat/completions', body: { model: 'ep-bi-1' } });
    await expect.poll(() => moonshot.files.size, { timeout: 5_000 }).toBe(0);
    await using books = await openBooks({ dataDir });
    const { laws, openHoldCount } = await verifyBooks(books, Date.now());
    expect(laws.filter(({ breach }) => breach !== undefined)).toEqual([]);
    expect(openHoldCount).toBe(0);
    const rows = await costs(books);
    // 4 × 0.5 + 50 × 2 USD, and (the double's fixed reply) 3 × 2 + 2 × 8 CNY, each per million tokens.
    expect(rows).toEqual([['ark', 5, 5n * 22_000n, 5n * 22_000n], ['moonshot', 12, 12n * 102_000n, 12n * 102_000n]]);
  } finally {
    await server.stop();
    server = dead;
  }
});

async function costs(books: Awaited<ReturnType<typeof openBooks>>): Promise<readonly (readonly [string, number, bigint, bigint])[]> {
  interface Row {
    readonly upstream_id: string;
    readonly lines: number;
    readonly cost_nanos: bigint;
    readonly charge_nanos: bigint;
  }
  const query = sql<Row>`SELECT upstream_id, COUNT(*) AS lines, SUM(cost_nanos) AS cost_nanos, SUM(charge_nanos) AS charge_nanos FROM generations GROUP BY upstream_id ORDER BY upstream_id`;
  return (await books.report(query.compile(books.builder<never>()))).map((row) => [row.upstream_id, row.lines, row.cost_nanos, row.charge_nanos] as const);
}
