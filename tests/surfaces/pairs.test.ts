import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import type { AskedOfDouble } from '../doubles/model-double/model-double.ts';
import { refusedWords, type ScriptedReply, scriptedProof, scriptedUsage } from '../doubles/model-double/scripted-reply.ts';
import { chatClient } from './clients/chat-client.ts';
import { messagesClient } from './clients/messages-client.ts';
import { responsesClient } from './clients/responses-client.ts';
import type { Heard, Json, SurfaceClient, Turn } from './clients/surface-client.ts';
import { modelOver, type OverDoubles, protocols, startOverDoubles } from './over-doubles.ts';
import { type Told, toldBy, type ToldEntry } from './told/told.ts';

let over: OverDoubles;
beforeAll(async () => {
  over = await startOverDoubles();
});
afterAll(async () => {
  await over[Symbol.asyncDispose]();
});

const clients = [chatClient, messagesClient, responsesClient];
const pairs = clients.flatMap((client) => protocols.flatMap((upstream) => [true, false].map((streamed) => ({ surface: client.protocol, upstream, streamed, client }))));

const thinking = 'Zażółć: ich muss „beides“ wissen. 🌒\n\nBoth, then.';
const text = 'Let me look at both — 月.';
const image = `data:image/png;base64,${Buffer.from('no real picture').toString('base64')}`;
const calls = [
  { id: 'get_weather:0', name: 'get_weather', argumentsText: '{"city":"Kraków","days":[1,2]}' },
  { id: 'get_time:1', name: 'get_time', argumentsText: '{"zone":"CET"}' },
] as const;
const tools = [
  { name: 'get_weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'array', items: { type: 'integer' } } }, required: ['city'] } },
  { name: 'get_time', description: 'Time in a zone', parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } },
];
const schema = { type: 'object', properties: { degrees: { type: 'integer' } }, required: ['degrees'], additionalProperties: false };
const usage = { prompt: scriptedUsage.prompt, cached: scriptedUsage.cached, output: scriptedUsage.output, thinking: scriptedUsage.thinking };
const quiet: Heard = { thinking: '', text: '', refusal: '', calls: [], finish: 'stop', usage, error: undefined, kept: [] };

interface Scene {
  readonly client: SurfaceClient;
  readonly upstream: Protocol;
  readonly streamed: boolean;
}

interface Exchange {
  readonly status: number;
  readonly heard: Heard;
  readonly headers: Headers;
}

