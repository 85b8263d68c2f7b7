/**
 * One replica's limits in a process of its own, for `fork`: takes as `LimitingOrder`s say, and answers each with how many
 * calls were let in. Leases are kept open until the order says otherwise.
 */
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Caller } from '../../src/access/caller.ts';
import { LimitSets } from '../../src/access/limits/limit-set.ts';
import { type ReplicaTiming } from '../../src/access/limits/replica-membership.ts';
import { ValkeyLimiter } from '../../src/access/limits/valkey-limiter.ts';

export interface LimitingOrder {
  readonly caller: Caller;
  /** How many clients call at the same time, and how often each. */
  readonly clients: number;
  readonly calls: number;
  readonly tokens: number;
  /** Whether each call that was let in ends at once, having used all of its tokens. */
  readonly end: boolean;
}

const [url = '', timing = '{}'] = process.argv.slice(2);
const log = { writes: () => false, write() {}, flush() {} };
const limiter = new ValkeyLimiter({
  sets: new LimitSets({ models: {} }), clock: systemClock, random: systemRandom, log, url, whenGone: 'refuse', timing: JSON.parse(timing) as ReplicaTiming,
});
await limiter.start(10_000);

async function client({ caller, calls, tokens, end }: LimitingOrder): Promise<number> {
  let accepted = 0;
  for (let call = 0; call < calls; call += 1) {
    try {
      const lease = await limiter.take({ caller, modelId: 'kimi-k2', tokens });
      accepted += 1;
      if (end) lease.settle(tokens);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'rate_limited') throw thrown;
    }
  }
  return accepted;
}

process.on('message', (order: LimitingOrder) => {
  void Promise.all(Array.from({ length: order.clients }, () => client(order))).then((accepted) => {
    process.send?.(accepted.reduce((sum, one) => sum + one, 0));
  });
});
process.on('disconnect', () => void limiter[Symbol.asyncDispose]());
process.send?.('ready');
