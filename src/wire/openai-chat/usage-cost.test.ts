import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import { parseDecimal } from '../../base/money.ts';
import { usageCost, withoutUpstreamCost } from './usage-cost.ts';

const written = (value: JsonObject): unknown => JSON.parse(JSON.stringify(value));

describe('usageCost', () => {
  it('parts what is paid into prompt, completion and extras', () => {
    const lines = [
      { bucket: 'input', tokens: 1, amountNanos: 100n }, { bucket: 'cacheRead', tokens: 1, amountNanos: 20n }, { bucket: 'cacheWrite5m', tokens: 1, amountNanos: 3n },
      { bucket: 'output', tokens: 1, amountNanos: 4_000n }, { bucket: 'webSearch', tokens: 0, amountNanos: 5_000_000n },
    ];
    expect(written(usageCost({ state: 'priced', amountNanos: 5_004_123n, currency: 'CNY', lines }))).toEqual({
      cost: 0.005004123,
      is_byok: false,
      cost_details: { state: 'priced', currency: 'CNY', upstream_inference_cost: null, upstream_inference_prompt_cost: 1.23e-7, upstream_inference_completions_cost: 0.000004, extra_cost: 0.005 },
    });
  });

  it('adds up in spite of its lines\' roundings', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 15n });
    fc.assert(fc.property(amount, amount, fc.bigInt({ min: -2n, max: 2n }), (input, output, off) => {
      const amountNanos = input + output + off;
      const { cost, cost_details: details } = usageCost({
        state: 'priced', amountNanos, currency: 'USD', lines: [{ bucket: 'input', tokens: 1, amountNanos: input }, { bucket: 'output', tokens: 1, amountNanos: output }],
      }) as { cost: JsonObject; cost_details: Record<string, JsonObject> };
      const nanos = (value: JsonObject | undefined): bigint => parseDecimal(JSON.stringify(value), 9);
      expect(nanos(details['upstream_inference_prompt_cost']) + nanos(details['upstream_inference_completions_cost'])).toBe(nanos(cost));
    }));
  });

  it('takes nothing for what is free, and says what it would have been', () => {
    expect(written(usageCost({ state: 'free', amountNanos: 5n, currency: 'USD', lines: [] }))).toMatchObject({ cost: 0, cost_details: { state: 'free', currency: 'USD', list_price: 5e-9 } });
  });

  it('does not take unknown for nothing', () => {
    expect(written(usageCost({ state: 'unpriced' }))).toMatchObject({ cost: null, cost_details: { state: 'unpriced', upstream_inference_prompt_cost: null } });
  });
});

describe('withoutUpstreamCost', () => {
  it('keeps tokens and drops money', () => {
    const usage = { prompt_tokens: 1, cached_tokens: 2, prompt_tokens_details: { cached_tokens: 2 }, num_sources_used: 3 };
    expect(withoutUpstreamCost({ ...usage, cost: 1, is_byok: false, cost_details: {}, estimated_cost: 1, cost_in_usd_ticks: 7, total_price: '1', market_cost: 0, cache_discount: 0 })).toEqual(usage);
  });
});
