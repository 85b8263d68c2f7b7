import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chunk, completion, frame, jsonReply, type Script, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { eventsSoFar, idOf, instantConfig, type Json, numbersOf, outputOf, pause, plainUsage, range, ResponsesCaller, textOf, thoughtReply } from './responses-caller.ts';

let server: RunningServer;
let upstream: ScriptedUpstream;
/** Answered by the upstream. */
let live: ResponsesCaller;
/** Answered by the sandbox. */
let sandboxed: ResponsesCaller;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await startServer({ config: instantConfig, environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl } });
  live = new ResponsesCaller(server, server.liveKey);
  sandboxed = new ResponsesCaller(server, server.testKey);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  await upstream[Symbol.asyncDispose]();
});

/** Says this much, and then nothing more. */
const hanging = (...texts: readonly string[]): Script => [...texts.map((content) => ({ do: 'write', body: frame(chunk({ content })) }) as const), { do: 'hang' }];

/** Begins a background response whose upstream is asked now; returns both. */
async function begun(script: Script, body: Json = {}): Promise<{ readonly id: string; readonly request: Awaited<ReturnType<ScriptedUpstream['request']>> }> {
  upstream.script(script);
  const index = upstream.requests.length;
  const { status, body: response } = await live.create({ input: 'hi', background: true, ...body });
  expect(status).toBe(200);
  return { id: idOf({ body: response }), request: await upstream.request(index) };
}

/** What is said so far, once it is `text`. */
async function saysSoFar(id: string, text: string): Promise<void> {
  const stream = await live.fetch('GET', `/v1/responses/${id}?stream=true`);
  let read = '';
  const decoder = new TextDecoder();
  for await (const part of stream.body ?? []) {
    read += decoder.decode(part as Uint8Array, { stream: true });
    const said = eventsSoFar(read).filter(({ event }) => event === 'response.output_text.delta').map(({ data }) => String(data['delta'])).join('');
    if (said === text) return;
  }
  throw new Error('the stream ended before');
}

describe('a background response', () => {
  it('is answered while it waits, and is polled from queued by in_progress to completed', async () => {
    const { id, request } = await begun([{ do: 'wait', ms: 150 }, ...thoughtReply('hm', 'done')]);
    expect(JSON.parse(request.body)).toMatchObject({ stream: true });
    expect((await live.retrieve(id)).body).toMatchObject({ status: 'in_progress', background: true, output: [], usage: null, completed_at: null });
    const response = await live.ended(id);
    expect(response).toMatchObject({ status: 'completed', error: null, incomplete_details: null, usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 } });
    expect(textOf(response)).toBe('done');
    expect(outputOf(response)[0]).toMatchObject({ type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] });
  });

  it('is said to be queued first', async () => {
    const { body, headers } = await sandboxed.create({ input: 'hi', background: true });
    expect(body).toMatchObject({ object: 'response', status: 'queued', background: true, output: [], store: true });
    expect(headers.get('x-generation-id')).toMatch(/^gen_/);
    await sandboxed.ended(idOf({ body }));
  });

  it('needs to be stored, and a model that there is', async () => {
    expect(await sandboxed.create({ input: 'hi', background: true, store: false })).toMatchObject({ status: 400, body: { error: { param: 'store' } } });
    expect(await sandboxed.create({ input: 'hi', background: true, model: 'no-such-model' })).toMatchObject({ status: 404, body: { error: { code: 'model_not_found' } } });
  });

  it('that fails says so, with its error, to those who poll and to those who follow', async () => {
    const { body } = await sandboxed.create({ input: 'hi', background: true }, { 'x-moongate-sandbox': 'fault=server-error' });
    const failed = await sandboxed.ended(idOf({ body }));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'server_error', message: expect.any(String) }, output: [] });
    const events = await sandboxed.resume(idOf({ body }));
    expect(events.map(({ event }) => event)).toEqual(['response.created', 'response.queued', 'response.in_progress', 'error', 'response.failed']);
    expect(events.at(-1)?.data['response']).toEqual(failed);
  });

  it('that breaks in the middle fails with what it has said', async () => {
    const { id } = await begun([{ do: 'write', body: frame(chunk({ content: 'half' })) }, { do: 'wait', ms: 30 }, { do: 'reset' }]);
    const failed = await live.ended(id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
    expect(textOf(failed)).toBe('half');
  });
});

