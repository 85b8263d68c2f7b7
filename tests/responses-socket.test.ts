import { connect } from 'node:net';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from './doubles/running-server.ts';
import { chunk, frame, type Script, ScriptedUpstream, streamReply } from './doubles/scripted-upstream.ts';
import { isLast, type Refusal, SocketClient } from './doubles/socket-client.ts';

type Json = Record<string, unknown>;

let server: RunningServer;
let upstream: ScriptedUpstream;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await startServer({
    environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl },
    config: 'server:\n  bodyBytesMax: 1000000\n',
  });
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.fallback = says('hello');
  upstream.requests.length = 0;
});

function says(text: string): Script {
  return streamReply(chunk({ role: 'assistant', content: '' }), chunk({ content: text }), chunk({}, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } }));
}

/** Says `text`, and then nothing for so long. */
function saysSlowly(text: string, ms: number): Script {
  return [{ do: 'write', body: frame(chunk({ content: text })) }, { do: 'wait', ms }, ...streamReply(chunk({}, 'stop'))];
}

/** What the upstream was told in its last call. */
function lastPrompt(): unknown {
  return (JSON.parse(upstream.requests.at(-1)?.body ?? '{}') as { messages?: unknown }).messages;
}

function responseOf(event: Json): Json {
  return event['response'] as Json;
}

function textOf(event: Json): string {
  const output = responseOf(event)['output'] as { type: string; content?: { text?: string }[] }[];
  return output.filter(({ type }) => type === 'message').map(({ content }) => content?.[0]?.text ?? '').join('');
}

async function withClient(use: (client: SocketClient) => Promise<void>, headers: Readonly<Record<string, string>> = {}, path = '/v1/responses'): Promise<void> {
  const client = await SocketClient.open(`${server.url}${path}`, server.liveKey, headers);
  try {
    await use(client);
  } finally {
    client.socket.terminate();
  }
}

