import { describe, expect, it } from 'vitest';
import type { Caller } from '../access/caller.ts';
import { systemClock } from '../base/clock.ts';
import { Catalog } from '../catalog/catalog.ts';
import { ExchangeRates } from '../catalog/exchange-rates.ts';
import type { Price } from '../catalog/offer.ts';
import { SellRules } from '../catalog/sell-rules.ts';
import { shippedCatalog } from '../catalog/shipped-catalog.ts';
import type { DialogueRequest } from '../dialogue/request.ts';
import type { PlannedAttempt } from '../routing/plan.ts';
import { HandedCalls } from './handed-calls.ts';
import { Tariff } from './tariff.ts';

const caller: Caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'live', walletCurrency: 'USD' };
const request: DialogueRequest = { protocol: 'openai-chat', model: 'kimi-k2-thinking', messages: [{ role: 'user', content: 'hi' }], sampling: {}, outputTokensMax: 100, stream: false };
const call = { caller, request, generationId: 'gen_1', batchId: 'batch_1', surface: '/v1/chat/completions', startedMs: Date.parse('2026-11-28') } as const;
const plain: Price = { id: 'p', validFrom: '2020-01-01', currency: 'USD', input: '1', output: '2' };
const half = { batchInput: '0.5', batchOutput: '1' };

function attempt(upstreamId: string, price: Price | undefined, over: Partial<PlannedAttempt> = {}): PlannedAttempt {
  const offer = { modelId: 'kimi-k2-thinking', upstreamId, upstreamModel: 'm', contextTokens: 100_000, outputTokensMax: 1_000, prices: [] };
  return { offer, price, costState: price === undefined ? 'unpriced' : 'priced', sendModel: 'm', retired: false, successor: false, ...over };
}

async function placeAmong(upstreamIds: readonly string[], ...attempts: readonly PlannedAttempt[]): Promise<string | undefined> {
  const model = new Catalog(shippedCatalog(), undefined, []).model('kimi-k2-thinking');
  if (model === undefined) throw new Error('the catalog lacks kimi-k2-thinking');
  const nothing = async (): Promise<never> => {
    throw new Error('nothing is booked here');
  };
  const rates = new ExchangeRates({ staleDays: 7, staleRates: 'flag' }, [{ from: 'USD', to: 'CNY', rate: '7', validFrom: '2026-11-27', source: 'config' }]);
  const calls = new HandedCalls({
    clock: systemClock, resolve: () => model, promptTokensMax: () => 1_000, estimatePrompt: async () => 10,
    plan: () => ({ model, variant: undefined, attempts, promptTokensMax: 1_000 }),
    tariff: new Tariff({ sellRules: new SellRules([], () => undefined), rates, officialPrice: () => undefined }),
    billing: { holdForHouse: nothing, heldByHouse: nothing, freeForHouse: nothing, closeForHouse: nothing, reckon: () => { throw new Error('nothing is booked here'); } },
  });
  const place = await calls.cheaperPlace(call, new Set(upstreamIds));
  if (place !== undefined) expect(place.batchEndpoint).toBe(true);
  return place?.offer.upstreamId;
}

describe('where a call is handed to', () => {
  it('is where its batch rates are below what it costs from here', async () => {
    expect(await placeAmong(['a'], attempt('a', { ...plain, ...half }))).toBe('a');
    expect(await placeAmong(['b'], attempt('a', plain), attempt('b', { ...plain, ...half, input: '9', output: '9' }))).toBe('b');
    expect(await placeAmong(['b', 'c'], attempt('a', plain), attempt('b', { ...plain, ...half }), attempt('c', { ...plain, batchInput: '0.1', batchOutput: '0.1' }))).toBe('c');
  });

  it.each<[string, readonly string[], readonly PlannedAttempt[]]>([
    ['it makes no batches', ['x'], [attempt('a', { ...plain, ...half })]],
    ['it states no batch rates', ['a'], [attempt('a', plain)]],
    ['they are dearer', ['a'], [attempt('a', { ...plain, batchInput: '1.5', batchOutput: '4' })]],
    ['elsewhere is cheaper still', ['b'], [attempt('a', { ...plain, input: '0.1', output: '0.1' }), attempt('b', { ...plain, ...half })]],
    ['it is not priced', ['a'], [attempt('a', undefined)]],
    ['what it costs from here is not known', ['b'], [attempt('a', undefined), attempt('b', { ...plain, ...half })]],
    ['the two cannot be compared', ['b'], [attempt('a', plain), attempt('b', { ...plain, ...half, currency: 'RUB' })]],
    ['it is the sandbox', ['a'], [attempt('a', { ...plain, ...half }, { costState: 'free' })]],
    ['the call goes to an endpoint for such calls anyway', ['a'], [attempt('a', { ...plain, ...half }, { batchEndpoint: true })]],
    ['it is for the time when the model is gone', ['b'], [attempt('a', plain), attempt('b', { ...plain, ...half }, { successor: true })]],
  ])('is nowhere when %s', async (_why, upstreamIds, attempts) => {
    expect(await placeAmong(upstreamIds, ...attempts)).toBeUndefined();
  });

  it('compares what is paid in another currency by the exchange rate', async () => {
    expect(await placeAmong(['b'], attempt('a', plain), attempt('b', { ...plain, currency: 'CNY', batchInput: '6', batchOutput: '13' }))).toBe('b');
    expect(await placeAmong(['b'], attempt('a', plain), attempt('b', { ...plain, currency: 'CNY', batchInput: '8', batchOutput: '15' }))).toBeUndefined();
  });
});
