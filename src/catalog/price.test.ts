import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { toNanos } from '../base/money.ts';
import type { Usage } from '../dialogue/usage.ts';
import { Catalog } from './catalog.ts';
import type { Offer, Price } from './offer.ts';
import { cacheSavings, discount, priceAt, rate } from './price.ts';
import { shippedCatalog } from './shipped-catalog.ts';

const usage = (inputUncached: number, cacheRead: number, cacheWrite: number, output: number): Usage => ({
  inputUncached,
  cacheRead,
  cacheWrite,
  output,
  estimated: false,
});
const price = (rates: Partial<Price>): Price => ({
  id: 'test/row',
  validFrom: '2025-01-01',
  currency: 'USD',
  input: '0.60',
  output: '2.50',
  ...rates,
});
const million = usage(1_000_000, 1_000_000, 0, 1_000_000);

describe('rate', () => {
  it.each([
    // tokens × rate, worked out by hand; nano-units
    { what: 'one of each', used: usage(1, 1, 1, 1), row: price({ cacheRead: '0.15', cacheWrite: '1' }), nanos: 4_250n },
    { what: 'a million of each', used: million, row: price({ cacheRead: '0.15' }), nanos: 3_250_000_000n },
    { what: 'nothing', used: usage(0, 0, 0, 0), row: price({}), nanos: 0n },
    { what: 'a tie, to the even one below', used: usage(5, 0, 0, 0), row: price({ input: '0.0001' }), nanos: 0n },
    { what: 'a tie, to the even one above', used: usage(15, 0, 0, 0), row: price({ input: '0.0001' }), nanos: 2n },
    { what: 'six decimal places', used: usage(1_000, 0, 0, 0), row: price({ input: '0.000001' }), nanos: 1n },
    { what: 'a declared zero', used: million, row: price({ input: '0', cacheRead: '0', output: '0' }), nanos: 0n },
    {
      what: 'more than 2^53 picos',
      used: usage(2 ** 40, 0, 0, 0),
      row: price({ input: '999999.999999' }),
      nanos: 1_099_511_627_774_900_488_372n,
    },
  ])('$what', ({ used, row, nanos }) => {
    expect(rate(used, row).amountNanos).toBe(nanos);
  });

  it('charges the cache at the input rate, and says so, where the row has no rate for it', () => {
    const cost = rate(usage(0, 10, 20, 0), price({ input: '2' }));
    expect(cost.lines).toEqual([
      { bucket: 'cacheRead', tokens: 10, ratePerMillion: '2', chargedAs: 'input', amountPicos: 20_000_000n },
      { bucket: 'cacheWrite', tokens: 20, ratePerMillion: '2', chargedAs: 'input', amountPicos: 40_000_000n },
    ]);
    const stated = rate(usage(0, 10, 0, 0), price({ cacheRead: '0' }));
    expect(stated.lines[0]).toMatchObject({ chargedAs: 'cacheRead', amountPicos: 0n });
  });

  it('charges the whole request at the tier of its prompt, cached or not', () => {
    const row = price({ tiers: [{ promptTokensAbove: 1000, input: '2', cacheRead: '1', output: '20' }] });
    expect(rate(usage(400, 600, 0, 10), row).amountNanos).toBe(400_000n * 6n / 10n + 600_000n * 6n / 10n + 25_000n);
    expect(rate(usage(400, 601, 0, 10), row)).toMatchObject({ amountNanos: 800_000n + 601_000n + 200_000n, lines: [{ ratePerMillion: '2' }, { ratePerMillion: '1' }, { ratePerMillion: '20' }] });
  });

  it('charges what the hour of the start asks, and the row’s own rates when it is not told the hour', () => {
    const row = price({ windows: [{ from: '00:30', to: '08:30', utcOffset: '+08:00', input: '0.30', output: '1' }] });
    const at = (time: string): bigint => rate(usage(1_000_000, 0, 0, 0), row, { atMs: Date.parse(`2026-11-01T${time}Z`) }).amountNanos;
    expect([at('16:29:59.999'), at('16:30:00'), at('00:29:59.999'), at('00:30:00')]).toEqual([600_000_000n, 300_000_000n, 300_000_000n, 600_000_000n]);
    expect(rate(usage(1_000_000, 0, 0, 0), row).amountNanos).toBe(600_000_000n);
  });

  it('tells five minutes in the cache from an hour, which costs no less where it is not stated', () => {
    const hour: Usage = { ...usage(0, 0, 1000, 0), cacheWrite1h: 400 };
    expect(rate(hour, price({ cacheWrite: '1', cacheWrite1h: '2' })).lines).toEqual([
      { bucket: 'cacheWrite', tokens: 600, ratePerMillion: '1', chargedAs: 'cacheWrite', amountPicos: 600_000_000n },
      { bucket: 'cacheWrite1h', tokens: 400, ratePerMillion: '2', chargedAs: 'cacheWrite1h', amountPicos: 800_000_000n },
    ]);
    expect(rate(hour, price({ cacheWrite: '1' })).lines[1]).toMatchObject({ bucket: 'cacheWrite1h', chargedAs: 'cacheWrite' });
    expect(rate(hour, price({})).lines[1]).toMatchObject({ bucket: 'cacheWrite1h', chargedAs: 'input' });
    expect(() => rate({ ...hour, cacheWrite1h: 1001 }, price({}))).toThrow(RangeError);
  });

  it('charges batches at their own rates where there are some', () => {
    const batch = { atMs: 0, batch: true };
    const used = usage(1000, 1000, 1000, 1000);
    const full = price({ cacheRead: '0.15', batchInput: '0.3', batchCacheRead: '0.1', batchOutput: '1.25' });
    expect(rate(used, full, batch).lines.map((line) => [line.bucket, line.chargedAs])).toEqual([
      ['input', 'batchInput'], ['cacheRead', 'batchCacheRead'], ['cacheWrite', 'batchInput'], ['output', 'batchOutput'],
    ]);
    expect(rate(used, price({ cacheRead: '0.15', batchInput: '0.3' }), batch).lines.map((line) => line.chargedAs)).toEqual(['batchInput', 'cacheRead', 'batchInput', 'output']);
    expect(rate(used, price({}), batch).amountNanos).toBe(rate(used, price({})).amountNanos);
  });

  it('charges searches by the call, and says so when it cannot', () => {
    const searched: Usage = { ...usage(1000, 0, 0, 0), webSearches: 3 };
    expect(rate(searched, price({ perCall: { webSearch: '0.005' } }))).toMatchObject({
      amountNanos: 15_600_000n, extras: [{ extra: 'webSearch', calls: 3, ratePerCall: '0.005', amountPicos: 15_000_000_000n }],
    });
    for (const row of [price({}), price({ perCall: {} })]) {
      const cost = rate(searched, row);
      expect(cost).toMatchObject({ amountNanos: 600_000n, unpricedExtras: ['webSearch'] });
      expect(cost).not.toHaveProperty('extras');
    }
    expect(rate(usage(1, 0, 0, 0), price({}))).not.toHaveProperty('unpricedExtras');
    expect(() => rate({ ...searched, webSearches: -1 }, price({}))).toThrow(RangeError);
  });

  it('names the row and the currency', () => {
    expect(rate(million, price({ id: 'x/y', currency: 'RUB' }))).toMatchObject({ priceId: 'x/y', currency: 'RUB' });
  });

  it('refuses what is no count', () => {
    expect(() => rate(usage(-1, 0, 0, 0), price({}))).toThrow(RangeError);
    expect(() => rate(usage(Number.NaN, 0, 0, 0), price({}))).toThrow(RangeError);
    expect(() => rate(usage(1.5, 0, 0, 0), price({}))).toThrow(RangeError);
  });

  const tokens = fc.nat({ max: 5_000_000 });
  const anyUsage = fc.tuple(tokens, tokens, tokens, tokens).map((counts) => usage(...counts));
  const anyRate = fc
    .tuple(fc.nat({ max: 9999 }), fc.nat({ max: 999_999 }))
    .map(([whole, part]) => `${whole}.${String(part).padStart(6, '0')}`);
  const maybeRate = fc.option(anyRate, { nil: undefined });
  const anyPrice = fc.tuple(anyRate, maybeRate, maybeRate, anyRate).map(([input, cacheRead, cacheWrite, output]) =>
    price({
      input,
      output,
      ...(cacheRead === undefined ? {} : { cacheRead }),
      ...(cacheWrite === undefined ? {} : { cacheWrite }),
    }),
  );

  it('law: the lines add up to the amount, rounded once; every token is in exactly one line', () => {
    fc.assert(
      fc.property(anyUsage, anyPrice, (used, row) => {
        const cost = rate(used, row);
        expect(toNanos(cost.lines.reduce((sum, line) => sum + line.amountPicos, 0n))).toBe(cost.amountNanos);
        const counted = cost.lines.reduce((sum, line) => sum + line.tokens, 0);
        expect(counted).toBe(used.inputUncached + used.cacheRead + used.cacheWrite + used.output);
      }),
    );
  });

  it('law: more tokens never cost less', () => {
    fc.assert(
      fc.property(anyUsage, anyUsage, anyPrice, (used, more, row) => {
        const both = usage(
          used.inputUncached + more.inputUncached,
          used.cacheRead + more.cacheRead,
          used.cacheWrite + more.cacheWrite,
          used.output + more.output,
        );
        expect(rate(both, row).amountNanos >= rate(used, row).amountNanos).toBe(true);
      }),
    );
  });

  it('law: an unknown cache rate never makes a call cheaper than reading all of it fresh', () => {
    fc.assert(
      fc.property(anyUsage, anyRate, anyRate, (used, input, output) => {
        const fresh = usage(used.inputUncached + used.cacheRead + used.cacheWrite, 0, 0, used.output);
        const row = price({ input, output });
        expect(rate(used, row).amountNanos).toBe(rate(fresh, row).amountNanos);
      }),
    );
  });
});

