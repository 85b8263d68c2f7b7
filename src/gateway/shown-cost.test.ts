import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Price } from '../catalog/offer.ts';
import { rate } from '../catalog/price.ts';
import type { Usage } from '../dialogue/usage.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import type { Bill } from './billing.ts';
import { shownCost } from './shown-cost.ts';

const price: Price = { id: 'p', validFrom: '2020-01-01', currency: 'USD', input: '1', cacheRead: '0.25', output: '3', perCall: { webSearch: '0.004' } };
const offer = { modelId: 'm', upstreamId: 'u', upstreamModel: 'm', contextTokens: 1_000, outputTokensMax: 100, prices: [price] };
const attempt: PlannedAttempt = { offer, price, costState: 'priced', sendModel: 'm', retired: false, successor: false };
const usage: Usage = { inputUncached: 100, cacheRead: 400, cacheWrite: 0, output: 100, webSearches: 1, estimated: false };

function billOf(used: Usage, amountNanos: bigint, change: Partial<Bill['charged']> = {}): Bill {
  const listed = rate(used, price);
  const charge = { amountNanos, currency: 'USD', priceId: 'p', adjustBasisPoints: 0n, ruleId: undefined, listed };
  const charged = { amountNanos, currency: 'USD', ...change };
  return {
    sale: { price, charge, cacheSavedNanos: 0n }, charged, lossNanos: 0n, charge: { amountNanos, currency: charged.currency, budgetNanos: [] }, cost: listed, costRate: undefined, cacheSavedNanos: 0n,
  };
}

describe('what a reply shows of its cost', () => {
  it('is the list price, line by line, where that is what is paid', () => {
    expect(shownCost(attempt, { cost: undefined, bill: billOf(usage, rate(usage, price).amountNanos) })).toEqual({
      state: 'priced', amountNanos: 4_500_000n, currency: 'USD',
      lines: [
        { bucket: 'input', tokens: 100, amountNanos: 100_000n }, { bucket: 'cacheRead', tokens: 400, amountNanos: 100_000n },
        { bucket: 'output', tokens: 100, amountNanos: 300_000n }, { bucket: 'webSearch', tokens: 1, amountNanos: 4_000_000n },
      ],
    });
  });

  it.each([
    ['after a discount', {}],
    ['in the currency of the wallet', { currency: 'CNY', rate: { rate: '0.5', validFrom: '2026-01-01', stale: false } }],
  ])('is what is paid, line by line, %s', (_when, change) => {
    const shown = shownCost(attempt, { cost: undefined, bill: billOf(usage, 2_250_000n, change) });
    expect(shown).toMatchObject({ amountNanos: 2_250_000n, lines: [{ amountNanos: 50_000n }, { amountNanos: 50_000n }, { amountNanos: 150_000n }, { amountNanos: 2_000_000n }] });
  });

  it('law: whatever is paid, its lines are not negative and add up to it', () => {
    const count = fc.nat({ max: 1_000 });
    fc.assert(
      fc.property(count, count, count, fc.bigInt(0n, 10_000n), (inputUncached, cacheRead, output, amountNanos) => {
        const used: Usage = { inputUncached, cacheRead, cacheWrite: 0, output, estimated: false };
        const { amountPicos, amountNanos: listedNanos } = rate(used, price);
        fc.pre(amountPicos > 0n && amountNanos !== listedNanos);
        const shown = shownCost(attempt, { cost: undefined, bill: billOf(used, amountNanos) });
        if (shown.state === 'unpriced') throw new Error('it has a price');
        expect(shown.lines.reduce((sum, line) => sum + line.amountNanos, 0n)).toBe(amountNanos);
        expect(shown.lines.every((line) => line.amountNanos >= 0n)).toBe(true);
      }),
    );
  });
});
