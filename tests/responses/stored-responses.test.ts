import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chunk, completion, jsonReply, type Script, ScriptedUpstream, streamReply } from '../doubles/scripted-upstream.ts';
import { brokenLaws, recordedCalls } from './books-proof.ts';
import { idOf, instantConfig, type Json, numbersOf, outputOf, range, ResponsesCaller, textOf } from './responses-caller.ts';

let server: RunningServer;
let upstream: ScriptedUpstream;
/** Answered by the upstream. */
let live: ResponsesCaller;
/** Answered by the sandbox. */
let sandboxed: ResponsesCaller;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  const config = `${instantConfig}catalog:\n  models:\n    - id: tiny\n      contextTokens: 2000\n`;
  server = await startServer({ config, environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl } });
  live = new ResponsesCaller(server, server.liveKey);
  sandboxed = new ResponsesCaller(server, server.testKey);
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
});

/** A chat reply that thinks and says something, and calls what it is given. */
function reply(thinking: string | undefined, text: string | null, ...calls: readonly { readonly id: string; readonly name: string }[]): Script {
  const toolCalls = calls.map(({ id, name }) => ({ id, type: 'function', function: { name, arguments: '{}' } }));
  const message = {
    role: 'assistant', content: text, ...(thinking === undefined ? {} : { reasoning_content: thinking }), ...(calls.length === 0 ? {} : { tool_calls: toolCalls }),
  };
  return jsonReply(completion('', { choices: [{ index: 0, message, finish_reason: calls.length === 0 ? 'stop' : 'tool_calls' }] }));
}

/** Sends a turn that is answered by `script`; returns the response, and what the upstream was asked. */
async function turn(script: Script, body: Json): Promise<{ readonly body: Json; readonly id: string; readonly asked: Json }> {
  upstream.script(script);
  const index = upstream.requests.length;
  const answer = await live.create(body);
  expect(answer).toMatchObject({ status: 200 });
  return { body: answer.body, id: idOf(answer), asked: JSON.parse((await upstream.request(index)).body) as Json };
}

const weather = { type: 'function', name: 'get_weather', parameters: { type: 'object', properties: {} } };

describe('a stored response', () => {
  it('is retrieved as it was answered, streamed or whole, and is gone when it is deleted', async () => {
    const whole = await sandboxed.create({ input: 'hi', metadata: { a: 'b' } });
    expect((await sandboxed.retrieve(idOf(whole))).body).toEqual(whole.body);
    const events = await sandboxed.stream({ input: 'hi' });
    const streamed = events.at(-1)?.data['response'] as Json;
    const id = String(streamed['id']);
    expect((await sandboxed.retrieve(id)).body).toEqual(streamed);
    expect(await sandboxed.call('DELETE', `/v1/responses/${id}`)).toMatchObject({ status: 200, body: { id, object: 'response', deleted: true } });
    for (const [method, path] of [['GET', ''], ['DELETE', ''], ['GET', '/input_items'], ['POST', '/cancel']] as const) {
      expect(await sandboxed.call(method, `/v1/responses/${id}${path}`)).toMatchObject({
        status: 404, body: { error: { type: 'invalid_request_error', message: expect.stringContaining(id), code: 'not_found' } },
      });
    }
  });

  it('is not kept when its caller does not want that', async () => {
    const { body } = await sandboxed.create({ input: 'hi', store: false });
    expect(body).toMatchObject({ store: false });
    expect(await sandboxed.retrieve(idOf({ body }))).toMatchObject({ status: 404 });
    const gone = await sandboxed.create({ input: 'x', previous_response_id: idOf({ body }) });
    expect(gone).toMatchObject({ status: 404, body: { error: { param: 'previous_response_id', code: 'previous_response_not_found' } } });
    const reasoning = outputOf(body).find(({ type }) => type === 'reasoning');
    expect(await sandboxed.create({ input: [{ type: 'item_reference', id: reasoning?.['id'] }] })).toMatchObject({ status: 404, body: { error: { param: 'input[0]', message: expect.stringContaining(String(reasoning?.['id'])) } } });
  });

  it('shows what its reasoning is sealed in to who asks for it', async () => {
    const { body } = await sandboxed.create({ input: 'hi', include: ['reasoning.encrypted_content'] });
    const reasoningOf = (response: Json): Json | undefined => outputOf(response).find(({ type }) => type === 'reasoning');
    expect(reasoningOf(body)).toHaveProperty('encrypted_content');
    const id = idOf({ body });
    expect(reasoningOf((await sandboxed.retrieve(id)).body)).not.toHaveProperty('encrypted_content');
    const again = await sandboxed.sdk.responses.retrieve(id, { include: ['reasoning.encrypted_content'] });
    expect(again.output[0]).toEqual(reasoningOf(body));
  });

  it('repeats what was asked for', async () => {
    const format = { type: 'json_schema', name: 'answer', schema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }, strict: true };
    const { body } = await sandboxed.create({ input: 'hi', max_tool_calls: 3, text: { format }, metadata: { k: 'v' }, safety_identifier: 'who', instructions: 'be brief', max_output_tokens: 500 });
    expect(body).toMatchObject({ max_tool_calls: 3, text: { format }, metadata: { k: 'v' }, safety_identifier: 'who', instructions: 'be brief', max_output_tokens: 500 });
    expect(JSON.parse(textOf(body))).toEqual({ a: expect.any(String) });
    expect(await sandboxed.create({ input: 'hi', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) })).toMatchObject({ status: 400, body: { error: { param: 'metadata' } } });
  });

  it('keeps what its client has had when it leaves in the middle', async () => {
    const abort = new AbortController();
    const stream = await sandboxed.sdk.responses.create({ model: 'kimi-k2-thinking', input: 'hi', stream: true }, { headers: { 'x-moongate-sandbox': 'tokens-per-second=50; output-tokens=500' }, signal: abort.signal });
    let id = '';
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.reasoning_summary_text.delta') break;
    }
    abort.abort();
    await expect.poll(async () => (await sandboxed.retrieve(id)).status, { timeout: 5_000 }).toBe(200);
    expect((await sandboxed.retrieve(id)).body).toMatchObject({ status: 'cancelled' });
  });
});

