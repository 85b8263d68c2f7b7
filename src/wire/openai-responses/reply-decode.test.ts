import { describe, expect, it } from 'vitest';
import { decodeResponsesReply, decodeResponsesUsage } from './reply-decode.ts';

const base = { id: 'resp_1', created_at: 7, model: 'k', status: 'completed', error: null };

describe('decodeResponsesReply', () => {
  it('prefers the reasoning itself to its summary, and keeps the response', () => {
    const value = { ...base, output: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'short' }], content: [{ type: 'reasoning_text', text: 'long' }] }] };
    expect(decodeResponsesReply(value, 'here')).toEqual({
      id: 'resp_1', model: 'k', createdS: 7, choices: [{ thinking: 'long', toolCalls: [], finish: { reason: 'stop' } }], source: { protocol: 'openai-responses', value },
    });
  });

  it('names a call that has no id by its place', () => {
    const output = [{ type: 'message', content: [] }, { type: 'function_call', name: 'f', arguments: '{}' }];
    expect(decodeResponsesReply({ ...base, output }, 'here').choices[0]?.toolCalls).toEqual([{ id: 'call_1', kind: 'function', name: 'f', argumentsText: '{}' }]);
  });

  it.each([
    [{ ...base, status: 'failed', error: { code: 'rate_limit_exceeded', message: 'slow' }, output: [] }, 'upstream_rate_limited'],
    [{ ...base, status: 'cancelled', output: [] }, 'upstream_failed'],
    [{ ...base, status: 'in_progress', output: [] }, 'upstream_invalid_reply'],
    [{ ...base, status: 'queued', output: [] }, 'upstream_invalid_reply'],
    [{ ...base }, 'upstream_invalid_reply'],
    [{ ...base, output: [7] }, 'upstream_invalid_reply'],
  ])('throws for %j', (value, code) => {
    expect(() => decodeResponsesReply(value, 'here')).toThrow(expect.objectContaining({ code }));
  });
});

describe('decodeResponsesUsage', () => {
  const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
  it.each([
    [{ ...usage, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 }, output_tokens_details: { reasoning_tokens: 3 } }, { inputUncached: 5, cacheRead: 4, cacheWrite: 1, output: 5, reasoning: 3, estimated: false }],
    [{ ...usage, total_tokens: 16 }, { inputUncached: 10, cacheRead: 0, cacheWrite: 0, output: 5, estimated: false, flags: ['total-differs'] }],
    [{ ...usage, input_tokens: 0, total_tokens: 5 }, { inputUncached: 0, cacheRead: 0, cacheWrite: 0, output: 5, estimated: false, flags: ['prompt-empty'] }],
    [undefined, undefined],
    [null, undefined],
    [{}, undefined],
    [{ ...usage, input_tokens_details: { cached_tokens: 11 } }, 'rejected'],
    [{ ...usage, output_tokens_details: { reasoning_tokens: 6 } }, 'rejected'],
    [{ ...usage, output_tokens: -1 }, 'rejected'],
    [{ ...usage, output_tokens: 1.5 }, 'rejected'],
    [{ ...usage, input_tokens: 2e9 }, 'rejected'],
    [{ input_tokens: 10 }, 'rejected'],
    [[], 'rejected'],
  ])('%j is %j', (value, expected) => {
    expect(decodeResponsesUsage(value)).toEqual(expected);
  });
});