function post({ client }: Scene, body: Json, signal?: AbortSignal): Promise<Response> {
  return fetch(over.server.url + client.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'authorization': `Bearer ${over.server.liveKey}` },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function exchange(scene: Scene, turn: Partial<Turn>, history: readonly Json[] = [scene.client.user('How is it there?')]): Promise<Exchange> {
  const { client, upstream, streamed } = scene;
  const response = await post(scene, client.body({ model: modelOver[upstream], stream: streamed, ...turn }, history));
  const answer = await response.text();
  const { status, headers } = response;
  const streaming = headers.get('content-type')?.startsWith('text/event-stream') === true;
  expect(streaming).toBe(streamed && status === 200);
  if (status !== 200) return { status, headers, heard: { ...quiet, finish: undefined, usage: undefined, error: client.errorOf(JSON.parse(answer) as Json) } };
  return { status, headers, heard: streaming ? client.stream(answer) : client.whole(JSON.parse(answer) as Json) };
}

/** The only request that the upstream got. */
function told({ upstream, streamed }: Scene, index = 0): Told {
  const asked: AskedOfDouble | undefined = over.double.asked[index];
  expect(over.double.asked).toHaveLength(index + 1);
  expect(asked?.path).toBe({ 'openai-chat': '/v1/chat/completions', 'anthropic-messages': '/v1/messages', 'openai-responses': '/v1/responses' }[upstream]);
  expect(asked?.body['model']).toBe(modelOver[upstream]);
  const read = toldBy(upstream, asked?.body ?? {});
  expect(read.streamed).toBe(streamed);
  return read;
}

function expectHeard({ heard, status }: Exchange, expected: Partial<Heard>): void {
  expect(status).toBe(200);
  expect({ ...heard, kept: [] }).toEqual({ ...quiet, ...expected });
}

/** Who proves its thinking gets the proof back with it; chat has no field to give it to its client. */
function proofOf({ client, upstream }: Scene): { proof?: string } {
  return upstream === 'openai-chat' || client === chatClient ? {} : { proof: scriptedProof };
}

describe.each(pairs)('$surface over $upstream, streamed: $streamed', (scene) => {
  const { client, upstream, streamed } = scene;
  const script = (...replies: readonly ScriptedReply[]): void => over.double.script(...replies);

  it('text', async () => {
    script({ text });
    expectHeard(await exchange(scene, { system: 'Be brief.', outputTokensMax: 777 }), { text });
    expect(told(scene)).toMatchObject({
      entries: [{ role: 'system', text: 'Be brief.' }, { role: 'user', text: 'How is it there?', images: [] }],
      outputTokensMax: 777,
    });
  });

  it('thinking', async () => {
    script({ thinking, text });
    expectHeard(await exchange(scene, {}), { thinking, text });
  });

  it('parallel tools with thinking, and their results with images', async () => {
    script({ thinking, text, calls }, { thinking: 'Now I know.', text: 'Rain at noon.' });
    const asked = [client.user('How is it there, and when?')];
    const first = await exchange(scene, { tools }, asked);
    expectHeard(first, { thinking, text, calls, finish: 'tool-calls' });
    expect(told(scene)).toMatchObject({ tools, toolChoice: 'auto' });
    const results = client.results([{ id: calls[0].id, text: 'see the picture', image }, { id: calls[1].id, text: '12:00' }]);
    const second = await exchange(scene, { tools }, [...asked, ...first.heard.kept, ...results]);
    expectHeard(second, { thinking: 'Now I know.', text: 'Rain at noon.' });
    const entries: readonly ToldEntry[] = [
      { role: 'user', text: 'How is it there, and when?', images: [] },
      { role: 'assistant', thinking, ...proofOf(scene), text, calls },
      { role: 'tool', id: calls[0].id, text: 'see the picture', images: [image] },
      { role: 'tool', id: calls[1].id, text: '12:00', images: [] },
    ];
    const seen = told(scene, 1);
    expect(seen.entries).toEqual(entries);
    expect(seen.tools).toEqual(tools);
  });

  it('tools at once, without a word or a thought', async () => {
    script({ calls });
    expectHeard(await exchange(scene, { tools }), { calls, finish: 'tool-calls' });
  });

  it('JSON schema', async () => {
    script({ text: '{"degrees":7}' });
    const { heard, headers, status } = await exchange(scene, { schema });
    expectHeard({ heard, headers, status }, { text: '{"degrees":7}' });
    expect(told(scene).schema).toEqual(schema);
    expect(headers.get('x-moongate-loss')).toBeNull();
  });

  it('refusal', async () => {
    const words = 'That I will not do.';
    script({ refusal: words });
    const refused = await exchange(scene, {});
    // Messages has no field for the words: they are text, and the stop reason says what they are.
    const inText = client === messagesClient || upstream === 'anthropic-messages';
    expectHeard(refused, inText ? { text: words, finish: 'content-filter' } : { refusal: words });
  });

  it('content filter', async () => {
    script({ text: 'So far', finish: 'content-filter' });
    expectHeard(await exchange(scene, {}), { text: 'So far', finish: 'content-filter' });
  });

  it('length', async () => {
    script({ thinking: 'It is long.', text: 'So far', finish: 'length' });
    expectHeard(await exchange(scene, { outputTokensMax: 5 }), { thinking: 'It is long.', text: 'So far', finish: 'length' });
  });

  it('refused before the first event', async () => {
    script({ fault: 'refused' });
    const { status, heard } = await exchange(scene, {});
    expect([status, heard.error?.type]).toEqual([400, 'invalid_request_error']);
    expect(heard.error?.message).toContain(refusedWords);
  });

  it('overloaded before the first event', async () => {
    script({ fault: 'overloaded' });
    const { status, heard } = await exchange(scene, {});
    const expected = { 'openai-chat': [503, 'engine_overloaded_error'], 'anthropic-messages': [529, 'overloaded_error'], 'openai-responses': [503, 'server_error'] };
    expect([status, heard.error?.type]).toEqual(expected[client.protocol]);
  });

  it('broken after the first event', async () => {
    script({ thinking, text, fault: 'broken' });
    const { status, heard } = await exchange(scene, {});
    expect(status).toBe(streamed ? 200 : 502);
    expect(heard.error?.type).toBe(client.protocol === 'anthropic-messages' ? 'api_error' : 'server_error');
    if (streamed) expect([heard.thinking, heard.text]).toEqual([thinking, text]);
  });

  it('cut off in the middle', async () => {
    script({ thinking, text, stops: 'cut' });
    const { status, heard } = await exchange(scene, {});
    expect(status).toBe(streamed ? 200 : 502);
    expect(heard.error?.type).toBe(client.protocol === 'anthropic-messages' ? 'api_error' : 'server_error');
    if (streamed) expect([heard.thinking, heard.text]).toEqual([thinking, text]);
  });

  it('a reply that nobody has counted', async () => {
    script({ thinking, text, uncounted: true });
    const { heard } = await exchange(scene, {});
    expect(heard).toMatchObject({ thinking, text, finish: 'stop' });
    expect(heard.usage?.prompt).toBeGreaterThan(0);
    expect(heard.usage?.output).toBeGreaterThan(0);
  });

  it('a reply that says nothing', async () => {
    script({});
    expectHeard(await exchange(scene, {}), {});
  });

  it('abort', async () => {
    script({ text, stops: 'hanging' });
    const abort = new AbortController();
    const pending = post(scene, client.body({ model: modelOver[upstream], stream: streamed }, [client.user('Go on and on.')]), abort.signal);
    pending.catch(() => undefined);
    await expect.poll(() => over.double.asked.length, { interval: 5 }).toBe(1);
    if (streamed) await (await pending).body?.getReader().read();
    const leftMs = performance.now();
    abort.abort();
    const closedMs = await over.double.asked[0]?.left;
    expect((closedMs ?? Infinity) - leftMs).toBeLessThan(250);
  });
});
