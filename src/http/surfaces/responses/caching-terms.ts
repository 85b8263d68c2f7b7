import { Fault } from '../../../base/fault.ts';
import type { ResponsesBody } from '../../../wire/openai-responses/responses-request-schema.ts';

/** How a turn is to be cached (responses-ark-anthropic-batch.md 2.3, 2.4). */
export interface CachingTerms {
  /** Unix seconds. */
  readonly expireAtS: number;
  /** Only store what was sent, and answer nothing. */
  readonly prefixOnly: boolean;
}

const dayS = 86_400;
/** Ark: three days, and seven at most. */
const keptForSDefault = 3 * dayS;
const keptForSMax = 7 * dayS;
/** A response is to be of use at least so long. */
const keptForSMin = 1;

/** Fewer tokens cannot be cached (responses-ark-anthropic-batch.md 2.4). */
export const cachedTokensMin = 256;

/** What the turn asks for; undefined: no cache. Throws `invalid_request` for what Ark does not let stand together or beyond its limits. */
export function cachingTerms(body: ResponsesBody, nowMs: number): CachingTerms | undefined {
  const { caching, expireAtS } = body;
  if (body.vendor === 'ark' && expireAtS !== undefined) checkExpiry(expireAtS, Math.floor(nowMs / 1000));
  if (body.vendor !== 'ark' || caching?.enabled !== true) return undefined;
  if (!body.store) throw new Fault('invalid_request', { message: 'caching needs a response that is stored: leave out store, or set it to true', field: 'store' });
  if (caching.prefix && body.stream) throw new Fault('invalid_request', { message: 'caching.prefix only stores the input: there is nothing to stream', field: 'stream' });
  return { expireAtS: expireAtOf(body, nowMs), prefixOnly: caching.prefix };
}

/** Until when a response under Ark's path is kept, unix seconds. */
export function expireAtOf({ expireAtS }: ResponsesBody, nowMs: number): number {
  return expireAtS ?? Math.floor(nowMs / 1000) + keptForSDefault;
}

function checkExpiry(expireAtS: number, nowS: number): void {
  if (expireAtS >= nowS + keptForSMin && expireAtS <= nowS + keptForSMax) return;
  throw new Fault('invalid_request', { message: `expire_at must be unix seconds later than now (${nowS}) and at most 7 days ahead`, field: 'expire_at' });
}
