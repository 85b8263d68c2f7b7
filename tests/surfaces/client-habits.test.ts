import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptedProof } from '../doubles/model-double/scripted-reply.ts';
import { chatClient } from './clients/chat-client.ts';
import { messagesClient } from './clients/messages-client.ts';
import { responsesClient } from './clients/responses-client.ts';
import type { Json, SurfaceClient } from './clients/surface-client.ts';
import { modelOver, type OverDoubles, protocols, startOverDoubles } from './over-doubles.ts';
import { toldBy } from './told/told.ts';

let over: OverDoubles;
beforeAll(async () => {
  over = await startOverDoubles();
});
afterAll(async () => {
  await over[Symbol.asyncDispose]();
});

const thinking = 'Wer fragt? „Jemand“ — 月.';
const calls = [{ id: 'step:0', name: 'step', argumentsText: '{"at":0}' }, { id: 'step:1', name: 'step', argumentsText: '{"at":1}' }];
const tools = [{ name: 'step', description: 'One step', parameters: { type: 'object', properties: { at: { type: 'integer' } } } }];

/** How one client keeps the model's turn and gives it back, as measured of the client that it names. */
interface Habit {
  readonly name: string;
  readonly client: SurfaceClient;
  /** What it says beside what all say. */
  readonly more?: Json;
  /** Its history from what the surface gave it. */
  readonly giveBack?: (kept: readonly Json[]) => readonly Json[];
  readonly results?: (ids: readonly string[]) => readonly Json[];
  /** Whether the upstream's proof comes back to it; not where the client has no place for it, or drops it. */
  readonly proven: boolean;
  readonly thinking?: string;
}

const reasoningOnly = (change: (item: Json) => Json) => (kept: readonly Json[]): readonly Json[] =>
  kept.map((item) => (item['type'] === 'reasoning' ? change(item) : item));
const withoutIds = (items: readonly Json[]): readonly Json[] => items.map(({ id: _id, status: _status, ...item }) => item);

const habits: readonly Habit[] = [
  { name: 'Claude Code, which wants its thinking omitted', client: messagesClient, more: { thinking: { type: 'adaptive', display: 'omitted' }, context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, output_config: { effort: 'high' } }, proven: true },
  { name: 'a client of Messages that loses signatures', client: messagesClient, giveBack: (kept) => kept.map((message) => ({ ...message, content: (message['content'] as Json[]).map(({ signature: _signature, ...block }) => block) })), proven: false },
  {
    name: 'a client of Messages that tells results one message each', client: messagesClient, proven: true,
    results: (ids) => ids.map((id) => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: 'done' }], is_error: false }] })),
  },
  { name: 'Codex', client: responsesClient, more: { include: ['reasoning.encrypted_content'], reasoning: { summary: 'auto' }, parallel_tool_calls: true, client_metadata: { x: 'y' } }, proven: true },
  { name: 'Codex, whose seal was lost', client: responsesClient, giveBack: reasoningOnly((item) => ({ ...item, encrypted_content: null })), proven: false },
  {
    name: 'kimi-code by Responses', client: responsesClient, proven: true,
    giveBack: (kept) => withoutIds(reasoningOnly(({ type, summary, encrypted_content: sealed }) => ({ type, summary, encrypted_content: sealed }))(kept)),
    results: (ids) => ids.map((id) => ({ type: 'function_call_output', call_id: id, output: [{ type: 'input_text', text: 'done' }] })),
  },
  {
    name: 'the AI SDK, which refers to what is stored', client: responsesClient, more: { store: true, include: ['reasoning.encrypted_content'] }, proven: true,
    giveBack: (kept) => kept.map(({ type, id, status: _status, ...item }) => (type === 'function_call' ? { type, ...item } : { type: 'item_reference', id })),
  },
  { name: 'the AI SDK, which stores nothing', client: responsesClient, giveBack: reasoningOnly(({ type, id, summary, encrypted_content: sealed }) => ({ type, id, summary, encrypted_content: sealed })), proven: true },
  {
    name: 'kimi-code by chat, which rewrites ids', client: chatClient, more: { prompt_cache_key: 'k', thinking: { type: 'enabled', keep: 'all' } }, proven: false,
    giveBack: (kept) => kept.map(({ content: _content, tool_calls: made, ...message }) => ({ ...message, tool_calls: (made as Json[]).map((call) => ({ ...call, id: String(call['id']).replace(':', '_') })) })),
    results: (ids) => ids.map((id) => ({ role: 'tool', tool_call_id: id.replace(':', '_'), content: 'done' })),
  },
  { name: 'the Agents SDK by chat, which drops reasoning', client: chatClient, giveBack: (kept) => kept.map(({ reasoning_content: _thinking, ...message }) => message), proven: false, thinking: '' },
];

describe.each(protocols)('over %s', (upstream) => {
  it.each(habits)('$name', async ({ client, more, giveBack = (kept) => kept, results, proven, thinking: expected = thinking }) => {
    over.double.script({ thinking, calls }, { text: 'Done.' });
    const send = async (history: readonly Json[]): Promise<Response> => {
      const body = { ...client.body({ model: modelOver[upstream], stream: true, tools, system: 'Be brief.' }, history), ...more };
      return fetch(over.server.url + client.path, { method: 'POST', headers: { 'content-type': 'application/json', 'authorization': `Bearer ${over.server.liveKey}` }, body: JSON.stringify(body) });
    };
    const asked = [client.user('Go.')];
    const first = await send(asked);
    const { kept } = client.stream(await first.text());
    const ids = calls.map(({ id }) => id);
    const told = results?.(ids) ?? client.results(ids.map((id) => ({ id, text: 'done' })));
    const second = await send([...asked, ...giveBack(kept), ...told]);
    expect(client.stream(await second.text())).toMatchObject({ text: 'Done.', finish: 'stop' });
    const { entries } = toldBy(upstream, over.double.asked[1]?.body ?? {});
    const [, , turn, ...after] = entries;
    const isProven = proven && upstream !== 'openai-chat';
    // Where thinking may be left out, it is, and nothing is made up in its place.
    const thought = expected !== '' || upstream !== 'openai-responses' ? { thinking: expected } : {};
    const idOf = (id: string): string => expect.stringMatching(new RegExp(`^${id.replace(':', '[:_]')}$`)) as string;
    expect(turn).toEqual({ role: 'assistant', ...thought, ...(isProven ? { proof: scriptedProof } : {}), text: '', calls: calls.map((call) => ({ ...call, id: idOf(call.id) })) });
    expect(after).toEqual(ids.map((id) => ({ role: 'tool', id: idOf(id), text: 'done', images: [] })));
    // What Moonshot demands and the client does not have is made good, and said.
    if (expected === '') expect(second.headers.get('x-moongate-loss') ?? '').toMatch(upstream === 'openai-responses' ? /^$/ : /thinking of this turn is missing/);
  });
});
