import type { LimitPolicy, RateLimits } from '../limit-policy.ts';

/** A vendor's limits, by a name that configuration and command line take in place of figures. */
export interface LimitPreset {
  readonly policy: LimitPolicy;
  /** Where the figures are from. */
  readonly source: string;
}

const tiers = 'moonshot-api.md 3.3 (platform.moonshot.ai, pricing/limits): of the whole account, over all models';

/** Moonshot's tiers, by what has been topped up. Only tier 0 has a limit of tokens by the day. */
function tier(concurrency: number, rpm: number, tpm: number, tpd?: number): LimitPreset {
  return { policy: { all: { concurrency, rpm, tpm, ...(tpd === undefined ? {} : { tpd }) } }, source: tiers };
}

const small: RateLimits = { rpm: 30, tpm: 300_000, concurrency: 5 };
const large: RateLimits = { rpm: 10, tpm: 300_000, concurrency: 3 };
const ark: RateLimits = { rpm: 5_000, tpm: 500_000 };

export const limitPresets: Readonly<Record<string, LimitPreset>> = {
  'moonshot-tier-0': tier(1, 3, 500_000, 1_500_000),
  'moonshot-tier-1': tier(50, 200, 2_000_000),
  'moonshot-tier-2': tier(100, 500, 3_000_000),
  'moonshot-tier-3': tier(200, 5_000, 3_000_000),
  'moonshot-tier-4': tier(400, 5_000, 4_000_000),
  'moonshot-tier-5': tier(1_000, 10_000, 5_000_000),
  moonshot: {
    policy: { models: { 'moonshot-v1-8k': small, 'moonshot-v1-32k': small, 'moonshot-v1-128k': large, 'kimi-k2': large } },
    source: 'seed: moonshot-kimi-api.zh, the table of RPM, TPM and concurrency by model',
  },
  ark: {
    // The page is of kimi-k2 and names its two versions: kimi-k2-thinking-251104 and kimi-k2-250905.
    policy: { models: { 'kimi-k2': ark, 'kimi-k2-thinking': ark, 'kimi-k2-0905': ark } },
    source: 'seed: volcengine-ark.zh, the limits of the model page',
  },
};

/** The policy that a preset's name stands for; undefined when there is none of that name. */
export function presetPolicy(name: string): LimitPolicy | undefined {
  return Object.hasOwn(limitPresets, name) ? limitPresets[name]?.policy : undefined;
}