describe('cacheSavings', () => {
  it('is what the cached tokens would have cost more when read fresh', () => {
    const row = price({ cacheRead: '0.15', tiers: [{ promptTokensAbove: 100, input: '2', cacheRead: '3', output: '1' }] });
    expect(cacheSavings(usage(0, 100, 0, 5), row)).toBe(45_000n);
    expect(cacheSavings(usage(1, 100, 0, 5), row)).toBe(-100_000n);
    expect(cacheSavings(usage(5, 100, 0, 5), price({}))).toBe(0n);
    expect(cacheSavings(usage(100, 0, 0, 5), row)).toBe(0n);
  });
});

describe('priceAt', () => {
  const offer = (prices: readonly Price[]): Offer => ({
    modelId: 'm',
    upstreamId: 'u',
    upstreamModel: 'm',
    contextTokens: 1,
    outputTokensMax: 1,
    prices,
  });
  const first = price({ id: 'first', validFrom: '2025-08-01' });
  const second = price({ id: 'second', validFrom: '2025-11-06' });

  it.each([
    ['2025-07-31T23:59:59.999Z', undefined],
    ['2025-08-01T00:00:00.000Z', 'first'],
    ['2025-11-05T23:59:59.999Z', 'first'],
    ['2025-11-06T00:00:00.000Z', 'second'],
    ['2030-01-01T00:00:00.000Z', 'second'],
  ])('at %s: %s', (at, id) => {
    expect(priceAt(offer([first, second]), Date.parse(at))?.id).toBe(id);
  });

  it('is undefined without rows: unpriced is not free', () => {
    expect(priceAt(offer([]), Date.parse('2026-01-01'))).toBeUndefined();
  });
});