describe('a response over a WebSocket', () => {
  it.each(['/v1/responses', '/api/v1/responses'])('on %s is the events of its stream, one a message, and goes on from a stored one', (path) => withClient(async (client) => {
    const first = await client.ask({ input: 'one' });
    expect(client.events.map(({ sequence_number: number }) => number)).toEqual(client.events.map((_event, index) => index));
    expect(client.events.map(({ type }) => type)).toEqual([
      'response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta',
      'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed',
    ]);
    expect(textOf(first)).toBe('hello');
    const second = await client.ask({ input: 'two', previous_response_id: responseOf(first)['id'] });
    expect(lastPrompt()).toMatchObject([{ content: 'one' }, { role: 'assistant', content: 'hello' }, { content: 'two' }]);
    expect(responseOf(second)).toMatchObject({ status: 'completed', previous_response_id: responseOf(first)['id'], usage: { total_tokens: 5 } });
    const stored = await fetch(`${server.url}/v1/responses/${String(responseOf(second)['id'])}`, { headers: { authorization: `Bearer ${server.liveKey}` } });
    expect(await stored.json()).toMatchObject({ id: responseOf(second)['id'], status: 'completed' });
  }, {}, path));

  it('is what the official SDK makes of it', async () => {
    const client = new OpenAI({ apiKey: server.liveKey, baseURL: `${server.url}/v1` });
    const socket = new ResponsesWS(client);
    const failures: unknown[] = [];
    socket.on('error', (error) => failures.push(error));
    const deltas: string[] = [];
    socket.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const completed = new Promise<string>((resolve) => socket.on('response.completed', ({ response }) => resolve(response.status ?? '')));
    socket.send({ type: 'response.create', model: 'kimi-k2', input: 'hi', store: false });
    expect(await completed).toBe('completed');
    expect(deltas.join('')).toBe('hello');
    expect(failures).toEqual([]);
    socket.close();
  });

  it('is recorded, with the path, as any other', () => withClient(async (client) => {
    const last = await client.ask({ stream_id: 'a' });
    const { headers } = client.events[0] as { headers: Json };
    expect(headers).toMatchObject({ 'x-moongate-upstream': 'moonshot', 'x-request-id': client.requestId });
    expect(last).toMatchObject({ stream_id: 'a', headers: { 'x-moongate-cost': expect.any(String) as unknown } });
    expect(client.events.filter((event) => 'headers' in event)).toHaveLength(2);
    const answer = await fetch(`${server.url}/admin/v1/generations?limit=1`, { headers: { authorization: `Bearer ${server.adminToken}` } });
    const { generations } = (await answer.json()) as { generations: Json[] };
    expect(generations).toMatchObject([{ id: headers['x-generation-id'], surface: '/v1/responses', state: 'complete', streamed: true, upstream: 'moonshot' }]);
  }));

  it('tolerates the stream:true that Codex sends, and refuses what has no place here; the connection stays', () => withClient(async (client) => {
    expect(await client.ask({ stream: true })).toMatchObject({ type: 'response.completed' });
    expect(await client.ask({ stream: false })).toMatchObject({ type: 'error', status: 400, error: { param: 'stream' } });
    expect(await client.ask({ background: true })).toMatchObject({ type: 'error', status: 400, error: { param: 'background' } });
    expect(await client.ask({ stream_id: 'not good' })).toMatchObject({ type: 'error', error: { param: 'stream_id', code: null } });
    expect(await client.ask({ stream_id: 'a', temperature: 9 })).toMatchObject({ type: 'error', stream_id: 'a', error: { param: 'temperature', code: 'integer_above_max_value' } });
    expect(await client.ask({ model: 'no-such-model' })).toMatchObject({ type: 'error', status: 404, error: { code: 'model_not_found' } });
    expect(await client.ask({ previous_response_id: 'resp_none' })).toMatchObject({ type: 'error', error: { code: 'previous_response_not_found', param: 'previous_response_id' } });
    for (const [event, error] of [
      ['{', { message: expect.stringMatching(/not valid JSON/) as unknown }],
      ['{"__proto__":1}', { param: '__proto__' }],
      ['[]', { type: 'invalid_request_error' }],
      ['{"type":"response.dance"}', { param: 'type', code: 'invalid_value' }],
    ] as const) {
      const from = client.events.length;
      client.send(event);
      expect(await client.event(() => true, from)).toMatchObject({ type: 'error', status: 400, error });
    }
    client.socket.send(Buffer.from('{}'), { binary: true });
    expect(await client.event(({ error }) => /binary/.test(JSON.stringify(error ?? ''))).then(({ type }) => type)).toBe('error');
    expect(await client.ask({})).toMatchObject({ type: 'response.completed' });
  }));

  it('cannot be steered, and gives the input back', () => withClient(async (client) => {
    client.send({ type: 'response.steer', previous_response_id: 'resp_1', input: 'left' });
    expect(await client.event(() => true)).toMatchObject({
      type: 'response.steer.failed', sequence_number: 0, steer: { previous_response_id: 'resp_1', input: 'left' }, error: { type: 'invalid_request_error', code: 'steering_not_supported' },
    });
  }));

  it('that fails tells so as in a stream, or by an error alone when it has not begun', () => withClient(async (client) => {
    upstream.script([{ do: 'write', body: frame(chunk({ content: 'half' })) }, { do: 'reset' }]);
    expect(await client.ask({ stream_id: 'a' })).toMatchObject({ type: 'error', stream_id: 'a', sequence_number: expect.any(Number) as unknown });
    expect(await client.event(({ type }) => type === 'response.failed')).toMatchObject({ stream_id: 'a', response: { status: 'failed' } });
    upstream.fallback = [{ do: 'head', status: 400, headers: { 'content-type': 'application/json' } }, { do: 'write', body: '{"error":{"message":"no","type":"invalid_request_error"}}' }];
    const refused = await client.ask({ stream_id: 'b' });
    expect(refused).toMatchObject({ type: 'error', status: 400, stream_id: 'b' });
    expect(refused).not.toHaveProperty('sequence_number');
  }));
});

describe('streams of one connection', () => {
  it('are made at once, those of one stream one after another', () => withClient(async (client) => {
    upstream.script(saysSlowly('slow', 400), says('quick'), says('next'));
    client.create({ stream_id: 'a', input: 'A1' });
    await upstream.request(0);
    client.create({ stream_id: 'b', input: 'B1' });
    await upstream.request(1);
    client.create({ stream_id: 'a', input: 'A2' });
    await client.event(({ type, response, stream_id: id }) => isLast(type) && id === 'a' && textOf({ response }) === 'next');
    expect(client.events.every(({ stream_id: id }) => id === 'a' || id === 'b')).toBe(true);
    expect(client.events.filter(({ type }) => isLast(type)).map((event) => [event['stream_id'], textOf(event)])).toEqual([['b', 'quick'], ['a', 'slow'], ['a', 'next']]);
    for (const id of ['a', 'b']) {
      const own = client.events.filter(({ stream_id: streamId }) => streamId === id).map(({ type }) => type);
      expect(own[0]).toBe('response.created');
      expect(own.slice(0, own.indexOf('response.completed')).filter((type) => type === 'response.created')).toHaveLength(1);
    }
  }));

  it('are limited, and so is what waits', () => withClient(async (client) => {
    upstream.fallback = saysSlowly('x', 600);
    for (let index = 0; index < 16; index += 1) client.create({ stream_id: `s${index}`, store: false });
    client.create({ stream_id: 'one-too-many' });
    expect(await client.event(({ stream_id: id }) => id === 'one-too-many')).toMatchObject({ type: 'error', error: { code: 'websocket_stream_limit_reached' } });
    const from = client.events.length;
    for (let index = 0; index < 65; index += 1) client.create({ stream_id: 's0', store: false });
    expect(await client.event(({ type }) => type === 'error', from)).toMatchObject({ status: 429, stream_id: 's0', error: { code: 'rate_limit_exceeded' } });
    // All are under way: none may come into the next test.
    await upstream.request(15);
  }));
});

