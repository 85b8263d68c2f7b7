import type { LimitSets } from './access/limits/limit-set.ts';
import type { RateLimiter } from './access/limits/rate-limiter.ts';
import { systemClock } from './base/clock.ts';
import { type Log, stackOf } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import type { UpstreamSet } from './upstreams/upstream-set.ts';
import type { Catalog } from './catalog/catalog.ts';
import { priceAt } from './catalog/price.ts';
import type { Config } from './config/config.ts';
import { Billing } from './gateway/billing.ts';
import { attemptsMax, isModelGone } from './gateway/fallback.ts';
import { Gateway, type GatewayDeps } from './gateway/gateway.ts';
import { InteractiveLoad } from './gateway/interactive-load.ts';
import { HandedCalls } from './gateway/handed-calls.ts';
import { orphanRecord } from './gateway/orphan-record.ts';
import { Planner } from './gateway/planner.ts';
import { crashAt } from './crash-point.ts';
import type { Money } from './open-money.ts';
import { Tariff } from './gateway/tariff.ts';
import { Ledger } from './ledger/ledger.ts';
import { LedgerNode, newNodeId } from './ledger/ledger-node.ts';
import type { RecordsStore } from './records/records-store.ts';
import type { UpstreamHealth } from './routing/health.ts';
import type { Database } from './storage/database.ts';
import type { TokenCounter } from './tokens/token-counter.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly database: Database;
  /** No other server works on this database. */
  readonly alone: boolean;
  readonly catalog: Catalog;
  readonly upstreams: UpstreamSet;
  readonly health: UpstreamHealth;
  readonly counter: TokenCounter;
  readonly records: RecordsStore;
  readonly money: Money;
  readonly limits: LimitSets;
  readonly limiter: RateLimiter;
  /** Whether an upstream has ever been configured here. */
  readonly everConfigured: boolean;
  readonly log: Log;
}

/** How long the end of a call waits for a database that is gone. */
const settlePatienceMs = 5_000;
/** Beyond the deadlines of a call's attempts: for queues, and for its end. */
const callSlackMs = 300_000;

export interface OpenGateway {
  readonly gateway: Gateway;
  readonly tariff: Tariff;
  /** Calls that vendors make in their own time. */
  readonly handed: HandedCalls;
  /** Calls that somebody waits for. */
  readonly load: InteractiveLoad;
  /** Where the process is to die; see `crashAt`. */
  readonly onCheckpoint: ReturnType<typeof crashAt>;
}

/** The gateway with its ledger, and the prices that it works by: what it owns ends with `stack`, before the database does. */
export async function openGateway(parts: GatewayParts, stack: AsyncDisposableStack): Promise<OpenGateway> {
  const { config, database, catalog, upstreams, counter, records, limits, limiter, everConfigured } = parts;
  const planner = new Planner({
    catalog, counter, everConfigured, health: parts.health, policy: config.policy, clock: systemClock, configured: config.upstreams.length > 0,
  });
  const tariff = tariffOf(parts);
  const load = new InteractiveLoad();
  const onCheckpoint = crashAt(config.crashAt, () => process.kill(process.pid, 'SIGKILL'));
  const plan: GatewayDeps['plan'] = (caller, request, batch) => planner.plan(caller, request, batch);
  const estimatePrompt: GatewayDeps['estimatePrompt'] = (request, modelId) => counter.estimateRequest(request, modelId);
  const billing = new Billing({
    ledger: await openLedger(parts, stack),
    tariff, database, records, clock: systemClock, patienceMs: settlePatienceMs,
    callMsMax: callMsMaxOf(config, 'totalMs'),
    batchCallMsMax: callMsMaxOf(config, 'batchMs'),
  });
  const gateway = new Gateway({
    clock: systemClock,
    plan,
    upstream: (id) => upstreams.get(id),
    model: (id) => catalog.model(id),
    successor: (modelId) => catalog.successor(modelId, systemClock.nowMs()),
    reportAttempt: attemptReporter(parts),
    estimatePrompt,
    limiter,
    load,
    onCheckpoint,
    countsTokens: (caller, modelId) => limits.countsTokens(caller, modelId),
    billing,
  });
  const handed = new HandedCalls({
    clock: systemClock, plan, estimatePrompt, tariff, billing,
    resolve: (name) => catalog.resolve(name)?.model,
    promptTokensMax: (request, modelId) => counter.upperBound(request, modelId),
  });
  return { gateway, tariff, handed, load, onCheckpoint };
}

/** How long a call may take at most, if each attempt takes as long as that deadline lets it. */
function callMsMaxOf({ upstreams }: Config, deadline: 'totalMs' | 'batchMs'): number {
  return attemptsMax * Math.max(0, ...upstreams.map(({ deadlines }) => deadlines[deadline])) + callSlackMs;
}

function tariffOf({ money, catalog }: GatewayParts): Tariff {
  return new Tariff({
    sellRules: money.sellRules,
    rates: money.exchange,
    officialPrice(modelId, atMs) {
      const listed = catalog.sandboxOffer(modelId);
      return listed === undefined ? undefined : priceAt(listed, atMs);
    },
  });
}

async function openLedger({ database, alone, records, log }: GatewayParts, stack: AsyncDisposableStack): Promise<Ledger> {
  const id = newNodeId(systemClock, systemRandom);
  const ledger = new Ledger({ database, clock: systemClock, nodeId: id });
  const node = stack.use(
    new LedgerNode({
      database, alone, id, clock: systemClock,
      onOrphan: (call) => [records.upsertion(orphanRecord(call, systemClock.nowMs()))],
      onFailure(cause) {
        const trace = stackOf(cause);
        log.write('warn', 'the care of held money failed; it is tried again', trace === undefined ? {} : { stack: trace });
      },
    }),
  );
  await node.start(ledger);
  return ledger;
}

/** What an attempt's outcome means for the health of its upstream. */
function attemptReporter({ health, upstreams, log }: GatewayParts): GatewayDeps['reportAttempt'] {
  return (upstreamId, failure) => {
    if (failure === undefined) return health.succeeded(upstreamId);
    // What is wrong with the request says nothing of the upstream.
    if (failure.fault.blame === 'caller' && !isModelGone(failure.fault)) return;
    health.failed(upstreamId, failure.fault, failure.stage !== 'not-sent');
    upstreams.noteFailure(upstreamId);
    log.write('warn', 'attempt failed', {
      upstream: upstreamId,
      faultCode: failure.fault.code,
      ...(failure.requestId === undefined ? {} : { upstreamRequestId: failure.requestId }),
    });
  };
}
