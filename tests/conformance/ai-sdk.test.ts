import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { npmClient } from '../doubles/npm-client.ts';
import type { RunningServer } from '../doubles/running-server.ts';
import { brokenTurn, chatOf, streamedTurn, textOf, type Turn, wholeTurn } from '../doubles/scripted-turn.ts';
import { ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { serverOverChat } from '../doubles/server-over-chat.ts';

const client = await npmClient('ai@7.0.173', '@ai-sdk/openai@4.0.118', '@ai-sdk/anthropic@4.0.105', '@ai-sdk/openai-compatible@3.0.92');

type Options = Readonly<Record<string, unknown>>;
type MakeModel = (model: string) => object;

interface Generated {
  readonly text: string;
  readonly reasoningText: string | undefined;
  readonly finishReason: string;
  readonly steps: readonly unknown[];
  readonly totalUsage: { readonly inputTokens: number; readonly outputTokens: number; readonly inputTokenDetails: { readonly cacheReadTokens: number } };
}

/** What is used here of the SDK and its providers. */
interface Sdk {
  generateText(options: Options): Promise<Generated>;
  streamText(options: Options): { readonly stream: AsyncIterable<{ readonly type: string; readonly text?: string }> };
  tool(options: Options): object;
  jsonSchema(schema: Options): object;
  stepCountIs(count: number): object;
}
interface Providers {
  createOpenAI(options: Options): MakeModel & { chat: MakeModel };
  createAnthropic(options: Options): MakeModel;
  createOpenAICompatible(options: Options): MakeModel;
}

const turns: readonly Turn[] = [
  { thinking: 'I must ask.', calls: [{ name: 'get_weather', input: { city: 'Rome' } }, { name: 'get_weather', input: { city: 'Oslo' } }] },
  { thinking: 'Now I know.', text: 'Rome is sunny.' },
];

/** The ways to reach us, and whether the SDK's provider reads thinking and gives it back. */
const ways = [
  { way: 'Responses', thinks: true, options: {} },
  { way: 'Responses, nothing stored', thinks: true, options: { openai: { store: false } } },
  { way: 'Messages', thinks: true, options: {} },
  { way: 'Chat', thinks: false, options: {} },
  { way: 'Chat, OpenAI-compatible', thinks: true, options: {} },
] as const;
type Way = (typeof ways)[number]['way'];

describe.skipIf(client.missing)(`the Vercel AI SDK (needs ${client.needs})`, () => {
  let upstream: ScriptedUpstream;
  let server: RunningServer;
  let sdk: Sdk;
  beforeAll(async () => {
    upstream = await ScriptedUpstream.start();
    server = await serverOverChat(upstream);
    sdk = client.load('ai') as Sdk;
  });
  afterAll(async () => {
    await server?.stop();
    await upstream?.[Symbol.asyncDispose]();
  });
  beforeEach(() => upstream.clear());

  function modelOf(way: Way): object {
    const settings = { name: 'moongate', apiKey: server.liveKey, baseURL: `${server.url}/v1` };
    const { createOpenAI } = client.load('@ai-sdk/openai') as Providers;
    switch (way) {
      case 'Responses':
      case 'Responses, nothing stored':
        return createOpenAI(settings)('kimi-k2.5');
      case 'Messages':
        return (client.load('@ai-sdk/anthropic') as Providers).createAnthropic(settings)('kimi-k2.5');
      case 'Chat':
        return createOpenAI(settings).chat('kimi-k2.5');
      case 'Chat, OpenAI-compatible':
        return (client.load('@ai-sdk/openai-compatible') as Providers).createOpenAICompatible({ ...settings, includeUsage: true })('kimi-k2.5');
    }
  }

  function request(way: Way, providerOptions: Options, more: Options = {}): Options {
    const inputSchema = sdk.jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false });
    const weather = sdk.tool({ description: 'The weather of a city.', inputSchema, execute: ({ city }: { city: string }) => `sunny in ${city}` });
    return {
      model: modelOf(way), system: 'Be brief.', prompt: 'How is the weather?', tools: { get_weather: weather }, stopWhen: sdk.stepCountIs(3), maxRetries: 0,
      maxOutputTokens: 4000, providerOptions, ...more,
    };
  }

  /** What the upstream was told of the turn with the calls. */
  function expectKept(index: number, thinks: boolean): void {
    const { messages } = chatOf(upstream.requests[index]);
    expect(messages.filter(({ role }) => role === 'tool').map(textOf)).toEqual(['sunny in Rome', 'sunny in Oslo']);
    expect(textOf(messages[0])).toBe('Be brief.');
    if (thinks) expect(messages.find(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'I must ask.' });
  }

  it.each(ways)('generates by way of $way, with parallel tools', async ({ way, thinks, options }) => {
    const first = upstream.requests.length;
    upstream.script(...turns.map(wholeTurn));
    const result = await sdk.generateText(request(way, options));
    expect(result).toMatchObject({ text: 'Rome is sunny.', finishReason: 'stop' });
    expect(result.reasoningText).toBe(thinks ? 'Now I know.' : undefined);
    expect(result.steps).toHaveLength(2);
    expect(result.totalUsage).toMatchObject({ inputTokens: 200, outputTokens: 40, inputTokenDetails: { cacheReadTokens: 80 } });
    expectKept(first + 1, thinks);
  });

  it.each(ways)('streams by way of $way, with parallel tools', async ({ way, thinks, options }) => {
    const first = upstream.requests.length;
    upstream.script(...turns.map(streamedTurn));
    const parts = await Array.fromAsync(sdk.streamText(request(way, options)).stream);
    const said = (type: string): string => parts.map((part) => (part.type === type ? (part.text ?? '') : '')).join('');
    expect(parts.filter(({ type }) => type === 'error')).toEqual([]);
    expect(said('text-delta')).toBe('Rome is sunny.');
    expect(said('reasoning-delta')).toBe(thinks ? 'I must ask.Now I know.' : '');
    expectKept(first + 1, thinks);
  });

  it.each(ways)('sees by way of $way the error that comes in mid-stream', async ({ way, options }) => {
    upstream.script(brokenTurn());
    const parts = await Array.fromAsync(sdk.streamText(request(way, options, { onError: () => undefined })).stream);
    expect(parts.map(({ type }) => type)).toContain('error');
  });
});
