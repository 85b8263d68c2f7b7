import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Usage } from '../dialogue/usage.ts';
import { chargeCeiling, chargeOf } from './charge.ts';
import type { UsageBounds } from './cost-ceiling.ts';
import type { Price, Rates } from './offer.ts';
import { rate } from './price.ts';

const price = (rates: Partial<Price>): Price => ({ id: 'test/row', validFrom: '2025-01-01', currency: 'USD', input: '0.60', output: '2.50', ...rates });
const bounds = (change: Partial<UsageBounds>): UsageBounds => ({ atMs: 0, promptTokensMax: 0, outputTokensMax: 0, choiceCount: 1, ...change });

const anyRate = fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 999_999 })).map(([whole, part]) => `${whole}.${String(part).padStart(6, '0')}`);
const anyRates: fc.Arbitrary<Rates> = fc.record(
  { input: anyRate, cacheRead: anyRate, cacheWrite: anyRate, cacheWrite1h: anyRate, output: anyRate, batchInput: anyRate, batchCacheRead: anyRate, batchOutput: anyRate },
  { requiredKeys: ['input', 'output'] },
);
const anyTiers = fc.tuple(anyRates, anyRates, fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 })).map(([one, two, above, more]) => [
  { promptTokensAbove: above, ...one },
  { promptTokensAbove: above + more, ...two },
]);
const anyCard = fc.tuple(anyRates, fc.option(anyTiers, { nil: undefined })).map(([rates, tiers]) => ({ ...rates, ...(tiers === undefined ? {} : { tiers }) }));
const anyPrice = fc.tuple(anyCard, fc.option(anyCard, { nil: undefined }), fc.option(anyRate, { nil: undefined })).map(([card, window, webSearch]) =>
  price({
    ...card,
    ...(window === undefined ? {} : { windows: [{ from: '22:00', to: '04:00', utcOffset: '+02:00', ...window }] }),
    ...(webSearch === undefined ? {} : { perCall: { webSearch } }),
  }),
);
/** A usage, and bounds that it keeps. */
const anyCase = fc
  .record({
    prompt: fc.nat({ max: 1500 }), slack: fc.constantFrom(0, 0, 1, 700), cached: fc.nat({ max: 1500 }), written: fc.nat({ max: 1500 }), hour: fc.nat({ max: 1500 }),
    outputTokensMax: fc.nat({ max: 300 }), choiceCount: fc.integer({ min: 1, max: 3 }), unused: fc.nat({ max: 50 }), webSearches: fc.nat({ max: 3 }), atMs: fc.nat({ max: 86_400_000 }), batch: fc.boolean(),
  })
  .map((drawn): { usage: Usage; limits: UsageBounds } => {
    const cacheRead = Math.min(drawn.cached, drawn.prompt);
    const cacheWrite = Math.min(drawn.written, drawn.prompt - cacheRead);
    const { outputTokensMax, choiceCount, atMs, batch, webSearches } = drawn;
    return {
      usage: {
        inputUncached: drawn.prompt - cacheRead - cacheWrite, cacheRead, cacheWrite, cacheWrite1h: Math.min(drawn.hour, cacheWrite),
        output: Math.max(0, outputTokensMax * choiceCount - drawn.unused), webSearches, estimated: false,
      },
      limits: { promptTokensMax: drawn.prompt + drawn.slack, outputTokensMax, choiceCount, atMs, batch, webSearchesMax: webSearches },
    };
  });

const ceiling = (price: Price, within: UsageBounds): bigint => chargeCeiling({ price, adjustBasisPoints: 0n, ruleId: undefined }, within);

describe('the ceiling', () => {
  it('law: no usage within its bounds costs more', () => {
    fc.assert(
      fc.property(anyPrice, anyCase, (row, { usage, limits }) => {
        expect(rate(usage, row, limits).amountNanos <= ceiling(row, limits)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('law: nor is it charged more, whatever the percentage', () => {
    fc.assert(
      fc.property(anyPrice, anyCase, fc.integer({ min: -9_999, max: 30_000 }), (row, { usage, limits }, basisPoints) => {
        const sell = { price: row, adjustBasisPoints: BigInt(basisPoints), ruleId: 'r' };
        expect(chargeOf(usage, sell, limits).amountNanos <= chargeCeiling(sell, limits)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('is no more than it must be: some usage within the bounds costs that much, but for the rounding', () => {
    const row = price({ cacheWrite: '3', tiers: [{ promptTokensAbove: 100, input: '1', output: '1' }] });
    // A prompt of 100 is the dearest: written to the cache below the tier.
    expect(ceiling(row, bounds({ promptTokensMax: 150, outputTokensMax: 10 }))).toBe(325_000n);
    expect(rate({ inputUncached: 0, cacheRead: 0, cacheWrite: 100, output: 10, estimated: false }, row).amountNanos).toBe(325_000n);
  });

  it('counts each choice, the tier that the prompt can reach, the hour of the request and the batch', () => {
    const row = price({
      batchOutput: '1',
      tiers: [{ promptTokensAbove: 1000, input: '6', output: '25' }],
      windows: [{ from: '00:00', to: '01:00', utcOffset: '+00:00', input: '0', output: '1' }],
    });
    const noon = 12 * 3_600_000;
    const of = (change: Partial<UsageBounds>): bigint => ceiling(row, bounds({ atMs: noon, outputTokensMax: 100, ...change }));
    expect(of({ promptTokensMax: 1000 })).toBe(850_000n);
    expect(of({ promptTokensMax: 1000, choiceCount: 3 })).toBe(1_350_000n);
    expect(of({ promptTokensMax: 1001 })).toBe(8_506_000n);
    expect(of({ promptTokensMax: 1000, batch: true })).toBe(700_000n);
    expect(of({ promptTokensMax: 1000, atMs: 0 })).toBe(100_000n);
  });

  it('rounds up', () => {
    const row = price({ input: '0.000001', output: '0' });
    expect(ceiling(row, bounds({ promptTokensMax: 1 }))).toBe(1n);
    expect(ceiling(row, bounds({ promptTokensMax: 1000 }))).toBe(1n);
    expect(ceiling(row, bounds({ promptTokensMax: 1001 }))).toBe(2n);
    expect(ceiling(row, bounds({}))).toBe(0n);
    expect(chargeCeiling({ price: row, adjustBasisPoints: -9_999n, ruleId: undefined }, bounds({ promptTokensMax: 1000 }))).toBe(1n);
  });

  it('holds back for searches what they cost, where that is known', () => {
    expect(ceiling(price({ perCall: { webSearch: '0.005' } }), bounds({ webSearchesMax: 3 }))).toBe(15_000_000n);
    expect(ceiling(price({}), bounds({ webSearchesMax: 3 }))).toBe(0n);
  });

  it.each([{ promptTokensMax: -1 }, { outputTokensMax: Number.NaN }, { choiceCount: 1.5 }, { webSearchesMax: -1 }])('refuses bounds that are no counts: %j', (change) => {
    expect(() => ceiling(price({}), bounds(change))).toThrow(RangeError);
  });
});