describe('a response that is not stored', () => {
  it('can be gone on from on its own connection, and nowhere else', () => withClient(async (client) => {
    const prepared = await client.ask({ generate: false, store: false, input: 'setting' });
    expect(upstream.requests).toHaveLength(0);
    expect(responseOf(prepared)).toMatchObject({ status: 'completed', output: [], store: false, usage: { total_tokens: 0 } });
    expect(client.events.map(({ type }) => type)).toEqual(['response.created', 'response.in_progress', 'response.completed']);
    const first = await client.ask({ store: false, input: 'one', previous_response_id: responseOf(prepared)['id'] });
    const second = await client.ask({ store: false, input: 'two', stream_id: 'fork', previous_response_id: responseOf(first)['id'] });
    expect(second['type']).toBe('response.completed');
    expect(lastPrompt()).toMatchObject([{ content: 'setting' }, { content: 'one' }, { content: 'hello' }, { content: 'two' }]);
    await withClient(async (other) => {
      expect(await other.ask({ store: false, previous_response_id: responseOf(first)['id'] })).toMatchObject({ type: 'error', error: { code: 'previous_response_not_found' } });
    });
    // Who wished it not to be stored would have it stored with what follows.
    expect(await client.ask({ previous_response_id: responseOf(second)['id'] })).toMatchObject({ type: 'error', error: { param: 'store' } });
  }));

  it('is forgotten when what goes on from it fails', () => withClient(async (client) => {
    const first = await client.ask({ store: false });
    const previous = { store: false, previous_response_id: responseOf(first)['id'] };
    upstream.script([{ do: 'head', status: 400 }, { do: 'write', body: '{"error":{"message":"no"}}' }]);
    expect(await client.ask(previous)).toMatchObject({ type: 'error', status: 400 });
    expect(await client.ask(previous)).toMatchObject({ type: 'error', error: { code: 'previous_response_not_found' } });
  }));
});