const nowMs = Date.parse('2026-01-01');
const catalog = new Catalog(
  shippedCatalog(),
  undefined,
  [
    ['moonshot', 'https://api.moonshot.ai/v1'],
    ['ark', 'https://ark.cn-beijing.volces.com/api/v3'],
    ['cometapi', 'https://api.cometapi.com/v1'],
    ['routerai', 'https://routerai.ru/api/v1'],
  ].map(([id = '', baseUrl = '']) => ({ id, baseUrl, selfHosted: false })),
);

function shippedPrice(upstream: string, model: string): Price {
  const offer = catalog.offers(model).find((each) => each.upstreamId === upstream);
  const found = offer === undefined ? undefined : priceAt(offer, nowMs);
  if (found === undefined) throw new Error(`no price for ${model} at ${upstream}`);
  return found;
}

describe('the figures of the seeds', () => {
  // A million tokens read fresh, a million from the cache, a million written, in nano-units of the page's currency.
  // Where the page states no cache rate, the cache costs what fresh input costs.
  it.each([
    ['moonshot', 'kimi-k2', 'CNY', 12 + 12 + 36],
    ['moonshot', 'moonshot-v1-128k', 'CNY', 14 + 14 + 42],
    ['moonshot', 'moonshot-v1-32k', 'CNY', 6 + 6 + 18],
    ['moonshot', 'moonshot-v1-8k', 'CNY', 4 + 4 + 12],
    ['moonshot', 'kimi-k2-thinking', 'USD', 0.6 + 0.15 + 2.5],
    ['cometapi', 'kimi-k2-thinking', 'USD', 1.1 + 1.1 + 4.4],
    ['cometapi', 'kimi-k2-thinking-turbo', 'USD', 2.2 + 2.2 + 15.95],
    ['routerai', 'kimi-k2-0905', 'RUB', 116 + 15 + 808],
    ['ark', 'kimi-k2', 'CNY', 4 + 0.8 + 16],
    ['ark', 'kimi-k2-thinking', 'CNY', 4 + 0.8 + 16],
  ])('are what is charged at %s for %s', (upstream, model, currency, units) => {
    const cost = rate(million, shippedPrice(upstream, model));
    expect(cost).toMatchObject({ currency, amountNanos: BigInt(Math.round(units * 100)) * 10_000_000n });
  });
});

describe('discount', () => {
  const againstOfficial = (model: string): unknown =>
    discount(shippedPrice('cometapi', model), shippedPrice('moonshot', model));

  it("of CometAPI's rows against the official ones, whose page says 20% off, is negative", () => {
    expect(againstOfficial('kimi-k2-thinking')).toEqual({
      input: '-83.33',
      output: '-76',
    });
    expect(againstOfficial('kimi-k2-thinking-turbo')).toEqual({
      input: '-91.3',
      output: '-99.38',
    });
  });

  it('is positive for a lower price, 100 for a zero, unknown across currencies or against a zero', () => {
    expect(discount(price({ input: '0.48', output: '0' }), price({}))).toEqual({ input: '20', output: '100' });
    expect(discount(price({ currency: 'CNY' }), price({}))).toBeUndefined();
    expect(discount(price({}), price({ input: '0' }))).toEqual({ output: '0' });
  });
});
