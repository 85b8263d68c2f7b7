import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClientHome } from '../doubles/client-home.ts';
import { npmClient } from '../doubles/npm-client.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { chatOf, streamedTurn, textOf } from '../doubles/scripted-turn.ts';
import { ScriptedUpstream } from '../doubles/scripted-upstream.ts';

const codex = await npmClient('@openai/codex@0.171.0');
const agents = await npmClient('@openai/agents@0.20.0');

let upstream: ScriptedUpstream;
let server: RunningServer;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  server = await startServer({
    config: 'upstreams: [{ id: moonshot, kind: moonshot, protocols: [openai-chat] }]\n',
    environment: { MOONSHOT_API_KEY: 'sk-vendor', MOONSHOT_BASE_URL: upstream.baseUrl, MOONGATE_LOG_LEVEL: 'info' },
  });
});
afterAll(async () => {
  await server.stop();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(() => upstream.clear());

/** The methods and statuses of what the server was asked for since it had written so much. */
function askedSince(written: number): string[] {
  const lines = server.output().slice(written).split('\n').filter((line) => line.includes('"msg":"request"'));
  return lines.map((line) => JSON.parse(line) as { method: string; status: number }).map(({ method, status }) => `${method} ${status}`);
}

describe.skipIf(codex.missing)(`Codex over a WebSocket (needs ${codex.needs})`, () => {
  it('prepares, and then goes on from response to response on one connection though nothing is stored, with its thinking kept', async () => {
    using home = new ClientHome();
    home.write('.codex/config.toml', [
      'model = "kimi-k2.5"', 'model_provider = "moongate"',
      '[model_providers.moongate]', 'name = "Moongate"', `base_url = "${server.url}/v1"`, 'env_key = "MOONGATE_KEY"', 'wire_api = "responses"', 'supports_websockets = true',
    ].join('\n'));
    home.write('work/note.txt', 'moonlight\n');
    upstream.script(
      streamedTurn({ thinking: 'I must look.', calls: [{ name: 'exec_command', input: { cmd: 'cat note.txt' } }] }),
      streamedTurn({ thinking: 'I know it.', text: 'It says moonlight.' }),
    );
    const written = server.output().length;
    const first = upstream.requests.length;
    const flags = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '--json'];
    const running = home.start(process.execPath, [codex.path('@openai/codex', 'bin/codex.js'), ...flags, 'What does note.txt say?'], { MOONGATE_KEY: server.liveKey });
    const { stdout } = await running.ended;
    expect(stdout).toContain('It says moonlight.');
    await expect.poll(() => askedSince(written).sort()).toEqual(['GET 101', 'response.create 200', 'response.create 200', 'response.create 200']);
    expect(upstream.requests).toHaveLength(first + 2);
    const { messages } = chatOf(upstream.requests[first + 1]);
    expect(messages.find(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'I must look.', tool_calls: [{ function: { name: 'exec_command' } }] });
    expect(textOf(messages.at(-1))).toContain('moonlight');
    expect(messages.filter(({ role }) => role === 'user').map((message) => textOf(message)).join('')).toContain('What does note.txt say?');
  });
});

interface Sdk {
  readonly Agent: new (options: Readonly<Record<string, unknown>>) => object;
  readonly OpenAIProvider: new (options: Readonly<Record<string, unknown>>) => object;
  readonly Runner: new (options: Readonly<Record<string, unknown>>) => { run(agent: object, input: string): Promise<{ readonly finalOutput: unknown }> };
  tool(options: Readonly<Record<string, unknown>>): object;
  setTracingDisabled(disabled: boolean): void;
}

describe.skipIf(agents.missing)(`the OpenAI Agents SDK over a WebSocket (needs ${agents.needs})`, () => {
  it('runs a loop with a tool', async () => {
    const sdk = agents.load('@openai/agents') as Sdk;
    sdk.setTracingDisabled(true);
    // A provider of our own: the package's one remembers the server of whoever used it first.
    const client = new OpenAI({ apiKey: server.liveKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
    const runner = new sdk.Runner({ modelProvider: new sdk.OpenAIProvider({ openAIClient: client, useResponses: true, useResponsesWebSocket: true, cacheResponsesWebSocketModels: false }) });
    const weather = sdk.tool({
      name: 'get_weather', description: 'The weather of a city.',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
      execute: ({ city }: { city: string }) => `sunny in ${city}`,
    });
    upstream.script(streamedTurn({ thinking: 'I must ask.', calls: [{ name: 'get_weather', input: { city: 'Rome' } }] }), streamedTurn({ text: 'Rome is sunny.' }));
    const written = server.output().length;
    const first = upstream.requests.length;
    const { finalOutput } = await runner.run(new sdk.Agent({ name: 'weather', model: 'kimi-k2.5', tools: [weather] }), 'How is the weather?');
    expect(finalOutput).toBe('Rome is sunny.');
    expect(textOf(chatOf(upstream.requests[first + 1]).messages.at(-1))).toBe('sunny in Rome');
    expect(askedSince(written).filter((asked) => asked.startsWith('POST'))).toEqual([]);
  });
});