describe('a client', () => {
  it('that leaves is not worked for any longer', () => withClient(async (client) => {
    upstream.script([{ do: 'write', body: frame(chunk({ content: 'first' })) }, { do: 'hang' }], [{ do: 'hang' }]);
    client.create({ stream_id: 'a' });
    const begun = await upstream.request(0);
    client.create({ stream_id: 'b' });
    const silent = await upstream.request(1);
    await client.event(({ type }) => type === 'response.output_text.delta');
    const leftMs = performance.now();
    client.socket.terminate();
    await Promise.all([begun.aborted, silent.aborted]);
    expect(performance.now() - leftMs).toBeLessThan(250);
  }));

  it('that closes in order is not, either', () => withClient(async (client) => {
    upstream.script([{ do: 'hang' }]);
    client.create({});
    const call = await upstream.request(0);
    const leftMs = performance.now();
    client.socket.close();
    await call.aborted;
    expect(performance.now() - leftMs).toBeLessThan(250);
  }));

  it('that reads slowly slows its upstream down, and gets everything when it reads again', () => withClient(async (client) => {
    const times = 24_000;
    const delta = 'x'.repeat(1_000);
    upstream.script([{ do: 'repeat', body: frame(chunk({ content: delta })), times }, ...streamReply(chunk({}, 'stop'))]);
    client.socket.pause();
    client.create({ store: false });
    const call = await upstream.request(0);
    let before = -1;
    while (call.bytesWritten !== before) {
      before = call.bytesWritten;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    expect(call.bytesWritten).toBeLessThan(times * delta.length * 0.7);
    client.socket.resume();
    const end = await client.event(({ type }) => isLast(type));
    expect(textOf(end)).toHaveLength(times * delta.length);
  }), 60_000);

  it('that sends more than a body may have is cut, with the code for that', () => withClient(async (client) => {
    client.create({ input: 'x'.repeat(1_100_000) });
    expect(await client.closed).toBe(1009);
  }));

  it('whose key is revoked gets no more responses', async () => {
    const admin = async (path: string, body?: Json): Promise<Json> =>
      (await (await fetch(`${server.url}/admin/v1${path}`, { method: 'POST', headers: { authorization: `Bearer ${server.adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) })).json()) as Json;
    const { key, secret } = (await admin('/keys', { mode: 'live', label: 'socket' })) as { key: { id: string }; secret: string };
    const client = await SocketClient.open(`${server.url}/v1/responses`, secret);
    expect(await client.ask({})).toMatchObject({ type: 'response.completed' });
    await admin(`/keys/${key.id}/revoke`);
    expect(await client.ask({})).toMatchObject({ type: 'error', status: 401, error: { code: 'invalid_api_key' } });
    client.socket.terminate();
  });
});

describe('an upgrade', () => {
  async function refusal(path: string, key: string, headers: Readonly<Record<string, string>> = {}): Promise<Refusal> {
    const thrown: unknown = await SocketClient.open(`${server.url}${path}`, key, headers).catch((error: unknown) => error);
    if (!(thrown instanceof Error)) throw new Error('it was not refused');
    return thrown.cause as Refusal;
  }

  /** Sends bytes on a connection of their own, and resolves with all that comes back until it is closed. */
  function exchange(bytes: string): Promise<string> {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.end(bytes));
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      socket.on('error', reject).on('close', () => resolve(text));
    });
  }

  it('is refused in the words of the protocol', async () => {
    const wrongKey = await refusal('/v1/responses', `${server.liveKey.slice(0, -1)}_`);
    expect(wrongKey.status).toBe(401);
    expect(JSON.parse(wrongKey.body)).toMatchObject({ error: { type: 'authentication_error', code: 'invalid_api_key' } });
    expect((await refusal('/api/v3/responses', server.liveKey)).status).toBe(405);
    expect((await refusal('/v1/nowhere', server.liveKey)).status).toBe(404);
    expect((await refusal('/v1/responses', server.liveKey, { 'x-moongate-sandbox': 'text' })).status).toBe(400);
    expect((await refusal('/v1/responses', server.liveKey, { 'idempotency-key': 'k' })).status).toBe(400);
    const badHandshake = await exchange(`GET /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.liveKey}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    expect(badHandshake).toMatch(/^HTTP\/1\.1 400 [^]*connection: close[^]*"message":"not a valid WebSocket handshake: /i);
  });

  it('takes the sandbox script of a test key for all that follows', async () => {
    const client = await SocketClient.open(`${server.url}/v1/responses`, server.testKey, { 'x-moongate-sandbox': 'fault=rate-limit' });
    const events = [await client.ask({ model: 'kimi-k2' }), await client.ask({ model: 'kimi-k2' })];
    expect(events.map(({ type, status }) => [type, status])).toEqual([['error', 429], ['error', 429]]);
    client.socket.terminate();
  });

  it('is a GET like any other without the wish for a WebSocket, and other wishes change nothing', async () => {
    const response = await fetch(`${server.url}/v1/responses`, { headers: { authorization: `Bearer ${server.liveKey}` } });
    expect(response.status).toBe(405);
    const answer = await exchange('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('SIGTERM', () => {
  it('lets a response end, begins no more, and closes idle connections as going away', async () => {
    const own = await startServer({ environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl } });
    const [idle, busy] = [await SocketClient.open(`${own.url}/v1/responses`, own.liveKey), await SocketClient.open(`${own.url}/v1/responses`, own.liveKey)];
    upstream.script(saysSlowly('last', 600));
    busy.create({ stream_id: 'a' });
    busy.create({ stream_id: 'a', input: 'waits' });
    await busy.event(({ type }) => type === 'response.output_text.delta');
    const exit = own.stop();
    expect(await idle.closed).toBe(1001);
    const refused = await busy.event(({ type }) => type === 'error');
    expect(refused).toMatchObject({ status: 503, stream_id: 'a', error: { code: 'server_is_overloaded' } });
    expect(textOf(await busy.event(({ type }) => type === 'response.completed'))).toBe('last');
    expect(await busy.closed).toBe(1001);
    const closedMs = performance.now();
    expect(await exit).toBe(0);
    expect(performance.now() - closedMs).toBeLessThan(1_500);
  });

  it('at the drain limit tells an open response why it ends', async () => {
    const own = await startServer({ environment: { MOONSHOT_API_KEY: 'x', MOONSHOT_BASE_URL: upstream.baseUrl }, config: 'server:\n  drainMs: 300\n' });
    const client = await SocketClient.open(`${own.url}/v1/responses`, own.liveKey);
    upstream.script([{ do: 'write', body: frame(chunk({ content: 'first' })) }, { do: 'hang' }]);
    client.create({});
    await client.event(({ type }) => type === 'response.output_text.delta');
    const exit = own.stop();
    expect(await client.event(({ type }) => type === 'response.failed')).toMatchObject({ response: { status: 'failed', error: { code: 'server_is_overloaded' } } });
    expect(await client.closed).toBe(1001);
    expect(await exit).toBe(0);
  });
});
