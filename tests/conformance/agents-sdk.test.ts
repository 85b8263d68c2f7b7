import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { npmClient } from '../doubles/npm-client.ts';
import type { RunningServer } from '../doubles/running-server.ts';
import { chatOf, streamedTurn, textOf, type Turn, wholeTurn } from '../doubles/scripted-turn.ts';
import { ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { serverOverChat } from '../doubles/server-over-chat.ts';

const client = await npmClient('@openai/agents@0.20.0');

type Options = Readonly<Record<string, unknown>>;

interface RunResult {
  readonly finalOutput: unknown;
  readonly lastResponseId: string | undefined;
  readonly history: readonly { readonly type: string }[];
}

interface StreamedRun extends AsyncIterable<{ readonly type: string; readonly name?: string }> {
  readonly finalOutput: unknown;
}

/** What is used here of the SDK. */
interface Sdk {
  readonly Agent: new (options: Options) => object;
  tool(options: Options): object;
  run(agent: object, input: string, options: Options & { readonly stream: true }): Promise<StreamedRun>;
  run(agent: object, input: string, options?: Options): Promise<RunResult>;
  setDefaultOpenAIClient(client: unknown): void;
  setOpenAIAPI(api: 'responses' | 'chat_completions'): void;
  setTracingDisabled(disabled: boolean): void;
}

const turns: readonly Turn[] = [
  { thinking: 'I must ask.', calls: [{ name: 'get_weather', input: { city: 'Rome' } }, { name: 'get_weather', input: { city: 'Oslo' } }] },
  { thinking: 'Now I know.', text: 'Rome is sunny.' },
];

describe.skipIf(client.missing)(`the OpenAI Agents SDK (needs ${client.needs})`, () => {
  let upstream: ScriptedUpstream;
  let server: RunningServer;
  let sdk: Sdk;
  let openai: OpenAI;
  beforeAll(async () => {
    upstream = await ScriptedUpstream.start();
    server = await serverOverChat(upstream);
    openai = new OpenAI({ apiKey: server.liveKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
    sdk = client.load('@openai/agents') as Sdk;
    sdk.setTracingDisabled(true);
    sdk.setDefaultOpenAIClient(openai);
  });
  afterAll(async () => {
    await server?.stop();
    await upstream?.[Symbol.asyncDispose]();
  });
  beforeEach(() => upstream.clear());

  function agent(options: Options = {}): object {
    const weather = sdk.tool({
      name: 'get_weather',
      description: 'The weather of a city.',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
      execute: ({ city }: { city: string }) => `sunny in ${city}`,
    });
    return new sdk.Agent({ name: 'weather', instructions: 'Be brief.', model: 'kimi-k2.5', tools: [weather], ...options });
  }

  function results(index: number): string[] {
    return chatOf(upstream.requests[index]).messages.filter(({ role }) => role === 'tool').map(textOf);
  }

  it.each(['responses', 'chat_completions'] as const)('runs a loop with parallel tools over %s', async (api) => {
    sdk.setOpenAIAPI(api);
    const first = upstream.requests.length;
    upstream.script(...turns.map(wholeTurn));
    expect((await sdk.run(agent(), 'How is the weather?')).finalOutput).toBe('Rome is sunny.');
    expect(results(first + 1)).toEqual(['sunny in Rome', 'sunny in Oslo']);
  });

  it.each(['responses', 'chat_completions'] as const)('streams the same loop over %s', async (api) => {
    sdk.setOpenAIAPI(api);
    const first = upstream.requests.length;
    upstream.script(...turns.map(streamedTurn));
    const streamed = await sdk.run(agent(), 'How is the weather?', { stream: true });
    const names = (await Array.fromAsync(streamed)).flatMap(({ name }) => name ?? []);
    expect(names).toEqual(expect.arrayContaining(['tool_called', 'tool_output', 'message_output_created']));
    expect(streamed.finalOutput).toBe('Rome is sunny.');
    expect(results(first + 1)).toEqual(['sunny in Rome', 'sunny in Oslo']);
  });

  it.each([
    ['its whole history', {}],
    ['its whole history, nothing stored', { store: false }],
  ])('keeps the thinking over Responses by %s', async (_title, modelSettings) => {
    sdk.setOpenAIAPI('responses');
    const first = upstream.requests.length;
    upstream.script(...turns.map(wholeTurn));
    const run = await sdk.run(agent({ modelSettings }), 'How is the weather?');
    expect(run.history.map(({ type }) => type)).toContain('reasoning');
    expect(chatOf(upstream.requests[first + 1]).messages.find(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'I must ask.' });
  });

  it('goes on from a previous response, and in a conversation', async () => {
    sdk.setOpenAIAPI('responses');
    upstream.script(wholeTurn({ thinking: 'A name.', text: 'Hello Ada.' }));
    const before = await sdk.run(agent(), 'My name is Ada.');
    const conversation = await openai.conversations.create({ items: [{ type: 'message', role: 'user', content: 'My name is Ada.' }] });
    for (const options of [{ previousResponseId: before.lastResponseId }, { conversationId: conversation.id }]) {
      const first = upstream.requests.length;
      upstream.script(...turns.map(wholeTurn));
      expect((await sdk.run(agent(), 'How is the weather?', options)).finalOutput).toBe('Rome is sunny.');
      const { messages } = chatOf(upstream.requests[first + 1]);
      expect(messages.map(textOf)).toEqual(expect.arrayContaining(['My name is Ada.', 'How is the weather?', 'sunny in Rome', 'sunny in Oslo']));
      expect(messages.findLast(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'I must ask.' });
    }
  });

  it('has its structured output and its handoffs', async () => {
    sdk.setOpenAIAPI('responses');
    const first = upstream.requests.length;
    const poet = agent({ name: 'Poet', outputType: z.object({ city: z.string() }), handoffDescription: 'Writes.' });
    upstream.script(wholeTurn({ calls: [{ name: 'transfer_to_Poet', input: {} }] }), wholeTurn({ text: '{"city":"Rome"}' }));
    expect((await sdk.run(agent({ handoffs: [poet] }), 'Where?')).finalOutput).toEqual({ city: 'Rome' });
    expect(JSON.parse(upstream.requests[first + 1]?.body ?? '')).toMatchObject({ response_format: { type: 'json_schema', json_schema: { schema: { required: ['city'] } } } });
  });
});
