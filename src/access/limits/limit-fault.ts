import { Fault } from '../../base/fault.ts';
import type { LimitStanding } from '../../base/limit-standing.ts';
import type { Caller } from '../caller.ts';
import { type LimitCounter, needOf } from './limit-counter.ts';
import type { Met } from './verdict.ts';

/**
 * The refusal of a request of `tokens` that met a limit, in Moonshot's words (moonshot-api.md 3.2), whatever the surface. Those words
 * call every limit the organization's; whose it is stands behind them where that is not so.
 */
export function limitFault(caller: Caller, tokens: number, counter: LimitCounter, met: Met, standing: LimitStanding | undefined): Fault {
  const { kind, limit } = counter;
  const requested = needOf(kind, tokens);
  return new Fault('rate_limited', {
    message: `Your account ${caller.tenantId}<${caller.keyId}> request reached ${reached(counter, met, requested)}${owner(counter)}`,
    ...(met.waitMs === undefined ? {} : { retryAfterMs: Math.max(1, Math.ceil(met.waitMs)) }),
    metLimit: { kind, limit, current: met.count, requested },
    ...(standing === undefined ? {} : { standing }),
  });
}

function reached({ kind, limit }: LimitCounter, met: Met, requested: number): string {
  const again = `please try again after ${Math.max(1, Math.ceil((met.waitMs ?? 0) / 1000))} seconds`;
  switch (kind) {
    case 'concurrency':
      return `organization max concurrency: ${limit}, ${again}`;
    case 'rpm':
      return `organization max RPM: ${limit}, ${again}`;
    case 'tpm':
    case 'tpd': {
      const rate = `organization ${kind.toUpperCase()} rate limit, current:${met.count + requested}, limit:${limit}`;
      if (met.waitMs !== undefined) return rate;
      return `${rate}; this request alone may use ${requested} tokens (its prompt and its output limit), so that it can never pass: shorten the prompt or lower max_tokens`;
    }
  }
}

function owner({ scope, modelId }: LimitCounter): string {
  const model = modelId === undefined ? '' : ` for ${modelId}`;
  switch (scope) {
    case 'key':
      return ` (limit of this key${model})`;
    case 'tenant':
      return modelId === undefined ? '' : ` (limit${model})`;
    case 'server':
      return ` (limit of this server${model})`;
  }
}
