import { afterEach, describe, expect, it } from 'vitest';
import {
  type Script, type ScriptStep, ScriptedUpstream, chunk, completion, frame, jsonReply, streamReply,
} from '../../tests/doubles/scripted-upstream.ts';
import { UpstreamCaller, failureOf, verdictOf } from '../../tests/doubles/upstream-caller.ts';
import type { DialogueReply } from '../dialogue/reply.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import { chatProtocol } from './chat-protocol.ts';
import { dialectOf } from './dialect.ts';
import { WireUpstream, type WireUpstreamOptions } from './wire-upstream.ts';

const apiKey = '0123secretsecret4567';
const deadlines = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 10_000 };
const request: DialogueRequest = { protocol: 'openai-chat', model: 'kimi-k2', messages: [{ role: 'user', content: 'hi' }], sampling: {}, stream: true };
const never = new AbortController().signal;

function chatAt(baseUrl: string): Pick<WireUpstreamOptions, 'baseUrl' | 'endpoints'> {
  return { baseUrl, endpoints: [{ protocol: chatProtocol(dialectOf('moonshot')), baseUrl }] };
}

const cleanUp: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function place(script: Script | readonly Script[], options: Partial<WireUpstreamOptions> = {}) {
  const scripts = (Array.isArray(script[0]) ? script : [script]) as readonly Script[];
  const server = await ScriptedUpstream.start(...scripts);
  const upstream = new WireUpstream({ id: 'here', ...chatAt(server.baseUrl), apiKey, deadlines, ...options });
  cleanUp.push(server, upstream);
  const caller = new UpstreamCaller();
  const generate = (stream: boolean, signal = never): Promise<DialogueReply | undefined> =>
    upstream.generate({ request: { ...request, stream }, upstreamModel: 'kimi-k2-0905-preview', generationId: 'gen_1' }, caller, signal);
  return { server, upstream, caller, generate };
}

const hello = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'stop')];
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const sse: ScriptStep = { do: 'head', headers: { 'content-type': 'text/event-stream; charset=utf-8' } };
const write = (body: string): ScriptStep => ({ do: 'write', body });

describe('WireUpstream, by chat: what is sent', () => {
  it('is a chat completion of the upstream model, with our credential', async () => {
    const { server, caller, generate } = await place(streamReply(...hello));
    await generate(true);
    const sent = await server.request(0);
    expect([sent.method, sent.path]).toEqual(['POST', '/v1/chat/completions']);
    expect(sent.headers).toMatchObject({
      authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', accept: 'text/event-stream', 'accept-encoding': 'identity',
    });
    expect(JSON.parse(sent.body)).toMatchObject({ model: 'kimi-k2-0905-preview', stream: true, messages: [{ role: 'user', content: 'hi' }] });
    expect(caller.opened).toBe(1);
  });

  it('has no authorization when there is no key', async () => {
    const server = await ScriptedUpstream.start(jsonReply(completion('Hello')));
    const upstream = new WireUpstream({ id: 'here', ...chatAt(server.baseUrl), deadlines });
    cleanUp.push(server, upstream);
    await upstream.generate({ request: { ...request, stream: false }, upstreamModel: 'k', generationId: 'gen_1' }, new UpstreamCaller(), never);
    expect((await server.request(0)).headers.authorization).toBeUndefined();
  });
});

