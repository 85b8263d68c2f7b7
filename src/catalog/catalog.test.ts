import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Catalog, type EnabledUpstream } from './catalog.ts';
import { priceAt } from './price.ts';
import { shippedCatalog } from './shipped-catalog.ts';

const nowMs = Date.parse('2026-02-01');
const hosted = (id: string, baseUrl: string): EnabledUpstream => ({ id, baseUrl, selfHosted: false });
const moonshot = hosted('moonshot', 'https://api.moonshot.ai/v1');
const moonshotCn = hosted('moonshot', 'https://api.moonshot.cn/v1');
const ark = hosted('ark', 'https://ark.cn-beijing.volces.com/api/v3');
const cometapi = hosted('cometapi', 'https://api.cometapi.com/v1');
const routerai = hosted('routerai', 'https://routerai.ru/api/v1');
const openrouter = hosted('openrouter', 'https://openrouter.ai/api/v1');
const vllm: EnabledUpstream = { id: 'vllm', baseUrl: 'http://gpu:8000/v1', selfHosted: true };

const catalogOf = (...enabled: readonly EnabledUpstream[]): Catalog => new Catalog(shippedCatalog(), undefined, enabled);
const upstreamsOf = (catalog: Catalog, model: string): readonly string[] =>
  catalog.offers(model).map((offer) => offer.upstreamId);

