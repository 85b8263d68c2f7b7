import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../dialogue/extensions.ts';
import type { SamplingRule, ThinkingRule } from '../../dialogue/model-rules.ts';
import type { Part } from '../../dialogue/message.ts';
import type { DialogueRequest } from '../../dialogue/request.ts';
import type { ChatDialect } from './chat-dialect.ts';
import { decodeChatRequest } from './request-decode.ts';
import { type ChatRequestTarget, encodeChatRequest } from './request-encode.ts';

const openai: ChatDialect = {
  family: 'openai', outputLimitField: 'max_completion_tokens', thinkingFields: ['reasoning_content'], thinkingSwitch: 'effort-only',
  streamOptions: true, builtinTools: false, developerRole: true, partial: undefined, promptCacheKey: true, jsonSchema: true, documents: true, temperatureMax: 2, moonshotRules: false, stopMax: 4, choicesMax: 128,
};
const moonshot: ChatDialect = {
  ...openai, family: 'moonshot', thinkingSwitch: 'thinking-object', builtinTools: true, developerRole: false, partial: 'partial-field', temperatureMax: 1, moonshotRules: true, stopMax: 5, stopBytesMax: 32, choicesMax: 5,
};
const ark: ChatDialect = { ...openai, family: 'ark', thinkingSwitch: 'thinking-object', developerRole: false, promptCacheKey: false, stopMax: 4, choicesMax: 5 };
const openrouter: ChatDialect = { ...openai, family: 'openrouter', outputLimitField: 'max_tokens', thinkingFields: ['reasoning'], thinkingSwitch: 'reasoning-object', partial: 'last-assistant' };
const engine: ChatDialect = {
  ...openai, family: 'open-weights', outputLimitField: 'max_tokens', thinkingSwitch: 'chat-template-kwargs', developerRole: false, promptCacheKey: false, jsonSchema: false, stopMax: 64,
};

const switchable: ThinkingRule = { kind: 'switchable', default: 'on', keep: true };
const always: ThinkingRule = { kind: 'always', default: 'on', keep: true, efforts: ['low', 'high', 'max'], effortDefault: 'max' };
const never: ThinkingRule = { kind: 'never', default: 'off', keep: false };
const fixed: SamplingRule = { fixed: { temperatureThinking: 1, temperaturePlain: 0.6, topP: 0.95 } };

const hello = { role: 'user', content: 'hello' };
const search = { type: 'function', function: { name: 'search', parameters: { type: 'object' } } };
const builtin = { type: 'builtin_function', function: { name: '$web_search' } };
const call = { id: 'search:0', type: 'function', function: { name: 'search', arguments: '{"n":12345678901234567890}' } };
const result = { role: 'tool', tool_call_id: 'search:0', content: 'r' };

function encode(body: JsonObject, dialect: ChatDialect, target: Partial<ChatRequestTarget> = {}): { body: JsonObject; losses: readonly Loss[]; lost: string[] } {
  const { request } = decodeChatRequest({ model: 'kimi-k2', messages: [hello], ...body }, 'openrouter');
  const encoded = encodeChatRequest(request, { model: 'up/kimi', dialect, ...target });
  return { body: JSON.parse(JSON.stringify(encoded.body)), losses: encoded.losses, lost: encoded.losses.map((loss) => loss.field) };
}

