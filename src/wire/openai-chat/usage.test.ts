import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../base/json.ts';
import type { Usage } from '../../dialogue/usage.ts';
import { addChoiceUsage, decodeChatUsage, encodeChatUsage } from './usage.ts';

const counted = (usage: Partial<Usage>): Usage => ({ inputUncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, estimated: false, ...usage });

describe('decodeChatUsage', () => {
  it.each<[string, JsonValue, Usage]>([
    ['Moonshot', { prompt_tokens: 19, completion_tokens: 21, total_tokens: 40, cached_tokens: 10 }, counted({ inputUncached: 9, cacheRead: 10, output: 21 })],
    ['no cache at all', { prompt_tokens: 146, completion_tokens: 26, total_tokens: 172 }, counted({ inputUncached: 146, output: 26 })],
    [
      'OpenRouter',
      {
        prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, cost: 0.1,
        prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 30, image_tokens: 0 },
      },
      counted({ inputUncached: 50, cacheRead: 40, cacheWrite: 10, output: 50, reasoning: 30 }),
    ],
    [
      'DeepSeek',
      { prompt_tokens: 13, completion_tokens: 400, total_tokens: 413, prompt_cache_hit_tokens: 5, prompt_cache_miss_tokens: 8 },
      counted({ inputUncached: 8, cacheRead: 5, output: 400 }),
    ],
    [
      'xAI, which counts reasoning apart',
      { prompt_tokens: 12, completion_tokens: 1, total_tokens: 113, completion_tokens_details: { reasoning_tokens: 100 } },
      counted({ inputUncached: 12, output: 101, reasoning: 100 }),
    ],
    ['null details', { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: null, completion_tokens_details: null }, counted({ inputUncached: 1, output: 2 })],
    ['zero', { prompt_tokens: 0, completion_tokens: 0 }, counted({})],
    ['estimated', { prompt_tokens: 1, completion_tokens: 1, estimated: true }, counted({ inputUncached: 1, output: 1, estimated: true })],
  ])('reads %s', (_name, value, usage) => {
    expect(decodeChatUsage(value)).toEqual(usage);
  });

  it.each<[string, JsonValue | undefined]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['no counts', {}],
    ['a negative count', { prompt_tokens: -1, completion_tokens: 1 }],
    ['a fraction', { prompt_tokens: 1.5, completion_tokens: 1 }],
    ['a string', { prompt_tokens: '1', completion_tokens: 1 }],
    ['too large a count', { prompt_tokens: 2 ** 53, completion_tokens: 1 }],
    ['more cached than prompted', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: 6 }],
    ['more read and written than prompted', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: 3, prompt_tokens_details: { cache_write_tokens: 3 } }],
    ['a negative cache', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: -1 }],
    // Recorded: OpenRouter with Minimax, 10 tokens of which 11 were reasoning.
    ['more reasoning than output', { prompt_tokens: 43, completion_tokens: 10, total_tokens: 53, completion_tokens_details: { reasoning_tokens: 11 } }],
  ])('does not believe %s', (_name, value) => {
    expect(decodeChatUsage(value)).toBeUndefined();
  });

  it('does not believe NaN', () => {
    expect(decodeChatUsage({ prompt_tokens: Number.NaN, completion_tokens: 1 })).toBeUndefined();
    expect(decodeChatUsage({ prompt_tokens: Number.POSITIVE_INFINITY, completion_tokens: 1 })).toBeUndefined();
  });
});

describe('encodeChatUsage', () => {
  it('puts cached and reasoning tokens at the top and in the details, and keeps the rest but for the upstream\'s money', () => {
    const original = { prompt_tokens: 1, cost: 0.5, is_byok: false, cost_in_usd_ticks: 5, num_sources_used: 1, prompt_tokens_details: { audio_tokens: 3 }, completion_tokens_details: { image_tokens: 4 } };
    expect(encodeChatUsage(counted({ inputUncached: 5, cacheRead: 7, cacheWrite: 2, output: 11, reasoning: 3 }), original)).toEqual({
      prompt_tokens: 14,
      completion_tokens: 11,
      total_tokens: 25,
      cached_tokens: 7,
      reasoning_tokens: 3,
      prompt_tokens_details: { audio_tokens: 3, cached_tokens: 7, cache_write_tokens: 2 },
      completion_tokens_details: { image_tokens: 4, reasoning_tokens: 3 },
      num_sources_used: 1,
    });
  });

  it('says nothing of reasoning when nothing is known of it', () => {
    const encoded = encodeChatUsage(counted({ inputUncached: 5, output: 11 }));
    expect(encoded).toEqual({ prompt_tokens: 5, completion_tokens: 11, total_tokens: 16, cached_tokens: 0, prompt_tokens_details: { cached_tokens: 0 } });
  });

  it('is read back as it was', () => {
    const tokens = fc.nat({ max: 2 ** 40 });
    const usages = fc
      .record({ inputUncached: tokens, cacheRead: tokens, cacheWrite: tokens, output: tokens, estimated: fc.boolean(), share: fc.option(fc.double({ min: 0, max: 1, noNaN: true })) })
      .map(({ share, ...usage }): Usage => ({ ...usage, ...(share === null ? {} : { reasoning: Math.floor(usage.output * share) }) }));
    fc.assert(
      fc.property(usages, (usage) => {
        expect(decodeChatUsage(encodeChatUsage(usage))).toEqual(usage);
      }),
    );
  });
});

describe('addChoiceUsage', () => {
  it('counts the prompt once', () => {
    const one = counted({ inputUncached: 5, cacheRead: 2, output: 3, reasoning: 1 });
    expect(addChoiceUsage(one, { ...one, output: 4, reasoning: 2 })).toEqual({ ...one, output: 7, reasoning: 3 });
    expect(addChoiceUsage(one, counted({ inputUncached: 5, cacheRead: 2, output: 4 }))).not.toHaveProperty('reasoning');
  });
});