describe('the stream of a background response', () => {
  it('is the same for who begins it, who takes it up at any place, and who comes when it has ended', async () => {
    const events = await sandboxed.stream({ input: 'Tell me a story', background: true });
    const id = String((events[0]?.data['response'] as Json)['id']);
    expect(numbersOf(events)).toEqual(range(0, events.length - 1));
    expect(events.slice(0, 3).map(({ event }) => event)).toEqual(['response.created', 'response.queued', 'response.in_progress']);
    expect(events.at(-1)?.event).toBe('response.completed');
    expect(events.at(-1)?.data['response']).toEqual((await sandboxed.retrieve(id)).body);
    expect(await sandboxed.resume(id)).toEqual(events);
    for (const after of [0, 1, 2, Math.floor(events.length / 2), events.length - 2]) expect(await sandboxed.resume(id, after)).toEqual(events.slice(after + 1));
    // Who has had the last event but not the last words has missed nothing.
    expect(await sandboxed.resume(id, events.length - 1)).toEqual([]);
  });

  it('is taken up after a cut in the middle, without an event missing or twice, and does not end with who follows it', async () => {
    const words = Array.from({ length: 20 }, (_, index) => `word${index} `);
    const { id } = await begun([
      ...words.flatMap((content) => [{ do: 'write', body: frame(chunk({ content })) } as const, { do: 'wait', ms: 25 } as const]),
      { do: 'write', body: frame(chunk({}, 'stop', { usage: plainUsage })) + frame('[DONE]') },
    ]);
    const abort = new AbortController();
    const stream = await live.sdk.responses.retrieve(id, { stream: true }, { signal: abort.signal });
    const first: ResponseStreamEvent[] = [];
    for await (const event of stream) {
      first.push(event);
      if (first.length === 9) break;
    }
    abort.abort();
    const after = first.at(-1)?.sequence_number ?? -1;
    const rest: ResponseStreamEvent[] = [];
    for await (const event of await live.sdk.responses.retrieve(id, { stream: true, starting_after: after })) rest.push(event);
    const all = [...first, ...rest];
    expect(all.map(({ sequence_number: number }) => number)).toEqual(range(0, all.length - 1));
    expect(all.at(-1)).toMatchObject({ type: 'response.completed' });
    const said = all.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
    expect(said).toBe(words.join(''));
  });

  it('satisfies the checks of the SDK’s own helper, begun and taken up', async () => {
    const runner = sandboxed.sdk.responses.stream({ model: 'kimi-k2-thinking', input: 'hi', background: true });
    const final = await runner.finalResponse();
    expect(final).toMatchObject({ status: 'completed' });
    const again = await sandboxed.sdk.responses.stream({ response_id: final.id, starting_after: 3 }).finalResponse();
    expect(again.output_text).toBe(final.output_text);
  });

  it('is there only for responses that were made in the background, and for events that there can be', async () => {
    const { body } = await sandboxed.create({ input: 'hi' });
    expect(await sandboxed.call('GET', `/v1/responses/${idOf({ body })}?stream=true`)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', param: 'stream', message: 'This response cannot be streamed because it was not created with background=true.' } },
    });
    const { body: other } = await sandboxed.create({ input: 'hi', background: true });
    for (const place of ['-1', 'x', '1.5']) {
      expect(await sandboxed.call('GET', `/v1/responses/${idOf({ body: other })}?stream=true&starting_after=${place}`)).toMatchObject({ status: 400, body: { error: { param: 'starting_after' } } });
    }
  });
});

