import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Protocol } from '../../src/dialogue/protocol.ts';
import { chatClient } from './clients/chat-client.ts';
import { messagesClient } from './clients/messages-client.ts';
import { responsesClient } from './clients/responses-client.ts';
import type { Heard, Json, SurfaceClient } from './clients/surface-client.ts';
import { modelOver, type OverDoubles, startOverDoubles } from './over-doubles.ts';
import { toldBy, type ToldEntry } from './told/told.ts';

let over: OverDoubles;
beforeAll(async () => {
  over = await startOverDoubles();
});
afterAll(async () => {
  await over[Symbol.asyncDispose]();
});

const clients: Readonly<Record<Protocol, SurfaceClient>> = { 'openai-chat': chatClient, 'anthropic-messages': messagesClient, 'openai-responses': responsesClient };
const tools = [{ name: 'step', description: 'One step', parameters: { type: 'object', properties: { at: { type: 'integer' } } } }];

/** What the agent remembers of one of the model's turns, in its own words, with the results of its calls. */
interface Remembered {
  readonly by: Protocol;
  readonly heard: Heard;
  readonly results: readonly { readonly id: string; readonly text: string }[];
}

/**
 * The agent's memory in the shape of one surface. What came by that surface is given back as it came; what came by another is converted
 * as a sensible client would do it: it has the thinking as a text, and no signature that would be of any use here.
 */
function historyFor(protocol: Protocol, memory: readonly Remembered[]): Json[] {
  const client = clients[protocol];
  return [client.user('Go step by step.'), ...memory.flatMap(({ by, heard, results }) => [...(by === protocol ? heard.kept : converted(protocol, heard)), ...client.results(results)])];
}

function converted(protocol: Protocol, { thinking, text, calls }: Heard): Json[] {
  switch (protocol) {
    case 'openai-chat': {
      const made = calls.map(({ id, name, argumentsText }) => ({ id, type: 'function', function: { name, arguments: argumentsText } }));
      return [{ role: 'assistant', content: text, reasoning_content: thinking, tool_calls: made }];
    }
    case 'anthropic-messages': {
      const made = calls.map(({ id, name, argumentsText }) => ({ type: 'tool_use', id, name, input: JSON.parse(argumentsText) as unknown }));
      return [{ role: 'assistant', content: [{ type: 'thinking', thinking }, { type: 'text', text }, ...made] }];
    }
    case 'openai-responses':
      return [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: thinking }] },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] },
        ...calls.map(({ id, name, argumentsText }) => ({ type: 'function_call', call_id: id, name, arguments: argumentsText })),
      ];
  }
}

async function ask(protocol: Protocol, history: readonly Json[], stream: boolean, upstream: Protocol, more: Json = {}): Promise<{ heard: Heard; id: unknown }> {
  const client = clients[protocol];
  const response = await fetch(over.server.url + client.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'authorization': `Bearer ${over.server.liveKey}` },
    body: JSON.stringify({ ...client.body({ model: modelOver[upstream], stream, tools }, history), ...more }),
  });
  const text = await response.text();
  expect([response.status, response.status === 200 ? '' : text]).toEqual([200, '']);
  if (stream) return { heard: client.stream(text), id: undefined };
  const whole = JSON.parse(text) as Json;
  return { heard: client.whole(whole), id: whole['id'] };
}

const route: readonly Protocol[] = [
  'openai-chat', 'anthropic-messages', 'openai-responses', 'openai-responses', 'anthropic-messages', 'anthropic-messages', 'openai-chat', 'openai-responses', 'openai-chat', 'openai-chat',
];

/** The turn number `at` as the model gives it. */
function scripted(at: number) {
  return { thinking: `Thought ${at}: „weiter“ 🌒`, text: `Step ${at}.`, calls: [0, 1].map((call) => ({ id: `step:${at * 2 + call}`, name: 'step', argumentsText: `{"at":${at * 2 + call}}` })) };
}

beforeEach(() => over.double.script(...route.map((_protocol, at) => scripted(at))));

describe.each(['openai-chat', 'anthropic-messages', 'openai-responses'] as const)('an agent that switches surfaces over %s', (upstream) => {
  it.each([true, false])('keeps the reasoning of every turn; streamed: %s', async (stream) => {
    const memory: Remembered[] = [];
    for (const [at, by] of route.entries()) {
      const { heard } = await ask(by, historyFor(by, memory), stream, upstream);
      const { thinking, text, calls } = scripted(at);
      expect(heard).toMatchObject({ thinking, text, calls, finish: 'tool-calls' });
      const expected: ToldEntry[] = [{ role: 'user', text: 'Go step by step.', images: [] }];
      for (const turn of memory.keys()) {
        expected.push({ role: 'assistant', ...scripted(turn) }, ...scripted(turn).calls.map(({ id }): ToldEntry => ({ role: 'tool', id, text: `did ${id}`, images: [] })));
      }
      const told = toldBy(upstream, over.double.asked[at]?.body ?? {}).entries;
      expect(told.map((entry) => (entry.role === 'assistant' ? { role: entry.role, thinking: entry.thinking, text: entry.text, calls: entry.calls } : entry))).toEqual(expected);
      memory.push({ by, heard, results: calls.map(({ id }) => ({ id, text: `did ${id}` })) });
    }
  });

  it('goes on from a stored response, and takes the whole of it to another surface', async () => {
    const memory: Remembered[] = [];
    let previous: unknown;
    for (const at of [0, 1, 2]) {
      const results = scripted(at - 1).calls.map(({ id }) => ({ id, text: `did ${id}` }));
      const input = at === 0 ? historyFor('openai-responses', []) : responsesClient.results(results);
      const { heard, id } = await ask('openai-responses', input, false, upstream, { store: true, include: ['reasoning.encrypted_content'], ...(previous === undefined ? {} : { previous_response_id: previous }) });
      previous = id;
      memory.push({ by: 'openai-responses', heard, results: scripted(at).calls.map(({ id: call }) => ({ id: call, text: `did ${call}` })) });
    }
    await ask('anthropic-messages', historyFor('anthropic-messages', memory), false, upstream);
    const thoughts = over.double.asked.map(({ body }) => toldBy(upstream, body).entries.flatMap((entry) => (entry.role === 'assistant' ? [entry.thinking] : [])));
    const all = [0, 1, 2].map((at) => scripted(at).thinking);
    expect(thoughts).toEqual([[], all.slice(0, 1), all.slice(0, 2), all]);
  });
});
