import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Caller } from '../src/access/caller.ts';
import { replicaTiming } from '../src/access/limits/replica-membership.ts';
import { limitedCaller } from './doubles/limited-caller.ts';
import type { LimitingOrder } from './doubles/limiting-process.ts';
import { startRedis } from './doubles/redis-server.ts';

const redis = await startRedis();
afterAll(() => redis?.stop());

/** The real figures but for the time after which a killed replica is gone, so that the test need not wait for it. */
const timing = { ...replicaTiming, beatMs: 100, memberMs: 1_000, commandMs: 5_000 };
const script = fileURLToPath(new URL('./doubles/limiting-process.ts', import.meta.url));

class Replica {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Replica> {
    const child = fork(script, [redis?.url ?? '', JSON.stringify(timing)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const killOnExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killOnExit);
    child.once('exit', () => process.removeListener('exit', killOnExit));
    await once(child, 'message');
    return new Replica(child);
  }

  async accepted(caller: Caller, order: Partial<LimitingOrder> = {}): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send({ caller, clients: 64, calls: 1, tokens: 1, end: false, ...order });
    return Number((await answer)[0]);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

describe.skipIf(redis === undefined)('limits over two processes (needs redis-server or MOONGATE_TEST_REDIS_URL)', () => {
  let replicas: Replica[];
  beforeEach(async () => {
    replicas = await Promise.all([Replica.start(), Replica.start()]);
  });
  afterEach(async () => {
    for (const replica of replicas) await replica.kill();
  });

  async function acceptedByAll(caller: Caller, order: Partial<LimitingOrder>): Promise<number> {
    return (await Promise.all(replicas.map((replica) => replica.accepted(caller, order)))).reduce((sum, one) => sum + one, 0);
  }

  it('let in exactly as many as each limit says, with 64 clients in each', async () => {
    for (let run = 0; run < 5; run += 1) {
      expect(await acceptedByAll(limitedCaller({ keyLimits: { all: { rpm: 1_000 } } }), { calls: 10, end: true })).toBe(1_000);
      expect(await acceptedByAll(limitedCaller({ tenantLimits: { all: { tpm: 4_003 } } }), { calls: 10, tokens: 5, end: true })).toBe(800);
      expect(await acceptedByAll(limitedCaller({ tenantLimits: { all: { tpd: 700 }, models: { 'kimi-k2': { rpm: 900 } } } }), { calls: 10 })).toBe(700);
      expect(await acceptedByAll(limitedCaller({ keyLimits: { models: { 'kimi-k2': { concurrency: 37 } } } }), { calls: 3 })).toBe(37);
    }
  });

  it('free the slots of a process that was killed, once its beats have been missing for as long as they may', async () => {
    const caller = limitedCaller({ keyLimits: { all: { concurrency: 40 } } });
    const [killed, other] = replicas;
    expect(await killed?.accepted(caller)).toBe(40);
    expect(await other?.accepted(caller)).toBe(0);
    const killedMs = performance.now();
    await killed?.kill();
    // What is let in at one look stays in: on a busy machine they may come free in two parts.
    let accepted = 0;
    await vi.waitFor(async () => {
      const more = (await other?.accepted(caller)) ?? 0;
      accepted += more;
      expect(accepted).toBe(40);
    }, { timeout: 15_000, interval: 50 });
    expect(performance.now() - killedMs).toBeGreaterThan(timing.memberMs - timing.beatMs - 50);
  });
});