describe('input_items', () => {
  it('are listed page by page, the latest first unless asked otherwise', async () => {
    const input = Array.from({ length: 5 }, (_, index) => ({ role: 'user', content: `item ${index}` }));
    const id = idOf(await sandboxed.create({ input }));
    const list = async (query: string): Promise<{ readonly said: string; readonly body: Json }> => {
      const { body } = await sandboxed.call('GET', `/v1/responses/${id}/input_items${query}`);
      return { body, said: (body['data'] as Json[]).map((item) => String((item['content'] as Json[])[0]?.['text']).slice(-1)).join('') };
    };
    const all = await list('');
    expect(all).toMatchObject({ said: '43210', body: { object: 'list', has_more: false, first_id: expect.stringMatching(/^msg_/), last_id: expect.stringMatching(/^msg_/) } });
    expect((await list('?order=asc')).said).toBe('01234');
    const first = await list('?order=asc&limit=2');
    expect([first.said, first.body['has_more']]).toEqual(['01', true]);
    const second = await list(`?order=asc&limit=3&after=${String(first.body['last_id'])}`);
    expect([second.said, second.body['has_more']]).toEqual(['234', false]);
    expect((await list(`?after=${String(first.body['last_id'])}`)).said).toBe('0');
    expect((await list(`?order=asc&after=${String(second.body['last_id'])}`)).body).toMatchObject({ data: [], first_id: null, last_id: null, has_more: false });
    for (const query of ['?limit=0', '?limit=101', '?limit=x', '?order=up', '?after=msg_none']) {
      expect(await sandboxed.call('GET', `/v1/responses/${id}/input_items${query}`)).toMatchObject({ status: 400, body: { error: { param: query.slice(1).split('=')[0] } } });
    }
    const paged: string[] = [];
    for await (const item of sandboxed.sdk.responses.inputItems.list(id, { limit: 2, order: 'asc' })) paged.push(String(item.id));
    expect(paged.toReversed()).toEqual((all.body['data'] as Json[]).map((item) => item['id']));
  });
});

