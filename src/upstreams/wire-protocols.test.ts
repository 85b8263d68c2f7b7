import { afterEach, describe, expect, it } from 'vitest';
import { type Script, type ScriptStep, ScriptedUpstream, completion, frame, jsonReply } from '../../tests/doubles/scripted-upstream.ts';
import { UpstreamCaller, failureOf, verdictOf } from '../../tests/doubles/upstream-caller.ts';
import type { Message } from '../dialogue/message.ts';
import type { Protocol } from '../dialogue/protocol.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { wireEndpoints } from './wire-endpoints.ts';
import { WireUpstream } from './wire-upstream.ts';

const apiKey = '0123secretsecret4567';
const deadlines = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 10_000 };
const never = new AbortController().signal;
const write = (body: string): ScriptStep => ({ do: 'write', body });

const cleanUp: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Place {
  readonly dialect: 'moonshot' | 'ark' | 'vllm';
  /** Each at a path of its own, behind the server's. */
  readonly protocols: Partial<Record<Protocol, string>>;
}

async function place({ dialect, protocols }: Place, ...scripts: readonly Script[]) {
  const server = await ScriptedUpstream.start(...scripts);
  const root = server.baseUrl.replace(/\/v1$/, '');
  const places = Object.entries(protocols).map(([protocol, path]) => ({ protocol: protocol as Protocol, baseUrl: root + path }));
  const upstream = new WireUpstream({ id: 'here', baseUrl: server.baseUrl, endpoints: wireEndpoints('here', dialect, places), apiKey, deadlines });
  cleanUp.push(server, upstream);
  const caller = new UpstreamCaller();
  const generate = (request: Partial<DialogueRequest>, signal = never): Promise<DialogueReply | undefined> => {
    const full: DialogueRequest = { protocol: 'openai-chat', model: 'k', messages: [{ role: 'user', content: 'hi' }], sampling: {}, outputTokensMax: 99, stream: true, ...request };
    return upstream.generate({ request: full, upstreamModel: 'kimi', generationId: 'gen_1' }, caller, signal);
  };
  return { server, caller, generate };
}

const usage = { inputUncached: 3, output: 2, estimated: false };

const response = { id: 'resp_1', object: 'response', created_at: 7, model: 'kimi', status: 'in_progress', output: [], error: null };
const message = { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] };
const responseDone = { ...response, status: 'completed', output: [message], usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } };
const textDelta = (delta: string) => ({ type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta });
const blockDelta = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
const messageStart = { id: 'msg_1', type: 'message', role: 'assistant', model: 'kimi', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 3, output_tokens: 1 } };
const messageDone = { ...messageStart, content: [{ type: 'text', text: 'Hello' }], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 2 } };