describe('the shipped catalog', () => {
  it('fits together', () => {
    expect(catalogOf(moonshot, ark, cometapi, routerai, openrouter, vllm).models().length).toBeGreaterThan(20);
  });

  it('has the upstreams in the order of attempts', () => {
    expect(shippedCatalog().upstreams.map((row) => row.id)).toEqual([
      'moonshot', 'kimi-coding', 'ark', 'cometapi', 'routerai', 'openrouter', 'vllm', 'sglang', 'llamacpp',
    ]);
  });

  it('gives every price row an id of its own', () => {
    const catalog = catalogOf(moonshot, ark, cometapi, routerai, openrouter);
    const offers = catalog.models().flatMap((model) => catalog.offers(model.id));
    const ids = offers.flatMap((offer) => offer.prices.map((row) => row.id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('moonshot/kimi-k2/cn/2025-07-11');
    expect(ids).toContain('ark/kimi-k2-thinking/2025-09-05');
  });

  it('knows what Moonshot makes of a demand for a tool call, for every model that it has', () => {
    const models = catalogOf(moonshot).models().filter((model) => upstreamsOf(catalogOf(moonshot), model.id).length > 0);
    const ruleOf = (id: string): string => (/k3/.test(id) ? 'taken ignored' : /k2\.[567]/.test(id) ? 'refused-thinking refused-thinking' : 'refused taken');
    expect(models.length).toBeGreaterThan(15);
    for (const { id, toolChoice } of models) expect([id, `${toolChoice?.required} ${toolChoice?.named}`]).toEqual([id, ruleOf(id)]);
  });

  it('carries the stars, the machine and the reference rows of the seeds', () => {
    const catalog = catalogOf();
    expect(catalog.model('kimi-k2')?.ratings).toMatchObject({ quality: 5, speed: 2 });
    expect(catalog.model('kimi-k2-thinking')).toMatchObject({
      openWeights: true,
      weights: 'moonshotai/Kimi-K2-Thinking',
      licence: 'Modified MIT',
      architecture: {
        parametersTotal: '1T', parametersActive: '32B', expertCount: 384, expertsPerToken: 8, quantization: 'INT4',
      },
      thinking: { kind: 'always' },
    });
    const frames = (id: string): unknown =>
      catalog.model(id)?.scores.find((score) => score.publishedAs === 'Станина механизма')?.value;
    const compared = ['kimi-k2-thinking', 'gpt-5', 'claude-sonnet-4.5', 'deepseek-v3.2'];
    expect(compared.map(frames)).toEqual(['87', '86', '85', '80.2']);
    expect(catalog.model('kimi-k2-thinking')?.scores.map((score) => score.value)).toEqual([
      '44.9', '51', '99.1%', '84.5', '60.2', '87', '71.3%', '83.1%',
    ]);
    expect(catalog.model('gpt-5')).toMatchObject({
      referenceOnly: true,
      contextTokens: 400_000,
      listPrice: { input: '1.25', output: '10.00' },
    });
  });
});

describe('resolve', () => {
  const catalog = catalogOf(moonshot);

  // Every model id that one of the five seeds names.
  it.each([
    ['kimi-k2', 'kimi-k2', undefined],
    ['moonshot-v1-8k', 'moonshot-v1-8k', undefined],
    ['moonshot-v1-32k', 'moonshot-v1-32k', undefined],
    ['moonshot-v1-128k', 'moonshot-v1-128k', undefined],
    ['kimi-k2-thinking', 'kimi-k2-thinking', undefined],
    ['kimi-k2-thinking-turbo', 'kimi-k2-thinking-turbo', undefined],
    ['Kimi-K2-Thinking', 'kimi-k2-thinking', undefined],
    ['Kimi-K2-Thinking-Turbo', 'kimi-k2-thinking-turbo', undefined],
    ['moonshotai/Kimi-K2-Thinking', 'kimi-k2-thinking', undefined],
    ['moonshotai/kimi-k2-0905:exacto', 'kimi-k2-0905', 'exacto'],
    ['kimi-k2-thinking-251104', 'kimi-k2-thinking', undefined],
    ['kimi-k2-250905', 'kimi-k2-0905', undefined],
    // and what else is about
    ['moonshotai/kimi-k2-0905', 'kimi-k2-0905', undefined],
    ['kimi-k2-0905-preview', 'kimi-k2-0905', undefined],
    ['moonshotai/kimi-k2-0905-preview', 'kimi-k2-0905', undefined],
    ['moonshotai/Kimi-K2-Instruct', 'kimi-k2-0711', undefined],
    ['moonshotai/Kimi-K2-Instruct-0905', 'kimi-k2-0905', undefined],
    ['MoonshotAI/KIMI-K2.5:Free', 'kimi-k2.5', 'free'],
    ['kimi-k2:batch', 'kimi-k2', 'batch'],
  ])('%s', (name, id, variant) => {
    const resolved = catalog.resolve(name);
    expect(resolved?.model.id).toBe(id);
    expect(resolved?.variant).toBe(variant);
    expect(resolved?.name).toBe(variant === undefined ? name : name.slice(0, name.lastIndexOf(':')));
  });

  it.each([
    'kimi-k2:unheard', 'kimi-k9', 'openai/kimi-k2', '', ':exacto', 'kimi-k2:', 'kimi-k2:exacto:free', '__proto__',
  ])('knows no "%s"', (name) => {
    expect(catalog.resolve(name)).toBeUndefined();
  });

  it('is not held up by a name of a megabyte', () => {
    expect(catalog.resolve(`${'x'.repeat(1_000_000)}:exacto`)).toBeUndefined();
  });

  it('law: case changes nothing', () => {
    const names = catalog.models().flatMap((model) => [model.id, model.slug, ...model.aliases]);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.infiniteStream(fc.boolean()), (name, flips) => {
        const mixed = [...name].map((letter) => (flips.next().value === true ? letter.toUpperCase() : letter)).join('');
        expect(catalog.resolve(mixed)?.model.id).toBe(catalog.resolve(name)?.model.id);
        expect(catalog.resolve(mixed)).toBeDefined();
      }),
    );
  });
});

