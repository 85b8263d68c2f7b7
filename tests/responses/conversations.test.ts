import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { completion, jsonReply, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { idOf, instantConfig, type Json, outputOf, ResponsesCaller } from './responses-caller.ts';

let server: RunningServer;
let upstream: ScriptedUpstream;
let live: ResponsesCaller;
let sandboxed: ResponsesCaller;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await startServer({ config: instantConfig, environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl } });
  live = new ResponsesCaller(server, server.liveKey);
  sandboxed = new ResponsesCaller(server, server.testKey);
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
});

const said = (text: string): Json => ({ type: 'message', role: 'user', content: text });

async function itemIds(id: string): Promise<unknown[]> {
  const { body } = await live.call('GET', `/v1/conversations/${id}/items?order=asc&limit=100`);
  return (body['data'] as Json[]).map((item) => item['id']);
}

/** A turn of a conversation that is answered with `text`; returns the response, and the messages that the upstream was sent. */
async function turn(text: string, body: Json): Promise<{ readonly body: Json; readonly messages: Json[] }> {
  upstream.script(jsonReply(completion(text)));
  const index = upstream.requests.length;
  const answer = await live.create(body);
  expect(answer).toMatchObject({ status: 200 });
  return { body: answer.body, messages: (JSON.parse((await upstream.request(index)).body) as { messages: Json[] }).messages };
}

describe('a conversation', () => {
  it('is made, read, changed and deleted by the SDK', async () => {
    const { sdk } = live;
    const made = await sdk.conversations.create({ metadata: { topic: 'a' }, items: [{ type: 'message', role: 'user', content: 'hi' }] });
    expect(made).toMatchObject({ id: expect.stringMatching(/^conv_/), object: 'conversation', created_at: expect.any(Number), metadata: { topic: 'a' } });
    expect(await sdk.conversations.retrieve(made.id)).toEqual(made);
    expect(await sdk.conversations.update(made.id, { metadata: { topic: 'b' } })).toEqual({ ...made, metadata: { topic: 'b' } });
    expect(await sdk.conversations.delete(made.id)).toEqual({ id: made.id, object: 'conversation.deleted', deleted: true });
    for (const [method, path, body] of [['GET', ''], ['DELETE', ''], ['POST', '', { metadata: {} }], ['GET', '/items'], ['POST', '/items', { items: [said('x')] }]] as const) {
      expect(await live.call(method, `/v1/conversations/${made.id}${path}`, body)).toMatchObject({ status: 404, body: { error: { message: expect.stringContaining(made.id) } } });
    }
    expect(await sdk.conversations.create()).toMatchObject({ metadata: {} });
  });

  it('keeps its metadata when a change names none', async () => {
    const id = idOf(await live.call('POST', '/v1/conversations', { metadata: { topic: 'a' } }));
    expect(await live.call('POST', `/v1/conversations/${id}`, {})).toMatchObject({ status: 400, body: { error: { param: 'metadata', code: 'missing_required_parameter' } } });
    expect((await live.call('GET', `/v1/conversations/${id}`)).body).toMatchObject({ metadata: { topic: 'a' } });
    expect((await live.call('POST', `/v1/conversations/${id}`, { metadata: null })).body).toMatchObject({ metadata: {} });
  });

  it.each([
    ['17 pairs', Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']))],
    ['a key of 65 characters', { ['k'.repeat(65)]: 'v' }],
    ['a value of 513 characters', { k: 'v'.repeat(513) }],
    ['a number', { k: 1 }],
    ['a list', ['v']],
  ])('has no metadata of %s', async (_name, metadata) => {
    const id = idOf(await live.call('POST', '/v1/conversations', {}));
    const refused = { status: 400, body: { error: { type: 'invalid_request_error', param: expect.stringMatching(/^metadata/) } } };
    expect(await live.call('POST', '/v1/conversations', { metadata })).toMatchObject(refused);
    expect(await live.call('POST', `/v1/conversations/${id}`, { metadata })).toMatchObject(refused);
    expect(await live.create({ input: 'x', metadata })).toMatchObject(refused);
  });

  it('takes up to twenty items at a time', async () => {
    const items = (count: number): Json[] => Array.from({ length: count }, (_, index) => said(String(index)));
    const id = idOf(await live.call('POST', '/v1/conversations', { items: items(20) }));
    const added = await live.call('POST', `/v1/conversations/${id}/items`, { items: items(20) });
    expect(added.body).toMatchObject({ object: 'list', has_more: false, data: { length: 20 } });
    expect(await itemIds(id)).toHaveLength(40);
    for (const path of ['', `/${id}/items`]) {
      expect(await live.call('POST', `/v1/conversations${path}`, { items: items(21) })).toMatchObject({ status: 400, body: { error: { param: 'items' } } });
    }
    for (const body of [{}, { items: 'x' }, { items: [{ type: 'no_such_item' }] }, { items: [{ ...said('x'), id: 'i'.repeat(257) }] }, []]) {
      expect(await live.call('POST', `/v1/conversations/${id}/items`, body)).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    }
    expect(await itemIds(id)).toHaveLength(40);
  });

  it('lists, shows and removes items one by one', async () => {
    const { sdk } = live;
    const { id } = await sdk.conversations.create({ items: ['a', 'b', 'c'].map((text) => ({ type: 'message', role: 'user', content: text })) });
    const ids = await itemIds(id) as string[];
    const [, second = ''] = ids;
    expect(await sdk.conversations.items.retrieve(second, { conversation_id: id })).toMatchObject({ id: second, type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'b' }] });
    expect(await sdk.conversations.items.delete(second, { conversation_id: id })).toMatchObject({ id, object: 'conversation' });
    expect(await live.call('GET', `/v1/conversations/${id}/items/${second}`)).toMatchObject({ status: 404, body: { error: { message: expect.stringContaining(second) } } });
    expect(await live.call('DELETE', `/v1/conversations/${id}/items/${second}`)).toMatchObject({ status: 404 });
    const listed: string[] = [];
    for await (const item of sdk.conversations.items.list(id, { limit: 1 })) listed.push(String(item.id));
    expect(listed).toEqual([ids[2], ids[0]]);
    expect(await live.call('GET', `/v1/conversations/${id}/items?after=${second}`)).toMatchObject({ status: 400, body: { error: { param: 'after' } } });
  });
});

