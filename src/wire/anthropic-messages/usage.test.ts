import { describe, expect, it } from 'vitest';
import { encodeTokenCount } from './token-count.ts';
import { decodeMessagesUsage, encodeMessagesUsage, mergedUsage } from './usage.ts';

describe('decodeMessagesUsage', () => {
  it('reads buckets that do not overlap, and round-trips them', () => {
    const value = {
      input_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 30, cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      output_tokens: 9, output_tokens_details: { thinking_tokens: 4 }, server_tool_use: { web_search_requests: 2 },
    };
    const usage = { inputUncached: 5, cacheRead: 100, cacheWrite: 30, cacheWrite1h: 20, output: 9, reasoning: 4, webSearches: 2, estimated: false };
    expect(decodeMessagesUsage(value)).toEqual(usage);
    expect(encodeMessagesUsage(usage)).toEqual(value);
  });

  it.each([
    [undefined, undefined], [null, undefined], [{}, undefined], [{ input_tokens: 3 }, undefined], ['x', 'rejected'], [{ output_tokens: -1 }, 'rejected'], [{ output_tokens: 1.5 }, 'rejected'], [{ output_tokens: 2e9 }, 'rejected'],
    [{ output_tokens: 1, input_tokens: 'x' }, 'rejected'], [{ output_tokens: 1, output_tokens_details: { thinking_tokens: 2 } }, 'rejected'],
    [{ output_tokens: 1, cache_creation_input_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 2 } }, 'rejected'], [{ output_tokens: 1, cache_read_input_tokens: 6e8, input_tokens: 6e8 }, 'rejected'],
  ])('%j is %j', (value, expected) => {
    expect(decodeMessagesUsage(value)).toEqual(expected);
  });

  it('flags a prompt of nothing, and sums lifetimes whose sum is left out', () => {
    expect(decodeMessagesUsage({ output_tokens: 1, input_tokens: 0 })).toMatchObject({ flags: ['prompt-empty'] });
    expect(decodeMessagesUsage({ output_tokens: 1, cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 2 } })).toMatchObject({ cacheWrite: 5, cacheWrite1h: 2 });
  });
});

it('the last word on usage wins, but no zero over a count', () => {
  expect(mergedUsage({ input_tokens: 5, output_tokens: 1, x: 1 }, { input_tokens: 0, output_tokens: 7, cache_read_input_tokens: null })).toEqual({ input_tokens: 5, output_tokens: 7, x: 1 });
  // A prompt that turned out to be cached is told anew, zeros and all: with the first count kept it would be paid for twice.
  const start = { input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 1 };
  expect(mergedUsage(start, { input_tokens: 0, cache_read_input_tokens: 100, output_tokens: 7 })).toEqual({ input_tokens: 0, cache_read_input_tokens: 100, output_tokens: 7 });
  expect(mergedUsage({ ...start, cache_read_input_tokens: 64, input_tokens: 36 }, { input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 7 })).toEqual({ input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 7 });
  expect(mergedUsage({ ...start, cache_read_input_tokens: 64 }, { input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 7 })).toEqual({ input_tokens: 100, cache_read_input_tokens: 64, output_tokens: 7 });
  expect(mergedUsage(start, { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 7 })).toEqual({ input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 7 });
  expect(mergedUsage(undefined, { output_tokens: 7 })).toEqual({ output_tokens: 7 });
});

it('says what it does not know as the zeros that clients need, and marks what it has counted itself', () => {
  expect(encodeMessagesUsage(undefined, { service_tier: 's' })).toMatchObject({ input_tokens: 0, output_tokens: 0, service_tier: 's' });
  expect(encodeMessagesUsage({ inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, estimated: true })).toMatchObject({ estimated: true });
  expect(encodeMessagesUsage({ inputUncached: 1, cacheRead: 0, cacheWrite: 0, output: 1, estimated: false }, { estimated: true })).not.toHaveProperty('estimated');
  expect(encodeTokenCount(7)).toEqual({ input_tokens: 7 });
});
