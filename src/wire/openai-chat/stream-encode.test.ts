import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { SseParser } from '../../base/sse.ts';
import type { DialogueEvent } from '../../dialogue/event.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { ChatStyle } from './chat-style.ts';
import { ChatStreamDecoder } from './stream-decode.ts';
import { ChatStreamEncoder } from './stream-encode.ts';

const plain: ChatStyle = { vendor: 'moonshot', reasoningAlias: false, thinking: 'shown', includeUsage: false };
const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'kimi-k2' };
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, cached_tokens: 1 };
const normalUsage = { ...usage, prompt_tokens_details: { cached_tokens: 1 } };

function chunk(delta: JsonObject, more: JsonObject = {}, index = 0): JsonObject {
  return { ...envelope, choices: [{ index, delta, finish_reason: null, ...more }] };
}

const role = chunk({ role: 'assistant', content: '' });
const stop = chunk({}, { finish_reason: 'stop' });

function written(text: string): JsonValue[] {
  const parser = new SseParser();
  return [...parser.push(Buffer.from(text)), ...parser.end()].map((payload): JsonValue => (payload === '[DONE]' ? payload : JSON.parse(payload)));
}

/** Relays chunks of an upstream of the same protocol; returns what is written for each, and at the end. */
function relay(style: ChatStyle, ...payloads: readonly JsonValue[]): { each: JsonValue[][]; end: JsonValue[]; all: JsonValue[] } {
  const decoder = new ChatStreamDecoder();
  const encoder = new ChatStreamEncoder(style);
  const each = payloads.map((payload) => written(encoder.encode([decoder.push(JSON.stringify(payload))])));
  const end = written(encoder.end());
  return { each, end, all: [...each.flat(), ...end] };
}

function write(style: ChatStyle, ...events: readonly DialogueEvent[]): JsonValue[] {
  const encoder = new ChatStreamEncoder(style);
  return [...events.flatMap((event) => written(encoder.encode([{ events: [event] }]))), ...written(encoder.end())];
}

