import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import type { Message } from '../../dialogue/message.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { Tool } from '../../dialogue/tool.ts';
import type { UpstreamCall } from '../upstream.ts';
import { asking, callOf, firstChoice, folded, play, reply, sandbox, search, weather } from './play-sandbox.ts';

describe('the sandbox answers', () => {
  it('says what it is, with an id, a model and its own name', async () => {
    const answer = await reply(callOf(asking('Hello')));
    expect(answer.provider).toBe('sandbox');
    expect(answer.model).toBe('kimi-k2');
    expect(answer.id).toMatch(/^chatcmpl-[0-9a-f]{24}$/);
    expect(answer.createdS).toBe(1_762_000_000);
    expect(answer.choices[0]?.text).toContain('sandbox');
    expect(answer.choices[0]?.finish).toEqual({ reason: 'stop' });
  });

  it.each([
    ['Good morning', /sandbox/i], ['你好，你是谁', /沙盒/], ['Привет, кто ты', /песочниц/i], ['Cześć, kim jesteś', /piaskownic/i],
  ])('in the language of %s', async (text, expected) => {
    const choice = await firstChoice(asking(text), { upstreamModel: 'kimi-k2-thinking' });
    expect(choice.text).toMatch(expected);
    expect(choice.text).toMatch(/\p{Extended_Pictographic}/u);
    expect(choice.thinking).toMatch(expected);
  });

  it('up to a stop sequence, and says which', async () => {
    const { text } = await firstChoice(asking('Hello'));
    const stop = (text ?? '').slice(10, 14);
    const choice = await firstChoice(asking('Hello', { sampling: { stop: ['\u0000', stop] } }));
    expect(choice.finish).toEqual({ reason: 'stop', stopSequence: stop });
    expect(text?.startsWith(choice.text ?? '?')).toBe(true);
  });

  it('nothing when it is only to hold the prompt, which it then has read', async () => {
    const upstream = sandbox();
    const long = asking('word '.repeat(2000), { cacheKey: 'k' });
    const holding = await reply(callOf({ ...long, contextCache: { held: [], prefixOnly: true } }), upstream);
    expect(holding).toMatchObject({ choices: [{ toolCalls: [], finish: { reason: 'stop' } }], usage: { cacheRead: 0, output: 0 } });
    expect((await reply(callOf(long), upstream)).usage?.cacheRead).toBeGreaterThan(1000);
  });

  it('always the same, but for another prompt, seed or model', async () => {
    const texts = await Promise.all(
      [
        callOf(asking('Hi'), { generationId: 'gen_2' }),
        callOf(asking('Hi', { stream: false, outputTokensMax: 10_000 })),
      ].map(async (call) => (await reply(call)).choices[0]?.text),
    );
    expect(new Set(texts).size).toBe(1);
    const bySeed = await Promise.all(
      Array.from({ length: 8 }, (_, seed) => firstChoice(asking('Hi'), { sandboxScript: `seed=${seed}` })),
    );
    expect(new Set(bySeed.map((choice) => choice.text)).size).toBeGreaterThan(1);
    const byExtension = await Promise.all(
      Array.from({ length: 8 }, (_, seed) => firstChoice(asking('Hi', { extensions: { 'openai-chat': { seed } } }))),
    );
    expect(new Set(byExtension.map((choice) => choice.text)).size).toBeGreaterThan(1);
  });

  it('gives every generation an id of its own', async () => {
    const one = await reply(callOf(asking('Hi'), { generationId: 'gen_1' }));
    const other = await reply(callOf(asking('Hi'), { generationId: 'gen_2' }));
    expect(one.id).not.toBe(other.id);
    expect((await reply(callOf(asking('Hi'), { generationId: 'gen_1' }))).id).toBe(one.id);
  });

  it.each([
    ['repeat after me: ¡Hola! 👩‍👩‍👧 你好', '¡Hola! 👩‍👩‍👧 你好'], ['Say: yes\nno', 'yes\nno'], ['echo x', undefined],
  ])('back what %s asks for', async (text, expected) => {
    const choice = await firstChoice(asking(text));
    if (expected === undefined) expect(choice.text).toContain('sandbox');
    else expect(choice.text).toBe(expected);
  });

  it('as many choices as are asked for', async () => {
    const answer = await reply(callOf(asking('Hi', { sampling: { choiceCount: 5 } })));
    expect(answer.choices).toHaveLength(5);
    expect(new Set(answer.choices.map((choice) => choice.text)).size).toBeGreaterThan(1);
  });

  it('up to a stop sequence, which is not said', async () => {
    const choice = await firstChoice(asking('say: one two three', { sampling: { stop: ['three', ' two'] } }));
    expect(choice).toMatchObject({ text: 'one', finish: { reason: 'stop' } });
  });

  it('from where a partial message ends', async () => {
    const messages: readonly Message[] = [{ role: 'user', content: 'say: {"a":1}' }, { role: 'assistant', content: '{"a"', partial: true }];
    const choice = await firstChoice(asking('', { messages }), { upstreamModel: 'kimi-k2-thinking' });
    expect(choice.thinking).toBeUndefined();
    expect(choice.text).toMatch(/^ \S/);
    const json = await firstChoice(asking('', { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: '{', partial: true }], outputFormat: { type: 'json' } }));
    expect(JSON.parse(`{${json.text}`)).toMatchObject({ sandbox: true });
  });

  it('with a refusal when the user message says so', async () => {
    const choice = await firstChoice(asking('please, sandbox: refuse'));
    expect(choice).toMatchObject({ refusal: expect.stringContaining('refuse') as string, finish: { reason: 'content-filter' } });
    expect(choice.text).toBeUndefined();
  });

  it('at the length that a script asks for', async () => {
    const answer = await reply(callOf(asking('Hi'), { sandboxScript: 'output-tokens=500' }));
    expect(answer.usage?.output).toBeGreaterThan(450);
  });
});