describe('encodeChatRequest, golden, per family', () => {
  it('declares what another protocol says of a call', () => {
    const made = { id: 'c', kind: 'function', name: 'f', argumentsText: '{}', extensions: { 'anthropic-messages': { caller: { type: 'direct' } } } } as const;
    const request: DialogueRequest = { protocol: 'anthropic-messages', model: 'm', messages: [{ role: 'assistant', toolCalls: [made] }, { role: 'tool', toolCallId: 'c', content: 'r' }], sampling: {}, stream: false };
    expect(encodeChatRequest(request, { model: 'm', dialect: openai }).losses.map(({ field }) => field)).toEqual(['messages.0.tool_calls.0.caller']);
  });

  const asked: JsonObject = {
    messages: [
      { role: 'developer', content: 'd' }, hello,
      { role: 'assistant', content: '', reasoning_content: 'hm', tool_calls: [call] }, result,
      { role: 'assistant', content: '{', partial: true },
    ],
    tools: [search, builtin], tool_choice: 'auto', max_tokens: 100, temperature: 1.5, stop: ['a', 'b', 'c', 'd', 'e', 'f'],
    thinking: { type: 'disabled' }, response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } },
    prompt_cache_key: 'k', stream: true, seed: 5, provider: { only: ['x'] },
  };
  const common = { model: 'up/kimi', tool_choice: 'auto', stream: true, stream_options: { include_usage: true }, seed: 5 };
  const schema = { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } };
  const messages = (system: string, thinkingField: string, partial: JsonObject): JsonObject[] => [
    { role: system, content: 'd' }, hello, { role: 'assistant', [thinkingField]: 'hm', tool_calls: [call] }, result, { role: 'assistant', content: '{', ...partial },
  ];

  it('moonshot', () => {
    const { body, lost } = encode(asked, moonshot);
    expect(body).toEqual({
      ...common, messages: messages('system', 'reasoning_content', { partial: true }), tools: [search, builtin], max_completion_tokens: 100, temperature: 1,
      stop: ['a', 'b', 'c', 'd', 'e'], thinking: { type: 'disabled' }, response_format: schema, prompt_cache_key: 'k',
    });
    expect(lost).toEqual(['temperature', 'stop', 'provider']);
  });

  it('ark', () => {
    const { body, lost } = encode(asked, ark);
    expect(body).toEqual({
      ...common, messages: messages('system', 'reasoning_content', {}), tools: [search], max_completion_tokens: 100, temperature: 1.5,
      stop: ['a', 'b', 'c', 'd'], thinking: { type: 'disabled' }, response_format: schema,
    });
    expect(lost).toEqual(['messages.4.partial', 'tools.1', 'stop', 'provider']);
  });

  it('openrouter', () => {
    const { body, lost } = encode(asked, openrouter);
    expect(body).toEqual({
      ...common, messages: messages('developer', 'reasoning', {}), tools: [search], max_tokens: 100, temperature: 1.5,
      stop: ['a', 'b', 'c', 'd'], reasoning: { enabled: false }, response_format: schema, prompt_cache_key: 'k', provider: { only: ['x'] },
    });
    expect(lost).toEqual(['tools.1', 'stop']);
  });

  it('open weights', () => {
    const { body, lost } = encode(asked, engine);
    expect(body).toEqual({
      ...common, messages: messages('system', 'reasoning_content', {}), tools: [search], max_tokens: 100, temperature: 1.5,
      stop: ['a', 'b', 'c', 'd', 'e', 'f'], chat_template_kwargs: { thinking: false }, response_format: { type: 'json_object' },
    });
    expect(lost).toEqual(['messages.4.partial', 'tools.1', 'response_format.json_schema', 'provider']);
  });

  it('openai', () => {
    const { body, lost } = encode(asked, openai);
    expect(body).toEqual({
      ...common, messages: messages('developer', 'reasoning_content', {}), tools: [search], max_completion_tokens: 100, temperature: 1.5,
      stop: ['a', 'b', 'c', 'd'], reasoning_effort: 'none', response_format: schema, prompt_cache_key: 'k',
    });
    expect(lost).toEqual(['messages.4.partial', 'tools.1', 'stop', 'provider']);
  });
});

