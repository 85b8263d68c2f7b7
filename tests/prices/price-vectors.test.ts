import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Catalog, type EnabledUpstream } from '../../src/catalog/catalog.ts';
import { chargeCeiling, chargeOf } from '../../src/catalog/charge.ts';
import { rateSources } from '../../src/catalog/exchange-rate.ts';
import { ExchangeRates } from '../../src/catalog/exchange-rates.ts';
import type { Price } from '../../src/catalog/offer.ts';
import { priceEntrySchema } from '../../src/catalog/price-entry-schema.ts';
import { toPrice } from '../../src/catalog/price-list.ts';
import { cacheSavings } from '../../src/catalog/price.ts';
import { shippedCatalog } from '../../src/catalog/shipped-catalog.ts';
import { promptTokens } from '../../src/dialogue/usage.ts';

/**
 * Golden sums, exact to the last integer. They were worked out once, by a program in Python that shares no code with ours: exact
 * fractions over the text of `catalog.yaml`, windows by `datetime` and time zones, Python's own half-even `round` and `ceil`.
 * docs/decisions/0013 says how to make them again. A change here is a change of somebody's bill.
 */
const count = z.int().nonnegative();
const integer = z.string().regex(/^-?\d+$/).transform(BigInt);
const file = z.strictObject({
  rates: z.array(z.strictObject({ from: z.string(), to: z.string(), rate: z.string(), date: z.string(), source: z.enum(rateSources) })),
  prices: z.array(priceEntrySchema),
  vectors: z.array(
    z.strictObject({
      row: z.string(),
      at: z.iso.datetime().transform((text) => Date.parse(text)),
      usage: z.strictObject({ inputUncached: count, cacheRead: count, cacheWrite: count, cacheWrite1h: count.exactOptional(), output: count, webSearches: count.exactOptional() }),
      batch: z.boolean().default(false),
      unpriced: z.boolean().default(false),
      picos: integer,
      nanos: integer,
      savings: integer,
      basisPoints: z.int().transform(BigInt),
      charge: integer,
      converted: z.strictObject({ to: z.string(), nanos: integer, up: integer, rate: z.string(), validFrom: z.string(), source: z.string() }).optional(),
    }),
  ),
});

const { rates, prices, vectors } = file.parse(JSON.parse(readFileSync(new URL('price-vectors.json', import.meta.url), 'utf8')));

const hosts: readonly EnabledUpstream[] = [
  { id: 'moonshot', baseUrl: 'https://api.moonshot.ai/v1', selfHosted: false },
  { id: 'moonshot', baseUrl: 'https://api.moonshot.cn/v1', selfHosted: false },
  ...['ark', 'cometapi', 'routerai', 'openrouter'].map((id) => ({ id, baseUrl: 'https://example.org', selfHosted: false })),
];

const rows = new Map<string, Price>(prices.map((entry) => [entry.id ?? '', toPrice(entry, '')]));
for (const host of hosts) {
  const catalog = new Catalog(shippedCatalog(), undefined, [host]);
  for (const model of catalog.models()) for (const offer of catalog.offers(model.id)) for (const price of offer.prices) rows.set(price.id, price);
}

const exchange = new ExchangeRates(
  { staleDays: 7, staleRates: 'flag' },
  rates.map(({ date, ...rate }) => ({ ...rate, validFrom: date })),
);

describe('golden sums', () => {
  it('are many, and over every row of the shipped catalog', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(200);
    expect(new Set(vectors.map(({ row }) => row))).toEqual(new Set(rows.keys()));
  });

  it.each(vectors.map((vector, index) => [`${index}: ${vector.row}`, vector] as const))('%s', (_name, vector) => {
    const price = rows.get(vector.row);
    if (price === undefined) throw new Error(`there is no row ${vector.row}`);
    const usage = { ...vector.usage, estimated: false };
    const terms = { atMs: vector.at, batch: vector.batch };
    const sell = { price, adjustBasisPoints: vector.basisPoints, ruleId: 'golden' };
    const charge = chargeOf(usage, sell, terms);
    expect(charge.listed).toMatchObject({ amountPicos: vector.picos, amountNanos: vector.nanos, priceId: vector.row });
    expect(charge.listed.unpricedExtras).toEqual(vector.unpriced ? ['webSearch'] : undefined);
    expect(charge.amountNanos).toBe(vector.charge);
    expect(cacheSavings(usage, price, terms)).toBe(vector.savings);
    const bounds = { ...terms, promptTokensMax: promptTokens(usage), outputTokensMax: usage.output, choiceCount: 1, webSearchesMax: usage.webSearches ?? 0 };
    expect(chargeCeiling({ price, adjustBasisPoints: 0n, ruleId: undefined }, bounds)).toBeGreaterThanOrEqual(vector.nanos);
    expect(chargeCeiling(sell, bounds)).toBeGreaterThanOrEqual(vector.charge);
    const { converted } = vector;
    if (converted === undefined) return;
    const { to, nanos, up, ...told } = converted;
    expect(exchange.convert(charge.amountNanos, price.currency, to, vector.at)).toMatchObject({ amountNanos: nanos, ...told });
    expect(exchange.convertUp(charge.amountNanos, price.currency, to, vector.at)?.amountNanos).toBe(up);
  });
});
