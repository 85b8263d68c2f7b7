import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import { ChatStreamDecoder } from './stream-decode.ts';

const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'kimi-k2' };
const start = { type: 'reply-start', id: 'chatcmpl-1', model: 'kimi-k2', createdS: 7 };

function chunk(delta: JsonObject, more: JsonObject = {}): JsonObject {
  return { ...envelope, choices: [{ index: 0, delta, finish_reason: null, ...more }] };
}

function calls(...toolCalls: readonly JsonValue[]): JsonObject {
  return chunk({ tool_calls: toolCalls });
}

function decode(...payloads: readonly JsonValue[]): EventBatch[] {
  const decoder = new ChatStreamDecoder();
  return payloads.map((payload) => decoder.push(JSON.stringify(payload)));
}

/** All events but the first. */
function events(...payloads: readonly JsonValue[]): DialogueEvent[] {
  return decode(...payloads).flatMap((batch) => [...batch.events]).filter((event) => event.type !== 'reply-start');
}

const begun = (index: number, id: string, name: string, kind = 'function'): JsonObject => ({ type: 'tool-call-start', choice: 0, index, id, kind, name });
const wrote = (index: number, argumentsText: string): JsonObject => ({ type: 'tool-call-delta', choice: 0, index, argumentsText });
const header = (index: number, id: string, name: string, written = ''): JsonObject => ({ index, id, type: 'function', function: { name, arguments: written } });
const more = (index: number, written: string): JsonObject => ({ index, function: { arguments: written } });