describe('cancelling', () => {
  it('ends the upstream’s call at once, keeps what was said, and says the same when it is done again', async () => {
    const { id, request } = await begun(hanging('one ', 'two'));
    await saysSoFar(id, 'one two');
    const follower = live.resume(id);
    const beforeMs = performance.now();
    const cancelled = await live.call('POST', `/v1/responses/${id}/cancel`);
    await request.aborted;
    expect(performance.now() - beforeMs).toBeLessThan(1_000);
    expect(cancelled).toMatchObject({ status: 200, body: { id, status: 'cancelled', incomplete_details: null } });
    expect(textOf(cancelled.body)).toBe('one two');
    expect((await live.call('POST', `/v1/responses/${id}/cancel`)).body).toEqual(cancelled.body);
    expect((await live.retrieve(id)).body).toEqual(cancelled.body);
    const events = await follower;
    expect(events.at(-1)).toMatchObject({ event: 'response.incomplete', data: { response: { status: 'cancelled' } } });
    expect(numbersOf(events)).toEqual(range(0, events.length - 1));
  });

  it('leaves what was said to be gone on from and referred to', async () => {
    const { id } = await begun([{ do: 'write', body: frame(chunk({ reasoning_content: 'thought' })) + frame(chunk({ content: 'said' })) }, { do: 'hang' }]);
    await saysSoFar(id, 'said');
    const { body } = await live.call('POST', `/v1/responses/${id}/cancel`);
    const reasoning = outputOf(body).find(({ type }) => type === 'reasoning');
    const asked = async (more: Json): Promise<unknown> => {
      upstream.script(jsonReply(completion('ok')));
      const index = upstream.requests.length;
      expect(await live.create(more)).toMatchObject({ status: 200 });
      return (JSON.parse((await upstream.request(index)).body) as Json)['messages'];
    };
    expect(await asked({ input: 'go on', previous_response_id: id })).toMatchObject([
      { role: 'user', content: 'hi' }, { role: 'assistant', reasoning_content: 'thought', content: 'said' }, { role: 'user', content: 'go on' },
    ]);
    expect(await asked({ input: [{ role: 'user', content: 'hi' }, { type: 'item_reference', id: reasoning?.['id'] }, { role: 'assistant', content: 'other' }, { role: 'user', content: 'x' }] }))
      .toMatchObject([{ role: 'user' }, { role: 'assistant', reasoning_content: 'thought', content: 'other' }, { role: 'user' }]);
  });

  it('satisfies the SDK’s own helper for who follows it', async () => {
    const { id } = await begun([{ do: 'write', body: frame(chunk({ reasoning_content: 'thin' })) }, { do: 'hang' }]);
    const following = live.sdk.responses.stream({ response_id: id });
    const told: string[] = [];
    following.on('event', ({ type }) => {
      told.push(type);
      if (type === 'response.reasoning_summary_text.delta') void live.sdk.responses.cancel(id);
    });
    expect(await following.finalResponse()).toMatchObject({ status: 'cancelled' });
    expect(told.at(-1)).toBe('response.incomplete');
  });

  it('before it is made leaves nothing to do', async () => {
    const { body } = await sandboxed.create({ input: 'hi', background: true }, { 'x-moongate-sandbox': 'ttft-ms=5000' });
    const cancelled = await sandboxed.call('POST', `/v1/responses/${idOf({ body })}/cancel`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled', output: [] });
    await pause(100);
    expect((await sandboxed.retrieve(idOf({ body }))).body).toEqual(cancelled.body);
  });

  it('is for background responses only, and leaves one that has ended as it is', async () => {
    const { body } = await sandboxed.create({ input: 'hi' });
    expect(await sandboxed.call('POST', `/v1/responses/${idOf({ body })}/cancel`)).toMatchObject({ status: 400, body: { error: { message: 'Cannot cancel a synchronous response.' } } });
    const { body: other } = await sandboxed.create({ input: 'hi', background: true });
    const ended = await sandboxed.ended(idOf({ body: other }));
    expect(await sandboxed.call('POST', `/v1/responses/${idOf({ body: other })}/cancel`)).toMatchObject({ status: 200, body: ended });
    expect(await sandboxed.call('POST', '/v1/responses/resp_none/cancel')).toMatchObject({ status: 404 });
  });
});

describe('deleting a response while it is made', () => {
  it('ends its upstream’s call and its stream', async () => {
    const { id, request } = await begun(hanging('one'));
    await saysSoFar(id, 'one');
    const follower = live.fetch('GET', `/v1/responses/${id}?stream=true`).then((response) => response.text());
    await pause(50);
    expect(await live.call('DELETE', `/v1/responses/${id}`)).toMatchObject({ status: 200, body: { id, object: 'response', deleted: true } });
    await request.aborted;
    const told = eventsSoFar(await follower);
    expect(told.at(-1)).toMatchObject({ event: 'error', data: { message: expect.stringContaining('deleted') } });
    expect(await live.retrieve(id)).toMatchObject({ status: 404 });
  });
});

describe('a background turn of a conversation', () => {
  it('is added to it when it ends, and stands by itself when the conversation is deleted meanwhile', async () => {
    const conversation = idOf(await sandboxed.call('POST', '/v1/conversations', {}));
    const { body } = await sandboxed.create({ input: 'hi', background: true, conversation });
    expect(body).toMatchObject({ conversation: { id: conversation } });
    const ended = await sandboxed.ended(idOf({ body }));
    const { body: list } = await sandboxed.call('GET', `/v1/conversations/${conversation}/items?order=asc`);
    expect((list['data'] as Json[]).map((item) => item['id']).slice(1)).toEqual(outputOf(ended).map((item) => item['id']));
    const { body: other } = await sandboxed.create({ input: 'hi', background: true, conversation }, { 'x-moongate-sandbox': 'ttft-ms=300' });
    await pause(50);
    await sandboxed.call('DELETE', `/v1/conversations/${conversation}`);
    expect(await sandboxed.ended(idOf({ body: other }))).toMatchObject({ status: 'completed' });
  });
});

describe('an Idempotency-Key', () => {
  it('begins a background response once, and tells the twin which it was', async () => {
    const key = { 'idempotency-key': `once-${Math.random()}` };
    const first = await sandboxed.create({ input: 'hi', background: true }, key);
    const second = await sandboxed.create({ input: 'hi', background: true }, key);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('x-generation-id')).toBe(first.headers.get('x-generation-id'));
    expect(await sandboxed.create({ input: 'other', background: true }, key)).toMatchObject({ status: 400 });
  });

  it('gives a stored response back under its first id', async () => {
    const key = { 'idempotency-key': `stored-${Math.random()}` };
    const first = await sandboxed.create({ input: 'hi' }, key);
    const second = await sandboxed.create({ input: 'hi' }, key);
    expect(second.body).toEqual(first.body);
    expect((await sandboxed.retrieve(idOf(first))).body).toEqual(first.body);
  });

  it('is refused while a thousand others of its tenant wait', async () => {
    using database = new DatabaseSync(join(server.dataDir, 'moongate.db'));
    const { tenant_id: tenantId } = database.prepare('SELECT tenant_id FROM responses LIMIT 1').get() as { tenant_id: string };
    database.prepare(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO jobs (id, kind, tenant_id, payload, available_ms, owner, token, attempts, created_ms)
      SELECT 'job_waits' || i, 'response', ?, '', 9999999999999, NULL, 0, 0, 0 FROM n`).run(tenantId);
    try {
      const { status, headers, body } = await live.create({ input: 'hi', background: true });
      expect([status, headers.get('retry-after'), body]).toEqual([429, '10', { error: expect.objectContaining({ code: 'rate_limit_exceeded', message: expect.stringMatching(/^1000 background responses/) }) }]);
    } finally {
      database.exec("DELETE FROM jobs WHERE id LIKE 'job_waits%'");
    }
    upstream.script(thoughtReply('hm', 'done'));
    expect((await live.create({ input: 'hi', background: true })).status).toBe(200);
  });
});