describe('a chain of turns', () => {
  it('sends its upstream everything in order, with reasoning and tools, and no earlier instructions', async () => {
    const one = await turn(reply('think 1', 'I look.', { id: 'call_1', name: 'get_weather' }, { id: 'call_2', name: 'get_weather' }), { input: 'weather?', instructions: 'only once', tools: [weather] });
    const two = await turn(reply('think 2', 'Fine.'), {
      previous_response_id: one.id, tools: [weather],
      input: [{ type: 'function_call_output', call_id: 'call_2', output: 'rain' }, { type: 'function_call_output', call_id: 'call_1', output: 'sun' }],
    });
    const three = await turn(reply(undefined, 'Bye.'), { previous_response_id: two.id, input: 'thanks', instructions: 'now this' });
    expect(three.body).toMatchObject({ previous_response_id: two.id, instructions: 'now this' });
    expect(three.asked['messages']).toMatchObject([
      { role: 'system', content: 'now this' },
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: 'I look.', reasoning_content: 'think 1', tool_calls: [{ id: 'call_1' }, { id: 'call_2' }] },
      { role: 'tool', tool_call_id: 'call_2', content: 'rain' },
      { role: 'tool', tool_call_id: 'call_1', content: 'sun' },
      { role: 'assistant', content: 'Fine.', reasoning_content: 'think 2' },
      { role: 'user', content: 'thanks' },
    ]);
    // The list of one turn is what that turn was given.
    expect((await live.call('GET', `/v1/responses/${two.id}/input_items`)).body['data']).toHaveLength(2);
    // Branches are free.
    const branch = await turn(reply(undefined, 'No.'), { previous_response_id: two.id, input: 'other' });
    expect((branch.asked['messages'] as Json[]).at(-1)).toMatchObject({ content: 'other' });
  });

  it('is broken by deleting what it goes on from, in words that say so', async () => {
    const one = await turn(reply(undefined, 'a'), { input: '1' });
    const two = await turn(reply(undefined, 'b'), { input: '2', previous_response_id: one.id });
    await live.call('DELETE', `/v1/responses/${one.id}`);
    expect(await live.create({ input: '3', previous_response_id: two.id })).toMatchObject({ status: 400, body: { error: { param: 'previous_response_id', message: expect.stringMatching(new RegExp(`goes on from '${one.id}'`)) } } });
    expect(await live.create({ input: '3', previous_response_id: 'resp_\0' })).toMatchObject({ status: 404 });
  });

  it('does not go on from a response that is still being made', async () => {
    const id = idOf(await sandboxed.create({ input: 'hi', background: true }, { 'x-moongate-sandbox': 'ttft-ms=60000' }));
    expect(await sandboxed.create({ input: 'x', previous_response_id: id })).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('still') } } });
    await sandboxed.call('POST', `/v1/responses/${id}/cancel`);
  });

  it('refers to items by id, as the AI SDK does', async () => {
    const one = await turn(reply('think', null, { id: 'call_9', name: 'get_weather' }), { input: [{ role: 'user', content: 'weather?' }], tools: [weather] });
    const [reasoning, call] = outputOf(one.body);
    const two = await turn(reply(undefined, 'Sun.'), {
      tools: [weather],
      input: [
        { role: 'user', content: 'weather?' }, { type: 'item_reference', id: reasoning?.['id'] },
        { type: 'function_call', call_id: call?.['call_id'], name: 'get_weather', arguments: '{}' }, { type: 'function_call_output', call_id: call?.['call_id'], output: 'sun' },
      ],
    });
    expect(two.asked['messages']).toMatchObject([{ role: 'user' }, { role: 'assistant', reasoning_content: 'think', tool_calls: [{ id: 'call_9' }] }, { role: 'tool', content: 'sun' }]);
  });

  it('of a client that keeps nothing here comes back in sealed reasoning', async () => {
    const one = await turn(reply('secret thought', 'Hello.'), { input: 'hi', store: false });
    const [reasoning, message] = outputOf(one.body);
    expect(reasoning).toMatchObject({ encrypted_content: expect.any(String) });
    const sealedOnly = { type: 'reasoning', summary: [], encrypted_content: reasoning?.['encrypted_content'] };
    const two = await turn(reply(undefined, 'Bye.'), { store: false, input: [{ role: 'user', content: 'hi' }, sealedOnly, message, { role: 'user', content: 'bye' }] });
    expect(two.asked['messages']).toMatchObject([{ role: 'user' }, { role: 'assistant', content: 'Hello.', reasoning_content: 'secret thought' }, { role: 'user' }]);
    const forged = { ...sealedOnly, encrypted_content: `${String(sealedOnly.encrypted_content).slice(0, -4)}AAAA` };
    expect(await live.create({ input: [{ role: 'user', content: 'hi' }, forged] })).toMatchObject({ status: 400, body: { error: { code: 'invalid_encrypted_content' } } });
  });
});

