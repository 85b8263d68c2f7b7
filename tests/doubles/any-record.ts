import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { GenerationRecord } from '../../src/records/generation-record.ts';

/** A plain record of a fresh id, with `change` made to it. */
export function record(change: Partial<GenerationRecord> = {}): GenerationRecord {
  return {
    id: newId('gen', systemClock, systemRandom),
    tenantId: 'ten_1',
    keyId: 'key_A',
    mode: 'live',
    surface: 'openai-chat',
    requestedModel: 'Kimi-K2',
    modelId: 'kimi-k2',
    streamed: true,
    state: 'complete',
    cancelled: false,
    attempts: 1,
    costState: 'none',
    startedMs: 1_000,
    durationMs: 12.5,
    ...change,
  };
}

const text = fc.string({ maxLength: 30 });
const tokens = fc.nat({ max: 2 ** 40 });
const nanos = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const currency = fc.constantFrom('USD', 'CNY', 'RUB');
const someUsage = fc.record(
  {
    inputUncached: tokens, cacheRead: tokens, cacheWrite: tokens, cacheWrite1h: tokens, output: tokens, reasoning: tokens, webSearches: fc.nat(9), estimated: fc.boolean(),
  },
  { requiredKeys: ['inputUncached', 'cacheRead', 'cacheWrite', 'output', 'estimated'] },
);

const someCharge: fc.Arbitrary<Partial<GenerationRecord>> = fc
  .record(
    {
      chargeNanos: nanos, chargeCurrency: currency, chargeRule: text, exchangeRate: fc.constantFrom('7.2', '0.139', '92.55', '1'),
      exchangeRateFrom: fc.constant('2026-05-01'), lossNanos: nanos, cacheSavedNanos: nanos,
    },
    { requiredKeys: ['chargeNanos', 'chargeCurrency'] },
  );

/** Any record that may be stored; its id and tenant are for the test to set. */
export const anyRecord: fc.Arbitrary<GenerationRecord> = fc
  .tuple(
    fc.record(
      {
        keyId: text,
        mode: fc.constantFrom('live', 'test'),
        surface: text,
        requestedModel: text,
        modelId: text,
        upstreamId: text,
        upstreamModel: text,
        upstreamReplyId: text,
        streamed: fc.boolean(),
        state: fc.constantFrom('complete', 'partial', 'failed', 'unknown'),
        finishReason: text,
        faultCode: text,
        cancelled: fc.boolean(),
        attempts: fc.nat(9),
        usage: someUsage,
        costState: fc.constantFrom('priced', 'unpriced', 'free', 'none', 'unknown'),
        priceId: text,
        flags: fc.array(fc.constantFrom('rejected', 'rate-stale', 'total-differs'), { minLength: 1, maxLength: 3 }),
        startedMs: fc.nat({ max: 2 ** 45 }),
        firstEventAfterMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
        durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      },
      { requiredKeys: ['keyId', 'mode', 'surface', 'requestedModel', 'modelId', 'streamed', 'state', 'cancelled', 'attempts', 'costState', 'startedMs', 'durationMs'] },
    ),
    fc.option(fc.record({ costNanos: nanos, currency }), { nil: {} }),
    fc.option(someCharge, { nil: {} }),
  )
  .map(([fields, cost, charge]) => record({ ...fields, ...cost, ...charge }));

/** `one` with amounts so small that those of many records can be added up in 63 bits. */
export function withSmallAmounts(one: GenerationRecord): GenerationRecord {
  const small: { -readonly [Field in keyof GenerationRecord]: GenerationRecord[Field] } = { ...one };
  for (const field of ['costNanos', 'chargeNanos', 'lossNanos', 'cacheSavedNanos'] as const) {
    const amount = small[field];
    if (amount !== undefined) small[field] = amount % 2n ** 55n;
  }
  return small;
}
