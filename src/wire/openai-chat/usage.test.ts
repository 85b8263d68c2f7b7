import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { promptTokens, type Usage } from '../../dialogue/usage.ts';
import { addChoiceUsage, decodeChatUsage, encodeChatUsage } from './usage.ts';

const counted = (usage: Partial<Usage>): Usage => ({ inputUncached: 0, cacheRead: 0, cacheWrite: 0, output: 0, estimated: false, ...usage });

interface Vector {
  readonly dialect: string;
  readonly raw: JsonObject;
  readonly usage: Partial<Usage>;
}

/** What each dialect sends, and what it means. Figures that a bill hangs on: a change here changes bills. */
const vectors: readonly Vector[] = [
  // Moonshot: cached tokens at the top (moonshot-api.md 2.2; the first is the reference's example, the second a capture of 2026).
  { dialect: 'moonshot', raw: { prompt_tokens: 19, completion_tokens: 21, total_tokens: 40, cached_tokens: 10 }, usage: { inputUncached: 9, cacheRead: 10, output: 21 } },
  { dialect: 'moonshot, all of the prompt cached', raw: { prompt_tokens: 8, completion_tokens: 11, total_tokens: 19, cached_tokens: 8 }, usage: { cacheRead: 8, output: 11 } },
  { dialect: 'moonshot, nothing cached', raw: { prompt_tokens: 146, completion_tokens: 26, total_tokens: 172 }, usage: { inputUncached: 146, output: 26 } },
  {
    dialect: 'moonshot, at the top and in the details',
    raw: { prompt_tokens: 50, completion_tokens: 9, total_tokens: 59, cached_tokens: 32, prompt_tokens_details: { cached_tokens: 32 }, completion_tokens_details: { reasoning_tokens: 4 } },
    usage: { inputUncached: 18, cacheRead: 32, output: 9, reasoning: 4 },
  },
  // Ark (responses-ark-anthropic-batch.md): OpenAI's details, and `provisioned_tokens`, which are no bucket of their own.
  {
    dialect: 'ark',
    raw: { prompt_tokens: 120, completion_tokens: 80, total_tokens: 200, prompt_tokens_details: { cached_tokens: 64, provisioned_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 55 } },
    usage: { inputUncached: 56, cacheRead: 64, output: 80, reasoning: 55 },
  },
  // OpenRouter (moonshot-api.md 6.2).
  {
    dialect: 'openrouter',
    raw: {
      prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, cost: 0.1, is_byok: false,
      prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 0, video_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 30, image_tokens: 0 }, cost_details: { upstream_inference_cost: null },
    },
    usage: { inputUncached: 50, cacheRead: 40, cacheWrite: 10, output: 50, reasoning: 30 },
  },
  { dialect: 'openrouter, no thinking', raw: { prompt_tokens: 194, completion_tokens: 2, total_tokens: 196, cost: 0.95, prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } }, usage: { inputUncached: 194, output: 2, reasoning: 0 } },
  // CometAPI runs New API, which fills zeros into what it does not know and names the lifetimes of cache writes at the top.
  {
    dialect: 'cometapi',
    raw: {
      prompt_tokens: 2000, completion_tokens: 7, total_tokens: 2007, input_tokens: 0, output_tokens: 0, prompt_cache_hit_tokens: 0,
      prompt_tokens_details: { cached_tokens: 1792, text_tokens: 0, audio_tokens: 0, image_tokens: 0 },
      completion_tokens_details: { text_tokens: 0, audio_tokens: 0, reasoning_tokens: 0 }, claude_cache_creation_5_m_tokens: 0, claude_cache_creation_1_h_tokens: 0,
    },
    usage: { inputUncached: 208, cacheRead: 1792, output: 7, reasoning: 0 },
  },
  {
    dialect: 'cometapi, cache written for an hour',
    raw: { prompt_tokens: 900, completion_tokens: 5, total_tokens: 905, prompt_tokens_details: { cached_tokens: 100, cached_creation_tokens: 700 }, claude_cache_creation_5_m_tokens: 200, claude_cache_creation_1_h_tokens: 500 },
    usage: { inputUncached: 100, cacheRead: 100, cacheWrite: 700, cacheWrite1h: 500, output: 5 },
  },
  // RouterAI: OpenAI's form; the cost in rubles beside it stays in the reply (moonshot-api.md 6.4).
  { dialect: 'routerai', raw: { prompt_tokens: 31, completion_tokens: 12, total_tokens: 43, cost: 0.0133, prompt_tokens_details: { cached_tokens: 16 } }, usage: { inputUncached: 15, cacheRead: 16, output: 12 } },
  // vLLM says `null` for details it does not keep.
  { dialect: 'vllm', raw: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, prompt_tokens_details: null }, usage: { inputUncached: 7, output: 3 } },
  { dialect: 'vllm, with --enable-prompt-tokens-details', raw: { prompt_tokens: 70, completion_tokens: 3, total_tokens: 73, prompt_tokens_details: { cached_tokens: 64 } }, usage: { inputUncached: 6, cacheRead: 64, output: 3 } },
  // SGLang counts thinking at the top.
  { dialect: 'sglang', raw: { prompt_tokens: 12, completion_tokens: 40, total_tokens: 52, reasoning_tokens: 25, prompt_tokens_details: { cached_tokens: 4 } }, usage: { inputUncached: 8, cacheRead: 4, output: 40, reasoning: 25 } },
  { dialect: 'llama-server', raw: { completion_tokens: 48, prompt_tokens: 44, total_tokens: 92, prompt_tokens_details: { cached_tokens: 43 } }, usage: { inputUncached: 1, cacheRead: 43, output: 48 } },
  { dialect: 'deepseek', raw: { prompt_tokens: 13, completion_tokens: 400, total_tokens: 413, prompt_cache_hit_tokens: 5, prompt_cache_miss_tokens: 8 }, usage: { inputUncached: 8, cacheRead: 5, output: 400 } },
  {
    dialect: 'deepseek, with details',
    raw: { prompt_tokens: 130, completion_tokens: 40, total_tokens: 170, prompt_tokens_details: { cached_tokens: 128 }, completion_tokens_details: { reasoning_tokens: 30 }, prompt_cache_hit_tokens: 128, prompt_cache_miss_tokens: 2 },
    usage: { inputUncached: 2, cacheRead: 128, output: 40, reasoning: 30 },
  },
  { dialect: 'mistral', raw: { prompt_tokens: 90, completion_tokens: 8, total_tokens: 98, num_cached_tokens: 64 }, usage: { inputUncached: 26, cacheRead: 64, output: 8 } },
  // xAI counts thinking beside the completion; the total says so.
  { dialect: 'xai', raw: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 113, completion_tokens_details: { reasoning_tokens: 100 } }, usage: { inputUncached: 12, output: 101, reasoning: 100 } },
  {
    dialect: 'xai, cached',
    raw: { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135, prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 }, completion_tokens_details: { reasoning_tokens: 94, audio_tokens: 0 }, num_sources_used: 0 },
    usage: { inputUncached: 26, cacheRead: 6, output: 103, reasoning: 94 },
  },
  { dialect: 'groq', raw: { queue_time: 0.02, prompt_tokens: 24, prompt_time: 0.002, completion_tokens: 100, completion_time: 0.4, total_tokens: 124, total_time: 0.402, prompt_tokens_details: { cached_tokens: 8 } }, usage: { inputUncached: 16, cacheRead: 8, output: 100 } },
  // LiteLLM in front of a vendor with two lifetimes.
  {
    dialect: 'litellm',
    raw: { prompt_tokens: 130, completion_tokens: 25, total_tokens: 155, prompt_tokens_details: { cached_tokens: 20, cache_creation_tokens: 10, cache_creation_token_details: { ephemeral_5m_input_tokens: 7, ephemeral_1h_input_tokens: 3 } } },
    usage: { inputUncached: 100, cacheRead: 20, cacheWrite: 10, cacheWrite1h: 3, output: 25 },
  },
  {
    dialect: 'litellm, lifetimes without their sum',
    raw: { prompt_tokens: 30, completion_tokens: 2, prompt_tokens_details: { cache_creation_token_details: { ephemeral_5m_input_tokens: 7, ephemeral_1h_input_tokens: 3 } } },
    usage: { inputUncached: 20, cacheWrite: 10, cacheWrite1h: 3, output: 2 },
  },
  { dialect: 'our own estimate, read back', raw: { prompt_tokens: 1, completion_tokens: 1, estimated: true }, usage: { inputUncached: 1, output: 1, estimated: true } },
  // Odd, and billed as stated.
  { dialect: 'a total that does not add up', raw: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 99 }, usage: { inputUncached: 10, output: 5, flags: ['total-differs'] } },
  { dialect: 'a total that leaves the thinking out', raw: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 12, reasoning_tokens: 3 }, usage: { inputUncached: 10, output: 5, reasoning: 3, flags: ['total-differs'] } },
  { dialect: 'a prompt of nothing', raw: { prompt_tokens: 0, completion_tokens: 5, total_tokens: 5 }, usage: { output: 5, flags: ['prompt-empty'] } },
  { dialect: 'cached tokens stated twice, differently', raw: { prompt_tokens: 10, completion_tokens: 5, cached_tokens: 4, prompt_tokens_details: { cached_tokens: 6 } }, usage: { inputUncached: 4, cacheRead: 6, output: 5, flags: ['cache-differs'] } },
  { dialect: 'all at once', raw: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 7 }, usage: { flags: ['total-differs', 'prompt-empty'] } },
];