describe('WireUpstream, by chat: a stream', () => {
  it('delivers each read as one array of batches and ends with nothing in hand', async () => {
    const { caller, generate } = await place([sse, write(hello.map(frame).join('')), write(frame('[DONE]'))]);
    expect(await generate(true)).toBeUndefined();
    expect(caller.reads).toHaveLength(1);
    expect(caller.folded).toMatchObject({ id: 'chatcmpl-1', choices: [{ text: 'Hello', finish: { reason: 'stop' } }] });
  });

  it('counts a first frame that only names the role', async () => {
    const { caller, generate } = await place([sse, write(frame(hello[0])), { do: 'wait', ms: 20 }, write(hello.slice(1).map(frame).join('') + frame('[DONE]'))]);
    await generate(true);
    expect(caller.reads).toHaveLength(2);
    expect(caller.reads[0]?.[0]?.events[0]?.type).toBe('reply-start');
  });

  it.each([
    ['in the finishing choice (Moonshot)', [...hello.slice(0, 3), { ...(chunk({}) as object), choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] }]],
    ['in a last chunk without choices', [...hello, { ...(chunk({}) as object), choices: [], usage }]],
    ['in a chunk that repeats the finish (OpenRouter)', [...hello, chunk({ content: '' }, 'stop', { usage })]],
  ])('finds usage %s', async (_where, payloads) => {
    const { caller, generate } = await place(streamReply(...payloads));
    await generate(true);
    expect(caller.folded.usage).toMatchObject({ inputUncached: 3, output: 2, estimated: false });
    expect(caller.folded.choices).toHaveLength(1);
  });

  it('invents no usage', async () => {
    const { caller, generate } = await place(streamReply(...hello));
    await generate(true);
    expect(caller.folded.usage).toBeUndefined();
  });

  it.each(['\n', '\r\n', '\r'])('reads comments, a byte order mark, unknown fields and line ends %j', async (end) => {
    const body = `\uFEFF: OPENROUTER PROCESSING${end}${end}event: x${end}id: 1${end}retry: 5${end}nocolon${end}${hello
      .map((payload) => `data:${JSON.stringify(payload)}${end}${end}`)
      .join('')}data: [DONE]${end}${end}`;
    const { caller, generate } = await place([sse, write(body)]);
    await generate(true);
    expect(caller.text).toBe('Hello');
  });

  it('reads UTF-8 cut at every byte', async () => {
    const text = 'é月🌙\u{1F468}\u200D\u{1F469}';
    const body = Buffer.from(frame(chunk({ content: text })));
    const rest = frame(chunk({}, 'stop')) + frame('[DONE]');
    for (let cut = 1; cut < body.length; cut += 1) {
      const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`;
      const { caller, generate } = await place([
        { do: 'raw', body: head },
        { do: 'raw', body: Buffer.concat([Buffer.from(`${cut.toString(16)}\r\n`), body.subarray(0, cut), Buffer.from('\r\n')]) },
        { do: 'wait', ms: 0 },
        { do: 'raw', body: Buffer.concat([Buffer.from(`${(body.length - cut).toString(16)}\r\n`), body.subarray(cut), Buffer.from('\r\n')]) },
        { do: 'raw', body: `${Buffer.byteLength(rest).toString(16)}\r\n${rest}\r\n0\r\n\r\n` },
        { do: 'hang' },
      ]);
      await generate(true);
      expect(caller.text).toBe(text);
      for (const each of cleanUp.splice(0).reverse()) await each[Symbol.asyncDispose]();
    }
  });

  it('ends once, at the first [DONE], whatever follows', async () => {
    const { caller, generate } = await place([sse, write([...hello, '[DONE]', chunk({ content: 'more' }), '[DONE]', 'garbage'].map(frame).join(''))]);
    await generate(true);
    expect(caller.text).toBe('Hello');
  });

  it('without [DONE] is complete when each choice has ended, even if the last event has no blank line', async () => {
    const { caller, generate } = await place([sse, write(hello.map(frame).join('').trimEnd())]);
    await generate(true);
    expect(caller.folded.choices[0]?.finish).toEqual({ reason: 'stop' });
  });

  it.each([
    ['without an end', [write(frame(hello[0]) + frame(hello[1]))], 'upstream_interrupted committed', 'Hel'],
    ['with [DONE] but no finish', [write(frame(hello[0]) + frame(hello[1]) + frame('[DONE]'))], 'upstream_interrupted committed', 'Hel'],
    ['with one choice of two ended', [write([...hello, { ...(chunk({}) as object), choices: [{ index: 1, delta: { content: 'x' } }] }].map(frame).join(''))], 'upstream_interrupted committed', 'Hello'],
    ['without any event', [write(': nothing\n\n')], 'upstream_interrupted maybe', undefined],
    ['reset', [write(frame(hello[1])), { do: 'wait', ms: 20 }, { do: 'reset' }], 'upstream_interrupted committed', 'Hel'],
    ['hung', [write(frame(hello[1])), { do: 'hang' }], 'upstream_timeout committed', 'Hel'],
    ['truncated JSON', [write(frame(hello[1]) + frame('{"choices":[{"del'))], 'upstream_invalid_reply committed', 'Hel'],
    ['JSON that is no object', [write(frame('17'))], 'upstream_invalid_reply maybe', undefined],
    ['an event of 16 MiB', [write(frame(hello[1])), { do: 'wait', ms: 10 }, write(`data: ${'x'.repeat(16 * 1024 * 1024)}\n\n`)], 'upstream_invalid_reply committed', 'Hel'],
  ] as readonly (readonly [string, Script, string, string | undefined])[])('%s fails', async (_name, script, expected, text) => {
    const { caller, generate } = await place([sse, ...script], { deadlines: { ...deadlines, idleMs: 150 } });
    expect(await verdictOf(generate(true))).toBe(expected);
    expect(caller.text).toBe(text);
  });

  it('holds an event cap that is set', async () => {
    const { generate } = await place([sse, write(frame(chunk({ content: 'x'.repeat(2_000) })))], { limits: { eventBytesMax: 1_000 } });
    expect(await verdictOf(generate(true))).toBe('upstream_invalid_reply maybe');
  });
});

describe('WireUpstream, by chat: an error in a stream', () => {
  const overloaded = { error: { message: 'The engine is currently overloaded, please try again later', type: 'engine_overloaded_error' } };

  it('as its first event is a verdict, and nothing is handed out', async () => {
    const { caller, generate } = await place(streamReply(overloaded));
    expect(await verdictOf(generate(true))).toBe('upstream_overloaded rejected');
    expect(caller.reads).toEqual([]);
  });

  it("in OpenRouter's form too: with a choice, and a status for a code", async () => {
    const { caller, generate } = await place(
      streamReply(chunk({ role: 'assistant', content: '' }, 'error', { error: { code: 429, message: 'Rate limit exceeded' } })),
    );
    expect(await verdictOf(generate(true))).toBe('upstream_rate_limited rejected');
    expect(caller.reads).toEqual([]);
  });

  it('later comes after what was said before it, in the same read or the same frame', async () => {
    const { caller, generate } = await place([sse, write(frame(hello[1]) + frame(chunk({ content: 'lo' }, null, overloaded)) + frame(chunk({ content: 'not this' })))]);
    expect(await verdictOf(generate(true))).toBe('upstream_overloaded committed');
    expect(caller.text).toBe('Hello');
    expect(caller.reads.flat().flatMap(({ events }) => events.map(({ type }) => type))).not.toContain('error');
  });

  it('closes the socket', async () => {
    const { server, generate } = await place([sse, write(frame(hello[1])), write(frame(overloaded)), { do: 'hang' }]);
    await failureOf(generate(true));
    await (await server.request(0)).aborted;
  });
});

describe('WireUpstream, by chat: a whole reply', () => {
  it('is decoded', async () => {
    const { caller, generate } = await place(jsonReply(completion('Hello')));
    expect(await generate(false)).toMatchObject({ id: 'chatcmpl-1', choices: [{ text: 'Hello', finish: { reason: 'stop' } }], usage: { output: 2 } });
    expect([caller.opened, caller.reads]).toEqual([1, []]);
  });

  it('may be padded with white space while the model thinks, which keeps it alive', async () => {
    const { generate } = await place(
      [{ do: 'head', headers: { 'content-type': 'application/json' } }, { do: 'repeat', body: '\n         ', times: 12, everyMs: 20 }, write(JSON.stringify(completion('Hello')))],
      { deadlines: { ...deadlines, idleMs: 120 } },
    );
    expect((await generate(false))?.choices[0]?.text).toBe('Hello');
  });

  it.each([
    ['HTML', [{ do: 'head', headers: { 'content-type': 'text/html' } }, write('<html>')], 'upstream_invalid_reply maybe'],
    ['an event stream', streamReply(...hello), 'upstream_invalid_reply maybe'],
    ['truncated JSON', jsonReply('{"choices":[{'), 'upstream_invalid_reply maybe'],
    ['an array', jsonReply('[]'), 'upstream_invalid_reply maybe'],
    ['no choices', jsonReply({ id: 'x' }), 'upstream_invalid_reply maybe'],
    ['nothing', [{ do: 'head', status: 204 }], 'upstream_invalid_reply maybe'],
    ['reset in the middle', [{ do: 'head', headers: { 'content-type': 'application/json' } }, write('{'), { do: 'wait', ms: 20 }, { do: 'reset' }], 'upstream_interrupted maybe'],
    ['an error with status 200', jsonReply({ error: { code: 502, message: 'Provider returned error' }, user_id: 'u' }), 'upstream_failed rejected'],
    ['an error in words with status 200', jsonReply({ error: 'overloaded' }), 'upstream_overloaded rejected'],
  ] as readonly (readonly [string, Script, string])[])('%s fails', async (_name, script, expected) => {
    const { generate } = await place(script);
    expect(await verdictOf(generate(false))).toBe(expected);
  });

  it.each([
    ['HTML', [{ do: 'head', headers: { 'content-type': 'text/html' } }, write('<html>')], 'upstream_invalid_reply maybe'],
    ['a whole reply', jsonReply(completion('Hello')), 'upstream_invalid_reply maybe'],
    ['an error with status 200', jsonReply({ error: { message: 'Rate limit', code: 429 } }), 'upstream_rate_limited rejected'],
  ] as readonly (readonly [string, Script, string])[])('%s where a stream was asked for fails', async (_name, script, expected) => {
    const { caller, generate } = await place(script);
    expect(await verdictOf(generate(true))).toBe(expected);
    expect(caller.opened).toBe(0);
  });
});

describe('WireUpstream, by chat: refusals', () => {
  it.each([
    [400, 'invalid_request_error', 'invalid_request'],
    [401, 'invalid_authentication_error', 'upstream_refused_key'],
    [403, 'permission_denied_error', 'upstream_refused_key'],
    [404, 'resource_not_found_error', 'model_not_found'],
    [422, 'invalid_request_error', 'invalid_request'],
    [429, 'rate_limit_reached_error', 'upstream_rate_limited'],
    [429, 'exceeded_current_quota_error', 'upstream_refused_key'],
    [500, 'server_error', 'upstream_failed'],
    [502, '', 'upstream_failed'],
    [503, '', 'upstream_overloaded'],
    [504, '', 'upstream_timeout'],
    [529, 'overloaded_error', 'upstream_overloaded'],
  ])('status %i %s is %s, and another may be tried', async (status, type, code) => {
    const message = status === 404 ? 'Not found the model kimi-k9 or Permission denied' : 'no';
    const script = jsonReply({ error: { message, type } }, status);
    const { caller, generate } = await place([script, script]);
    expect(await verdictOf(generate(true))).toBe(`${code} rejected`);
    expect(await verdictOf(generate(false))).toBe(`${code} rejected`);
    expect(caller.opened).toBe(0);
  });

  it.each([
    ['7', 7_000],
    ['-1', 0],
    ['99999', 300_000],
    ['soon', undefined],
    [new Date(Date.now() + 3_600_000).toUTCString(), 300_000],
    [undefined, undefined],
  ])('429 with Retry-After %j waits %s ms', async (header, waitMs) => {
    const { generate } = await place(jsonReply({ error: { message: 'slow down', type: 'rate_limit_reached_error' } }, 429, header === undefined ? {} : { 'retry-after': header }));
    expect((await failureOf(generate(true))).fault.retryAfterMs).toBe(waitMs);
  });

  it('bounds a wait that only the message names', async () => {
    const { generate } = await place(jsonReply({ error: { message: 'please try again after 86400 seconds', type: 'rate_limit_reached_error' } }, 429));
    expect((await failureOf(generate(true))).fault.retryAfterMs).toBe(300_000);
  });

  it.each([['text/html', '<h1>502 Bad Gateway</h1>'], ['application/json', ''], ['text/plain', 'upstream connect error']])(
    'need not be JSON: %s %j',
    async (type, body) => {
      const { generate } = await place([{ do: 'head', status: 502, headers: { 'content-type': type } }, write(body)]);
      const { fault, stage } = await failureOf(generate(false));
      expect([fault.code, stage, fault.message]).toEqual(['upstream_failed', 'rejected', 'the upstream failed']);
    },
  );

  it('carry the id of the upstream and of its request, and never our credential', async () => {
    const message = `tools.0 is bad; your key ${apiKey} of org-abcdefghijkl was used`;
    const { generate } = await place([
      jsonReply({ error: { message, type: 'invalid_request_error' } }, 400, { 'x-request-id': 'req-9' }),
      streamReply({ error: { message, type: 'invalid_request_error' } }),
      jsonReply({ error: { message, type: 'server_error' } }, 500),
    ]);
    for (const stream of [false, true, true]) {
      const failure = await failureOf(generate(stream));
      expect(failure.fault.upstream).toBe('here');
      expect([failure.message, failure.fault.message, String(failure.fault.cause)].join()).not.toContain('secret');
      if (failure.fault.code === 'invalid_request') expect(failure.fault.message).toContain('tools.0 is bad');
      if (!stream) expect(failure.requestId).toBe('req-9');
    }
  });
});

describe('WireUpstream, by chat: coming and going', () => {
  it.each([
    ['before the head', true, [{ do: 'hang' }]],
    ['in mid-stream', true, [sse, { do: 'repeat', body: frame(hello[1]), everyMs: 5 }]],
    ['while a whole reply is awaited', false, [{ do: 'hang' }]],
  ] as readonly (readonly [string, boolean, Script])[])('a caller that leaves %s is felt upstream within 250 ms', async (_when, stream, script) => {
    const { server, caller, generate } = await place(script);
    const gone = new AbortController();
    const failed = failureOf(generate(stream, gone.signal));
    const sent = await server.request(0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const leftAtMs = performance.now();
    gone.abort();
    expect((await failed).fault.code).toBe('caller_gone');
    const reads = caller.reads.length;
    await sent.aborted;
    expect((sent.abortedAtMs ?? Infinity) - leftAtMs).toBeLessThan(250);
    expect(caller.reads).toHaveLength(reads);
  });

  it('a slow reader holds the upstream back', async () => {
    const piece = frame(chunk({ content: 'x'.repeat(16 * 1024) }));
    const { server, caller, generate } = await place([sse, { do: 'repeat', body: piece, times: 1_000 }, write(frame(chunk({}, 'stop')) + frame('[DONE]'))]);
    const done = generate(true);
    await expect.poll(() => caller.reads.length, { interval: 1 }).toBeGreaterThan(0);
    caller.flow?.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { bytesWritten } = await server.request(0);
    expect(bytesWritten).toBeLessThan(1_000 * piece.length);
    caller.flow?.resume();
    await done;
    expect(caller.text).toHaveLength(1_000 * 16 * 1024);
  });

  it('requests in a row share a connection', async () => {
    const { server, caller, generate } = await place(Array.from({ length: 4 }, () => streamReply(...hello)));
    for (let count = 0; count < 4; count += 1) {
      caller.reads = [];
      await generate(true);
      expect(caller.text).toBe('Hello');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.connections).toBe(1);
  });
});

describe('WireUpstream, by chat: models', () => {
  it('are listed by id', async () => {
    const { server, upstream } = await place(jsonReply({ object: 'list', data: [{ id: 'kimi-k2' }, { id: 7 }, null, { id: '' }, { id: 'moonshotai/Kimi-K2-Thinking' }] }));
    expect(await upstream.listModels(never)).toEqual(['kimi-k2', 'moonshotai/Kimi-K2-Thinking']);
    expect((await server.request(0)).path).toBe('/v1/models');
  });

  it.each([
    ['an error', jsonReply({ error: { message: 'no' } }, 404)],
    ['no list', jsonReply({ data: {} })],
    ['no JSON', jsonReply('models')],
  ] as readonly (readonly [string, Script])[])('that are %s are a failure', async (_name, script) => {
    const { upstream } = await place(script);
    expect(await verdictOf(upstream.listModels(never))).toBe('upstream_failed rejected');
  });
});
