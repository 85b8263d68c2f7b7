import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClientHome, type ClientProcess } from '../doubles/client-home.ts';
import { npmClient } from '../doubles/npm-client.ts';
import { pennilessKey } from '../doubles/penniless-key.ts';
import { type RunningServer, startServer } from '../doubles/running-server.ts';
import { brokenTurn, chatOf, hangingTurn, messagesTurn, streamedTurn, textOf, wholeTurn } from '../doubles/scripted-turn.ts';
import { jsonReply, ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { serverOverChat } from '../doubles/server-over-chat.ts';

const client = await npmClient('@anthropic-ai/claude-code@2.1.332');

interface Result {
  readonly is_error: boolean;
  readonly result: string;
  readonly usage: { readonly input_tokens: number; readonly cache_read_input_tokens: number };
}

describe.skipIf(client.missing)(`Claude Code (needs ${client.needs})`, () => {
  let upstream: ScriptedUpstream;
  let server: RunningServer;
  beforeAll(async () => {
    upstream = await ScriptedUpstream.start();
    server = await serverOverChat(upstream);
  });
  afterAll(async () => {
    await server?.stop();
    await upstream?.[Symbol.asyncDispose]();
  });
  beforeEach(() => upstream.clear());

  /** Claude Code's package is a launcher for a program of the platform, which it brings as an optional dependency. */
  function claude(home: ClientHome, args: readonly string[], environment: Readonly<Record<string, string>> = {}): ClientProcess {
    const program = client.path(`@anthropic-ai/claude-code-${process.platform}-${process.arch}`, 'claude');
    return home.start(program, ['-p', ...args, '--output-format', 'json', '--allowedTools', 'Bash,Read'], {
      ANTHROPIC_BASE_URL: server.url,
      ANTHROPIC_AUTH_TOKEN: server.liveKey,
      ANTHROPIC_MODEL: 'kimi-k2.5',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      ...environment,
    });
  }

  async function resultOf(running: ClientProcess): Promise<Result> {
    const { stdout, stderr } = await running.ended;
    if (!stdout.startsWith('{')) throw new Error(`Claude Code gave no result: ${stdout}${stderr}`);
    return JSON.parse(stdout) as Result;
  }

  it('works through several turns with tools, its thinking kept, and goes on in a later run', async () => {
    using home = new ClientHome();
    home.write('work/note.txt', 'moonlight\n');
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'I must look.', calls: [{ name: 'Bash', input: { command: 'wc -c note.txt', description: 'measure' } }] }),
      streamedTurn({ thinking: 'Now I read.', text: 'Reading.', calls: [{ name: 'Read', input: { file_path: `${home.work}/note.txt` } }, { name: 'Bash', input: { command: 'echo second', description: 'say' } }] }),
      streamedTurn({ thinking: 'I know it.', text: 'It says moonlight.' }),
      streamedTurn({ thinking: 'Of before.', text: 'Ten bytes.' }),
    );
    const result = await resultOf(claude(home, ['What does note.txt say?']));
    expect(result).toMatchObject({ is_error: false, result: 'It says moonlight.' });
    // Three calls of 100 tokens each, of which 40 came from the cache.
    expect(result.usage).toMatchObject({ input_tokens: 180, cache_read_input_tokens: 120 });
    const { messages, tools } = chatOf(upstream.requests[first + 2]);
    const turns = messages.filter(({ role }) => role === 'assistant' || role === 'tool');
    expect(turns).toMatchObject([
      { role: 'assistant', reasoning_content: 'I must look.', tool_calls: [{ function: { name: 'Bash' } }] },
      { role: 'tool' },
      { role: 'assistant', reasoning_content: 'Now I read.', content: 'Reading.', tool_calls: [{ function: { name: 'Read' } }, { function: { name: 'Bash' } }] },
      { role: 'tool' },
      { role: 'tool' },
    ]);
    // Results of parallel calls come in the order in which they were there.
    const results = turns.flatMap((turn) => turn.tool_calls ?? []).map(({ id }) => textOf(turns.find((turn) => turn.tool_call_id === id)));
    expect(results).toEqual([expect.stringContaining('10 note.txt'), expect.stringContaining('moonlight'), expect.stringContaining('second')]);
    // The environment comes as a message of role system between the others, and must not be lost.
    expect(messages.some((message) => textOf(message).includes(home.work))).toBe(true);
    expect(tools?.map((tool) => tool.function?.name)).toContain('Bash');

    // A later run has no thinking to give back: it asks for none to be shown (`display: "omitted"`), and drops empty blocks when it loads a session.
    expect(await resultOf(claude(home, ['--continue', 'How long is it?']))).toMatchObject({ is_error: false, result: 'Ten bytes.' });
    const later = chatOf(upstream.requests[first + 3]).messages.filter(({ role }) => role === 'assistant');
    expect(later.map((turn) => [textOf(turn), turn.tool_calls?.length ?? 0])).toEqual([['', 1], ['Reading.', 2], ['It says moonlight.', 0]]);
  });

  it('finds tools that it had held back, and the model is told', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'I need the web.', calls: [{ name: 'ToolSearch', input: { query: 'select:WebFetch' } }] }),
      streamedTurn({ thinking: 'There it is.', text: 'Found it.' }),
    );
    expect(await resultOf(claude(home, ['Can you fetch pages?']))).toMatchObject({ is_error: false, result: 'Found it.' });
    const [before, after] = upstream.requests.slice(first).map((request) => chatOf(request));
    expect(before?.tools?.map((tool) => tool.function?.name)).not.toContain('WebFetch');
    expect(after?.tools?.map((tool) => tool.function?.name)).toContain('WebFetch');
    expect(textOf(after?.messages.findLast(({ role }) => role === 'tool'))).toContain('WebFetch');
  });

  it('recovers from an error in mid-stream', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'I must look.', calls: [{ name: 'Bash', input: { command: 'echo before', description: 'say' } }] }),
      brokenTurn(),
      streamedTurn({ thinking: 'Once more.', text: 'All is well.' }),
    );
    expect(await resultOf(claude(home, ['Are you there?']))).toMatchObject({ is_error: false, result: expect.stringContaining('All is well.') });
    const { messages } = chatOf(upstream.requests[first + 2]);
    expect(messages.find(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'I must look.' });
    // It knows that it was cut off, and tells the model.
    expect(textOf(messages.at(-1))).toContain('cut off mid-stream');
  });

  it('asks without a stream when one breaks off before its first word', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    upstream.script(brokenTurn({ words: false }), wholeTurn({ thinking: 'Once more.', calls: [{ name: 'Bash', input: { command: 'echo recovered', description: 'say' } }] }), streamedTurn({ text: 'All is well.' }));
    expect(await resultOf(claude(home, ['Are you there?']))).toMatchObject({ is_error: false, result: 'All is well.' });
    const chats = upstream.requests.slice(first).map((request) => chatOf(request));
    expect(chats.map((chat) => chat.stream === true)).toEqual([true, false, true]);
    expect(chats[2]?.messages.findLast(({ role }) => role === 'assistant')).toMatchObject({ reasoning_content: 'Once more.' });
  });

  it('waits when it is told to, and tries again', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    const overloaded = jsonReply({ error: { message: 'overloaded', type: 'engine_overloaded_error' } }, 429, { 'retry-after': '1' });
    upstream.script(overloaded, overloaded, overloaded, streamedTurn({ text: 'Here I am.' }));
    expect(await resultOf(claude(home, ['Are you there?']))).toMatchObject({ is_error: false, result: 'Here I am.' });
    expect(upstream.requests.length).toBeLessThanOrEqual(first + 4);
  });

  it('does not ask again when there is no money, and says why', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    const result = await resultOf(claude(home, ['hi'], { ANTHROPIC_AUTH_TOKEN: await pennilessKey(server) }));
    expect(result).toMatchObject({ is_error: true, api_error_status: 429, result: expect.stringMatching(/balance|credit|wallet/i) });
    expect(upstream.requests).toHaveLength(first);
  });

  it('stops the upstream when it is interrupted', async () => {
    using home = new ClientHome();
    const first = upstream.requests.length;
    upstream.script(hangingTurn());
    const running = claude(home, ['Tell me a long story']);
    const request = await upstream.request(first);
    setTimeout(() => running.interrupt(), 300);
    await request.aborted;
    await running.ended;
  });

  it('keeps its thinking over an upstream that speaks its own protocol, too', async () => {
    using home = new ClientHome();
    await using native = await ScriptedUpstream.start(
      messagesTurn({ thinking: 'I must look.', calls: [{ name: 'Bash', input: { command: 'echo moonlight', description: 'say' } }] }),
      messagesTurn({ thinking: 'I know it.', text: 'It says moonlight.' }),
    );
    const config = 'upstreams: [{ id: moonshot, kind: moonshot, protocols: [anthropic-messages] }]\n';
    const direct = await startServer({ config, environment: { MOONSHOT_API_KEY: 'sk-vendor', MOONSHOT_BASE_URL: native.baseUrl } });
    try {
      const running = claude(home, ['What does it say?'], { ANTHROPIC_BASE_URL: direct.url, ANTHROPIC_AUTH_TOKEN: direct.liveKey });
      expect(await resultOf(running)).toMatchObject({ is_error: false, result: 'It says moonlight.', usage: { input_tokens: 120, cache_read_input_tokens: 80 } });
    } finally {
      await direct.stop();
    }
    expect(native.requests.map(({ path }) => path.split('?')[0])).toEqual(['/anthropic/v1/messages', '/anthropic/v1/messages']);
    const { messages } = JSON.parse(native.requests[1]?.body ?? '') as { messages: { role: string; content: unknown }[] };
    expect(messages.find(({ role }) => role === 'assistant')?.content).toEqual([
      expect.objectContaining({ type: 'thinking', thinking: 'I must look.', signature: 'signed:I must look.' }),
      expect.objectContaining({ type: 'tool_use', name: 'Bash' }),
    ]);
    expect(JSON.stringify(messages)).toContain(home.work);
  });

  it('works against the sandbox with a test key', async () => {
    using home = new ClientHome();
    const running = claude(home, ['Why is the sky blue?'], {
      ANTHROPIC_AUTH_TOKEN: server.testKey,
      ANTHROPIC_CUSTOM_HEADERS: 'X-Moongate-Sandbox: ttft-ms=0; tokens-per-second=0; tools=never',
    });
    const result = await resultOf(running);
    expect(result).toMatchObject({ is_error: false, result: expect.stringMatching(/\S/) });
  });
});