describe('ChatStreamEncoder, from frames', () => {
  it('hands frames in normal form on byte for byte, those of one read in one text', () => {
    const encoder = new ChatStreamEncoder(plain);
    const decoder = new ChatStreamDecoder();
    const texts = ['{ "id":"x", "choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}], "odd":1 }', JSON.stringify(chunk({ content: 'b' }))];
    expect(encoder.encode(texts.map((text) => decoder.push(text)))).toBe(texts.map((text) => `data: ${text}\n\n`).join(''));
  });

  it('cannot be made to write two events for one', () => {
    const encoder = new ChatStreamEncoder(plain);
    const text = JSON.stringify(role, null, 1);
    expect(written(encoder.encode([new ChatStreamDecoder().push(text)]))).toEqual([role]);
  });

  it('puts usage into the finishing choice, whether it came there (Moonshot) …', () => {
    const { each, end } = relay(plain, role, chunk({}, { finish_reason: 'stop', usage }));
    expect(each[1]).toEqual([chunk({}, { finish_reason: 'stop', usage: normalUsage })]);
    expect(end).toEqual(['[DONE]']);
  });

  it('… or in a chunk without choices, which is swallowed …', () => {
    const { each, end } = relay(plain, role, stop, { ...envelope, choices: [], usage: { ...usage, sources: 2, cost: 0.5 }, service_tier: 'fast' });
    expect(each[1]).toEqual([]);
    expect(each[2]).toEqual([{ ...chunk({}, { finish_reason: 'stop', usage: { ...normalUsage, sources: 2 } }), service_tier: 'fast' }]);
    expect(end).toEqual(['[DONE]']);
  });

  it('… or in one that repeats the finish (OpenRouter)', () => {
    const last = { ...chunk({ role: 'assistant', content: '' }, { finish_reason: 'stop' }), usage };
    const { all } = relay(plain, role, stop, last);
    expect(all).toEqual([role, chunk({}, { finish_reason: 'stop', usage: normalUsage }), '[DONE]']);
  });

  it('holds the finish back until the end when no usage comes', () => {
    const { each, end } = relay({ ...plain, includeUsage: true }, role, stop);
    expect(each[1]).toEqual([]);
    expect(end).toEqual([{ ...stop, usage: null }, '[DONE]']);
  });

  it('takes usage that somebody else counted', () => {
    const encoder = new ChatStreamEncoder({ ...plain, includeUsage: true });
    const decoder = new ChatStreamDecoder();
    encoder.encode([decoder.push(JSON.stringify(role)), decoder.push(JSON.stringify(stop))]);
    const counted: Usage = { inputUncached: 3, cacheRead: 0, cacheWrite: 0, output: 2, estimated: true };
    const texts = [...written(encoder.encode([{ events: [{ type: 'usage', usage: counted }] }])), ...written(encoder.end())];
    expect(texts).toMatchObject([
      { choices: [{ finish_reason: 'stop', usage: { prompt_tokens: 3, estimated: true } }] },
      { ...envelope, choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, estimated: true } },
      '[DONE]',
    ]);
  });

  it('does not believe nonsense, nor pass it on', () => {
    const { all } = relay(plain, role, chunk({}, { finish_reason: 'stop', usage: { prompt_tokens: -1, completion_tokens: 2 } }));
    expect(all).toEqual([role, stop, '[DONE]']);
  });

  it('ends with the usage chunk when asked to, once, with what the upstream put there', () => {
    const { all } = relay({ ...plain, includeUsage: true }, role, stop, { ...envelope, choices: [], usage: { ...usage, sources: 1, cost: 1 }, service_tier: 'fast' });
    expect(all.slice(-2)).toEqual([{ ...envelope, choices: [], usage: { ...normalUsage, sources: 1 }, service_tier: 'fast' }, '[DONE]']);
    expect(all).toHaveLength(4);
  });

  it('parts a payload from the end that came with it', () => {
    const { all } = relay(plain, role, { ...chunk({ content: 'all' }, { finish_reason: 'stop', native_finish_reason: 'eos' }), usage });
    expect(all).toEqual([
      role,
      chunk({ content: 'all' }, { native_finish_reason: null }),
      chunk({}, { finish_reason: 'stop', native_finish_reason: 'eos', usage: normalUsage }),
      '[DONE]',
    ]);
  });

  it('keeps usage that comes with every chunk (Ark: chunk_include_usage), in normal form', () => {
    const { all } = relay(plain, role, { ...chunk({ content: 'a' }), usage }, { ...stop, usage });
    expect(all).toEqual([role, { ...chunk({ content: 'a' }), usage: normalUsage }, chunk({}, { finish_reason: 'stop', usage: normalUsage }), '[DONE]']);
  });

  it('sends the role with the first chunk of each choice', () => {
    const { all } = relay(plain, chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({ content: 'c' }, {}, 1));
    expect(all).toEqual([chunk({ role: 'assistant', content: 'a' }), chunk({ content: 'b' }), chunk({ role: 'assistant', content: 'c' }, {}, 1), '[DONE]']);
  });

  it('adds the alias when asked to, keeps it when it came, and always has reasoning_content', () => {
    const alias = { ...plain, reasoningAlias: true };
    expect(relay(alias, role, chunk({ reasoning_content: 'hm' })).each[1]).toEqual([chunk({ reasoning_content: 'hm', reasoning: 'hm' })]);
    expect(relay(plain, role, chunk({ reasoning: 'hm' })).each[1]).toEqual([chunk({ reasoning: 'hm', reasoning_content: 'hm' })]);
    expect(relay(alias, role, chunk({ content: 'a' })).each[1]).toEqual([chunk({ content: 'a' })]);
  });

  it('leaves thinking out when it is excluded, encrypted thinking too, and the rest in place', () => {
    const excluded: ChatStyle = { ...plain, reasoningAlias: true, thinking: 'excluded' };
    const thought = { reasoning_content: 'hm', reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] };
    const { each } = relay(
      excluded, chunk({ role: 'assistant', content: '', ...thought }), chunk({ reasoning_content: 'a' }), chunk({ role: 'assistant', content: '', reasoning: 'b' }),
      chunk({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'x' }] }), chunk({ content: 'c', reasoning: 'd' }), chunk({ content: 'e' }),
      chunk({ reasoning_content: 'f' }, { finish_reason: 'stop', usage: { ...usage, completion_tokens_details: { reasoning_tokens: 2 } } }),
    );
    expect(each.slice(0, 6)).toEqual([[role], [], [], [], [chunk({ content: 'c' })], [chunk({ content: 'e' })]]);
    expect(each[6]).toEqual([chunk({}, { finish_reason: 'stop', usage: { ...normalUsage, reasoning_tokens: 2, completion_tokens_details: { reasoning_tokens: 2 } } })]);
  });

  it('keeps the choices of one reply apart', () => {
    const own = (index: number): JsonObject => chunk({}, { finish_reason: 'stop', usage }, index);
    const { all } = relay({ ...plain, includeUsage: true }, { ...envelope, choices: [0, 1].map((index) => ({ index, delta: { role: 'assistant', content: 'x' }, finish_reason: null })) }, own(0), own(1));
    expect(all.map((value) => (typeof value === 'object' && value !== null && 'choices' in value ? value.choices : value))).toMatchObject([
      [{ index: 0, delta: { content: 'x' } }], [{ index: 1, delta: { content: 'x' } }],
      [{ index: 0, finish_reason: 'stop', usage: normalUsage }], [{ index: 1, finish_reason: 'stop', usage: normalUsage }],
      [], '[DONE]',
    ]);
    expect(all.at(-2)).toMatchObject({ usage: { prompt_tokens: 3, completion_tokens: 4, cached_tokens: 1 } });
  });

  it('counts the usage of a whole reply once, in the last of its choices', () => {
    const end = (index: number): JsonObject => chunk({ role: 'assistant' }, { finish_reason: 'stop' }, index);
    const { all } = relay(plain, end(0), end(1), { ...envelope, choices: [], usage });
    expect(all).toEqual([end(0), chunk({ role: 'assistant' }, { finish_reason: 'stop', usage: normalUsage }, 1), '[DONE]']);
  });

  it('waits with the usage of a whole reply until all of it has ended', () => {
    const end = (index: number): JsonObject => chunk({ role: 'assistant' }, { finish_reason: 'stop' }, index);
    const { all } = relay(plain, chunk({ role: 'assistant' }), chunk({ role: 'assistant' }, {}, 1), { ...end(0), usage }, { ...end(1), usage });
    expect(all.slice(2)).toEqual([end(0), chunk({ role: 'assistant' }, { finish_reason: 'stop', usage: normalUsage }, 1), '[DONE]']);
  });

  it('leaves the telling of errors to the surface, and keeps the text that came with one', () => {
    const { all } = relay(plain, role, { ...chunk({ content: 'last' }), error: { message: 'x' } }, { ...chunk({ content: '' }), error: { message: 'x' } }, { error: 'x' });
    expect(all).toEqual([role, chunk({ content: 'last' }), '[DONE]']);
  });

  it('is done once', () => {
    const encoder = new ChatStreamEncoder(plain);
    expect(encoder.end()).toBe('data: [DONE]\n\n');
    expect(encoder.end()).toBe('');
  });
});

