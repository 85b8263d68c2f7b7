import { expect, it } from 'vitest';
import { record } from '../../../tests/doubles/any-record.ts';
import { shapeGeneration } from './generation.ts';

const cost = { costState: 'priced', costNanos: 1_000_000n, currency: 'USD', priceId: 'moonshot/kimi-k2' } as const;

it('shows what the caller pays, and nothing of what the upstream charges', () => {
  const shown = shapeGeneration(
    record({ ...cost, chargeNanos: 92_550_001n, chargeCurrency: 'RUB', chargeRule: 'markup-20', exchangeRate: '77.125', cacheSavedNanos: 5_000_000n, lossNanos: 3n }),
  );
  expect(shown).toMatchObject({
    total_cost: 0.092550001, usage: 0.092550001, cache_discount: 0.005,
    cost: { state: 'priced', amount: '0.092550001', currency: 'RUB', rule: 'markup-20', cache_saved: '0.005' },
  });
  expect(JSON.stringify(shown)).not.toMatch(/0\.001\b|USD|77\.125|moonshot\/kimi/);
});

it.each([
  ['the sandbox, which is free at list price', record({ ...cost, costState: 'free' }), 0, { state: 'free', amount: '0.001', currency: 'USD' }],
  ['a model without a price', record({ costState: 'unpriced' }), null, { state: 'unpriced', amount: null, currency: null }],
  ['nothing delivered', record({ costState: 'none', state: 'failed' }), 0, { state: 'none', amount: null, currency: null }],
  ['a cost that is nobody’s charge', record(cost), 0, { state: 'none', amount: null, currency: null }],
  ['an outcome that nobody knows', record({ costState: 'unknown', state: 'unknown' }), null, { state: 'unknown', amount: null, currency: null }],
  ['a charge of zero', record({ ...cost, chargeNanos: 0n, chargeCurrency: 'EUR' }), 0, { state: 'priced', amount: '0', currency: 'EUR' }],
])('tells unknown from zero: %s', (_what, one, total, shown) => {
  expect(shapeGeneration(one)).toMatchObject({ total_cost: total, usage: total, cost: shown });
});
