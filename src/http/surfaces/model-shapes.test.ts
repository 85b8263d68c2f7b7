import { describe, expect, it } from 'vitest';
import { Catalog } from '../../catalog/catalog.ts';
import { shippedCatalog } from '../../catalog/shipped-catalog.ts';
import { type ListedModel, moonshotModel, openRouterEndpoints, openRouterModel } from './model-shapes.ts';

const nowMs = Date.parse('2026-02-01');

function listedAt(upstreams: string | readonly string[], id: string): ListedModel {
  const enabled = [upstreams].flat().map((upstream) => ({ id: upstream, baseUrl: '', selfHosted: false, kind: upstream }));
  const catalog = new Catalog(shippedCatalog(), undefined, enabled);
  const model = catalog.models().find((one) => one.id === id);
  const official = catalog.sandboxOffer(id);
  if (model === undefined || official === undefined) throw new Error(`the catalog lacks ${id}`);
  return { model, offers: catalog.offers(id), official };
}

describe('openRouterModel', () => {
  it('states prices as exact strings per token, and computes the discount whatever its sign', () => {
    // CometAPI announces "20 % off"; its own figures are dearer than the official ones (seed cometapi-kimi-k2-thinking.pl).
    expect(openRouterModel(listedAt('cometapi', 'kimi-k2-thinking'), nowMs)).toMatchObject({
      id: 'moonshotai/kimi-k2-thinking',
      pricing: { priced: true, currency: 'USD', prompt: '0.0000011', completion: '0.0000044', discount_percent: { input: '-83.33', output: '-76' } },
    });
  });

  it('names the currency, and compares no rubles with dollars', () => {
    const { pricing } = openRouterModel(listedAt('routerai', 'kimi-k2-0905'), nowMs);
    expect(pricing).toMatchObject({ currency: 'RUB', prompt: '0.000116', completion: '0.000808', input_cache_read: '0.000015' });
    expect(pricing).not.toHaveProperty('discount_percent');
  });

  it('says unpriced rather than zero', () => {
    const { model } = listedAt('moonshot', 'kimi-k2');
    expect(openRouterModel({ model, offers: [] }, nowMs)['pricing']).toEqual({ priced: false });
  });
});

describe('openRouterEndpoints', () => {
  it('lists who serves a model in order of attempts, each with its own window and price', () => {
    const listed = listedAt(['routerai', 'moonshot'], 'kimi-k2-0905');
    const endpoints = openRouterEndpoints(listed, nowMs, (id) => id !== 'routerai');
    expect(endpoints).toMatchObject({ id: 'moonshotai/kimi-k2-0905', architecture: { output_modalities: ['text'] } });
    expect(endpoints['endpoints']).toMatchObject(
      listed.offers.map(({ upstreamId, contextTokens, outputTokensMax }) => ({ provider_name: upstreamId, model_id: 'moonshotai/kimi-k2-0905', context_length: contextTokens, max_completion_tokens: outputTokensMax })),
    );
    expect(endpoints['endpoints']).toEqual(expect.arrayContaining([
      expect.objectContaining({ tag: 'moonshot', status: 0, pricing: expect.objectContaining({ currency: 'USD', prompt: '0.0000006', completion: '0.0000025', input_cache_read: '0.00000015' }) }),
      expect.objectContaining({ tag: 'routerai', status: -1, pricing: expect.objectContaining({ currency: 'RUB', prompt: '0.000116' }) }),
    ]));
  });

  it('does not take unpriced for free', () => {
    const listed = listedAt('moonshot', 'kimi-k2');
    const unpriced = { ...listed, offers: listed.offers.map((offer) => ({ ...offer, prices: [] })) };
    expect(openRouterEndpoints(unpriced, nowMs, () => true)['endpoints']).toMatchObject([{ pricing: { priced: false }, supports_implicit_caching: false }]);
  });
});

describe('moonshotModel', () => {
  it("has the offer's own window", () => {
    expect(moonshotModel(listedAt('moonshot', 'kimi-k2'))).toMatchObject({ id: 'kimi-k2', owned_by: 'moonshot', context_length: 131_072, max_output_tokens: 8_192 });
    expect(moonshotModel(listedAt('ark', 'kimi-k2'))).toMatchObject({ context_length: 262_144, max_output_tokens: 32_768 });
  });
});
