import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClientHome, type ClientProcess } from '../doubles/client-home.ts';
import { npmClient } from '../doubles/npm-client.ts';
import type { RunningServer } from '../doubles/running-server.ts';
import { brokenTurn, chatOf, hangingTurn, streamedTurn, textOf } from '../doubles/scripted-turn.ts';
import { ScriptedUpstream } from '../doubles/scripted-upstream.ts';
import { serverOverChat } from '../doubles/server-over-chat.ts';

const client = await npmClient('@moonshot-ai/kimi-code@2.1.0');

/** The protocols that Kimi Code calls `type` of a provider, with the base that each is given. */
const protocols = [
  { type: 'kimi', base: '/v1' },
  { type: 'openai', base: '/v1' },
  { type: 'openai_responses', base: '/v1' },
  { type: 'anthropic', base: '' },
] as const;
type Protocol = (typeof protocols)[number];

describe.skipIf(client.missing)(`Kimi Code (needs ${client.needs})`, () => {
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

  function configure(home: ClientHome, { type, base }: Protocol): void {
    home.write('config.toml', [
      'default_model = "kimi"', 'telemetry = false',
      '[providers.moongate]', `type = "${type}"`, `base_url = "${server.url}${base}"`, `api_key = "${server.liveKey}"`,
      '[models.kimi]', 'provider = "moongate"', 'model = "kimi-k2.5"', 'max_context_size = 262144', 'capabilities = ["thinking", "tool_use"]',
    ].join('\n'));
  }

  function kimi(home: ClientHome, ...args: readonly string[]): ClientProcess {
    const program = client.path('@moonshot-ai/kimi-code', 'dist/main.mjs');
    return home.start(process.execPath, [program, '--output-format', 'stream-json', ...args], { KIMI_CODE_HOME: home.home, KIMI_DISABLE_TELEMETRY: '1', KIMI_CODE_NO_AUTO_UPDATE: '1' });
  }

  /** The last thing that the assistant said. */
  function answer(stdout: string): string | undefined {
    const lines = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { role?: string; content?: string });
    return lines.findLast((line) => line.role === 'assistant')?.content;
  }

  it.each(protocols)('works by way of $type: several turns with tools, one stream that breaks off, thinking kept', async (protocol) => {
    using home = new ClientHome();
    configure(home, protocol);
    const first = upstream.requests.length;
    upstream.script(
      streamedTurn({ thinking: 'I must write a file.', calls: [{ name: 'Bash', input: { command: 'echo moonlight > note.txt && cat note.txt' } }] }),
      brokenTurn(),
      streamedTurn({ thinking: 'Now I measure it.', text: 'Measuring.', calls: [{ name: 'Bash', input: { command: 'wc -c note.txt' } }] }),
      streamedTurn({ thinking: 'Ten bytes.', text: 'The note has ten bytes.' }),
    );
    const done = await kimi(home, '-p', 'Write a note and measure it').ended;
    expect(answer(done.stdout), done.stderr).toBe('The note has ten bytes.');
    expect(home.read('note.txt')).toBe('moonlight\n');
    expect(upstream.requests).toHaveLength(first + 4);
    // What had come of the broken answer is kept as a turn of its own by this client.
    const turns = chatOf(upstream.requests[first + 3]).messages.filter((message) => message.role === 'tool' || message.tool_calls !== undefined);
    expect(turns).toMatchObject([
      { role: 'assistant', reasoning_content: 'I must write a file.', tool_calls: [{ function: { name: 'Bash' } }] },
      { role: 'tool' },
      { role: 'assistant', reasoning_content: 'Now I measure it.', content: 'Measuring.', tool_calls: [{ function: { name: 'Bash' } }] },
      { role: 'tool' },
    ]);
    expect(turns[1]?.tool_call_id).toBe(turns[0]?.tool_calls?.[0]?.id);
    expect(textOf(turns[1])).toContain('moonlight');
    expect(textOf(turns[3])).toContain('10 note.txt');
  });

  it.each(protocols.slice(2))('stops the upstream by way of $type when it is interrupted', async (protocol) => {
    using home = new ClientHome();
    configure(home, protocol);
    const first = upstream.requests.length;
    upstream.script(hangingTurn());
    const running = kimi(home, '-p', 'Tell me a long story');
    const request = await upstream.request(first);
    setTimeout(() => running.interrupt(), 300);
    await request.aborted;
    await running.ended;
  });
});
