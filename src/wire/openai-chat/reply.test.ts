import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import type { ChatStyle } from './chat-style.ts';
import { decodeChatReply } from './reply-decode.ts';
import { encodeChatReply } from './reply-encode.ts';

const plain: ChatStyle = { vendor: 'moonshot', reasoningAlias: false, thinking: 'shown', includeUsage: false };
const alias: ChatStyle = { ...plain, reasoningAlias: true };

function reply(message: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    id: 'cmpl-1', object: 'chat.completion', created: 7, model: 'kimi-k2',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
    ...more,
  };
}

describe('decodeChatReply', () => {
  it("reads the documentation's example", () => {
    const value = reply(
      { content: '你好', reasoning_content: 'hm' },
      { usage: { prompt_tokens: 19, completion_tokens: 21, total_tokens: 40, cached_tokens: 10 } },
    );
    expect(decodeChatReply(value)).toEqual({
      id: 'cmpl-1', model: 'kimi-k2', createdS: 7,
      choices: [{ text: '你好', thinking: 'hm', toolCalls: [], finish: { reason: 'stop' } }],
      usage: { inputUncached: 9, cacheRead: 10, cacheWrite: 0, output: 21, estimated: false },
      source: { protocol: 'openai-chat', value },
    });
  });

  it('reads tool calls in any shape', () => {
    const value = reply({
      content: null,
      tool_calls: [
        { id: 'a:0', type: 'function', function: { name: 'a', arguments: '{"n":12345678901234567890}' } },
        { index: 1, type: 'builtin_function', function: { name: '$web_search', arguments: { q: 1 } } },
      ],
    });
    expect(decodeChatReply(value).choices[0]?.toolCalls).toEqual([
      { id: 'a:0', kind: 'function', name: 'a', argumentsText: '{"n":12345678901234567890}' },
      { id: 'call_cmpl1_0_1', kind: 'builtin', name: '$web_search', argumentsText: '{"q":1}' },
    ]);
    expect(decodeChatReply(reply({ function_call: { name: 'a', arguments: '{}' } })).choices[0]?.toolCalls).toMatchObject([{ name: 'a' }]);
  });

  it.each([
    ['reasoning', { content: 'x', reasoning: 'hm' }],
    ['reasoning_details', { content: 'x', reasoning: null, reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }],
    ['a list', { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }, { type: 'text', text: 'x' }] }],
  ])('finds thinking in %s', (_name, message) => {
    expect(decodeChatReply(reply(message)).choices[0]).toMatchObject({ text: 'x', thinking: 'hm' });
  });

  it('puts choices in order', () => {
    const choices = [1, 0].map((index) => ({ index, message: { content: String(index) }, finish_reason: 'length' }));
    expect(decodeChatReply(reply({}, { choices })).choices.map((choice) => choice.text)).toEqual(['0', '1']);
  });

  it.each<[string, JsonObject, string]>([
    ['no choices', reply({}, { choices: [] }), 'upstream_invalid_reply'],
    ['choices that are none', { choices: [1] }, 'upstream_invalid_reply'],
    ['something else', {}, 'upstream_invalid_reply'],
    ['an error', { error: { code: 429, message: 'slow' } }, 'upstream_rate_limited'],
    ['a failed choice', { choices: [{ finish_reason: 'error', message: {}, error: { code: 503 } }] }, 'upstream_overloaded'],
    ['a choice that just failed', { choices: [{ finish_reason: 'error', message: {} }] }, 'upstream_failed'],
  ])('throws at %s', (_name, value, code) => {
    expect(() => decodeChatReply(value)).toThrow(expect.objectContaining({ code }));
    expect(() => decodeChatReply(value)).toThrow(Fault);
  });
});