/** How a protocol says hello, in four events: its beginning, half of it each, the end. */
const table = {
  'openai-responses': {
    at: { dialect: 'ark', protocols: { 'openai-responses': '/api/v3' } },
    path: '/api/v3/responses',
    headers: { authorization: `Bearer ${apiKey}` },
    begin: [{ type: 'response.created', response }, { type: 'response.output_item.added', output_index: 0, item: { ...message, content: [] } }],
    deltas: [textDelta('Hel'), textDelta('lo')],
    end: [{ type: 'response.output_item.done', output_index: 0, item: message }, { type: 'response.completed', response: responseDone }],
    endWithoutUsage: [{ type: 'response.completed', response: { ...responseDone, usage: null } }],
    whole: responseDone,
    refusal: { error: { code: 'InvalidParameter', type: 'BadRequest', message: 'input.0 is bad', param: 'input' } },
    error: { type: 'error', code: 'server_error', message: 'oops', param: null, sequence_number: 4 },
  },
  'anthropic-messages': {
    at: { dialect: 'moonshot', protocols: { 'anthropic-messages': '/anthropic' } },
    path: '/anthropic/v1/messages',
    headers: { 'authorization': `Bearer ${apiKey}`, 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' },
    begin: [{ type: 'message_start', message: messageStart }, { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
    deltas: [blockDelta('Hel'), blockDelta('lo')],
    end: [{ type: 'content_block_stop', index: 0 }, { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { input_tokens: 3, output_tokens: 2 } }, { type: 'message_stop' }],
    endWithoutUsage: [{ type: 'content_block_stop', index: 0 }, { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null } }, { type: 'message_stop' }],
    whole: messageDone,
    refusal: { type: 'error', error: { type: 'invalid_request_error', message: 'messages.0 is bad' }, request_id: 'req_1' },
    error: { type: 'error', error: { type: 'api_error', message: 'oops' } },
  },
} as const;

/** With its `event:` line, as both protocols have it. */
function named(payload: { readonly type: string }): string {
  return `event: ${payload.type}\n${frame(payload)}`;
}

describe.each(Object.entries(table))('WireUpstream, by %s', (_protocol, { at, path, headers, begin, deltas, end, endWithoutUsage, whole, refusal, error }) => {
  const hello = [...begin, ...deltas, ...end];

  it('sends to its own path, with our credential', async () => {
    const { server, generate } = await place(at, [write(hello.map(named).join(''))]);
    await generate({});
    const sent = await server.request(0);
    expect([sent.method, sent.path]).toEqual(['POST', path]);
    expect(sent.headers).toMatchObject({ ...headers, 'content-type': 'application/json', 'accept': 'text/event-stream' });
    expect(JSON.parse(sent.body)).toMatchObject({ model: 'kimi', stream: true });
  });

  it('reads a stream however it is cut', async () => {
    const bytes = Buffer.from(hello.map(named).join(''));
    const cuts = Array.from({ length: Math.ceil(bytes.length / 97) }, (_each, index): ScriptStep => ({ do: 'write', body: bytes.subarray(index * 97, (index + 1) * 97) }));
    const { caller, generate } = await place(at, cuts);
    expect(await generate({})).toBeUndefined();
    expect([caller.opened, caller.text]).toEqual([1, 'Hello']);
    expect(caller.folded).toMatchObject({ model: 'kimi', choices: [{ finish: { reason: 'stop' } }], usage });
    expect(caller.reads.flat().every(({ source }) => source?.protocol === _protocol)).toBe(true);
  });

  it('reads a whole reply', async () => {
    const { server, generate } = await place(at, jsonReply(whole));
    expect(await generate({ stream: false })).toMatchObject({ model: 'kimi', choices: [{ text: 'Hello', finish: { reason: 'stop' } }], usage, source: { protocol: _protocol } });
    expect((await server.request(0)).headers.accept).toBe('application/json');
  });

  it('does not wait for the connection to end, once the protocol says that it is over', async () => {
    const { caller, generate } = await place(at, [write(hello.map(named).join('')), { do: 'hang' }]);
    await generate({});
    expect(caller.text).toBe('Hello');
  });

  it('is refused before anything was said, streamed or not', async () => {
    const { caller, generate } = await place(at, jsonReply(refusal, 400), jsonReply(refusal, 400), jsonReply(refusal), jsonReply(refusal));
    for (const stream of [true, false, true, false]) {
      const failure = await failureOf(generate({ stream }));
      expect([failure.fault.code, failure.stage]).toEqual(['invalid_request', 'rejected']);
      expect(failure.fault.message).toContain('is bad');
    }
    expect(caller.reads).toEqual([]);
  });

  it.each([
    [429, 'upstream_rate_limited'],
    [401, 'upstream_refused_key'],
    [529, 'upstream_overloaded'],
    [502, 'upstream_failed'],
  ])('a %i is %s', async (status, code) => {
    // Moonshot answers a 401 in OpenAI's shape here too (moonshot-api.md 1.8).
    const { generate } = await place(at, jsonReply({ error: { message: 'no', type: 'some_error' } }, status, { 'retry-after': '7', 'request-id': 'req_7' }));
    const { fault, stage, requestId } = await failureOf(generate({}));
    expect([fault.code, stage, fault.retryAfterMs, requestId]).toEqual([code, 'rejected', 7_000, 'req_7']);
  });

  it('an error as the first event is a verdict, a later one a break', async () => {
    const { caller, generate } = await place(at, [write(named(error))], [write([...begin, ...deltas, error].map(named).join(''))]);
    expect(await verdictOf(generate({}))).toBe('upstream_failed rejected');
    expect(caller.reads).toEqual([]);
    expect(await verdictOf(generate({}))).toBe('upstream_failed committed');
    expect(caller.text).toBe('Hello');
  });

  it.each(['cut', 'reset'] as const)('a stream that is %s is broken off', async (how) => {
    const { caller, generate } = await place(at, [write([...begin, ...deltas].map(named).join('')), { do: 'wait', ms: 20 }, { do: how }]);
    expect(await verdictOf(generate({}))).toBe('upstream_interrupted committed');
    expect(caller.text).toBe('Hello');
  });

  it('a stream that ends without its end is broken off', async () => {
    const { generate } = await place(at, [write([...begin, ...deltas].map(named).join(''))]);
    expect(await verdictOf(generate({}))).toBe('upstream_interrupted committed');
  });

  it('invents no usage', async () => {
    const start = begin.map((event) => ('message' in event ? { ...event, message: { ...event.message, usage: {} } } : event));
    const { caller, generate } = await place(at, [write([...start, ...deltas, ...endWithoutUsage].map(named).join(''))]);
    await generate({});
    expect(caller.text).toBe('Hello');
    expect(caller.folded).not.toHaveProperty('usage');
  });

  it.each([
    ['text/event-stream', false, 'where JSON was due'],
    ['application/json', true, 'without a stream'],
    ['text/html', true, 'where an event stream was due'],
  ])('%s for stream: %s is no reply', async (type, stream, words) => {
    const { generate } = await place(at, [{ do: 'head', headers: { 'content-type': type } }, write(JSON.stringify(whole))]);
    const { fault, stage } = await failureOf(generate({ stream }));
    expect([fault.code, stage]).toEqual(['upstream_invalid_reply', 'maybe']);
    expect(fault.message).toContain(words);
  });

  it.each([true, false])('a caller that leaves is felt upstream within 250 ms; streamed: %s', async (stream) => {
    const script: Script = stream ? [write(begin.map(named).join('')), { do: 'repeat', body: named(deltas[0]), everyMs: 5 }] : [{ do: 'hang' }];
    const { server, generate } = await place(at, script);
    const gone = new AbortController();
    const failed = failureOf(generate({ stream }, gone.signal));
    const sent = await server.request(0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const leftAtMs = performance.now();
    gone.abort();
    expect((await failed).fault.code).toBe('caller_gone');
    await sent.aborted;
    expect((sent.abortedAtMs ?? Infinity) - leftAtMs).toBeLessThan(250);
  });
});

describe('WireUpstream, holding contexts', () => {
  const held: Partial<DialogueRequest> = {
    messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'yes' }, { role: 'user', content: 'on' }],
    contextCache: { held: [{ upstreamId: 'here', handle: 'resp_0', messageCount: 2 }], keepUntilS: 99 },
  };
  const ark: Place = { dialect: 'ark', protocols: { 'openai-chat': '/api/v3', 'openai-responses': '/api/v3' } };
  const lost = jsonReply({ error: { code: 'NotFound.PreviousResponse', message: 'The previous response resp_0 is not found. Request id: 9', type: 'NotFound' } }, 404);
  const done = [write([...table['openai-responses'].begin, ...table['openai-responses'].end].map(named).join(''))];

  it('sends what is not held', async () => {
    const { server, caller, generate } = await place(ark, done);
    await generate(held);
    const body = JSON.parse((await server.request(0)).body) as Record<string, unknown>;
    expect(body).toMatchObject({ previous_response_id: 'resp_0', caching: { type: 'enabled' }, store: true, expire_at: 99 });
    expect(body['input']).toHaveLength(1);
    expect(caller.folded.id).toBe('resp_1');
  });

  it('names what is held by the id of the response, if it was to be held', async () => {
    const { caller, generate } = await place(ark, done, jsonReply(responseDone), jsonReply(responseDone));
    await generate(held);
    expect(caller.folded.contextHandle).toBe('resp_1');
    caller.reads = [];
    expect(await generate({ ...held, stream: false })).toMatchObject({ contextHandle: 'resp_1' });
    expect(await generate({ contextCache: { held: [] }, stream: false })).not.toHaveProperty('contextHandle');
  });

  it('does nothing where a prompt is only to be held, and nothing can be held', async () => {
    const { server, caller, generate } = await place({ dialect: 'moonshot', protocols: { 'openai-chat': '/v1' } });
    const only: Partial<DialogueRequest> = { contextCache: { held: [], keepUntilS: 99, prefixOnly: true } };
    const nothing = { id: 'gen_1', choices: [{ toolCalls: [], finish: { reason: 'stop' } }], usage: { inputUncached: 0, output: 0, estimated: false } };
    expect(await generate({ ...only, stream: false })).toMatchObject(nothing);
    expect(await generate(only)).toBeUndefined();
    expect(caller.folded).toMatchObject(nothing);
    expect(server.requests).toEqual([]);
  });

  it('sends all of it once more when nothing is held any more', async () => {
    const { server, caller, generate } = await place(ark, lost, done);
    await generate(held);
    const body = JSON.parse((await server.request(1)).body) as Record<string, unknown>;
    expect(body).toMatchObject({ caching: { type: 'enabled' }, expire_at: 99 });
    expect(body).not.toHaveProperty('previous_response_id');
    expect(body['input']).toHaveLength(3);
    expect([caller.opened, caller.text]).toEqual([1, 'Hello']);
  });

  it('sends it so once only, and not for another refusal', async () => {
    const { server, generate } = await place(ark, lost, lost, jsonReply({ error: { message: 'bad', type: 'BadRequest' } }, 400));
    expect(await verdictOf(generate(held))).toMatch(/ rejected$/);
    expect(server.requests).toHaveLength(2);
    expect(await verdictOf(generate(held))).toBe('invalid_request rejected');
    expect(server.requests).toHaveLength(3);
  });

  it('does not send again what held nothing', async () => {
    const { server, generate } = await place(ark, lost);
    await failureOf(generate({ contextCache: { held: [] } }));
    expect(server.requests).toHaveLength(1);
  });

  it('leaves when the caller does, between the two', async () => {
    const gone = new AbortController();
    const { server, generate } = await place(ark, lost, [{ do: 'hang' }]);
    const failed = failureOf(generate(held, gone.signal));
    const second = await server.request(1);
    gone.abort();
    expect((await failed).fault.code).toBe('caller_gone');
    await second.aborted;
  });
});

describe('WireUpstream, by the protocol that loses less', () => {
  const hidden: Message = { role: 'assistant', content: 'yes', thinkingProof: { protocol: 'anthropic-messages', upstreamId: 'here', value: 'x', hidden: true } };
  const moonshot: Place = { dialect: 'moonshot', protocols: { 'openai-chat': '/v1', 'anthropic-messages': '/anthropic' } };
  const ark: Place = { dialect: 'ark', protocols: { 'openai-chat': '/v3', 'openai-responses': '/v3' } };

  it.each([
    ['a chat request by chat', moonshot, {}, '/v1/chat/completions', []],
    ['one that came by Messages by Messages', moonshot, { protocol: 'anthropic-messages' }, '/anthropic/v1/messages', []],
    ['one that came by Responses, which is not spoken, by chat', moonshot, { protocol: 'openai-responses' }, '/v1/chat/completions', []],
    ['a temperature, which its Messages have not, by chat', moonshot, { protocol: 'anthropic-messages', sampling: { temperature: 0.5 } }, '/v1/chat/completions', []],
    ['what only they can read, by Messages', moonshot, { messages: [{ role: 'user', content: 'hi' }, hidden, { role: 'user', content: 'on' }] }, '/anthropic/v1/messages', []],
    ['one that came by Responses by Responses', ark, { protocol: 'openai-responses' }, '/v3/responses', []],
    ['a stop sequence, which Responses have not, by chat', ark, { protocol: 'openai-responses', sampling: { stop: ['x'] } }, '/v3/chat/completions', []],
    ['what only Responses have by Responses', ark, { extensions: { 'openai-responses': { service_tier: 'flex' } } }, '/v3/responses', []],
    ['what both lose, by its own', ark, { protocol: 'openai-responses', tools: [{ kind: 'builtin', name: '$web_search' }] }, '/v3/responses', ['tools.0']],
  ] as readonly (readonly [string, Place, Partial<DialogueRequest>, string, readonly string[]])[])('sends %s', async (_what, at, request, path, lost) => {
    const { server, caller, generate } = await place(at);
    const replies: Record<string, unknown> = { '/v1/chat/completions': completion('Hello'), '/v3/chat/completions': completion('Hello'), '/anthropic/v1/messages': messageDone, '/v3/responses': responseDone };
    server.script(jsonReply(replies[path]));
    expect((await generate({ ...request, stream: false }))?.choices[0]?.text).toBe('Hello');
    expect((await server.request(0)).path).toBe(path);
    expect(caller.losses.map(({ field }) => field)).toEqual(lost);
  });

  it('shares connections among protocols with one base', async () => {
    const { server, generate } = await place(ark, jsonReply(completion('Hello')), jsonReply(responseDone));
    await generate({ stream: false });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await generate({ protocol: 'openai-responses', stream: false });
    expect(server.connections).toBe(1);
  });
});