describe('ChatStreamEncoder, with a cost', () => {
  const openrouter: ChatStyle = { ...plain, vendor: 'openrouter' };
  const cost: ReplyCost = { state: 'priced', amountNanos: 92_000n, currency: 'USD', lines: [{ bucket: 'input', tokens: 3, amountNanos: 42_000n }, { bucket: 'output', tokens: 2, amountNanos: 50_000n }] };
  const shown = { ...normalUsage, cost: 0.000092, is_byok: false, cost_details: { state: 'priced', currency: 'USD', upstream_inference_cost: null, upstream_inference_prompt_cost: 0.000042, upstream_inference_completions_cost: 0.00005 } };
  const theirs = { ...usage, cost: 0.5, is_byok: true, cost_details: { upstream_inference_cost: 0.5 } };

  function ended(style: ChatStyle, ...payloads: readonly JsonValue[]): { each: JsonValue[][]; text: string; end: JsonValue[] } {
    const decoder = new ChatStreamDecoder();
    const encoder = new ChatStreamEncoder(style);
    const each = payloads.map((payload) => written(encoder.encode([decoder.push(JSON.stringify(payload))])));
    const text = encoder.end(cost);
    return { each, text, end: written(text) };
  }

  it('puts it into the finishing chunk, beside the choices, and delays nothing but that', () => {
    const { each, end } = ended(openrouter, role, chunk({ content: 'a' }), { ...chunk({ content: 'b' }, { finish_reason: 'stop' }), usage: theirs });
    expect(each).toEqual([[role], [chunk({ content: 'a' })], [chunk({ content: 'b' })]]);
    expect(end).toEqual([{ ...chunk({}, { finish_reason: 'stop', usage: normalUsage }), usage: shown }, '[DONE]']);
  });

  it('puts it into the usage chunk when there is to be one, and nowhere else', () => {
    const { end } = ended({ ...openrouter, includeUsage: true }, role, stop, { ...envelope, choices: [], usage: theirs });
    expect(end).toEqual([{ ...chunk({}, { finish_reason: 'stop', usage: normalUsage }), usage: null }, { ...envelope, choices: [], usage: shown }, '[DONE]']);
  });

  it('tells it once for all choices, with the usage of all', () => {
    const own = (index: number): JsonObject => chunk({}, { finish_reason: 'stop', usage: theirs }, index);
    const { end } = ended(openrouter, { ...envelope, choices: [0, 1].map((index) => ({ index, delta: { role: 'assistant', content: 'x' }, finish_reason: null })) }, own(0), own(1));
    expect(end).toMatchObject([
      { choices: [{ index: 0, usage: normalUsage }] },
      { choices: [{ index: 1, usage: normalUsage }], usage: { completion_tokens: 4, prompt_tokens: 3, cost: 0.000092 } },
      '[DONE]',
    ]);
    expect(end[0]).not.toHaveProperty('usage');
  });

  it('leaves it to the trailer elsewhere, and never shows the upstream\'s', () => {
    for (const vendor of ['moonshot', 'ark'] as const) {
      for (const includeUsage of [true, false]) {
        const style: ChatStyle = { ...plain, vendor, includeUsage };
        const frames = [role, { ...chunk({ content: 'b' }, { finish_reason: 'stop' }), usage: theirs }, { ...envelope, choices: [], usage: theirs }];
        const { each, end } = ended(style, ...frames);
        expect(JSON.stringify([each, end])).not.toMatch(/cost|byok/);
        expect(each.flat()).toHaveLength(3);
      }
    }
    const { all } = relay(openrouter, role, stop, { ...envelope, choices: [], usage: theirs });
    expect(JSON.stringify(all)).not.toMatch(/cost|byok/);
  });

  it('writes small amounts in full', () => {
    const decoder = new ChatStreamDecoder();
    const encoder = new ChatStreamEncoder(openrouter);
    encoder.encode([decoder.push(JSON.stringify({ ...chunk({}, { finish_reason: 'stop' }), usage }))]);
    expect(encoder.end({ ...cost, amountNanos: 1n, lines: [] })).toContain('"cost":0.000000001,');
  });
});