describe('a response of a conversation', () => {
  it('goes on from it and is added to it, turn by turn, with its reasoning and without its instructions', async () => {
    const id = idOf(await live.call('POST', '/v1/conversations', { items: [said('I am Ada.')] }));
    const one = await turn('Hello Ada.', { input: 'Who am I?', conversation: id, instructions: 'be brief' });
    expect(one.body).toMatchObject({ conversation: { id }, previous_response_id: null });
    expect(one.messages).toMatchObject([{ role: 'system', content: 'be brief' }, { role: 'user', content: 'I am Ada.' }, { role: 'user', content: 'Who am I?' }]);
    const two = await turn('Bye.', { input: 'Thanks.', conversation: { id } });
    expect(two.messages).toMatchObject([
      { role: 'user', content: 'I am Ada.' }, { role: 'user', content: 'Who am I?' }, { role: 'assistant', content: 'Hello Ada.' }, { role: 'user', content: 'Thanks.' },
    ]);
    const ids = await itemIds(id);
    expect(ids).toHaveLength(5);
    expect(ids.slice(-1)).toEqual(outputOf(two.body).map((item) => item['id']));
    expect((await live.call('GET', `/v1/responses/${idOf(two)}/input_items`)).body['data']).toHaveLength(1);
    // The response outlives it.
    await live.call('DELETE', `/v1/conversations/${id}`);
    expect(await live.retrieve(idOf(two))).toMatchObject({ status: 200 });
    expect(await live.create({ input: 'x', conversation: id })).toMatchObject({ status: 404, body: { error: { param: 'conversation' } } });
  });

  it('carries a tool loop, streamed', async () => {
    const id = idOf(await sandboxed.call('POST', '/v1/conversations', {}));
    const tools = [{ type: 'function', name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }];
    const first = (await sandboxed.stream({ input: 'weather in Rome?', conversation: id, tools })).at(-1)?.data['response'] as Json;
    const call = outputOf(first).find(({ type }) => type === 'function_call');
    const second = (await sandboxed.stream({ input: [{ type: 'function_call_output', call_id: call?.['call_id'], output: 'sun' }], conversation: id, tools })).at(-1)?.data['response'] as Json;
    expect(second).toMatchObject({ status: 'completed' });
    expect(await sandboxed.create({ input: [{ type: 'function_call_output', call_id: 'call_none', output: 'sun' }], conversation: id })).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining('call_none') } } });
  });

  it('that cannot be added to it is refused before it costs anything', async () => {
    const id = idOf(await live.call('POST', '/v1/conversations', {}));
    const before = upstream.requests.length;
    for (const stream of [false, true]) {
      expect(await live.create({ input: [{ ...said('x'), id: 'i'.repeat(257) }], conversation: id, stream })).toMatchObject({ status: 400, body: { error: { param: 'input[0].id' } } });
    }
    expect(upstream.requests).toHaveLength(before);
    expect(await live.create({ input: 'x', conversation: id, previous_response_id: 'resp_x' })).toMatchObject({ status: 400, body: { error: { code: 'mutually_exclusive_parameters' } } });
  });

  it('is added whole when two are made at the same time', async () => {
    const id = idOf(await sandboxed.call('POST', '/v1/conversations', {}));
    const turns = await Promise.all(['one', 'two', 'three'].map((input) => sandboxed.create({ input, conversation: id })));
    const { body } = await sandboxed.call('GET', `/v1/conversations/${id}/items?order=asc&limit=100`);
    const ids = (body['data'] as Json[]).map((item) => item['id']);
    for (const { body: response } of turns) {
      const output = outputOf(response).map((item) => item['id']);
      const start = ids.indexOf(output[0]);
      expect(ids.slice(start, start + output.length)).toEqual(output);
    }
    expect(new Set(ids).size).toBe(ids.length);
  });
});
