import { describe, expect, it } from 'vitest';
import type { ReplyCost } from '../dialogue/reply-cost.ts';
import { costHeaders } from './cost-headers.ts';

const lines = [{ bucket: 'input', tokens: 60, amountNanos: 36_000n }, { bucket: 'cacheRead', tokens: 40, amountNanos: 6_000n }, { bucket: 'output', tokens: 20, amountNanos: 50_000n }];

describe('costHeaders', () => {
  it.each<[string, ReplyCost | undefined, Record<string, string>]>([
    ['priced', { state: 'priced', amountNanos: 92_000n, currency: 'USD', lines }, { 'x-moongate-cost': '0.000092 USD', 'x-moongate-cost-detail': 'input=0.000036; cache_read=0.000006; output=0.00005' }],
    ['priced, of nothing', { state: 'priced', amountNanos: 0n, currency: 'RUB', lines: [] }, { 'x-moongate-cost': '0 RUB' }],
    ['free', { state: 'free', amountNanos: 92_000n, currency: 'USD', lines }, { 'x-moongate-cost': '0 USD', 'x-moongate-cost-detail': 'list_price=0.000092' }],
    ['unpriced', { state: 'unpriced' }, { 'x-moongate-cost': 'unpriced' }],
    ['not told', undefined, {}],
  ])('says what is %s', (_name, cost, headers) => {
    expect(costHeaders(cost)).toEqual(headers);
  });
});
