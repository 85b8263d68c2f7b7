import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClientHome, type ClientProcess } from '../doubles/client-home.ts';
import { npmClient } from '../doubles/npm-client.ts';
import { pennilessKey } from '../doubles/penniless-key.ts';
import type { RunningServer } from '../doubles/running-server.ts';
import { brokenTurn, chatOf, hangingTurn, streamedTurn, textOf } from '../doubles/scripted-turn.ts';
import { ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { serverOverChat } from '../doubles/server-over-chat.ts';

const client = await npmClient('@openai/codex@0.171.0');

/** What Codex wants to know of a model before it offers it its free-form tool. */
const kimiForCodex = {
  slug: 'kimi-k2.5', display_name: 'Kimi', description: 'Kimi', priority: 1, visibility: 'list', supported_in_api: true, base_instructions: 'You are a coding agent.',
  shell_type: 'shell_command', apply_patch_tool_type: 'freeform', supports_parallel_tool_calls: true, experimental_supported_tools: [],
  supports_reasoning_summaries: true, supported_reasoning_levels: [], support_verbosity: false,
  context_window: 262_144, truncation_policy: { mode: 'tokens', limit: 10_000 }, input_modalities: ['text'],
};

interface CodexEvent {
  readonly type: string;
  readonly message?: string;
  readonly item?: { readonly type: string; readonly text?: string; readonly aggregated_output?: string };
  readonly usage?: { readonly input_tokens: number; readonly cached_input_tokens: number };
}

describe.skipIf(client.missing)(`Codex (needs ${client.needs})`, () => {
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

  function configured(model = 'kimi-k2.5', ...more: readonly string[]): ClientHome {
    const home = new ClientHome();
    home.write('.codex/config.toml', [
      `model = "${model}"`, 'model_provider = "moongate"', ...more,
      '[model_providers.moongate]', 'name = "Moongate"', `base_url = "${server.url}/v1"`, 'env_key = "MOONGATE_KEY"', 'wire_api = "responses"',
    ].join('\n'));
    return home;
  }

  /** Codex's package is a launcher for a program of the platform, which it brings as an optional dependency. */
  function codex(home: ClientHome, ...args: readonly string[]): ClientProcess {
    return codexWith(server.liveKey, home, ...args);
  }

  function codexWith(key: string, home: ClientHome, ...args: readonly string[]): ClientProcess {
    const flags = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '--json'];
    return home.start(process.execPath, [client.path('@openai/codex', 'bin/codex.js'), 'exec', ...flags, ...args], { MOONGATE_KEY: key });
  }

  async function eventsOf(running: ClientProcess): Promise<CodexEvent[]> {
    const { stdout, stderr } = await running.ended;
    const events = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as CodexEvent);
    if (events.length === 0) throw new Error(`Codex said nothing: ${stderr}`);
    return events;
  }

  function textsOf(events: readonly CodexEvent[], type: 'reasoning' | 'agent_message'): (string | undefined)[] {
    return events.filter(({ type: kind, item }) => kind === 'item.completed' && item?.type === type).map(({ item }) => item?.text);
  }

  it('works through several turns with its shell, and over two runs, with its thinking kept', async () => {
    using home = configured();
    home.write('work/note.txt', 'moonlight\n');
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'I must look.', calls: [{ name: 'exec_command', input: { cmd: 'cat note.txt' } }] }),
      streamedTurn({ thinking: 'Now I measure.', text: 'Measuring.', calls: [{ name: 'exec_command', input: { cmd: 'wc -c note.txt' } }] }),
      streamedTurn({ thinking: 'I know it.', text: 'It says moonlight.' }),
      streamedTurn({ thinking: 'Of before.', text: 'Ten bytes.' }),
    );
    const events = await eventsOf(codex(home, 'What does note.txt say?'));
    expect(textsOf(events, 'agent_message')).toEqual(['Measuring.', 'It says moonlight.']);
    expect(textsOf(events, 'reasoning')).toEqual(['I must look.', 'Now I measure.', 'I know it.']);
    expect(events.at(-1)).toMatchObject({ type: 'turn.completed', usage: { input_tokens: 300, cached_input_tokens: 120 } });
    expect(textsOf(await eventsOf(codex(home, 'resume', '--last', 'How long is it?')), 'agent_message')).toEqual(['Ten bytes.']);

    expect(upstream.requests).toHaveLength(first + 4);
    const { messages, tools } = chatOf(upstream.requests[first + 3]);
    const turns = messages.filter(({ role }) => role === 'assistant' || role === 'tool');
    expect(turns).toMatchObject([
      { role: 'assistant', reasoning_content: 'I must look.', tool_calls: [{ function: { name: 'exec_command' } }] },
      { role: 'tool' },
      { role: 'assistant', reasoning_content: 'Now I measure.', content: 'Measuring.', tool_calls: [{ function: { name: 'exec_command' } }] },
      { role: 'tool' },
      { role: 'assistant', content: 'It says moonlight.' },
    ]);
    expect(turns[1]?.tool_call_id).toBe(turns[0]?.tool_calls?.[0]?.id);
    expect(textOf(turns[1])).toContain('moonlight');
    expect(textOf(turns[3])).toContain('10 note.txt');
    expect(tools?.map((tool) => tool.function?.name)).toContain('exec_command');
  });

  it('calls the tools of its namespaces', async () => {
    using home = configured();
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'Away with it.', calls: [{ name: 'multi_agent_v1__close_agent', input: { target: 'nobody' } }] }),
      streamedTurn({ text: 'There is no such agent.' }),
    );
    expect(textsOf(await eventsOf(codex(home, 'Close the agent')), 'agent_message')).toEqual(['There is no such agent.']);
    const [before, after] = upstream.requests.slice(first).map((request) => chatOf(request));
    expect(before?.tools?.map((tool) => tool.function?.name)).toContain('multi_agent_v1__close_agent');
    const result = after?.messages.findLast(({ role }) => role === 'tool');
    // It was routed to the tool, which does not like the id; a name that Codex does not know is an "unsupported call".
    expect(textOf(result)).toContain('invalid agent id');
  });

  it('patches files with its free-form tool, when it is told that the model can', async () => {
    using catalog = new ClientHome();
    catalog.write('catalog.json', JSON.stringify({ models: [kimiForCodex] }));
    using home = configured('kimi-k2.5', `model_catalog_json = "${catalog.home}/catalog.json"`);
    const first = upstream.requests.length;
    const patch = '*** Begin Patch\n*** Add File: note.txt\n+moonlight\n*** End Patch';
    upstream.script(streamedTurn({ thinking: 'A patch.', calls: [{ name: 'apply_patch', input: { input: patch } }] }), streamedTurn({ text: 'Written.' }));
    expect(textsOf(await eventsOf(codex(home, 'Write a note')), 'agent_message')).toEqual(['Written.']);
    expect(home.read('note.txt')).toBe('moonlight\n');
    const [, after] = upstream.requests.slice(first).map((request) => chatOf(request));
    const turns = after?.messages.slice(-2) ?? [];
    expect(turns[0]).toMatchObject({ reasoning_content: 'A patch.', tool_calls: [{ function: { name: 'apply_patch' } }] });
    expect(JSON.parse(turns[0]?.tool_calls?.[0]?.function.arguments ?? '')).toEqual({ input: patch });
    expect(textOf(turns[1])).toContain('Success');
  });

  it('recovers from an error in mid-stream', async () => {
    using home = configured();
    upstream.script(brokenTurn(), streamedTurn({ thinking: 'Once more.', text: 'All is well.' }));
    const events = await eventsOf(codex(home, 'Are you there?'));
    expect(events.some(({ type, message }) => type === 'error' && message?.startsWith('Reconnecting'))).toBe(true);
    expect(textsOf(events, 'agent_message').at(-1)).toBe('All is well.');
  });

  it('says what was wrong with the model', async () => {
    using home = configured('kimi-k99');
    const events = await eventsOf(codex(home, 'hi'));
    expect(events.at(-1)?.type).toBe('turn.failed');
    expect(JSON.stringify(events.at(-1))).toContain('kimi-k99');
  });

  it('does not ask again when there is no money', async () => {
    using home = configured();
    const events = await eventsOf(codexWith(await pennilessKey(server), home, 'hi'));
    expect(events.at(-1)).toMatchObject({ type: 'turn.failed', error: { message: expect.stringContaining('Quota exceeded') } });
    expect(events.filter(({ message }) => message?.startsWith('Reconnecting'))).toEqual([]);
  });

  it('stops the upstream when it is interrupted', async () => {
    using home = configured();
    const first = upstream.requests.length;
    upstream.script(hangingTurn());
    const running = codex(home, 'Tell me a long story');
    const request = await upstream.request(first);
    setTimeout(() => running.interrupt(), 300);
    await request.aborted;
    await running.ended;
  });
});