describe('ChatStreamDecoder', () => {
  it('reads a plain stream and leaves its frames alone', () => {
    const batches = decode(chunk({ role: 'assistant', content: '' }), chunk({ reasoning_content: 'hm' }), chunk({ content: '你好' }), chunk({ refusal: 'no' }));
    expect(batches.map((batch) => batch.events)).toEqual([
      [start],
      [{ type: 'thinking-delta', choice: 0, text: 'hm' }],
      [{ type: 'text-delta', choice: 0, text: '你好' }],
      [{ type: 'refusal-delta', choice: 0, text: 'no' }],
    ]);
    expect(batches.every((batch) => batch.source?.verbatim)).toBe(true);
    expect(batches[2]?.source?.text).toBe(JSON.stringify(chunk({ content: '你好' })));
  });

  it('keeps unknown fields in frames that it hands on', () => {
    const odd = { ...chunk({ content: 'a', annotations: [1] }, { logprobs: null, seed: 5 }), system_fingerprint: 'fp', usage: null };
    expect(decode(odd)[0]?.source).toMatchObject({ verbatim: true, text: JSON.stringify(odd) });
  });

  it('reads the capture of 2024 (usage in the finishing choice)', () => {
    const [batch] = decode(chunk({}, { finish_reason: 'tool_calls', usage: { prompt_tokens: 146, completion_tokens: 26, total_tokens: 172 } }));
    expect(batch?.events.slice(1)).toEqual([
      { type: 'usage', usage: { inputUncached: 146, cacheRead: 0, cacheWrite: 0, output: 26, estimated: false } },
      { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
    ]);
    expect(batch?.source?.verbatim).toBe(false);
  });

  it('ends at [DONE], and hears nothing after it', () => {
    const decoder = new ChatStreamDecoder();
    expect(decoder.ended).toBe(false);
    expect(decoder.push('[DONE]')).toEqual({ events: [] });
    expect(decoder.ended).toBe(true);
    expect(decoder.push('not json')).toEqual({ events: [] });
  });

  describe('thinking by other names', () => {
    it.each([
      ['reasoning', { role: 'assistant', content: '', reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }],
      ['reasoning_details alone', { reasoning_details: [{ type: 'reasoning.text', text: 'h' }, { type: 'reasoning.summary', summary: 'm' }] }],
      ['null beside it', { reasoning: 'hm', reasoning_content: null }],
      ['a list in content', { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }] }],
    ])('%s', (_name, delta) => {
      const [batch] = decode(chunk(delta));
      expect(batch?.events.slice(1)).toEqual([{ type: 'thinking-delta', choice: 0, text: 'hm' }]);
      expect(batch?.source?.verbatim).toBe(false);
      expect(batch?.source?.value).toMatchObject({ choices: [{ delta: { reasoning_content: 'hm' } }] });
    });

    it('is not told twice when both names are there', () => {
      const [batch] = decode(chunk({ reasoning: 'hm', reasoning_content: 'hm' }));
      expect(batch?.events).toHaveLength(2);
      expect(batch?.source?.verbatim).toBe(true);
    });

    it('reads text in a list', () => {
      const [batch] = decode(chunk({ content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }));
      expect(batch?.events.slice(1)).toEqual([{ type: 'text-delta', choice: 0, text: 'ab' }]);
      expect(batch?.source?.value).toMatchObject({ choices: [{ delta: { content: 'ab' } }] });
    });
  });

  describe('tool calls (tool-calls.md 2.2)', () => {
    it('leaves the normal form alone', () => {
      const batches = decode(calls(header(0, 'a:0', 'a')), calls(more(0, '{"x"')), calls(more(0, ':1}')), calls(header(1, 'b:1', 'b', '{}')));
      expect(batches.flatMap((batch) => batch.events).slice(1)).toEqual([
        begun(0, 'a:0', 'a'), wrote(0, '{"x"'), wrote(0, ':1}'), begun(1, 'b:1', 'b'), wrote(1, '{}'),
      ]);
      expect(batches.every((batch) => batch.source?.verbatim)).toBe(true);
    });

    it.each<[string, JsonObject[]]>([
      ['type repeated (Novita, Chutes, Together)', [calls(header(0, 'a:0', 'a')), calls({ index: 0, type: 'function', function: { arguments: '{}' } })]],
      ['id null (Moonshot, SiliconFlow)', [calls(header(0, 'a:0', 'a')), calls({ index: 0, id: null, type: 'function', function: { arguments: '{}' } })]],
      ['name null (AtlasCloud)', [calls(header(0, 'a:0', 'a')), calls({ index: 0, id: null, type: 'function', function: { name: null, arguments: '{}' } })]],
      ['id repeated, name empty (BaseTen)', [calls(header(0, 'a:0', 'a')), calls({ index: 0, id: 'a:0', type: 'function', function: { name: '', arguments: '{}' } })]],
      ['id empty (Alibaba)', [calls(header(0, 'a:0', 'a')), calls({ index: 0, id: '', function: { arguments: '{}' } })]],
      ['id and name repeated', [calls(header(0, 'a:0', 'a')), calls(header(0, 'a:0', 'a', '{}'))]],
      ['no arguments in the header (Fireworks, WandB)', [calls({ index: 0, id: 'a:0', type: 'function', function: { name: 'a' } }), calls(more(0, '{}'))]],
      ['no index', [calls({ id: 'a:0', type: 'function', function: { name: 'a', arguments: '' } }), calls({ function: { arguments: '{}' } })]],
      ['an index that begins at 1', [calls(header(1, 'a:0', 'a')), calls(more(1, '{}'))]],
      ['no type', [calls({ index: 0, id: 'a:0', function: { name: 'a', arguments: '{}' } })]],
      ['arguments as an object', [calls({ index: 0, id: 'a:0', type: 'function', function: { name: 'a', arguments: {} } })]],
      ['the name after the id', [calls({ index: 0, id: 'a:0', function: { arguments: '{' } }), calls({ index: 0, function: { name: 'a', arguments: '}' } })]],
    ])('%s', (_name, chunks) => {
      const batches = decode(...chunks);
      const all = batches.flatMap((batch) => batch.events).slice(1);
      expect(all.filter((event) => event.type === 'tool-call-start')).toEqual([begun(0, 'a:0', 'a')]);
      expect(all.map((event) => (event.type === 'tool-call-delta' ? event.argumentsText : '')).join('')).toBe('{}');
      expect(batches.some((batch) => batch.source?.verbatim === false)).toBe(true);
      // What is handed on is in normal form: a second decoder finds nothing to mend.
      const again = decode(...batches.map((batch) => batch.source?.value ?? {}));
      expect(again.flatMap((batch) => batch.events)).toEqual(batches.flatMap((batch) => batch.events));
      expect(again.every((batch) => batch.source?.verbatim)).toBe(true);
    });

    it('takes a second header on the same index for a new call (SiliconFlow)', () => {
      const batches = decode(
        calls(header(0, 'functions.ls:0', 'ls')), calls({ index: 0, id: null, function: { arguments: '{}' } }),
        calls(header(0, 'functions.glob:1', 'glob')), calls({ index: 0, id: null, function: { arguments: '{"p":1}' } }),
      );
      expect(batches.flatMap((batch) => batch.events).slice(1)).toEqual([
        begun(0, 'functions.ls:0', 'ls'), wrote(0, '{}'), begun(1, 'functions.glob:1', 'glob'), wrote(1, '{"p":1}'),
      ]);
      expect(batches[2]?.source?.value).toMatchObject({ choices: [{ delta: { tool_calls: [{ index: 1, id: 'functions.glob:1' }] } }] });
      expect(batches[3]?.source?.value).toMatchObject({ choices: [{ delta: { tool_calls: [{ index: 1, function: { arguments: '{"p":1}' } }] } }] });
    });

    it('takes another id, or another name without an id, for a new call', () => {
      expect(events(calls(header(0, 'a', 'ls', '{}')), calls(header(0, 'b', 'ls', '{}')))).toEqual([begun(0, 'a', 'ls'), wrote(0, '{}'), begun(1, 'b', 'ls'), wrote(1, '{}')]);
      const [, , second] = events(calls(header(0, 'a', 'ls', '{}')), calls({ index: 0, type: 'function', function: { name: 'glob', arguments: '{}' } }));
      expect(second).toMatchObject({ type: 'tool-call-start', index: 1, name: 'glob' });
    });

    it('takes whole calls in one chunk, with the finish beside them (DeepInfra)', () => {
      const whole = chunk({ role: 'assistant', tool_calls: [header(0, '0', 'a', '{}'), header(1, '1', 'b', '{}')] }, { finish_reason: 'tool_calls' });
      expect(events(whole)).toEqual([
        begun(0, '0', 'a'), wrote(0, '{}'), begun(1, '1', 'b'), wrote(1, '{}'), { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
      ]);
    });

    it('tells calls without index or id apart', () => {
      const whole = calls({ function: { name: 'a', arguments: '{}' } }, { function: { name: 'a', arguments: '{"x":1}' } });
      const [first, , second] = events(whole);
      expect(first).toMatchObject({ index: 0, name: 'a', id: expect.stringMatching(/^call_/) });
      expect(second).toMatchObject({ index: 1, name: 'a', id: expect.stringMatching(/^call_/) });
      expect(first).not.toMatchObject({ id: second?.type === 'tool-call-start' ? second.id : '' });
    });

    it('interleaves calls by their index', () => {
      expect(events(calls(header(0, 'a', 'a')), calls(header(1, 'b', 'b')), calls(more(0, '1')), calls(more(1, '2')))).toEqual([
        begun(0, 'a', 'a'), begun(1, 'b', 'b'), wrote(0, '1'), wrote(1, '2'),
      ]);
    });

    it("knows the vendor's own tools", () => {
      expect(events(calls({ ...header(0, 'w:0', '$web_search'), type: 'builtin_function' }))).toEqual([begun(0, 'w:0', '$web_search', 'builtin')]);
    });

    it('reads function_call', () => {
      const batches = decode(chunk({ function_call: { name: 'a', arguments: '' } }), chunk({ function_call: { arguments: '{}' } }), chunk({}, { finish_reason: 'function_call' }));
      expect(batches.flatMap((batch) => batch.events).slice(1)).toEqual([
        expect.objectContaining({ type: 'tool-call-start', name: 'a' }), wrote(0, '{}'), { type: 'choice-end', choice: 0, finish: { reason: 'tool-calls' } },
      ]);
      expect(batches[0]?.source?.value).not.toHaveProperty('choices.0.delta.function_call');
      expect(batches[2]?.source?.value).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] });
    });

    it('tells of a call whose name never came, at the end', () => {
      const batches = decode(calls({ index: 0, id: 'x', function: { arguments: '{}' } }), chunk({}, { finish_reason: 'tool_calls' }));
      expect(batches[1]?.events.slice(0, 2)).toEqual([begun(0, 'x', ''), wrote(0, '{}')]);
      expect(batches[1]?.source?.value).toMatchObject({ choices: [{ delta: { tool_calls: [header(0, 'x', '', '{}')] } }] });
    });

    it('refuses a fragment of nothing', () => {
      expect(() => decode(calls(more(0, '{}')))).toThrow(Fault);
    });
  });

  describe('usage', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    const rejected = { type: 'usage-rejected' };
    const told = { type: 'usage', usage: { inputUncached: 3, cacheRead: 0, cacheWrite: 0, output: 2, estimated: false } };
    const ended = { type: 'choice-end', choice: 0, finish: { reason: 'stop' } };

    it('comes in a trailing chunk without choices', () => {
      expect(events(chunk({}, { finish_reason: 'stop' }), { ...envelope, choices: [], usage })).toEqual([ended, told]);
    });

    it('comes in a trailing chunk that repeats the finish (OpenRouter)', () => {
      expect(events(chunk({}, { finish_reason: 'stop' }), { ...chunk({ role: 'assistant', content: '' }, { finish_reason: 'stop' }), usage })).toEqual([ended, told]);
    });

    it('comes in both places', () => {
      expect(events(chunk({}, { finish_reason: 'stop', usage }), { ...envelope, choices: [], usage })).toEqual([told, ended, told]);
    });

    it('of several choices is added up', () => {
      const of = (index: number): JsonObject => ({ ...envelope, choices: [{ index, delta: {}, finish_reason: 'stop', usage }] });
      const all = events(of(0), of(1));
      expect(all.filter((event) => event.type === 'usage').at(-1)).toEqual({ type: 'usage', usage: { ...told.usage, output: 4 } });
    });

    it('of a choice adds nothing to that of the whole', () => {
      expect(events({ ...chunk({}), usage }, chunk({}, { finish_reason: 'stop', usage: { ...usage, completion_tokens: 1 } }))).toEqual([told, ended]);
    });

    it('is not believed when it is nonsense', () => {
      expect(events({ ...chunk({}, { finish_reason: 'stop', usage: { prompt_tokens: -1, completion_tokens: 2 } }), usage: 'much' })).toEqual([rejected, ended, rejected]);
      expect(events({ ...chunk({}, { finish_reason: 'stop', usage: {} }), usage: null })).toEqual([ended]);
    });

    it('has no sum when that of one choice is nonsense, since the sum would be too low', () => {
      const of = (index: number, counts: JsonObject): JsonObject => ({ ...envelope, choices: [{ index, delta: {}, finish_reason: 'stop', usage: counts }] });
      const all = events(of(0, usage), of(1, { ...usage, completion_tokens: -2 }), of(2, usage));
      expect(all.filter((event) => event.type.startsWith('usage'))).toEqual([told, rejected, rejected]);
      const mended = events(of(0, { ...usage, completion_tokens: -2 }), { ...envelope, choices: [], usage });
      expect(mended.filter((event) => event.type.startsWith('usage'))).toEqual([rejected, told]);
    });
  });

  describe('errors', () => {
    it.each<[string, JsonValue, string]>([
      ['a bare error', { error: { message: 'overloaded', type: 'engine_overloaded_error' } }, 'upstream_overloaded'],
      ['an error beside choices', { ...chunk({ content: '' }), error: { code: 429, message: 'slow' } }, 'upstream_rate_limited'],
      ['finish_reason error', chunk({ content: '' }, { finish_reason: 'error' }), 'upstream_failed'],
      ['an error in the choice', chunk({}, { finish_reason: 'error', error: { code: 503, message: 'x' } }), 'upstream_overloaded'],
      ['an engine', { object: 'error', message: 'bad', code: 400 }, 'invalid_request'],
    ])('%s', (_name, payload, code) => {
      const all = events(payload);
      expect(all).toEqual([{ type: 'error', fault: expect.objectContaining({ code }) }]);
    });

    it('come after what the frame still had to say', () => {
      const all = events({ ...chunk({ content: 'last' }), error: { code: 500, message: 'x' }, usage: { prompt_tokens: 1, completion_tokens: 1 } });
      expect(all.map((event) => event.type)).toEqual(['text-delta', 'usage', 'error']);
    });

    it.each(['{', '"text"', '[]', 'null', '12'])('is no chunk: %s', (payload) => {
      expect(() => new ChatStreamDecoder().push(payload)).toThrow(Fault);
    });

    it.each([-1, 128, 1e9, 1.5, '0'])('is no choice index: %s', (index) => {
      expect(() => decode({ ...envelope, choices: [{ index, delta: {} }] })).toThrow(expect.objectContaining({ code: 'upstream_invalid_reply' }));
    });

    it('keeps the word for an unusual end', () => {
      expect(events(chunk({}, { finish_reason: 'repeat' }))).toEqual([{ type: 'choice-end', choice: 0, finish: { reason: 'error', raw: 'repeat' } }]);
      expect(events(chunk({}, { finish_reason: 'eos' }))).toEqual([{ type: 'choice-end', choice: 0, finish: { reason: 'other', raw: 'eos' } }]);
    });
  });

  it("waits with reply-start for a chunk that names the reply (Azure), and passes the provider on", () => {
    const batches = decode({ id: '', model: '', created: 0, choices: [], prompt_filter_results: [] }, { ...chunk({ content: 'a' }), provider: 'Novita' });
    expect(batches[0]).toMatchObject({ events: [], source: { verbatim: true } });
    expect(batches[1]?.events[0]).toEqual({ ...start, provider: 'Novita' });
  });

  it('drops what is neither chunk nor error', () => {
    expect(decode({ ping: 1 })).toEqual([{ events: [] }]);
  });
});
