import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import { decodeChatRequest } from './request-decode.ts';

const hello = { role: 'user', content: 'hello' };
const call = { id: 'search:0', type: 'function', function: { name: 'search', arguments: '{"q":1}' } };
const search = { type: 'function', function: { name: 'search', description: 'd', parameters: { type: 'object' }, strict: true } };

function decode(more: JsonObject, vendor: 'moonshot' | 'openrouter' | 'ark' = 'moonshot'): DialogueRequest {
  return decodeChatRequest({ model: 'kimi-k2', messages: [hello], ...more }, vendor).request;
}

function fault(body: JsonValue): Fault {
  try {
    decodeChatRequest(body, 'moonshot');
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('was accepted');
}

describe('decodeChatRequest', () => {
  it('reads a small request, silent where the caller was', () => {
    expect(decodeChatRequest({ model: 'Kimi-K2', messages: [hello] }, 'moonshot')).toEqual({
      request: { protocol: 'openai-chat', model: 'Kimi-K2', messages: [hello], sampling: {}, stream: false },
      includeUsage: false,
      reasoningAlias: false,
      thinking: 'shown',
    });
  });

  it('reads every parameter', () => {
    expect(decode({
      max_tokens: 5, max_completion_tokens: 6, temperature: 0.6, top_p: 0.9, n: 2, presence_penalty: 1, frequency_penalty: -1, stop: 'x',
      stream: true, tools: [search], tool_choice: 'required', parallel_tool_calls: false, prompt_cache_key: 'k',
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' }, strict: false } },
    })).toEqual({
      protocol: 'openai-chat', model: 'kimi-k2', messages: [hello], stream: true, outputTokensMax: 6, cacheKey: 'k', parallelToolCalls: false,
      sampling: { temperature: 0.6, topP: 0.9, choiceCount: 2, presencePenalty: 1, frequencyPenalty: -1, stop: ['x'] },
      tools: [{ kind: 'function', name: 'search', description: 'd', parameters: { type: 'object' }, strict: true }],
      toolChoice: { type: 'required' },
      outputFormat: { type: 'json-schema', name: 's', schema: { type: 'object' }, strict: false },
    });
  });

  it('takes null for absence', () => {
    const nulls = Object.fromEntries(['max_tokens', 'temperature', 'top_p', 'n', 'stop', 'stream', 'stream_options', 'tools', 'tool_choice', 'thinking', 'reasoning', 'response_format'].map((key) => [key, null]));
    expect(decode(nulls)).toEqual(decode({}));
  });

  it('keeps what it does not know, at every level, untouched', () => {
    const request = decodeChatRequest({
      model: 'kimi-k2', seed: 5, safety_identifier: 'u', provider: { only: ['x'] }, thinking: { type: 'enabled', clear_thinking: false },
      stream: true, stream_options: { include_usage: true, include_obfuscation: false },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }, { type: 'image_url', image_url: { url: 'data:x', detail: 'low', odd: 1 } }, { type: 'input_audio', input_audio: {} }], mood: 'good' },
        { role: 'assistant', tool_calls: [{ ...call, index: 0, extra_content: { google: 1 } }], reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] },
        { role: 'tool', tool_call_id: 'search:0', content: '' },
      ],
      tools: [{ ...search, cache_control: 1, function: { ...search.function, odd: true } }],
    }, 'moonshot').request;
    expect(request.extensions).toEqual({
      'openai-chat': {
        seed: 5, safety_identifier: 'u', provider: { only: ['x'] }, thinking: { clear_thinking: false }, stream_options: { include_obfuscation: false },
      },
    });
    expect(request.messages).toEqual([
      {
        role: 'user', extensions: { 'openai-chat': { mood: 'good' } },
        content: [
          { type: 'text', text: 'a', extensions: { 'openai-chat': { cache_control: { type: 'ephemeral' } } } },
          { type: 'image', url: 'data:x', detail: 'low', extensions: { 'openai-chat': { image_url: { odd: 1 } } } },
          { type: 'opaque', protocol: 'openai-chat', value: { type: 'input_audio', input_audio: {} } },
        ],
      },
      {
        role: 'assistant', thinking: 'hm', extensions: { 'openai-chat': { reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] } },
        toolCalls: [{ id: 'search:0', kind: 'function', name: 'search', argumentsText: '{"q":1}', extensions: { 'openai-chat': { extra_content: { google: 1 } } } }],
      },
      { role: 'tool', toolCallId: 'search:0', content: '' },
    ]);
    expect(request.tools).toMatchObject([{ name: 'search', extensions: { 'openai-chat': { cache_control: 1, function: { odd: true } } } }]);
  });

  it('passes on what it only checks, null too', () => {
    const passed = {
      logprobs: true, top_logprobs: 20, seed: -5, user: 'u', logit_bias: { 5: -1 }, prediction: { type: 'content', content: [] }, service_tier: 'auto',
      repetition_penalty: 1.1, safety_identifier: 's', metadata: { a: 'b' }, store: false, verbosity: null, stream_options: { chunk_include_usage: true },
    };
    expect(decode(passed).extensions).toEqual({ 'openai-chat': passed });
  });

  it('bears with empty content of all but the user, and with names that Moonshot allows', () => {
    const messages = [{ role: 'system', content: '' }, hello, { role: 'assistant', content: '' }, { role: 'user', content: ' ' }, { role: 'assistant', tool_calls: [call] }, { role: 'tool', tool_call_id: 'search:0', content: '' }];
    expect(decode({ messages }).messages).toHaveLength(6);
    const names = ['_', 'a-b_9', 'x'.repeat(256)];
    expect(decode({ tools: [...names.map((name) => ({ type: 'function', function: { name } })), { type: 'builtin_function', function: { name: '$web_search' } }] }).tools).toHaveLength(4);
  });

  it('keeps a field called __proto__ a field', () => {
    const body: unknown = JSON.parse('{"model":"k","messages":[{"role":"user","content":"a","__proto__":{"x":1}}],"__proto__":{"polluted":1}}');
    const { request } = decodeChatRequest(body, 'moonshot');
    expect(Object.keys(request.extensions?.['openai-chat'] ?? {})).toEqual(['__proto__']);
    expect('polluted' in {}).toBe(false);
    expect('polluted' in request).toBe(false);
  });

  it('reads messages of every role', () => {
    const { messages } = decode({
      messages: [
        { role: 'system', content: 's', name: 'n' }, { role: 'developer', content: 'd' }, hello,
        { role: 'assistant', content: null, tool_calls: [call, { id: 'w:1', type: 'builtin_function', function: { name: '$web_search', arguments: null } }], reasoning_content: '' },
        { role: 'tool', tool_call_id: 'w:1', name: '$web_search', content: '{}' }, { role: 'tool', tool_call_id: 'search:0', content: [{ type: 'text', text: 'r' }] },
        { role: 'system', tools: [search] }, { role: 'system', content: '', tools: [{ type: 'builtin_function', function: { name: '$b' } }] },
        { role: 'assistant', content: '{', partial: true, name: 'x' },
      ],
    });
    expect(messages).toEqual([
      { role: 'system', content: 's', name: 'n' }, { role: 'system', content: 'd', fromDeveloper: true }, hello,
      {
        role: 'assistant', content: null, thinking: '',
        toolCalls: [{ id: 'search:0', kind: 'function', name: 'search', argumentsText: '{"q":1}' }, { id: 'w:1', kind: 'builtin', name: '$web_search', argumentsText: '{}' }],
      },
      { role: 'tool', toolCallId: 'w:1', name: '$web_search', content: '{}' }, { role: 'tool', toolCallId: 'search:0', content: [{ type: 'text', text: 'r' }] },
      { role: 'system', tools: [{ kind: 'function', name: 'search', description: 'd', parameters: { type: 'object' }, strict: true }] },
      { role: 'system', content: '', tools: [{ kind: 'builtin', name: '$b' }] },
      { role: 'assistant', content: '{', partial: true, name: 'x' },
    ]);
  });

  it.each([
    ['an object', { type: 'image_url', image_url: { url: 'ms://1' } }, { type: 'image', url: 'ms://1' }],
    ['a string', { type: 'image_url', image_url: 'ms://1' }, { type: 'image', url: 'ms://1' }],
    ['a video', { type: 'video_url', video_url: { url: 'ms://1' } }, { type: 'video', url: 'ms://1' }],
    ['the name of a file that lies here', { type: 'file', file: { file_id: `file_${'0a'.repeat(16)}` } }, { type: 'file', url: `ms://file_${'0a'.repeat(16)}` }],
    ['a video in a string', { type: 'video_url', video_url: 'ms://1' }, { type: 'video', url: 'ms://1' }],
  ])('takes a URL in %s', (_name, part, decoded) => {
    expect(decode({ messages: [{ role: 'user', content: [part] }] }).messages).toEqual([{ role: 'user', content: [decoded] }]);
  });

  it('reads thinking of earlier turns by any name, empty too', () => {
    const thinking = (more: JsonObject): unknown => decode({ messages: [{ role: 'assistant', content: 'x', ...more }, hello] }).messages[0];
    expect(thinking({ reasoning_content: 'a', reasoning: 'b' })).toEqual({ role: 'assistant', content: 'x', thinking: 'a' });
    expect(thinking({ reasoning_content: '' })).toEqual({ role: 'assistant', content: 'x', thinking: '' });
    expect(thinking({ reasoning: 'b' })).toEqual({ role: 'assistant', content: 'x', thinking: 'b' });
    expect(thinking({ reasoning: null })).toEqual({ role: 'assistant', content: 'x' });
  });

  it('takes tools in other forms', () => {
    const schema = { type: 'object', properties: { q: { type: 'string' } } };
    const normal = { kind: 'function', name: 'web_search', description: 'd', parameters: schema };
    expect(decode({ tools: [{ name: 'web_search', description: 'd', input_schema: schema }] }).tools).toEqual([normal]);
    expect(decode({ tools: [{ type: 'function', name: 'web_search', description: 'd', parameters: schema }] }).tools).toEqual([normal]);
    expect(decode({ tools: [{ type: 'custom', name: 'web_search', description: 'd', input_schema: schema }] }).tools).toEqual([normal]);
    expect(decode({ tools: [{ type: 'openrouter:web_search', x: 1 }] }).tools).toEqual([{ kind: 'opaque', protocol: 'openai-chat', value: { type: 'openrouter:web_search', x: 1 } }]);
  });

  it('understands functions and function_call', () => {
    const request = decode({
      functions: [{ name: 'f', parameters: { type: 'object' } }], function_call: { name: 'f' },
      messages: [
        hello, { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }, { role: 'function', name: 'f', content: 'r' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } }, { role: 'function', name: 'f', content: 'r2' },
      ],
    });
    expect(request).toMatchObject({ tools: [{ kind: 'function', name: 'f' }], toolChoice: { type: 'named', name: 'f' } });
    expect(request.messages.slice(1)).toMatchObject([
      { role: 'assistant', toolCalls: [{ id: 'functions.f:0', name: 'f' }] }, { role: 'tool', toolCallId: 'functions.f:0', content: 'r' },
      { role: 'assistant', toolCalls: [{ id: 'functions.f:1', argumentsText: '{"a":1}' }] }, { role: 'tool', toolCallId: 'functions.f:1' },
    ]);
    expect(request.extensions).toBeUndefined();
  });

  it.each<[JsonValue, JsonValue]>([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'required' }],
    ['any', { type: 'required' }],
    [{ type: 'function', function: { name: 'search' } }, { type: 'named', name: 'search' }],
    [{ type: 'function', name: 'search' }, { type: 'named', name: 'search' }],
    [{ type: 'allowed_tools', x: 1 }, { type: 'opaque', protocol: 'openai-chat', value: { type: 'allowed_tools', x: 1 } }],
  ])('reads the tool choice %j', (choice, decoded) => {
    expect(decode({ tools: [search], tool_choice: choice }).toolChoice).toEqual(decoded);
  });

  it.each<[JsonObject, JsonValue | undefined]>([
    [{ thinking: { type: 'enabled' } }, { mode: 'on' }],
    [{ thinking: { type: 'disabled' } }, { mode: 'off' }],
    [{ thinking: { type: 'auto' } }, { mode: 'auto' }],
    [{ thinking: { type: 'enabled', keep: 'all' } }, { mode: 'on', keep: 'all' }],
    [{ thinking: { keep: null } }, { keep: null }],
    [{ thinking: { type: 'enabled', budget_tokens: 9 } }, { mode: 'on', tokensMax: 9 }],
    [{ thinking: {} }, undefined],
    [{ reasoning_effort: 'high' }, { effort: 'high' }],
    [{ reasoning_effort: 'none' }, { mode: 'off' }],
    [{ reasoning: { effort: 'low', max_tokens: 5, enabled: true } }, { mode: 'on', effort: 'low', tokensMax: 5 }],
    [{ reasoning: { enabled: false } }, { mode: 'off' }],
    [{ reasoning: { effort: 'none' } }, { mode: 'off' }],
    [{ reasoning_effort: 'max', thinking: { type: 'enabled', effort: 'low' } }, { mode: 'on', effort: 'max' }],
    [{ chat_template_kwargs: { thinking: false } }, { mode: 'off' }],
    [{ chat_template_kwargs: { enable_thinking: true, preserve_thinking: true, thinking_effort: 'low' } }, { mode: 'on', keep: 'all', effort: 'low' }],
  ])('reads how to think: %j', (more, thinking) => {
    expect(decode(more).thinking).toEqual(thinking);
  });

  it('tells what the surface must know', () => {
    const flags = (more: JsonObject): unknown => {
      const { request: _request, ...style } = decodeChatRequest({ model: 'k', messages: [hello], ...more }, 'openrouter');
      return style;
    };
    expect(flags({ stream_options: { include_usage: true } })).toEqual({ includeUsage: true, reasoningAlias: false, thinking: 'shown' });
    expect(flags({ usage: { include: true } })).toEqual({ includeUsage: true, reasoningAlias: false, thinking: 'shown' });
    expect(flags({ reasoning: { exclude: true } })).toEqual({ includeUsage: false, reasoningAlias: true, thinking: 'excluded' });
    expect(flags({ reasoning: { exclude: false } })).toEqual({ includeUsage: false, reasoningAlias: true, thinking: 'shown' });
    expect(flags({ include_reasoning: true })).toEqual({ includeUsage: false, reasoningAlias: true, thinking: 'shown' });
    expect(flags({ include_reasoning: false })).toEqual({ includeUsage: false, reasoningAlias: false, thinking: 'excluded' });
    expect(decode({ reasoning: { exclude: true } })).toEqual(decode({}));
  });

  it('passes forms of output on that only OpenRouter has, there', () => {
    const format = { type: 'grammar', grammar: 'x' };
    expect(decode({ response_format: format }, 'openrouter')).toMatchObject({ extensions: { 'openai-chat': { response_format: format } } });
  });
});

