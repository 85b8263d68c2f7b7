import { FairQueue } from './access/limits/fair-queue.ts';
import type { LimitSets } from './access/limits/limit-set.ts';
import { MemoryLimiter } from './access/limits/memory-limiter.ts';
import type { RateLimiter } from './access/limits/rate-limiter.ts';
import { ValkeyLimiter } from './access/limits/valkey-limiter.ts';
import type { Clock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import { StartRefusal } from './base/start-refusal.ts';
import type { Config } from './config/config.ts';

/** Longest that the start waits for the shared counters; without them it goes on, by the stated policy. */
const startLimitMs = 1_000;

export interface RateLimiterParts {
  readonly config: Pick<Config, 'limits' | 'valkeyUrl'>;
  /** Of `config.limits`. */
  readonly sets: LimitSets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The limits of a configuration: counted in memory, or in the Valkey or Redis that it names, with the queue if there is to be
 * one. Throws `StartRefusal` when that server does not take the password; that it is not there only shows in the log.
 */
export async function buildRateLimiter(parts: RateLimiterParts): Promise<RateLimiter> {
  const { config, sets, clock } = parts;
  const { limits, valkeyUrl } = config;
  const counting = valkeyUrl === undefined ? new MemoryLimiter(sets, clock) : await sharedLimiter(valkeyUrl, parts);
  return limits.queue === undefined ? counting : new FairQueue(counting, sets, limits.queue, clock);
}

async function sharedLimiter(url: string, { config, sets, clock, random, log }: RateLimiterParts): Promise<RateLimiter> {
  const limiter = new ValkeyLimiter({ sets, clock, random, log, url, whenGone: config.limits.whenCountersAreGone });
  await limiter.start(startLimitMs);
  if (!limiter.isKeyRefused) return limiter;
  await limiter[Symbol.asyncDispose]();
  throw new StartRefusal('the server at MOONGATE_VALKEY_URL does not take the password in it; check it, or unset the variable to count in memory');
}
