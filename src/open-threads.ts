import type { KeyId } from './access/api-key.ts';
import type { Authenticator } from './access/authenticate.ts';
import { systemClock } from './base/clock.ts';
import { systemRandom } from './base/random.ts';
import { Sealer } from './base/sealer.ts';
import type { RootSecret } from './base/secret.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Config } from './config/config.ts';
import { TenantThinkingSeals } from './fidelity/tenant-thinking-seals.ts';
import type { PromptCounting } from './gateway/prompt-counting.ts';
import type { Tariff } from './gateway/tariff.ts';
import type { GenerationDeps } from './http/generation-exchange.ts';
import { BackgroundResponses } from './http/surfaces/responses/background-responses.ts';
import { BackgroundRun } from './http/surfaces/responses/background-run.ts';
import { BackgroundWorker } from './http/surfaces/responses/background-worker.ts';
import { RecentResponses } from './http/surfaces/responses/recent-responses.ts';
import type { SocketTurnDeps } from './http/surfaces/responses/socket-turn.ts';
import { JobStore } from './jobs/job-store.ts';
import { dayMs } from './records/utc-day.ts';
import type { Database } from './storage/database.ts';
import { ContextCacheStore } from './threads/context-cache-store.ts';
import { ConversationStore } from './threads/conversation-store.ts';
import { ResponseEventStore } from './threads/response-event-store.ts';
import { ResponseStore } from './threads/response-store.ts';
import type { UpstreamSet } from './upstreams/upstream-set.ts';
import { type ContextHolding, openContextHolding } from './open-context-holding.ts';

export interface ThreadsParts {
  readonly config: Pick<Config, 'retention'>;
  readonly database: Database;
  /** No other server works on this database. */
  readonly alone: boolean;
  readonly secret: RootSecret;
  readonly catalog: Catalog;
  /** The tokens of a prompt, with what its files say. */
  readonly counting: PromptCounting;
  readonly callers: Authenticator;
  readonly tariff: Tariff;
  readonly upstreams: UpstreamSet;
  readonly generations: GenerationDeps;
}

export interface Threads {
  readonly holding: ContextHolding;
  readonly deps: SocketTurnDeps;
  readonly background: BackgroundResponses;
  readonly worker: BackgroundWorker;
  readonly jobs: JobStore;
}

/** Stored responses and conversations, and those who make responses in the background. Nothing begins before `worker.start`. */
export async function openThreads({ config, database, alone, secret, catalog, counting, callers, tariff, upstreams, generations }: ThreadsParts): Promise<Threads> {
  const sealer = new Sealer(secret.derive('encryption', 1), systemRandom);
  const store = { database, sealer, clock: systemClock };
  const responses = new ResponseStore(store);
  const caches = new ContextCacheStore(store);
  const holding = openContextHolding({ database, tariff, upstreams, caches, responses, clock: systemClock, log: generations.log });
  const deps: SocketTurnDeps = {
    ...generations,
    database,
    responses,
    conversations: new ConversationStore(store),
    caches,
    storage: holding.storage,
    dropContext: holding.dropContext,
    keptForMs: config.retention.responsesDays * dayMs,
    sealsOf: (tenantId) => new TenantThinkingSeals(sealer, tenantId),
    modelIdOf: (name) => catalog.resolve(name)?.model.id,
    contextTokensOf: (modelId) => contextTokensOf(catalog, modelId),
    estimatePrompt: (scope, request, modelId, signal) => counting.estimate(scope, request, modelId, signal),
    recent: new RecentResponses(),
    callerOfKey: (keyId) => callers.callerOfKey(keyId as KeyId),
  };
  const jobs = new JobStore(store);
  // One folder, one server: who had taken a job before this start is dead.
  if (alone) await jobs.disownAll();
  const backgroundDeps = { ...deps, database, jobs, events: new ResponseEventStore(store), sealer };
  const worker = new BackgroundWorker({ ...backgroundDeps, runOf: (claim, abort, onKept) => new BackgroundRun(backgroundDeps, claim, abort, onKept) });
  return { holding, deps, background: new BackgroundResponses(backgroundDeps, worker), worker, jobs };
}

/** The widest window among those who serve the model; the sandbox's where nobody does. */
function contextTokensOf(catalog: Catalog, modelId: string): number {
  const offers = catalog.offers(modelId);
  if (offers.length === 0) return catalog.sandboxOffer(modelId)?.contextTokens ?? 0;
  return Math.max(...offers.map(({ contextTokens }) => contextTokens));
}
