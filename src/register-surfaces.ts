import type { FastifyInstance } from 'fastify';
import type { Authenticator } from './access/authenticate.ts';
import type { KeyStore } from './access/key-store.ts';
import { systemClock } from './base/clock.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Tariff } from './gateway/tariff.ts';
import { basePaths } from './http/base-path.ts';
import { requireKey } from './http/server.ts';
import { registerAccount } from './http/surfaces/account.ts';
import { registerBatches } from './http/surfaces/batches/batches.ts';
import { registerHeldChat } from './http/surfaces/batches/held-chat.ts';
import { registerCaching } from './http/surfaces/caching.ts';
import { registerChatCompletions } from './http/surfaces/chat-completions.ts';
import { registerFiles } from './http/surfaces/files/files.ts';
import { OpenUploads } from './http/surfaces/files/open-uploads.ts';
import { registerUploads } from './http/surfaces/files/uploads.ts';
import { registerGeneration } from './http/surfaces/generation.ts';
import { registerHealth } from './http/surfaces/health.ts';
import { registerMessages } from './http/surfaces/messages.ts';
import { type ModelsDeps, registerAnthropicModels, registerModels } from './http/surfaces/models.ts';
import { registerResponses } from './http/surfaces/responses/responses.ts';
import { registerTokenEstimate } from './http/surfaces/token-estimate.ts';
import type { Wallets } from './ledger/wallets.ts';
import type { RecordsStore } from './records/records-store.ts';
import type { UpstreamHealth } from './routing/health.ts';
import type { OpenBatches } from './open-batches.ts';
import type { OpenFiles } from './open-files.ts';
import type { Threads } from './open-threads.ts';
import { version } from './server-info.ts';

export interface SurfaceParts {
  readonly catalog: Catalog;
  readonly tariff: Tariff;
  readonly records: RecordsStore;
  readonly store: KeyStore;
  readonly wallets: Wallets;
  readonly callers: Authenticator;
  readonly everConfigured: boolean;
  readonly threads: Threads;
  readonly health: UpstreamHealth;
  readonly batching: OpenBatches;
  readonly documents: OpenFiles;
}

/** Every public route, under every base path. */
export function registerSurfaces(app: FastifyInstance, parts: SurfaceParts): void {
  const { catalog, tariff, records, store, wallets, callers, everConfigured, threads, health, documents, batching } = parts;
  const openUploads = new OpenUploads();
  registerHealth(app, version);
  app.register((surfaces, _options, done) => {
    requireKey(surfaces, callers);
    const models: ModelsDeps = {
      catalog,
      answeredBySandbox: (mode) => mode === 'test' || !everConfigured,
      askedPrice: (caller, offer) => tariff.askedPrice(caller, offer, systemClock.nowMs()),
      isReady: (upstreamId) => health.state(upstreamId).kind === 'ready',
      nowMs: systemClock.nowMs,
    };
    registerAnthropicModels(surfaces, models);
    registerMessages(surfaces, threads.deps);
    registerCaching(surfaces, threads.deps);
    for (const base of basePaths) {
      registerChatCompletions(surfaces, base, threads.deps);
      registerResponses(surfaces, base, threads.deps, threads.background);
      registerBatches(surfaces, base, { ...threads.deps, batches: batching.batches });
      if (base.vendor === 'ark') registerHeldChat(surfaces, base, { ...threads.deps, pool: batching.pool, upstreamOf: batching.upstreamOf });
      registerModels(surfaces, base, models);
      registerAccount(surfaces, base, {
        wallets: (tenantId) => wallets.of(tenantId),
        keySpend: (keyId, sinceMs) => records.keySpend(keyId, sinceMs),
        keyBudgets: (keyId) => wallets.budgetsOf(keyId),
        key: (keyId) => store.get(keyId),
        nowMs: systemClock.nowMs,
      });
      registerFiles(surfaces, base, { ...documents, openUploads, clock: systemClock });
      registerUploads(surfaces, base, { ...documents, openUploads, clock: systemClock });
      registerGeneration(surfaces, base, { records });
      registerTokenEstimate(surfaces, base, {
        modelIdOf: (name) => catalog.resolve(name)?.model.id,
        countRequest: (scope, request, modelId, signal) => documents.counting.count(scope, request, modelId, signal),
      });
    }
    done();
  });
}