describe('truncation', () => {
  const long = (name: string): string => `${name} ${'word '.repeat(400)}`;

  it('auto leaves off the oldest until the rest fits, and keeps system messages and the last turn', async () => {
    const input = [{ role: 'system', content: 'rules' }, ...Array.from({ length: 20 }, (_, index) => ({ role: 'user', content: long(String(index)) })), { role: 'user', content: 'last' }];
    const body = { model: 'tiny', input, truncation: 'auto', max_output_tokens: 100 };
    const { body: counted } = await sandboxed.call('POST', '/v1/responses/input_tokens', { ...body, truncation: 'disabled' });
    expect(counted).toMatchObject({ object: 'response.input_tokens' });
    expect(Number(counted['input_tokens'])).toBeGreaterThan(8_000);
    const { body: fitting } = await sandboxed.call('POST', '/v1/responses/input_tokens', body);
    expect(Number(fitting['input_tokens'])).toBeGreaterThan(1_000);
    expect(Number(fitting['input_tokens'])).toBeLessThanOrEqual(1_900);
    expect(await sandboxed.create(body)).toMatchObject({ status: 200, body: { status: 'completed', truncation: 'auto' } });
    // So long that not even the least that it may have of tokens fits.
    const tooLong = { ...body, input: 'a word '.repeat(100_000) };
    expect(await sandboxed.create({ ...tooLong, truncation: 'disabled' })).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error', code: 'context_length_exceeded', param: 'input' } } });
  });

  it('auto leaves room for an answer, not for the longest that there could be', async () => {
    const body = { model: 'tiny', truncation: 'auto', input: [{ role: 'user', content: long('one') }, { role: 'user', content: long('two') }, { role: 'user', content: 'last' }] };
    const tokensOf = async (more: Json): Promise<number> => Number((await sandboxed.call('POST', '/v1/responses/input_tokens', { ...body, ...more })).body['input_tokens']);
    // Coding agents ask for the whole window every time.
    expect(await tokensOf({ max_output_tokens: 2_000 })).toBe(await tokensOf({ truncation: 'disabled' }));
  });
});

describe('compaction', () => {
  it('makes one item of a thread, which stands for it afterwards', async () => {
    const one = await turn(reply('think', 'The code is 4711.'), { input: 'What is the code?' });
    upstream.script(reply('hm', 'We found the code 4711.'));
    const index = upstream.requests.length;
    const compacted = await live.sdk.responses.compact({ model: 'kimi-k2-thinking', previous_response_id: one.id });
    const asked = JSON.parse((await upstream.request(index)).body) as { messages: Json[] };
    expect(asked.messages).toMatchObject([{ role: 'user', content: 'What is the code?' }, { role: 'assistant', reasoning_content: 'think' }, { role: 'user', content: expect.stringContaining('Summarise') }]);
    expect(compacted).toMatchObject({ object: 'response.compaction', output: [{ type: 'compaction', encrypted_content: expect.any(String) }], usage: { input_tokens: 3, output_tokens: 2 } });
    expect(JSON.stringify(compacted)).not.toContain('4711');
    const two = await turn(reply(undefined, '4711'), { input: [...(compacted.output as object[]), { role: 'user', content: 'And now?' }] });
    expect(two.asked['messages']).toMatchObject([{ role: 'user', content: 'We found the code 4711.' }, { role: 'user', content: 'And now?' }]);
    const three = await turn(reply(undefined, 'ok'), { input: 'more', previous_response_id: two.id });
    expect((three.asked['messages'] as Json[])[0]).toMatchObject({ content: 'We found the code 4711.' });
  });
});