describe('encodeChatReply, of the same protocol', () => {
  it('keeps everything, and only puts in order what has a normal form', () => {
    const value = reply(
      { content: ' x', refusal: null, reasoning: 'hm', reasoning_details: [{ type: 'reasoning.encrypted', data: 'e' }], annotations: [1] },
      { provider: 'Novita', system_fingerprint: 'fp', service_tier: null, usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, num_sources_used: 2, cost: 0.1, is_byok: false } },
    );
    expect(encodeChatReply(decodeChatReply(value), plain)).toEqual({
      ...value,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: ' x', refusal: null, reasoning: 'hm', reasoning_content: 'hm', reasoning_details: [{ type: 'reasoning.encrypted', data: 'e' }], annotations: [1] } }],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cached_tokens: 0, prompt_tokens_details: { cached_tokens: 0 }, num_sources_used: 2 },
    });
  });

  it('says what the caller pays where OpenRouter does, in place of what the upstream asks of us', () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cost: 0.1, is_byok: true, cost_details: { upstream_inference_cost: 0.1 } };
    const decoded = decodeChatReply(reply({ content: 'x' }, { usage, choices: [{ index: 0, message: { content: 'x' }, finish_reason: 'stop', usage }] }));
    const cost: ReplyCost = { state: 'priced', amountNanos: 1_230_000n, currency: 'USD', lines: [{ bucket: 'input', tokens: 1, amountNanos: 1_000_000n }, { bucket: 'output', tokens: 2, amountNanos: 230_000n }] };
    const openrouter: ChatStyle = { ...plain, vendor: 'openrouter' };
    const { source: _source, ...built } = decoded;
    for (const one of [decoded, built]) {
      const text = JSON.stringify(encodeChatReply(one, openrouter, cost));
      expect(JSON.parse(text)).toMatchObject({ usage: { cost: 0.00123, is_byok: false, cost_details: { currency: 'USD', upstream_inference_cost: null } } });
      expect(text).not.toContain('0.1');
      expect(JSON.stringify(encodeChatReply(one, plain, cost))).not.toMatch(/cost|byok/);
      expect(JSON.stringify(encodeChatReply(one, openrouter))).not.toMatch(/cost|byok/);
    }
  });

  it('does not change what came', () => {
    const value = reply({ content: 'x', reasoning: 'hm', tool_calls: [{ function: { name: 'a' } }] });
    const before = structuredClone(value);
    encodeChatReply(decodeChatReply(value), alias);
    expect(value).toEqual(before);
  });

  it('adds the alias when asked to', () => {
    const decoded = decodeChatReply(reply({ content: 'x', reasoning_content: 'hm' }));
    expect(encodeChatReply(decoded, alias)).toMatchObject({ choices: [{ message: { reasoning: 'hm', reasoning_content: 'hm' } }] });
    expect(encodeChatReply(decoded, plain)).not.toHaveProperty('choices.0.message.reasoning');
  });

  it('leaves thinking out when it is excluded, by every name, and counts it still', () => {
    const value = reply(
      { content: 'x', reasoning: 'hm', reasoning_content: 'hm', reasoning_details: [{ type: 'reasoning.encrypted', data: 'hm' }], annotations: [1] },
      { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, completion_tokens_details: { reasoning_tokens: 1 } } },
    );
    const decoded = decodeChatReply(value);
    const excluded: ChatStyle = { ...alias, thinking: 'excluded' };
    const encoded = encodeChatReply(decoded, excluded);
    expect(encoded).toMatchObject({ choices: [{ message: { role: 'assistant', content: 'x', annotations: [1] } }], usage: { reasoning_tokens: 1, completion_tokens: 2 } });
    expect(JSON.stringify(encoded)).not.toContain('hm');
    const { source: _source, ...neutral } = decoded;
    expect(encodeChatReply(neutral, excluded)['choices']).toEqual([{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'x' } }]);
  });

  it('completes tool calls', () => {
    const value = reply({ content: null, tool_calls: [{ index: 0, function: { name: 'a' } }, { index: 1, id: 'b', type: 'function', function: { name: 'b', arguments: '{}' }, extra: 1 }] });
    expect(encodeChatReply(decodeChatReply(value), plain)).toMatchObject({
      choices: [{ message: { tool_calls: [
        { index: 0, id: 'call_cmpl1_0_0', type: 'function', function: { name: 'a', arguments: '' } },
        { index: 1, id: 'b', type: 'function', function: { name: 'b', arguments: '{}' }, extra: 1 },
      ] } }],
    });
  });

  it('makes tool_calls of function_call', () => {
    const value = reply({ content: null, function_call: { name: 'a', arguments: '{}' } });
    const encoded = encodeChatReply(decodeChatReply({ ...value, choices: [{ ...(value['choices'] as JsonObject[])[0], finish_reason: 'function_call' }] }), plain);
    expect(encoded).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'a', arguments: '{}' } }] } }] });
    expect(encoded).not.toHaveProperty('choices.0.message.function_call');
  });

  it('sends usage that was counted here, and no nonsense', () => {
    const decoded = decodeChatReply(reply({ content: 'x' }, { usage: { prompt_tokens: -1, num_sources_used: 3 } }));
    expect(decoded).toMatchObject({ usageRejected: true });
    expect(decodeChatReply(reply({ content: 'x' }, { usage: null }))).not.toHaveProperty('usageRejected');
    expect(encodeChatReply(decoded, plain)).not.toHaveProperty('usage');
    const usage = { inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 2, estimated: true };
    expect(encodeChatReply({ ...decoded, usage }, plain)['usage']).toMatchObject({ prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, estimated: true, num_sources_used: 3 });
  });
});

describe('encodeChatReply, of another protocol', () => {
  it("builds Moonshot's form", () => {
    const encoded = encodeChatReply(
      {
        id: 'msg_1', model: 'kimi-k2', createdS: 7, provider: 'sandbox',
        choices: [
          { thinking: 'hm', toolCalls: [{ id: 'a:0', kind: 'function', name: 'a', argumentsText: '{}' }], finish: { reason: 'tool-calls' } },
          { text: 'x', toolCalls: [], finish: { reason: 'length' } },
          { toolCalls: [], finish: { reason: 'content-filter' } },
        ],
        usage: { inputUncached: 1, cacheRead: 2, cacheWrite: 0, output: 3, reasoning: 1, estimated: false },
      },
      alias,
    );
    expect(encoded).toEqual({
      id: 'msg_1', object: 'chat.completion', created: 7, model: 'kimi-k2', provider: 'sandbox',
      choices: [
        {
          index: 0, finish_reason: 'tool_calls',
          message: { role: 'assistant', content: null, reasoning_content: 'hm', reasoning: 'hm', tool_calls: [{ id: 'a:0', type: 'function', function: { name: 'a', arguments: '{}' } }] },
        },
        { index: 1, finish_reason: 'length', message: { role: 'assistant', content: 'x' } },
        { index: 2, finish_reason: 'content_filter', message: { role: 'assistant', content: '' } },
      ],
      usage: {
        prompt_tokens: 3, completion_tokens: 3, total_tokens: 6, cached_tokens: 2, reasoning_tokens: 1,
        prompt_tokens_details: { cached_tokens: 2 }, completion_tokens_details: { reasoning_tokens: 1 },
      },
    });
  });
});
