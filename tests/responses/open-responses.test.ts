import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { eventsOf, idOf, instantConfig, type Json, numbersOf, range, ResponsesCaller, type StreamEvent } from './responses-caller.ts';

let server: RunningServer;
let caller: ResponsesCaller;

beforeAll(async () => {
  server = await startServer({ config: instantConfig });
  caller = new ResponsesCaller(server, server.testKey);
});
afterAll(() => server.stop().then(() => undefined));

const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);
const outputText = z.object({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.unknown()), logprobs: z.array(z.unknown()) });
const item = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message'), id: z.string().min(1), status: itemStatus, role: z.literal('assistant'), content: z.array(z.union([outputText, z.object({ type: z.literal('refusal'), refusal: z.string() })])) }),
  z.object({ type: z.literal('function_call'), id: z.string().min(1), call_id: z.string().min(1), name: z.string().min(1), arguments: z.string(), status: itemStatus }),
  z.object({
    type: z.literal('reasoning'), id: z.string().min(1), summary: z.array(z.object({ type: z.literal('summary_text'), text: z.string() })),
    content: z.array(z.object({ type: z.literal('reasoning_text'), text: z.string() })).optional(), encrypted_content: z.string().nullish(),
  }),
]);
const functionTool = z.object({ type: z.literal('function'), name: z.string(), description: z.string().nullable(), parameters: z.looseObject({}).nullable(), strict: z.boolean().nullable() });

/** The response object of the Open Responses suite: every key is there (responses-ark-anthropic-batch.md 1.9). */
const responseSchema = z.object({
  id: z.string().regex(/^resp_/),
  object: z.literal('response'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  incomplete_details: z.object({ reason: z.string() }).nullable(),
  model: z.string(),
  previous_response_id: z.string().nullable(),
  instructions: z.string().nullable(),
  output: z.array(item),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  tools: z.array(functionTool),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.string() })]),
  truncation: z.enum(['auto', 'disabled']),
  parallel_tool_calls: z.boolean(),
  text: z.looseObject({ format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }) }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: z.int(),
  temperature: z.number(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }).nullable(),
  usage: z.object({
    input_tokens: z.int(), input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
    output_tokens: z.int(), output_tokens_details: z.object({ reasoning_tokens: z.int() }), total_tokens: z.int(),
  }).nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.record(z.string(), z.string()),
  safety_identifier: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
});