describe('offers', () => {
  it('come only from upstreams that are on, in the catalog’s order, custom ones last in theirs', () => {
    const everywhere = catalogOf(openrouter, routerai, cometapi, ark, moonshot);
    expect(upstreamsOf(everywhere, 'kimi-k2-thinking')).toEqual(['moonshot', 'ark', 'cometapi', 'openrouter']);
    expect(upstreamsOf(everywhere, 'kimi-k2-0905')).toEqual(['moonshot', 'ark', 'routerai', 'openrouter']);
    expect(upstreamsOf(catalogOf(cometapi), 'kimi-k2-thinking')).toEqual(['cometapi']);
    expect(upstreamsOf(catalogOf(), 'kimi-k2-thinking')).toEqual([]);
    expect(upstreamsOf(everywhere, 'gpt-5')).toEqual([]);
    const mixed = catalogOf({ ...vllm, id: 'zeta' }, { ...vllm, id: 'alpha' }, vllm, moonshot);
    expect(upstreamsOf(mixed, 'kimi-k2-thinking')).toEqual(['moonshot', 'vllm', 'zeta', 'alpha']);
  });

  it('carry the window of the place: kimi-k2 is 128K/8K at Moonshot, 256K/32K with a default of 4K at Ark', () => {
    const [atMoonshot, atArk] = catalogOf(moonshot, ark).offers('kimi-k2');
    expect(atMoonshot).toMatchObject({
      upstreamModel: 'kimi-k2',
      contextTokens: 131_072,
      outputTokensMax: 8_192,
      limits: { rpm: 10, tpm: 300_000, concurrency: 3 },
    });
    expect(atArk).toMatchObject({
      upstreamModel: 'kimi-k2-250905',
      contextTokens: 262_144,
      outputTokensMax: 32_768,
      outputTokensDefault: 4_096,
      limits: { rpm: 5_000, tpm: 500_000 },
    });
    expect(atMoonshot).not.toHaveProperty('outputTokensDefault');
  });

  it('spell the model as the upstream does', () => {
    const spelled = (upstream: EnabledUpstream, model: string): unknown => catalogOf(upstream).offers(model)[0]?.upstreamModel;
    expect(spelled(moonshot, 'kimi-k2-0905')).toBe('kimi-k2-0905-preview');
    expect(spelled(ark, 'kimi-k2-thinking')).toBe('kimi-k2-thinking-251104');
    expect(spelled(routerai, 'kimi-k2-0905')).toBe('moonshotai/kimi-k2-0905:exacto');
    expect(spelled(cometapi, 'kimi-k2-thinking')).toBe('kimi-k2-thinking');
  });
});

describe('a second upstream of a shipped kind', () => {
  const second = (id: string, baseUrl: string): EnabledUpstream => ({ ...hosted(id, baseUrl), kind: 'moonshot' });

  it('shares its offers, under its own id and by the price list of its own host', () => {
    const catalog = catalogOf(moonshot, second('mainland', moonshotCn.baseUrl), second('relay', 'http://relay/v1'));
    expect(upstreamsOf(catalog, 'kimi-k3')).toEqual(['moonshot', 'mainland', 'relay']);
    expect(catalog.offers('kimi-k3').map((offer) => offer.prices[0]?.currency)).toEqual(['USD', 'CNY', 'USD']);
  });

  it('goes by its own offers where the operator states some', () => {
    const offers = [{ upstream: 'mainland', model: 'kimi-k3', prices: [{ currency: 'CNY', input: '1', output: '2' }] }];
    const catalog = new Catalog(shippedCatalog(), { offers }, [second('mainland', moonshotCn.baseUrl)]);
    expect(catalog.offers('kimi-k3').map((offer) => offer.prices[0]?.input)).toEqual(['1']);
    expect(catalog.offers('kimi-k2')[0]?.prices[0]?.input).toBe('12');
  });
});