describe('encodeChatRequest', () => {
  it('says nothing that the caller did not say', () => {
    expect(encode({}, moonshot)).toEqual({ body: { model: 'up/kimi', messages: [hello] }, losses: [], lost: [] });
    expect(encode({}, moonshot, { thinkingRule: switchable, samplingRule: fixed }).body).toEqual({ model: 'up/kimi', messages: [hello] });
  });

  it("sends the offer's default limit when the caller named none", () => {
    expect(encode({}, moonshot, { outputTokensDefault: 9 }).body['max_completion_tokens']).toBe(9);
    expect(encode({ max_tokens: 5 }, moonshot, { outputTokensDefault: 9 }).body['max_completion_tokens']).toBe(5);
  });

  it('asks for usage in streams, beside what else the caller asked of the stream', () => {
    expect(encode({ stream: true, stream_options: { include_usage: false, include_obfuscation: false } }, openai).body['stream_options']).toEqual({ include_usage: true, include_obfuscation: false });
    expect(encode({ stream_options: { include_obfuscation: false } }, openai).body).not.toHaveProperty('stream_options');
    expect(encode({ stream: true, stream_options: { include_obfuscation: false } }, { ...openai, streamOptions: false }).body).not.toHaveProperty('stream_options');
  });

  it('keeps thinking of earlier turns, empty too, and adds none', () => {
    const history = (more: JsonObject): unknown => encode({ messages: [{ role: 'assistant', tool_calls: [call], ...more }, result] }, moonshot).body['messages'];
    expect(history({ reasoning_content: '' })).toEqual([{ role: 'assistant', reasoning_content: '', tool_calls: [call] }, result]);
    expect(history({})).toEqual([{ role: 'assistant', tool_calls: [call] }, result]);
  });

  it.each(['', '  \n', null, [{ type: 'text', text: '' }]])('leaves blank content beside tool calls out: %j', (content) => {
    expect(encode({ messages: [{ role: 'assistant', content, tool_calls: [call] }, result] }, engine).body['messages']).toEqual([{ role: 'assistant', tool_calls: [call] }, result]);
  });

  it('keeps content that says something, and blank content elsewhere', () => {
    const kept = [{ role: 'assistant', content: ' x', tool_calls: [call] }, result, { role: 'assistant', content: '' }, { role: 'user', content: ' ' }];
    expect(encode({ messages: kept }, engine).body['messages']).toEqual(kept);
  });

  it('normalises where a URL stands, and keeps unknown parts', () => {
    const content = [{ type: 'image_url', image_url: 'ms://1' }, { type: 'video_url', video_url: { url: 'ms://2', odd: 1 } }, { type: 'input_audio', input_audio: {} }];
    expect(encode({ messages: [{ role: 'user', content }] }, moonshot).body['messages']).toEqual([
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'ms://1' } }, { type: 'video_url', video_url: { url: 'ms://2', odd: 1 } }, { type: 'input_audio', input_audio: {} }] },
    ]);
  });

  it('drops a tool choice that can no longer be met', () => {
    const { body, lost } = encode({ tools: [builtin], tool_choice: 'required' }, openai);
    expect(body).toEqual({ model: 'up/kimi', messages: [hello] });
    expect(lost).toEqual(['tools.0', 'tool_choice']);
    expect(encode({ tools: [builtin, search], tool_choice: { type: 'function', function: { name: '$web_search' } } }, openai).lost).toEqual(['tools.0', 'tool_choice']);
  });

  it("declares a message's tools from the start where messages cannot", () => {
    const messages = [{ role: 'system', tools: [search] }, hello];
    expect(encode({ messages }, moonshot).body).toEqual({ model: 'up/kimi', messages });
    const { body, lost } = encode({ messages, tool_choice: 'required' }, openai);
    expect(body).toEqual({ model: 'up/kimi', messages: [hello], tools: [search], tool_choice: 'required' });
    expect(lost).toEqual(['messages.0.tools']);
  });

  it('declares thinking that only who thought it can read', () => {
    const proof = { protocol: 'anthropic-messages', upstreamId: 'here', value: 'x', hidden: true } as const;
    const request: DialogueRequest = { protocol: 'anthropic-messages', model: 'm', messages: [{ role: 'assistant', content: 'x', thinkingProof: proof }], sampling: {}, stream: false };
    const { body, losses } = encodeChatRequest(request, { model: 'm', dialect: moonshot });
    expect(body['messages']).toEqual([{ role: 'assistant', content: 'x' }]);
    expect(losses.map(({ field }) => field)).toEqual(['messages.0.reasoning_content']);
  });

  it('sends reasoning_details to those only who can read them', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'x' }];
    const messages = [{ role: 'assistant', content: 'x', reasoning: 'hm', reasoning_details: details }, hello];
    expect(encode({ messages }, openrouter).body['messages']).toEqual(messages);
    const { body, lost } = encode({ messages }, moonshot);
    expect(body['messages']).toEqual([{ role: 'assistant', content: 'x', reasoning_content: 'hm' }, hello]);
    expect(lost).toEqual(['messages.0.reasoning_details']);
  });

  it("declares what only another protocol's upstream could take", () => {
    const request: DialogueRequest = {
      protocol: 'anthropic-messages', model: 'k', sampling: {}, stream: false, extensions: { 'anthropic-messages': { container: 1 } }, toolChoice: { type: 'opaque', protocol: 'anthropic-messages', value: {} },
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'opaque', protocol: 'anthropic-messages', value: { type: 'document' } }] }],
      tools: [{ kind: 'opaque', protocol: 'anthropic-messages', value: { type: 'bash' } }],
    };
    const { body, losses } = encodeChatRequest(request, { model: 'k', dialect: openai });
    expect(body).toEqual({ model: 'k', messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] });
    expect(losses.map((loss) => loss.field)).toEqual(['messages.0.content.1', 'tools.0', 'tool_choice', 'container']);
  });

  it('says nothing of how to call tools where none is sent, which OpenAI and vLLM refuse', () => {
    const request: DialogueRequest = {
      protocol: 'anthropic-messages', model: 'k', sampling: {}, stream: false, messages: [{ role: 'user', content: 'a' }], parallelToolCalls: false,
      tools: [{ kind: 'opaque', protocol: 'anthropic-messages', value: { type: 'web_search_20250305', name: 'web_search' } }],
    };
    for (const toolChoice of [{ type: 'auto' }, { type: 'none' }, { type: 'allowed', mode: 'auto', names: ['web_search'] }] as const) {
      const { body, losses } = encodeChatRequest({ ...request, toolChoice }, { model: 'k', dialect: openai });
      expect(body).toEqual({ model: 'k', messages: [{ role: 'user', content: 'a' }] });
      expect(losses.length).toBe(toolChoice.type === 'allowed' ? 0 : 1);
    }
  });

  it('finds a hundred thousand allowed tools without comparing each with each', () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `f${index}`);
    const request: DialogueRequest = {
      protocol: 'openai-responses', model: 'k', sampling: {}, stream: false, messages: [{ role: 'user', content: 'a' }],
      tools: names.map((name) => ({ kind: 'function', name })), toolChoice: { type: 'allowed', mode: 'auto', names: names.toReversed() },
    };
    const startMs = performance.now();
    expect(encodeChatRequest(request, { model: 'k', dialect: openai }).body['tools']).toHaveLength(names.length);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('declares documents where none are read', () => {
    const request: DialogueRequest = { protocol: 'anthropic-messages', model: 'k', sampling: {}, stream: false, messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'file', url: 'data:application/pdf;base64,AA==', filename: 'a.pdf' }] }] };
    expect(encodeChatRequest(request, { model: 'k', dialect: openai })).toMatchObject({ body: { messages: [{ content: [{ type: 'text' }, { type: 'file', file: { filename: 'a.pdf' } }] }] }, losses: [] });
    const read: DialogueRequest = { ...request, messages: [{ role: 'user', content: [{ type: 'file', url: 'data:application/pdf;base64,AA==', filename: 'a.pdf', text: 'says' }] }] };
    expect(encodeChatRequest(read, { model: 'k', dialect: openai })).toMatchObject({ body: { messages: [{ content: [{ type: 'file' }] }] }, losses: [] });
    expect(encodeChatRequest(read, { model: 'k', dialect: { ...openai, documents: false } })).toMatchObject({ body: { messages: [{ content: [{ type: 'text', text: 'a.pdf:\nsays' }] }] }, losses: [] });
    const { body, losses } = encodeChatRequest(request, { model: 'k', dialect: { ...openai, documents: false } });
    expect(body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'a' }] }]);
    expect(losses.map((loss) => loss.field)).toEqual(['messages.0.content.1']);
  });

  it('declares what a document had beside its text, where only the text is sent', () => {
    const file: Part = { type: 'file', url: 'data:application/pdf;base64,AA==', text: 'says', extensions: { 'openai-chat': { detail: 'low' }, 'anthropic-messages': { citations: { enabled: true }, cache_control: {} } } };
    const request: DialogueRequest = { protocol: 'openai-chat', model: 'k', sampling: {}, stream: false, messages: [{ role: 'user', content: [file] }] };
    const { body, losses } = encodeChatRequest(request, { model: 'k', dialect: { ...openai, documents: false } });
    expect(body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'says' }] }]);
    expect(losses.map((loss) => loss.field).toSorted()).toEqual(['messages.0.content.0.citations', 'messages.0.content.0.detail']);
  });

  it('says an empty text where nothing of a content can be said', () => {
    const lost: Part = { type: 'opaque', protocol: 'anthropic-messages', value: { type: 'x' } };
    const request: DialogueRequest = {
      protocol: 'anthropic-messages', model: 'k', sampling: {}, stream: false,
      messages: [{ role: 'assistant', toolCalls: [{ id: 'a', kind: 'function', name: 'f', argumentsText: '{}' }] }, { role: 'tool', toolCallId: 'a', content: [lost] }],
    };
    const { body, losses } = encodeChatRequest(request, { model: 'k', dialect: openai });
    expect(body['messages']).toMatchObject([{ role: 'assistant' }, { role: 'tool', content: '' }]);
    expect(losses.map((loss) => loss.field)).toEqual(['messages.1.content.0']);
  });

  it('does not let a field called __proto__ become a prototype', () => {
    const { request } = decodeChatRequest(JSON.parse('{"model":"k","messages":[{"role":"user","content":"a"}],"__proto__":{"x":1}}'), 'moonshot');
    const { body } = encodeChatRequest(request, { model: 'k', dialect: openai });
    expect(JSON.stringify(body)).toContain('"__proto__":{"x":1}');
    expect(Object.getPrototypeOf(body)).toBeNull();
  });
});

