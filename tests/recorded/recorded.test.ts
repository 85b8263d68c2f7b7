import { describe, expect, it } from 'vitest';
import { replayFolder } from './replay.ts';
import { factsOf, lossesBetween } from './wire-fold.ts';

const folder = process.env['MOONGATE_FIXTURES'];

describe('the yardstick itself', () => {
  const recorded = factsOf('data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}}\n\n', true);

  it('finds nothing lost in the same answer told whole, without what it cost the operator', () => {
    const whole = '{"id":"a","choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}';
    expect(lossesBetween(recorded, factsOf(whole, false))).toEqual([]);
  });

  it('finds a changed text, a missing value and a missing count', () => {
    const poorer = '{"id":"a","choices":[{"message":{"content":"Hell"}}],"usage":{"prompt_tokens":3}}';
    expect(lossesBetween(recorded, factsOf(poorer, false))).toHaveLength(3);
  });
});

describe.skipIf(folder === undefined)('recordings of real providers (skipped without MOONGATE_FIXTURES, the folder of recordings)', () => {
  it('come through the whole server with nothing lost', { timeout: 180_000 }, async () => {
    const results = await replayFolder(folder ?? '');
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ lost, requestLost }) => lost.length + requestLost.length > 0)).toEqual([]);
  });
});