describe('prices', () => {
  const priceOf = (upstream: EnabledUpstream, model: string): unknown => {
    const offer = catalogOf(upstream).offers(model)[0];
    return offer === undefined ? 'no offer' : priceAt(offer, nowMs);
  };

  it.each([
    [moonshotCn, 'kimi-k2', { currency: 'CNY', input: '12', output: '36' }],
    [moonshotCn, 'moonshot-v1-128k', { currency: 'CNY', input: '14', output: '42' }],
    [moonshotCn, 'moonshot-v1-32k', { currency: 'CNY', input: '6', output: '18' }],
    [moonshotCn, 'moonshot-v1-8k', { currency: 'CNY', input: '4', output: '12' }],
    [moonshot, 'kimi-k2-thinking', { currency: 'USD', input: '0.60', cacheRead: '0.15', output: '2.50' }],
    [moonshot, 'kimi-k2-thinking-turbo', { currency: 'USD', input: '1.15', output: '8.00' }],
    [routerai, 'kimi-k2-0905', { currency: 'RUB', input: '116', cacheRead: '15', output: '808' }],
    [cometapi, 'kimi-k2-thinking', { currency: 'USD', input: '1.10', output: '4.40' }],
    [cometapi, 'kimi-k2-thinking-turbo', { currency: 'USD', input: '2.20', output: '15.95' }],
    ...['kimi-k2', 'kimi-k2-0905', 'kimi-k2-thinking'].map(
      (model) =>
        [
          ark,
          model,
          {
            currency: 'CNY', input: '4.00', cacheRead: '0.80', output: '16.00', cacheStoragePerHour: '0.017',
            batchInput: '2.00', batchCacheRead: '0.80', batchOutput: '8.00',
          },
        ] as const,
    ),
  ] as const)('of the seeds: %o %s', (upstream, model, rates) => {
    expect(priceOf(upstream, model)).toMatchObject(rates);
  });

  it('follow the host: .cn bills yuan, others dollars, and the only list that there is holds for both', () => {
    const k3 = (upstream: EnabledUpstream): unknown =>
      catalogOf(upstream).offers('kimi-k3')[0]?.prices.map((row) => row.currency);
    expect(k3(moonshot)).toEqual(['USD']);
    expect(k3(moonshotCn)).toEqual(['CNY']);
    expect(k3(hosted('moonshot', 'http://127.0.0.1:9999/v1'))).toEqual(['USD']);
    expect(priceOf(moonshot, 'kimi-k2')).toMatchObject({ currency: 'CNY', input: '12' });
    expect(priceOf(moonshotCn, 'kimi-k2-thinking')).toMatchObject({ currency: 'USD', input: '0.60' });
  });

  it('change on their day', () => {
    const offer = catalogOf(moonshot).offers('kimi-k2-turbo')[0];
    expect(offer && priceAt(offer, Date.parse('2025-09-01'))?.input).toBe('2.40');
    expect(offer && priceAt(offer, Date.parse('2025-12-01'))?.input).toBe('1.15');
  });

  it('may be unknown', () => {
    expect(priceOf(moonshot, 'kimi-k2.7-code-highspeed')).toBeUndefined();
    expect(priceOf(cometapi, 'kimi-k3')).toBeUndefined();
  });
});

describe('the sandbox', () => {
  it('offers every Kimi model at list price, and no reference row', () => {
    const catalog = catalogOf();
    for (const model of catalog.models()) expect(catalog.sandboxOffer(model.id) === undefined).toBe(model.referenceOnly);
    const priceOf = (id: string): unknown => {
      const offer = catalog.sandboxOffer(id);
      return offer && priceAt(offer, nowMs);
    };
    expect(priceOf('kimi-k2')).toMatchObject({ id: 'moonshot/kimi-k2/cn/2025-07-11', input: '12' });
    expect(priceOf('kimi-k2-thinking')).toMatchObject({ currency: 'USD', input: '0.60' });
    expect(catalog.sandboxOffer('kimi-k2')).toMatchObject({ upstreamId: 'sandbox', upstreamModel: 'kimi-k2', contextTokens: 262_144 });
  });

  it('decides what is served when nothing else is', () => {
    expect(catalogOf().servedModels(false)).toEqual([]);
    expect(catalogOf().servedModels(true).map((model) => model.id)).toContain('kimi-k2');
    expect(catalogOf().servedModels(true).map((model) => model.id)).not.toContain('gpt-5');
    expect(catalogOf(routerai).servedModels(false).map((model) => model.id)).toEqual(['kimi-k2-0905']);
  });
});

describe('successor', () => {
  it('is the first in line that is still offered', () => {
    const catalog = catalogOf(moonshot);
    expect(catalog.successor('kimi-k2-thinking', Date.parse('2026-06-01'))?.id).toBe('kimi-k2.6');
    expect(catalog.successor('kimi-k2-thinking', Date.parse('2027-02-01'))?.id).toBe('kimi-k3');
    expect(catalogOf().successor('kimi-k2', nowMs)?.id).toBe('kimi-k2.6');
    expect(catalog.successor('kimi-k3.1-pro', nowMs)).toBeUndefined();
    expect(catalog.successor('no-model', nowMs)).toBeUndefined();
  });
});