describe('thinking', () => {
  const rules = (kind: 'never' | 'always' | 'switchable', byDefault: 'on' | 'off') => ({ thinking: { kind, default: byDefault, keep: false } });

  it.each([
    ['kimi-k2', undefined, {}, false],
    ['kimi-k2-thinking-251104', undefined, {}, true],
    ['kimi-k2-thinking', undefined, { thinking: { mode: 'off' as const } }, true],
    ['kimi-k2.5', undefined, {}, true],
    ['kimi-k2.6', undefined, { thinking: { mode: 'off' as const } }, false],
    ['kimi-k3', undefined, { thinking: { effort: 'none' } }, false],
    ['kimi-k2-0905', undefined, { thinking: { mode: 'on' as const } }, false],
    ['any', rules('always', 'on'), { thinking: { mode: 'off' as const } }, true],
    ['any', rules('switchable', 'off'), {}, false],
    ['any', rules('switchable', 'off'), { thinking: { mode: 'on' as const } }, true],
    ['kimi-k2.5', rules('never', 'off'), { thinking: { mode: 'on' as const } }, false],
  ])('%s with rules %o and request %o: %s', async (upstreamModel, modelRules, more, expected) => {
    const choice = await firstChoice(asking('Hi', more), { upstreamModel, ...(modelRules === undefined ? {} : { modelRules }) });
    expect(choice.thinking !== undefined).toBe(expected);
    expect(choice.text).toBeDefined();
  });

  it('comes first, and its tokens are counted', async () => {
    const { events } = await play(sandbox(), callOf(asking('Hi', { stream: true }), { upstreamModel: 'kimi-k2-thinking' }));
    const kinds = events.map((event) => event.type);
    expect(kinds.lastIndexOf('thinking-delta')).toBeLessThan(kinds.indexOf('text-delta'));
    const usage = folded(events).usage;
    expect(usage?.reasoning).toBeGreaterThan(5);
    expect(usage?.output).toBeGreaterThan(usage?.reasoning ?? Infinity);
  });

  it('is shorter for less effort, and keeps to a budget', async () => {
    const reasoning = async (thinking: DialogueRequest['thinking']): Promise<number> => {
      const answer = await reply(callOf(asking('Hi', thinking === undefined ? {} : { thinking }), { upstreamModel: 'kimi-k2-thinking' }));
      return answer.usage?.reasoning ?? -1;
    };
    expect(await reasoning({ effort: 'low' })).toBeLessThan(await reasoning({ effort: 'high' }));
    const budget = await reasoning({ tokensMax: 7 });
    expect(budget).toBeLessThanOrEqual(7);
    expect(budget).toBeGreaterThan(0);
  });
});