describe('encodeChatRequest: sampling', () => {
  it('leaves out what Moonshot would refuse, by whether the model thinks', () => {
    const asked = { temperature: 0.6, top_p: 0.9, presence_penalty: 1, frequency_penalty: 0, n: 2 };
    const on = encode(asked, moonshot, { thinkingRule: switchable, samplingRule: fixed });
    expect(on.body).toEqual({ model: 'up/kimi', messages: [hello], frequency_penalty: 0 });
    expect(on.lost).toEqual(['temperature', 'top_p', 'presence_penalty', 'n']);
    const off = encode({ ...asked, thinking: { type: 'disabled' } }, moonshot, { thinkingRule: switchable, samplingRule: fixed });
    expect(off.body).toMatchObject({ temperature: 0.6 });
    expect(encode({ temperature: 1, top_p: 0.95, n: 1 }, moonshot, { thinkingRule: always, samplingRule: fixed })).toMatchObject({ body: { temperature: 1, top_p: 0.95, n: 1 }, lost: [] });
  });

  it('leaves engines alone', () => {
    expect(encode({ temperature: 0.3, n: 2 }, engine, { thinkingRule: switchable, samplingRule: fixed })).toMatchObject({ body: { temperature: 0.3, n: 2 }, lost: [] });
  });
});