describe('decodeChatRequest refuses', () => {
  const base = { model: 'k', messages: [hello] };
  const answered = [hello, { role: 'assistant', tool_calls: [call] }];

  it.each<[JsonValue, string | undefined, string]>([
    [null, undefined, 'Invalid request: '],
    ['x', undefined, 'Invalid request: '],
    [{ ...base, model: '' }, 'model', 'Invalid request: model: '],
    [{ messages: [hello] }, 'model', 'Invalid request: model: '],
    [{ model: 'k' }, 'messages', 'Invalid request: messages: '],
    [{ model: 'k', messages: [] }, 'messages', 'Invalid request: messages: '],
    [{ model: 'k', messages: 'hi' }, 'messages', 'Invalid request: messages: '],
    [{ model: 'k', messages: [1] }, 'messages.0', 'Invalid request: messages.0: '],
    [{ model: 'k', messages: [{ role: 'cat', content: 'x' }] }, 'messages.0.role', 'Invalid request: messages.0.role: '],
    [{ model: 'k', messages: [hello, { role: 'user' }] }, 'messages.1.content', 'Invalid request: messages.1.content: must not be empty'],
    [{ model: 'k', messages: [{ role: 'user', content: null }] }, 'messages.0.content', 'Invalid request: messages.0.content: must not be empty'],
    [{ model: 'k', messages: [{ role: 'user', content: '' }] }, 'messages.0.content', 'Invalid request: messages.0.content: must not be empty'],
    [{ model: 'k', messages: [{ role: 'user', content: [] }] }, 'messages.0.content', 'Invalid request: messages.0.content: must not be empty'],
    [{ model: 'k', messages: [{ role: 'user', content: 5 }] }, 'messages.0.content', 'Invalid request: messages.0.content: expected a string or an array'],
    [{ model: 'k', messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages.0.content.0.type', 'Invalid request: messages.0.content.0.type: '],
    [{ model: 'k', messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages.0.content.0.text', 'Invalid request: messages.0.content.0.text: '],
    [{ model: 'k', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages.0.content.0.image_url.url', 'Invalid request: messages.0'],
    [{ model: 'k', messages: [{ role: 'assistant', content: null }, hello] }, 'messages.0.content', 'Invalid request: messages.0.content: must not be empty'],
    [{ model: 'k', messages: [{ role: 'user', content: 'x', tools: [search] }] }, 'messages.0.tools', 'Invalid request: messages.0.tools: '],
    [{ model: 'k', messages: [{ role: 'system', content: 'x', tools: [search] }] }, 'messages.0.content', 'Invalid request: messages.0.content: '],
    [{ model: 'k', messages: [hello, { role: 'tool', tool_call_id: 'x', content: '' }] }, 'messages.1.tool_call_id', 'Invalid request: tool_call_id x is not found'],
    [{ model: 'k', messages: [hello, { role: 'tool', content: '' }] }, 'messages.1.tool_call_id', 'Invalid request: tool_call_id  is not found'],
    [{ model: 'k', messages: [hello, { role: 'function', name: 'f', content: '' }] }, 'messages.1.name', 'Invalid request: function f has not been called'],
    [{ model: 'k', messages: [...answered, hello] }, 'messages.1', "Invalid request: An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: search:0"],
    [{ model: 'k', messages: answered }, 'messages.1', "Invalid request: An assistant message with 'tool_calls' must be followed"],
    [{ model: 'k', messages: [hello, { role: 'assistant', tool_calls: [{ ...call, id: '' }] }] }, 'messages.1.tool_calls.0.id', 'Invalid request: messages.1.tool_calls.0.id: '],
    [{ model: 'k', messages: [hello, { role: 'assistant', tool_calls: [{ id: 'x' }] }] }, 'messages.1.tool_calls.0.function', 'Invalid request: '],
    [{ ...base, tools: [search, search] }, 'tools.1', 'Invalid request: function name search is duplicated'],
    [{ ...base, tools: [search], functions: [{ name: 'search' }] }, 'functions.0', 'Invalid request: function name search is duplicated'],
    [{ ...base, tools: [search], messages: [{ role: 'system', tools: [search] }, hello] }, 'messages.0.tools.0', 'Invalid request: function name search is duplicated'],
    [{ ...base, tools: [{ type: 'function' }] }, 'tools.0.function', 'Invalid request: tools.0.function: a tool needs a function with a name'],
    [{ ...base, tools: [{ type: 'function', function: {} }] }, 'tools.0.function.name', 'Invalid request: tools.0.function.name: '],
    [{ ...base, tools: [{ type: 'function', function: { name: '' } }] }, 'tools.0.function.name', 'Invalid request: tools.0.function.name: '],
    [{ ...base, tools: [{ type: 'function', function: { name: 'x'.repeat(257) } }] }, 'tools.0.function.name', 'Invalid request: tools.0.function.name: '],
    ...['1st', 'a.b', 'a b', 'a@b', '-a', 'été'].map((name): [JsonValue, string, string] => [{ ...base, tools: [{ type: 'function', function: { name } }] }, 'tools.0.function.name', 'Invalid request: tools.0.function.name: expected a letter']),
    [{ ...base, tools: [{ name: 'a.b', input_schema: {} }] }, 'tools.0.name', 'Invalid request: tools.0.name: '],
    [{ ...base, functions: [{ name: 'a.b' }] }, 'functions.0.name', 'Invalid request: functions.0.name: '],
    [{ ...base, messages: [{ role: 'system', tools: [{ type: 'function', function: { name: '$x' } }] }] }, 'messages.0.tools.0.function.name', 'Invalid request: '],
    [{ ...base, tools: {} }, 'tools', 'Invalid request: tools: '],
    [{ ...base, tool_choice: 'maybe' }, 'tool_choice', 'Invalid request: tool_choice: '],
    [{ ...base, tool_choice: 'required' }, 'tool_choice', 'Invalid request: tool_choice: '],
    [{ ...base, tools: [search], tool_choice: { type: 'function', function: { name: 'x' } } }, 'tool_choice.function.name', 'Invalid request: tool_choice.function.name: '],
    [{ ...base, response_format: { type: 'xml' } }, 'response_format.type', 'Invalid request: response_format.type: '],
    [{ ...base, response_format: { type: 'json_schema' } }, 'response_format.json_schema', 'Invalid request: response_format.json_schema: '],
    [{ ...base, response_format: { type: 'json_schema', json_schema: { schema: {} } } }, 'response_format.json_schema.name', 'Invalid request: '],
    [{ ...base, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: [] } } }, 'response_format.json_schema.schema', 'Invalid request: '],
    [{ ...base, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {}, strict: 'yes' } } }, 'response_format.json_schema.strict', 'Invalid request: '],
    [{ ...base, thinking: { type: 'maybe' } }, 'thinking.type', 'Invalid request: thinking.type: '],
    [{ ...base, thinking: { type: 'enabled', keep: 'some' } }, 'thinking.keep', 'Invalid request: thinking.keep: '],
    [{ ...base, max_tokens: 0 }, 'max_tokens', 'Invalid request: max_tokens: '],
    [{ ...base, max_completion_tokens: 1.5 }, 'max_completion_tokens', 'Invalid request: max_completion_tokens: '],
    [{ ...base, temperature: 2.1 }, 'temperature', 'Invalid request: temperature: '],
    [{ ...base, temperature: '1' }, 'temperature', 'Invalid request: temperature: '],
    [{ ...base, top_p: -0.1 }, 'top_p', 'Invalid request: top_p: '],
    [{ ...base, presence_penalty: 3 }, 'presence_penalty', 'Invalid request: presence_penalty: '],
    [{ ...base, n: 0 }, 'n', 'Invalid request: n: '],
    [{ ...base, stop: Array.from({ length: 17 }, () => 'x') }, 'stop', 'Invalid request: stop: '],
    [{ ...base, stop: [1] }, 'stop.0', 'Invalid request: stop.0: '],
    [{ ...base, stream: 'yes' }, 'stream', 'Invalid request: stream: '],
    [{ ...base, logprobs: 1 }, 'logprobs', 'Invalid request: logprobs: '],
    [{ ...base, top_logprobs: 21 }, 'top_logprobs', 'Invalid request: top_logprobs: '],
    [{ ...base, top_logprobs: -1 }, 'top_logprobs', 'Invalid request: top_logprobs: '],
    [{ ...base, seed: 1.5 }, 'seed', 'Invalid request: seed: '],
    [{ ...base, user: 5 }, 'user', 'Invalid request: user: '],
    [{ ...base, logit_bias: [] }, 'logit_bias', 'Invalid request: logit_bias: '],
    [{ ...base, prediction: 'x' }, 'prediction', 'Invalid request: prediction: '],
    [{ ...base, prediction: { type: 'guess' } }, 'prediction.type', 'Invalid request: prediction.type: '],
    [{ ...base, service_tier: true }, 'service_tier', 'Invalid request: service_tier: '],
    [{ ...base, repetition_penalty: 2.1 }, 'repetition_penalty', 'Invalid request: repetition_penalty: '],
    [{ ...base, safety_identifier: {} }, 'safety_identifier', 'Invalid request: safety_identifier: '],
    [{ ...base, stream: true, stream_options: { chunk_include_usage: 1 } }, 'stream_options.chunk_include_usage', 'Invalid request: '],
    [{ ...base, metadata: 'x' }, 'metadata', 'Invalid request: metadata: '],
    [{ ...base, store: 'yes' }, 'store', 'Invalid request: store: '],
    [{ ...base, verbosity: 1 }, 'verbosity', 'Invalid request: verbosity: '],
    [{ ...base, parallel_tool_calls: 1 }, 'parallel_tool_calls', 'Invalid request: parallel_tool_calls: '],
  ])('%j', (body, field, message) => {
    const thrown = fault(body);
    expect(thrown.code).toBe('invalid_request');
    expect(thrown.field).toBe(field);
    expect(thrown.message.slice(0, message.length)).toBe(message);
  });

  it('never says what the prompt was', () => {
    const secret = 'SECRET';
    for (const body of [{ ...base, messages: [{ role: secret, content: secret }] }, { ...base, messages: [{ role: 'user', content: { secret } }] }, { ...base, stop: { secret } }, { ...base, temperature: secret }]) {
      expect(fault(body).message).not.toContain(secret);
    }
  });
});