describe('tools', () => {
  it('are called when the user asks for what they do, all at once', async () => {
    const choice = await firstChoice(asking('Search the web and tell me the weather in Paris', { tools: [weather, search] }));
    expect(choice.finish.reason).toBe('tool-calls');
    expect(choice.toolCalls.map((call) => call.id)).toEqual(['functions.get_weather:0', 'functions.search:1']);
    expect(JSON.parse(choice.toolCalls[0]?.argumentsText ?? '')).toEqual({ city: 'Paris' });
  });

  it.each([
    ['北京今天天气怎么样', 1], ['Jaka jest pogoda', 1], ['Which of these is best?', 1], ['Thank you.', 0],
  ])('on %s: %i', async (text, count) => {
    expect((await firstChoice(asking(text, { tools: [weather] }))).toolCalls).toHaveLength(count);
  });

  it('are called for the user\'s own words, also when a client lets the system speak last', async () => {
    const names = async (...messages: Message[]): Promise<string[]> => (await firstChoice({ ...asking('', { tools: [weather, search] }), messages })).toolCalls.map(({ name }) => name);
    const asked: Message = { role: 'user', content: 'What is the weather?' };
    expect(await names(asked, { role: 'system', content: '# Environment' })).toEqual(['get_weather']);
    expect(await names({ role: 'user', content: '<system-reminder>You may search and get_weather.</system-reminder> Thanks.' })).toEqual([]);
  });

  it('are called as tool_choice says', async () => {
    const tools = [weather, search];
    const count = async (more: Partial<DialogueRequest>): Promise<number> => (await firstChoice(asking('Thanks.', { tools, ...more }))).toolCalls.length;
    expect(await count({ toolChoice: { type: 'auto' } })).toBe(0);
    expect(await count({ toolChoice: { type: 'required' } })).toBe(1);
    const named = await firstChoice(asking('Thanks.', { tools, toolChoice: { type: 'named', name: 'search' } }));
    expect(named.toolCalls.map((call) => call.name)).toEqual(['search']);
    expect((await firstChoice(asking('search?', { tools, toolChoice: { type: 'none' } }))).toolCalls).toEqual([]);
    const allowed = (mode: 'auto' | 'required', text: string): DialogueRequest => asking(text, { tools, toolChoice: { type: 'allowed', mode, names: ['search'] } });
    expect((await firstChoice(allowed('required', 'What is the weather?'))).toolCalls.map(({ name }) => name)).toEqual(['search']);
    expect((await firstChoice(allowed('auto', 'Thanks.'))).toolCalls).toEqual([]);
    expect((await firstChoice(asking('search the weather', { tools, parallelToolCalls: false }))).toolCalls).toHaveLength(1);
    expect((await firstChoice(asking('Thanks.', { tools }), { sandboxScript: 'tools=always' })).toolCalls).toHaveLength(1);
    expect((await firstChoice(asking('search?', { tools }), { sandboxScript: 'tools=never' })).toolCalls).toHaveLength(0);
  });

  it.each([{ type: 'required' as const }, { type: 'named' as const, name: 'gone' }])('must be there when forced: %o', async (toolChoice) => {
    const { failure } = await play(sandbox(), callOf(asking('Hi', { toolChoice })));
    expect(failure?.fault.code).toBe('invalid_request');
    expect(failure?.stage).toBe('rejected');
  });

  it('are counted over the whole conversation, and their results are answered in text', async () => {
    const messages: readonly Message[] = [
      { role: 'user', content: 'search' },
      { role: 'assistant', toolCalls: [{ id: 'functions.search:0', kind: 'function', name: 'search', argumentsText: '{}' }] },
      { role: 'tool', toolCallId: 'functions.search:0', content: 'The Moon is 384,400 km away.' },
    ];
    const answered = await firstChoice(asking('', { messages, tools: [search] }));
    expect(answered.toolCalls).toEqual([]);
    expect(answered.text).toContain('384,400 km');
    const again = await firstChoice(asking('', { messages: [...messages, { role: 'user', content: 'search again' }], tools: [search] }));
    expect(again.toolCalls[0]?.id).toBe('functions.search:1');
  });

  it('may be built in, or added by a system message', async () => {
    const builtin = await firstChoice(asking('Search for the Moon', { tools: [{ kind: 'builtin', name: '$web_search' }] }));
    expect(builtin.toolCalls[0]).toMatchObject({ kind: 'builtin', name: '$web_search', id: 'functions.$web_search:0' });
    expect(JSON.parse(builtin.toolCalls[0]?.argumentsText ?? '')).toEqual({
      search_result: { search_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
      usage: { total_tokens: expect.any(Number) as number },
    });
    const added = await firstChoice(asking('', { messages: [{ role: 'system', tools: [search] }, { role: 'user', content: 'search' }] }));
    expect(added.toolCalls).toHaveLength(1);
  });
});

describe('JSON', () => {
  it('is an object when JSON is asked for', async () => {
    const choice = await firstChoice(asking('你好', { outputFormat: { type: 'json' } }));
    expect(JSON.parse(choice.text ?? '')).toMatchObject({ sandbox: true, answer: expect.stringContaining('沙盒') as string });
  });

  it('satisfies the schema asked for', async () => {
    const schema: JsonObject = { type: 'object', properties: { moons: { type: 'integer', minimum: 3, maximum: 3 } }, required: ['moons'], additionalProperties: false };
    const choice = await firstChoice(asking('Hi', { outputFormat: { type: 'json-schema', name: 'x', schema } }));
    expect(JSON.parse(choice.text ?? '')).toEqual({ moons: 3 });
  });
});

describe('tokens', () => {
  it('stop at the limit, thinking included', async () => {
    const whole = await reply(callOf(asking('Hi'), { upstreamModel: 'kimi-k2-thinking' }));
    for (const outputTokensMax of [1, 5, 30, 60]) {
      const cut = await reply(callOf(asking('Hi', { outputTokensMax }), { upstreamModel: 'kimi-k2-thinking' }));
      expect(cut.choices[0]?.finish.reason).toBe('length');
      expect(cut.usage?.output).toBeLessThanOrEqual(outputTokensMax);
      expect(cut.usage?.output).toBeGreaterThanOrEqual(Math.floor(outputTokensMax / 2));
      expect(whole.choices[0]?.thinking?.startsWith(cut.choices[0]?.thinking ?? '')).toBe(true);
    }
    const exact = await reply(callOf(asking('Hi', { outputTokensMax: whole.usage?.output ?? 0 }), { upstreamModel: 'kimi-k2-thinking' }));
    expect(exact.choices[0]?.finish.reason).toBe('stop');
  });

  it('take the offer\'s default when the caller named no limit', async () => {
    expect((await firstChoice(asking('Hi'), { outputTokensDefault: 3 })).finish.reason).toBe('length');
  });

  it('are counted by the counter that it was given', async () => {
    const answer = await reply(callOf(asking('Hi')), sandbox({ countTokens: (text) => text.length }));
    expect(answer.usage?.output).toBe(answer.choices[0]?.text?.length);
    expect(answer.usage).toMatchObject({ cacheRead: 0, cacheWrite: 0, reasoning: 0, estimated: false });
  });

  it('of a prompt seen before are read from the cache, under the same key and model', async () => {
    const upstream = sandbox();
    const long = 'All about the Moon. '.repeat(500);
    const usage = async (text: string, more: Partial<DialogueRequest> = {}, call: Partial<UpstreamCall> = {}) =>
      (await reply(callOf(asking(text, more), call), upstream)).usage ?? { cacheRead: -1, inputUncached: -1 };
    const cold = await usage(long);
    expect(cold.cacheRead).toBe(0);
    const warm = await usage(`${long}And more.`);
    expect(warm.cacheRead).toBeGreaterThan(2_000);
    expect(warm.cacheRead + warm.inputUncached).toBeGreaterThan(cold.inputUncached);
    expect((await usage(`Other. ${long}`)).cacheRead).toBe(0);
    expect((await usage(long, { cacheKey: 'mine' })).cacheRead).toBe(0);
    expect((await usage(long, { cacheKey: 'mine' })).cacheRead).toBeGreaterThan(2_000);
    expect((await usage(long, {}, { upstreamModel: 'kimi-k3' })).cacheRead).toBe(0);
    expect((await usage(long, {}, { sandboxScript: 'cache=off' })).cacheRead).toBe(0);
  });

  it('of the prompt have to fit the context', async () => {
    const upstream = sandbox({ contextTokens: () => 100 });
    const { failure } = await play(upstream, callOf(asking('x'.repeat(1_000))));
    expect(failure?.stage).toBe('rejected');
    expect(failure?.fault.code).toBe('prompt_too_long');
    expect(failure?.fault.message).toMatch(/model token limit: 100 \(requested: 2\d\d\)/);
    const tight = await reply(callOf(asking('x'.repeat(320))), upstream);
    expect(tight.choices[0]?.finish.reason).toBe('length');
  });
});

describe('laws', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.constantFrom('search?', 'weather 天气', 'sandbox: refuse', 'say: 🌙é'));
  const request: fc.Arbitrary<DialogueRequest> = fc.record({
    text,
    tools: fc.constantFrom<readonly Tool[]>([], [weather], [weather, search]),
    format: fc.constantFrom<DialogueRequest['outputFormat']>(undefined, { type: 'json' }, { type: 'json-schema', name: 'x', schema: { type: 'object', properties: { a: { type: 'string' } } } }),
    limit: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
    choiceCount: fc.integer({ min: 1, max: 3 }),
    stop: fc.constantFrom<readonly string[]>([], ['a'], ['🌙', 'x']),
  }).map(({ text: content, tools, format, limit, choiceCount, stop }) => asking(content, {
    tools,
    ...(format === undefined ? {} : { outputFormat: format }),
    ...(limit === undefined ? {} : { outputTokensMax: limit }),
    sampling: { choiceCount, stop },
  }));
  const wholeFaults = ['content-filter', 'empty-answer', 'thinking-only', 'leaked-markers', 'leaked-markers-thinking', 'wrong-ids', 'wrong-finish',
    'undeclared-tool', 'truncated-arguments', 'raw-newline-arguments', 'no-usage', 'bad-usage'];
  const script = fc.tuple(fc.constantFrom('', ...wholeFaults.map((name) => `fault=${name};`)), fc.nat(5)).map(([fault, seed]) => `${fault}seed=${seed}`);
  const model = fc.constantFrom('kimi-k2', 'kimi-k2-thinking');

  it('fold(stream) = reply, over requests and scripts', async () => {
    await fc.assert(fc.asyncProperty(request, script, model, async (any, sandboxScript, upstreamModel) => {
      const call = callOf(any, { sandboxScript, upstreamModel });
      const streamed = await play(sandbox(), { ...call, request: { ...any, stream: true } });
      expect(streamed.failure).toBeUndefined();
      expect(streamed.result).toBeUndefined();
      expect(folded(streamed.events)).toEqual(await reply(call));
    }), { numRuns: 150 });
  });

  it('a stream starts once, ends each choice once and last, and keeps to its limit', async () => {
    await fc.assert(fc.asyncProperty(request, script, model, async (any, sandboxScript, upstreamModel) => {
      const { events, opened } = await play(sandbox(), callOf({ ...any, stream: true }, { sandboxScript, upstreamModel }));
      expect(opened).toBe(1);
      expect(events.filter((event) => event.type === 'reply-start')).toHaveLength(1);
      expect(events[0]?.type).toBe('reply-start');
      const count = any.sampling.choiceCount ?? 1;
      const ended = new Set<number>();
      for (const event of events) {
        if ('choice' in event) expect(ended.has(event.choice)).toBe(false);
        if (event.type === 'choice-end') ended.add(event.choice);
      }
      expect(ended.size).toBe(count);
      const usage = folded(events).usage;
      if (usage !== undefined && any.outputTokensMax !== undefined) expect(usage.output).toBeLessThanOrEqual(any.outputTokensMax * count);
    }), { numRuns: 100 });
  });
});