function faultsOf(response: unknown): readonly string[] {
  const result = responseSchema.safeParse(response);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const tools = [{ type: 'function', name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }];
const shapes: readonly (readonly [string, Json, Readonly<Record<string, string>>, string])[] = [
  ['that thinks and answers', { input: 'hi' }, {}, 'completed'],
  ['with everything set', { input: 'hi', instructions: 'x', temperature: 0.5, top_p: 0.5, max_output_tokens: 900, max_tool_calls: 2, reasoning: { effort: 'low', summary: 'auto' }, metadata: { a: 'b' }, safety_identifier: 's', prompt_cache_key: 'k', service_tier: 'auto', truncation: 'auto', text: { verbosity: 'low' } }, {}, 'completed'],
  ['that calls a tool', { input: 'weather in Rome?', tools }, {}, 'completed'],
  ['that may not call one', { input: 'hi', tools, tool_choice: 'none' }, {}, 'completed'],
  ['in JSON', { input: 'hi', text: { format: { type: 'json_object' } } }, {}, 'completed'],
  ['that is cut off', { input: 'hi', max_output_tokens: 16 }, {}, 'incomplete'],
  ['that is filtered', { input: 'hi' }, { 'x-moongate-sandbox': 'fault=content-filter' }, 'incomplete'],
  ['that is not stored', { input: 'hi', store: false }, {}, 'completed'],
];

/** Streams end with it; each lifecycle event has a whole response, each event the name that its data has. */
function check(events: readonly StreamEvent[]): void {
  for (const { event, data } of events) expect(data['type']).toBe(event);
  expect(numbersOf(events)).toEqual(range(0, events.length - 1));
  const lifecycle = events.filter(({ data }) => data['response'] !== undefined);
  expect(lifecycle.length).toBeGreaterThanOrEqual(3);
  for (const { event, data } of lifecycle) expect([event, faultsOf(data['response'])]).toEqual([event, []]);
}

describe('the response object of Open Responses is met by a response', () => {
  it.each(shapes)('%s: whole, streamed and stored', async (_name, body, headers, status) => {
    const whole = await caller.create(body, headers);
    expect([whole.status, whole.body['status'], faultsOf(whole.body)]).toEqual([200, status, []]);
    const events = await caller.stream(body, headers);
    check(events);
    const last = events.at(-1)?.data['response'] as Json;
    expect(last['status']).toBe(status);
    if (body['store'] !== false) expect((await caller.retrieve(idOf({ body: last }))).body).toEqual(last);
  });

  it.each([
    ['that fails', 'fault=error-event; cut-after=3', 'failed'],
    ['whose upstream breaks', 'fault=cut; cut-after=3', 'failed'],
  ])('%s in the middle', async (_name, script, status) => {
    const events = await caller.stream({ input: 'hi' }, { 'x-moongate-sandbox': script });
    check(events);
    expect(events.slice(-2).map(({ event }) => event)).toEqual(['error', 'response.failed']);
    const last = events.at(-1)?.data['response'] as Json;
    expect(last).toMatchObject({ status, error: { code: 'server_error' } });
    expect((await caller.retrieve(idOf({ body: last }))).body).toEqual(last);
  });

  it('that is made in the background, at every moment', async () => {
    const { body } = await caller.create({ input: 'hi', background: true }, { 'x-moongate-sandbox': 'ttft-ms=150' });
    expect([body['status'], faultsOf(body)]).toEqual(['queued', []]);
    const stream = caller.resume(idOf({ body }));
    await expect.poll(async () => (await caller.retrieve(idOf({ body }))).body['status']).toBe('in_progress');
    expect(faultsOf((await caller.retrieve(idOf({ body }))).body)).toEqual([]);
    check(await stream);
    const { body: other } = await caller.create({ input: 'hi', background: true }, { 'x-moongate-sandbox': 'ttft-ms=5000' });
    expect(faultsOf((await caller.call('POST', `/v1/responses/${idOf({ body: other })}/cancel`)).body)).toEqual([]);
    check(await caller.resume(idOf({ body: other })));
  });

  it('that stands under OpenRouter’s path', async () => {
    const { body } = await caller.call('POST', '/api/v1/responses', { model: 'kimi-k2-thinking', input: 'hi' });
    expect(faultsOf(body)).toEqual([]);
  });
});

describe('on the wire', () => {
  it.each([{ background: false }, { background: true }])('each write holds whole events, and the last words are [DONE] (background: $background)', async ({ background }) => {
    const body = JSON.stringify({ model: 'kimi-k2-thinking', input: '你好', stream: true, background, tools });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(
      `POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${server.testKey}\r\ncontent-type: application/json\r\n` +
        `x-moongate-sandbox: tokens-per-second=400; ttft-ms=0; output-tokens=60\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    await once(socket, 'close');
    const text = Buffer.concat(parts).toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    expect(text.slice(0, headEnd)).toMatch(/^HTTP\/1\.1 200 [^]*content-type: text\/event-stream/);
    // One chunk is one write of ours.
    const writes: string[] = [];
    for (let at = headEnd + 4; ; ) {
      const sizeEnd = text.indexOf('\r\n', at);
      const size = Number.parseInt(text.slice(at, sizeEnd), 16);
      if (size === 0) break;
      writes.push(Buffer.from(text.slice(sizeEnd + 2, sizeEnd + 2 + size), 'latin1').toString('utf8'));
      at = sizeEnd + 2 + size + 2;
    }
    expect(writes.length).toBeGreaterThan(3);
    for (const write of writes) expect(write).toMatch(/^(event: [a-z._]+\ndata: \{.*\}\n\n)*(data: \[DONE\]\n\n)?$/);
    expect(writes.at(-1)).toMatch(/data: \[DONE\]\n\n$/);
    check(eventsOf(writes.join('')));
  });
});