describe('ChatStreamEncoder, from events', () => {
  const start: DialogueEvent = { type: 'reply-start', id: 'chatcmpl-1', model: 'kimi-k2', createdS: 7, provider: 'sandbox' };
  const from = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({ ...envelope, provider: 'sandbox', choices: [{ index: 0, delta, finish_reason: null, ...more }] });

  it('writes the normal form (tool-calls.md 2.4)', () => {
    const all = write(
      plain,
      start,
      { type: 'thinking-delta', choice: 0, text: 'h\nm' },
      { type: 'text-delta', choice: 0, text: '"月"' },
      { type: 'refusal-delta', choice: 0, text: 'no' },
      { type: 'tool-call-start', choice: 0, index: 0, id: 'a:0', kind: 'function', name: 'a' },
      { type: 'tool-call-delta', choice: 0, index: 0, argumentsText: '{"x":12345678901234567890}' },
      { type: 'tool-call-start', choice: 0, index: 1, id: 'w:1', kind: 'builtin', name: '$web_search' },
      { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
      { type: 'usage', usage: { inputUncached: 2, cacheRead: 1, cacheWrite: 0, output: 2, estimated: false } },
    );
    expect(all).toEqual([
      from({ role: 'assistant', content: '' }),
      from({ reasoning_content: 'h\nm' }),
      from({ content: '"月"' }),
      from({ refusal: 'no' }),
      from({ tool_calls: [{ index: 0, id: 'a:0', type: 'function', function: { name: 'a', arguments: '' } }] }),
      from({ tool_calls: [{ index: 0, function: { arguments: '{"x":12345678901234567890}' } }] }),
      from({ tool_calls: [{ index: 1, id: 'w:1', type: 'builtin_function', function: { name: '$web_search', arguments: '' } }] }),
      from({}, { finish_reason: 'tool_calls', usage: normalUsage }),
      '[DONE]',
    ]);
  });

  it('leaves thinking out when it is excluded', () => {
    const all = write(
      { ...plain, thinking: 'excluded' },
      { type: 'thinking-delta', choice: 0, text: 'hm' }, { type: 'text-delta', choice: 0, text: 'a' }, { type: 'choice-end', choice: 0, finish: { reason: 'stop' } },
    );
    expect(all).toMatchObject([{ choices: [{ delta: { role: 'assistant' } }] }, { choices: [{ delta: { content: 'a' } }] }, { choices: [{ finish_reason: 'stop' }] }, '[DONE]']);
    expect(JSON.stringify(all)).not.toContain('hm');
  });

  it('takes usage before the finish, too, and adds alias and usage chunk when asked', () => {
    const all = write(
      { vendor: 'openrouter', reasoningAlias: true, thinking: 'shown', includeUsage: true },
      start,
      { type: 'usage', usage: { inputUncached: 2, cacheRead: 1, cacheWrite: 0, output: 2, estimated: false } },
      { type: 'thinking-delta', choice: 0, text: 'hm' },
      { type: 'choice-end', choice: 0, finish: { reason: 'other', raw: 'eos' } },
      { type: 'choice-end', choice: 0, finish: { reason: 'stop' } },
    );
    expect(all).toEqual([
      { ...from({ role: 'assistant', content: '' }), usage: null },
      { ...from({ reasoning_content: 'hm', reasoning: 'hm' }), usage: null },
      { ...from({}, { finish_reason: 'eos', usage: normalUsage }), usage: null },
      { ...envelope, provider: 'sandbox', choices: [], usage: normalUsage },
      '[DONE]',
    ]);
  });

  it('gives a choice that only ends its role', () => {
    const all = write(plain, start, { type: 'choice-end', choice: 0, finish: { reason: 'length' } });
    expect(all).toEqual([from({ role: 'assistant', content: '' }), from({}, { finish_reason: 'length' }), '[DONE]']);
  });

  it('goes on from events in a stream whose frames it relayed before', () => {
    const encoder = new ChatStreamEncoder(plain);
    encoder.encode([new ChatStreamDecoder().push(JSON.stringify(role))]);
    expect(written(encoder.encode([{ events: [{ type: 'text-delta', choice: 0, text: 'x' }] }]))).toEqual([chunk({ content: 'x' })]);
    expect(encoder.encode([{ events: [{ type: 'error', fault: new Fault('upstream_failed') }] }])).toBe('');
  });

  it('does not take a frame of another protocol for its own', () => {
    const encoder = new ChatStreamEncoder(plain);
    const text = encoder.encode([{ events: [start, { type: 'text-delta', choice: 0, text: 'x' }], source: { protocol: 'anthropic-messages', text: '{}', value: {}, verbatim: true } }]);
    expect(written(text)).toEqual([from({ role: 'assistant', content: '' }), from({ content: 'x' })]);
  });
});