describe('another’s responses', () => {
  it('are not there: of another tenant, and of the same one’s test keys', async () => {
    const admin = async (path: string, body: Json): Promise<Json> => {
      const headers = { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' };
      return (await (await fetch(`${server.url}/admin/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as Json;
    };
    await admin('/tenants', { name: 'acme' });
    const { secret } = (await admin('/keys', { mode: 'live', tenant: 'acme' })) as { secret: string };
    const { secret: sibling } = (await admin('/keys', { mode: 'live' })) as { secret: string };
    const one = await turn(reply('mine', 'x'), { input: 'hi', include: ['reasoning.encrypted_content'] });
    const conversation = idOf(await live.call('POST', '/v1/conversations', { items: [{ role: 'user', content: 'hi' }] }));
    const item = String(((await live.call('GET', `/v1/conversations/${conversation}/items`)).body['data'] as Json[])[0]?.['id']);
    const [reasoning] = outputOf(one.body);
    for (const stranger of [new ResponsesCaller(server, secret), sandboxed]) {
      const calls: readonly (readonly [string, string, Json?])[] = [
        ['GET', `/v1/responses/${one.id}`], ['DELETE', `/v1/responses/${one.id}`], ['POST', `/v1/responses/${one.id}/cancel`], ['GET', `/v1/responses/${one.id}/input_items`],
        ['GET', `/v1/responses/${one.id}?stream=true`],
        ['POST', '/v1/responses', { model: 'kimi-k2-thinking', input: 'x', previous_response_id: one.id }],
        ['POST', '/v1/responses', { model: 'kimi-k2-thinking', input: 'x', conversation }],
        ['POST', '/v1/responses', { model: 'kimi-k2-thinking', input: [{ type: 'item_reference', id: reasoning?.['id'] }] }],
        ['POST', '/v1/responses/compact', { model: 'kimi-k2-thinking', previous_response_id: one.id }],
        ['POST', '/v1/responses/input_tokens', { model: 'kimi-k2-thinking', previous_response_id: one.id }],
        ['GET', `/v1/conversations/${conversation}`], ['POST', `/v1/conversations/${conversation}`, { metadata: {} }], ['DELETE', `/v1/conversations/${conversation}`],
        ['GET', `/v1/conversations/${conversation}/items`], ['POST', `/v1/conversations/${conversation}/items`, { items: [{ role: 'user', content: 'x' }] }],
        ['GET', `/v1/conversations/${conversation}/items/${item}`], ['DELETE', `/v1/conversations/${conversation}/items/${item}`],
      ];
      for (const [method, path, body] of calls) expect([path, (await stranger.call(method, path, body)).status]).toEqual([path, 404]);
    }
    // A sealed thought is its tenant's.
    const sealed = { type: 'reasoning', summary: [], encrypted_content: reasoning?.['encrypted_content'] };
    expect(await new ResponsesCaller(server, secret).create({ input: [sealed, { role: 'user', content: 'x' }] })).toMatchObject({ status: 400 });
    expect(await new ResponsesCaller(server, sibling).retrieve(one.id)).toMatchObject({ status: 200 });
    expect(await live.call('GET', `/v1/conversations/${conversation}/items/${item}`)).toMatchObject({ status: 200 });
  });
});

describe('a response that cannot be kept', () => {
  it('fails in words, streamed or whole, and is not there', async () => {
    const database = new DatabaseSync(join(server.dataDir, 'moongate.db'));
    database.exec("CREATE TRIGGER refuse BEFORE INSERT ON responses BEGIN SELECT RAISE(ABORT, 'refused'); END");
    try {
      const events = await sandboxed.stream({ input: 'hi' });
      expect(numbersOf(events)).toEqual(range(0, events.length - 1));
      expect(events.slice(-2)).toMatchObject([
        { event: 'error', data: { type: 'error', code: 'server_error', error: { code: 'server_error' } } },
        { event: 'response.failed', data: { response: { status: 'failed', error: { code: 'server_error' }, output: expect.any(Array) } } },
      ]);
      const created = events[0]?.data['response'] as Json;
      expect(await sandboxed.retrieve(idOf({ body: created }))).toMatchObject({ status: 404 });
      expect(await sandboxed.create({ input: 'hi' })).toMatchObject({ status: 500, body: { error: { type: 'server_error' } } });
      expect(await sandboxed.create({ input: 'hi', store: false })).toMatchObject({ status: 200 });
    } finally {
      database.exec('DROP TRIGGER refuse');
      database.close();
    }
  });
});

describe('the books', () => {
  it('hold one record and one charge of each call', async () => {
    upstream.script(streamReply(chunk({ content: 'x' }), chunk({}, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })));
    await live.stream({ input: 'hi' });
    const calls = recordedCalls(server.dataDir, '/v1/responses');
    expect(calls.filter(({ charges }) => charges > 1)).toEqual([]);
    expect(calls.filter(({ state, charges }) => state === 'complete' && charges === 1).length).toBeGreaterThanOrEqual(12);
    expect(recordedCalls(server.dataDir, '/v1/responses/compact').filter(({ charges }) => charges === 1)).toHaveLength(1);
    expect(brokenLaws({ dataDir: server.dataDir })).toEqual([]);
  });
});