describe('encodeChatRequest: thinking', () => {
  it.each<[JsonObject, ChatDialect, ThinkingRule | undefined, JsonObject, string[]]>([
    [{ thinking: { type: 'enabled', keep: 'all' } }, moonshot, switchable, { thinking: { type: 'enabled', keep: 'all' } }, []],
    [{ thinking: { type: 'enabled', keep: null } }, moonshot, switchable, { thinking: { type: 'enabled', keep: null } }, []],
    [{ thinking: { type: 'enabled', keep: 'all' } }, moonshot, { ...switchable, keep: false }, { thinking: { type: 'enabled' } }, ['thinking.keep']],
    [{ thinking: { type: 'auto' } }, moonshot, switchable, {}, ['thinking.type']],
    [{ thinking: { type: 'auto' } }, ark, switchable, { thinking: { type: 'auto' } }, []],
    [{ thinking: { type: 'enabled', clear: 1 } }, moonshot, switchable, { thinking: { type: 'enabled', clear: 1 } }, []],
    [{ thinking: { type: 'enabled', clear: 1 } }, openrouter, switchable, { reasoning: { enabled: true } }, ['thinking']],
    [{ thinking: { type: 'disabled' } }, moonshot, always, {}, ['thinking']],
    [{ thinking: { type: 'enabled' } }, moonshot, always, {}, []],
    [{ thinking: { type: 'enabled', keep: 'all' } }, moonshot, always, { thinking: { type: 'enabled', keep: 'all' } }, []],
    [{ thinking: { type: 'enabled' } }, moonshot, never, {}, ['thinking']],
    [{ thinking: { type: 'disabled' } }, moonshot, never, {}, []],
    [{ reasoning_effort: 'high' }, moonshot, always, { reasoning_effort: 'high' }, []],
    [{ reasoning_effort: 'medium' }, moonshot, always, { reasoning_effort: 'high' }, ['reasoning_effort']],
    [{ reasoning_effort: 'xhigh' }, moonshot, always, { reasoning_effort: 'max' }, ['reasoning_effort']],
    [{ reasoning_effort: 'minimal' }, moonshot, always, { reasoning_effort: 'low' }, ['reasoning_effort']],
    [{ reasoning_effort: 'gigantic' }, moonshot, always, {}, ['reasoning_effort']],
    [{ reasoning_effort: 'high' }, moonshot, switchable, {}, ['reasoning_effort']],
    [{ reasoning_effort: 'high' }, moonshot, undefined, { reasoning_effort: 'high' }, []],
    [{ reasoning_effort: 'high' }, openrouter, switchable, { reasoning: { effort: 'high' } }, []],
    [{ reasoning: { max_tokens: 9, exclude: true } }, openrouter, switchable, { reasoning: { max_tokens: 9 } }, []],
    [{ reasoning: { max_tokens: 9, exclude: true, summary: 'auto' } }, openrouter, switchable, { reasoning: { max_tokens: 9, summary: 'auto' } }, []],
    [{ reasoning: { max_tokens: 9, exclude: true } }, moonshot, switchable, {}, ['reasoning.max_tokens']],
    [{ reasoning: { summary: 'auto' } }, moonshot, switchable, {}, ['reasoning']],
    [{ include_reasoning: false }, moonshot, switchable, {}, []],
    [{ thinking: { keep: 'all' } }, openrouter, switchable, {}, ['thinking.keep']],
    [{ thinking: { type: 'enabled', keep: 'all' } }, engine, switchable, { chat_template_kwargs: { thinking: true, preserve_thinking: true } }, []],
    [{ chat_template_kwargs: { thinking: false, odd: 1 } }, engine, switchable, { chat_template_kwargs: { thinking: false, odd: 1 } }, []],
    [{ chat_template_kwargs: { thinking: false, odd: 1 } }, moonshot, switchable, { thinking: { type: 'disabled' } }, ['chat_template_kwargs']],
    [{ reasoning_effort: 'low' }, engine, always, { chat_template_kwargs: { thinking_effort: 'low' } }, []],
    [{ reasoning_effort: 'none' }, openai, undefined, { reasoning_effort: 'none' }, []],
    [{ thinking: { type: 'enabled' } }, openai, switchable, {}, []],
    [{ thinking: { type: 'enabled' } }, openai, undefined, {}, ['thinking.type']],
  ])('%j', (asked, dialect, rule, sent, lost) => {
    const encoded = encode(asked, dialect, rule === undefined ? {} : { thinkingRule: rule });
    expect(encoded.body).toEqual({ model: 'up/kimi', messages: [hello], ...sent });
    expect(encoded.lost).toEqual(lost);
  });
});
