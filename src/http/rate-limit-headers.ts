import type { LimitLevel, LimitStanding } from '../base/limit-standing.ts';

/**
 * The x-ratelimit headers that OpenAI sends (responses-ark-anthropic-batch.md 5.1), for good replies and refusals alike; none
 * for a kind that is not limited.
 */
export function rateLimitHeaders(standing: LimitStanding): Record<string, string> {
  return { ...headersOf('requests', standing.requests), ...headersOf('tokens', standing.tokens) };
}

function headersOf(kind: 'requests' | 'tokens', level: LimitLevel | undefined): Record<string, string> {
  if (level === undefined) return {};
  return {
    [`x-ratelimit-limit-${kind}`]: String(level.limit),
    [`x-ratelimit-remaining-${kind}`]: String(level.remaining),
    [`x-ratelimit-reset-${kind}`]: duration(level.resetMs),
  };
}

/** As OpenAI writes them: `12ms`, `1.2s`, `6m0s`, `23h59m30s`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  if (ms < 60_000) return `${Math.ceil(ms / 100) / 10}s`;
  const seconds = Math.ceil(ms / 1_000);
  const hours = Math.floor(seconds / 3_600);
  return `${hours === 0 ? '' : `${hours}h`}${Math.floor((seconds % 3_600) / 60)}m${seconds % 60}s`;
}
