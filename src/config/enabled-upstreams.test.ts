import { describe, expect, it } from 'vitest';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import { type ConfigProblem, parseConfig } from './config-file.ts';
import { configuredUpstreams } from './configured-upstreams.ts';
import { enabledUpstreams, openCatalog } from './enabled-upstreams.ts';
import { environmentReader } from './environment-reader.ts';
import { isSelfHosted, upstreamKinds } from './upstream-kind.ts';

const shipped = shippedCatalog();

function settings(file: string, environment: Readonly<Record<string, string>>) {
  const problems: ConfigProblem[] = [];
  const document = parseConfig(file, 'moongate.yaml');
  const found = configuredUpstreams(document, environmentReader(environment), problems);
  expect(problems).toEqual([]);
  return { ...found, catalog: document.file.catalog };
}

it('knows every kind: those of the shipped catalog, and openai', () => {
  expect([...upstreamKinds].toSorted()).toEqual([...shipped.upstreams.map(({ id }) => id), 'openai'].toSorted());
  expect(upstreamKinds.filter((kind) => isSelfHosted(kind, shipped))).toEqual(['vllm', 'sglang', 'llamacpp', 'openai']);
});

describe('enabledUpstreams', () => {
  it('gives a vendor its shipped base URL and offers, and a server of one\'s own neither', () => {
    const file = 'upstreams:\n  - { id: rack, kind: vllm, baseUrl: "http://rack:1/v1" }\n  - { id: second, kind: moonshot, apiKey: "${K}" }\n';
    expect(enabledUpstreams(settings(file, { K: 'k', ARK_API_KEY: 'a' }), shipped)).toEqual([
      { id: 'ark', baseUrl: 'https://ark.cn-beijing.volces.com/api/v3', selfHosted: false, kind: 'ark' },
      { id: 'rack', baseUrl: 'http://rack:1/v1', selfHosted: true },
      { id: 'second', baseUrl: 'https://api.moonshot.ai/v1', selfHosted: false, kind: 'moonshot' },
    ]);
  });
});

describe('openCatalog', () => {
  it.each([
    ['', 'USD'],
    [', baseUrl: "https://api.moonshot.cn/v1"', 'CNY'],
  ])('offers a second account at Moonshot%s with its prices in %s', (where, currency) => {
    const catalog = openCatalog(settings(`upstreams:\n  - { id: second, kind: moonshot, apiKey: "\${K}"${where} }\n`, { K: 'k' }), shipped);
    const [offer] = catalog.offers('kimi-k3');
    expect(offer).toMatchObject({ upstreamId: 'second' });
    expect(offer?.prices[0]).toMatchObject({ currency });
  });

  it('serves what the plan for Kimi Code is said to offer', () => {
    const file = 'catalog: { models: [{ id: kimi-for-coding, name: Kimi for coding, description: d, contextTokens: 262144, openWeights: false }], offers: [{ upstream: kimi-coding, model: kimi-for-coding }] }\n';
    expect(openCatalog(settings(file, { KIMI_CODING_API_KEY: 'k' }), shipped).offers('kimi-for-coding')).toMatchObject([{ upstreamId: 'kimi-coding', prices: [] }]);
  });

  it('lets overrides name an upstream that is switched off', () => {
    const file = 'upstreams:\n  - { id: moonshot, kind: moonshot }\ncatalog: { offers: [{ upstream: moonshot, model: kimi-k2, contextTokens: 1000 }] }\n';
    expect(openCatalog(settings(file, {}), shipped).offers('kimi-k2')).toEqual([]);
  });
});