describe('decodeChatUsage', () => {
  it.each(vectors)('reads $dialect', ({ raw, usage }) => {
    expect(decodeChatUsage(raw)).toEqual(counted(usage));
  });

  it.each(vectors)('neither loses nor doubles a token of $dialect', ({ raw }) => {
    const usage = decodeChatUsage(raw);
    if (usage === undefined || usage === 'rejected') throw new Error('not read');
    expect(promptTokens(usage)).toBe(raw['prompt_tokens']);
  });

  it.each<[string, JsonValue | undefined]>([['nothing', undefined], ['null', null], ['no counts', {}], ['counts of null', { prompt_tokens: null, completion_tokens: null, cost: 1 }]])('has none in %s', (_name, value) => {
    expect(decodeChatUsage(value)).toBeUndefined();
  });

  it.each<[string, JsonValue]>([
    ['a list', []],
    ['a text', 'much'],
    ['a prompt without its completion', { prompt_tokens: 5 }],
    ['a negative count', { prompt_tokens: -1, completion_tokens: 1 }],
    ['a negative output', { prompt_tokens: 1, completion_tokens: -1 }],
    ['a fraction', { prompt_tokens: 1.5, completion_tokens: 1 }],
    ['a string', { prompt_tokens: '1', completion_tokens: 1 }],
    ['too large a count', { prompt_tokens: 1_000_000_001, completion_tokens: 1 }],
    ['too large a sum', { prompt_tokens: 1_000_000_000, completion_tokens: 1 }],
    ['a count that is no number exactly', { prompt_tokens: 2 ** 53, completion_tokens: 1 }],
    ['NaN', { prompt_tokens: Number.NaN, completion_tokens: 1 }],
    ['infinity', { prompt_tokens: Number.POSITIVE_INFINITY, completion_tokens: 1 }],
    ['more cached than prompted', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: 6 }],
    ['more read and written than prompted', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: 3, prompt_tokens_details: { cache_write_tokens: 3 } }],
    ['more written for an hour than written', { prompt_tokens: 50, completion_tokens: 1, prompt_tokens_details: { cache_creation_tokens: 3, cache_creation_token_details: { ephemeral_1h_input_tokens: 4 } } }],
    ['a negative cache', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: -1 }],
    ['a cache of text, beside a good one', { prompt_tokens: 5, completion_tokens: 1, cached_tokens: 1, prompt_tokens_details: { cached_tokens: '1' } }],
    ['thinking of text', { prompt_tokens: 5, completion_tokens: 1, reasoning_tokens: '1' }],
    // Recorded: OpenRouter with Minimax, 10 tokens of which 11 were reasoning.
    ['more reasoning than output', { prompt_tokens: 43, completion_tokens: 10, total_tokens: 53, completion_tokens_details: { reasoning_tokens: 11 } }],
  ])('does not believe %s', (_name, value) => {
    expect(decodeChatUsage(value)).toBe('rejected');
  });

  it('law: what is believed has no negative bucket, and its prompt is the one stated', () => {
    const count = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom<JsonValue>(-1, 0.5, '7', null, 2 ** 53));
    const details = fc.record({ cached_tokens: count, cache_write_tokens: count, reasoning_tokens: count }, { requiredKeys: [] });
    const raws = fc.record(
      { prompt_tokens: count, completion_tokens: count, total_tokens: count, cached_tokens: count, prompt_cache_hit_tokens: count, prompt_tokens_details: details, completion_tokens_details: details },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(raws, (raw) => {
        const usage = decodeChatUsage(raw as JsonObject);
        if (usage === undefined || usage === 'rejected') return;
        expect(promptTokens(usage)).toBe(raw.prompt_tokens);
        expect(Math.min(usage.inputUncached, usage.cacheRead, usage.cacheWrite, usage.output - (usage.reasoning ?? 0))).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
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
    const tokens = fc.nat({ max: 2 ** 27 });
    const usages = fc
      .record({ inputUncached: fc.integer({ min: 1, max: 2 ** 27 }), cacheRead: tokens, cacheWrite: tokens, output: tokens, estimated: fc.boolean(), share: fc.option(fc.double({ min: 0, max: 1, noNaN: true })) })
      .map(({ share, ...usage }): Usage => ({
        ...usage,
        ...(share === null ? {} : { reasoning: Math.floor(usage.output * share) }),
        ...(share === null || Math.floor(usage.cacheWrite * share) === 0 ? {} : { cacheWrite1h: Math.floor(usage.cacheWrite * share) }),
      }));
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
    expect(addChoiceUsage({ ...one, flags: ['prompt-empty'] }, { ...one, flags: ['prompt-empty', 'total-differs'] }).flags).toEqual(['prompt-empty', 'total-differs']);
  });
});
