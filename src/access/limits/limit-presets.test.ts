import { expect, it } from 'vitest';
import { limitPresets, presetPolicy } from './limit-presets.ts';

it('has the tiers of Moonshot, its table by model, and that of Ark', () => {
  expect(Object.keys(limitPresets)).toEqual([...[0, 1, 2, 3, 4, 5].map((tier) => `moonshot-tier-${tier}`), 'moonshot', 'ark']);
  expect(presetPolicy('moonshot-tier-0')).toEqual({ all: { concurrency: 1, rpm: 3, tpm: 500_000, tpd: 1_500_000 } });
  expect(presetPolicy('moonshot-tier-5')).toEqual({ all: { concurrency: 1_000, rpm: 10_000, tpm: 5_000_000 } });
  expect(presetPolicy('moonshot')?.models?.['kimi-k2']).toEqual({ rpm: 10, tpm: 300_000, concurrency: 3 });
  expect(presetPolicy('moonshot')?.models?.['moonshot-v1-32k']).toEqual({ rpm: 30, tpm: 300_000, concurrency: 5 });
  expect(presetPolicy('ark')?.models?.['kimi-k2-thinking']).toEqual({ rpm: 5_000, tpm: 500_000 });
});

it('has no others', () => {
  expect(presetPolicy('moonshot-tier-6')).toBeUndefined();
  expect(presetPolicy('constructor')).toBeUndefined();
});
