import { exactNumber } from '../../base/exact-number.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Nanos } from '../../base/money.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';

/**
 * Fields of an upstream's usage object that tell what it charges the operator (OpenRouter's `cost`, `cost_details` and `is_byok`,
 * xAI's `cost_in_usd_ticks`, DeepInfra's `estimated_cost` …). That is no caller's affair, and would pass for ours.
 */
const upstreamMoney = /cost|price|byok|credit|discount/i;

/** `usage` without what the upstream says of money. */
export function withoutUpstreamCost(usage: JsonObject): JsonObject {
  const kept: Record<string, JsonValue> = {};
  for (const [field, value] of Object.entries(usage)) if (!upstreamMoney.test(field)) kept[field] = value;
  return kept;
}

/**
 * OpenRouter's cost fields of a usage object (moonshot-api.md 6.2), in exact decimals, with the currency and the state beside
 * them. The details part what the caller pays into prompt and completion; `upstream_inference_cost` is for callers with a key of
 * their own at the upstream, and so null. `unpriced` is null and not zero.
 */
export function usageCost(cost: ReplyCost): JsonObject {
  if (cost.state === 'unpriced') return { cost: null, is_byok: false, cost_details: { state: 'unpriced', ...details(null, null) } };
  const { state, currency, amountNanos, lines } = cost;
  if (state === 'free') {
    const listPrice = exactNumber(amountNanos);
    return { cost: 0, is_byok: false, cost_details: { state, currency, list_price: listPrice, ...details(0, 0) } };
  }
  let completion: Nanos = 0n;
  let extra: Nanos = 0n;
  for (const line of lines) {
    if (line.bucket === 'output') completion += line.amountNanos;
    else if (!/^(input|cache)/.test(line.bucket)) extra += line.amountNanos;
  }
  // The rest, so that the parts add up to the whole in spite of their roundings.
  const prompt = exactNumber(amountNanos - completion - extra);
  const extras = extra === 0n ? {} : { extra_cost: exactNumber(extra) };
  return {
    cost: exactNumber(amountNanos),
    is_byok: false,
    cost_details: { state, currency, ...details(prompt, exactNumber(completion)), ...extras },
  };
}

function details(prompt: JsonValue, completion: JsonValue): JsonObject {
  return { upstream_inference_cost: null, upstream_inference_prompt_cost: prompt, upstream_inference_completions_cost: completion };
}
