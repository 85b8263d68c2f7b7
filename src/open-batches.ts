import type { KeyId } from './access/api-key.ts';
import type { Authenticator } from './access/authenticate.ts';
import type { Caller } from './access/caller.ts';
import { systemClock } from './base/clock.ts';
import type { Log } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { Sealer } from './base/sealer.ts';
import type { RootSecret } from './base/secret.ts';
import type { BatchFiles } from './batches/batch-files.ts';
import { BatchStore } from './batches/batch-store.ts';
import type { BatchVendor } from './batches/batch-vendor.ts';
import { BatchWorker } from './batches/batch-worker.ts';
import { Batches } from './batches/batches.ts';
import { CapacityPool } from './batches/capacity-pool.ts';
import { HandoverStore } from './batches/handover-store.ts';
import { OutcomeStore } from './batches/outcome-store.ts';
import { WarmPrefixes } from './batches/warm-prefixes.ts';
import type { Catalog } from './catalog/catalog.ts';
import { isWithin, toUtcSpan } from './catalog/price-window.ts';
import type { Config } from './config/config.ts';
import { Files } from './documents/files.ts';
import type { OpenExchanges } from './http/open-exchanges.ts';
import { lineProtocols } from './http/surfaces/batches/line-protocols.ts';
import type { OpenGateway } from './open-gateway.ts';
import type { Threads } from './open-threads.ts';
import type { Database } from './storage/database.ts';

export interface BatchesParts {
  readonly config: Pick<Config, 'batches' | 'bodyBytesMax' | 'files'>;
  readonly database: Database;
  readonly secret: RootSecret;
  readonly catalog: Catalog;
  readonly callers: Authenticator;
  /** Whether an upstream has ever been configured here. */
  readonly everConfigured: boolean;
  readonly gateway: OpenGateway;
  readonly threads: Pick<Threads, 'deps' | 'jobs'>;
  readonly files: Files;
  /** Upstreams that make batches by themselves, by their ids. */
  readonly vendors: ReadonlyMap<string, BatchVendor>;
  readonly exchanges: OpenExchanges;
  readonly log: Log;
}

export interface OpenBatches {
  readonly batches: Batches;
  readonly worker: BatchWorker;
  /** The places for what may wait. */
  readonly pool: CapacityPool;
  upstreamOf(caller: Caller, model: string): string;
}

/** Chunks in the hands of a server for so many places: one has more lines than that, but they may wait for each other, and all are in memory. */
const placesPerChunk = 8;

/** How soon a step of a hand-over that has failed is tried again; twice as late after each further failure. */
const handoverRetryMs = 5_000;

/** Batches, and who works on them. Nothing begins before `worker.start`. */
export function openBatches(parts: BatchesParts): OpenBatches {
  const { config, database, secret, callers, gateway, threads, exchanges, log } = parts;
  const { concurrency, perUpstream, upstreams, hours, linesMax, openBatchesMax, pollS } = config.batches;
  const store = { database, sealer: new Sealer(secret.derive('encryption', 1), systemRandom) };
  const spans = hours?.map(toUtcSpan);
  const pool = new CapacityPool({
    clock: systemClock, random: systemRandom, concurrency, load: gateway.load,
    placesAt: (upstreamId) => upstreams[upstreamId] ?? perUpstream,
    isOpen: (nowMs) => spans === undefined || spans.some((span) => isWithin(span, nowMs)),
  });
  const deps = {
    database,
    store: new BatchStore(store),
    outcomes: new OutcomeStore(store),
    jobs: threads.jobs,
    files: batchFilesOf(parts.files),
    protocols: lineProtocols(threads.deps),
    gateway: gateway.gateway,
    limits: { linesMax, lineBytesMax: config.bodyBytesMax, fileBytesMax: config.files.limits.batchFileBytesMax, openBatchesMax },
    clock: systemClock,
    random: systemRandom,
    callerOfKey: (keyId: string) => callers.callerOfKey(keyId as KeyId),
    onCheckpoint: gateway.onCheckpoint,
    handover: { vendors: parts.vendors, calls: gateway.handed, store: new HandoverStore(database), pollMs: pollS * 1000, retryMs: handoverRetryMs, log },
  };
  const upstreamOf = upstreamGuess(parts);
  const worker = new BatchWorker({
    deps, pool, log, upstreamOf,
    warm: new WarmPrefixes(),
    chunksMax: Math.max(2, Math.ceil(concurrency / placesPerChunk)),
    exchange: (abort, task) => exchanges.run(abort, task),
  });
  return { batches: new Batches(deps, worker), worker, pool, upstreamOf };
}

/** Who will be asked, most of the time: the first with a batch endpoint, else the first in the catalog's order. Whoever is asked in its place when that one fails is not counted. */
function upstreamGuess({ catalog, everConfigured }: BatchesParts): OpenBatches['upstreamOf'] {
  return ({ mode }, name) => {
    const modelId = catalog.resolve(name)?.model.id;
    const offers = modelId === undefined || mode === 'test' || !everConfigured ? [] : catalog.offers(modelId);
    const offer = offers.find(({ batchModel }) => batchModel !== undefined) ?? offers[0];
    return offer?.upstreamId ?? 'sandbox';
  };
}

/** Files as batches want them. */
function batchFilesOf(files: Files): BatchFiles {
  return {
    get: (scope, id) => files.get(scope, id),
    open: (file, range) => files.open(file, range),
    create: (scope, file, source) => files.create(scope, file, source),
    async stage(scope, file, source) {
      // What the lines have come to is as long as it is.
      const staged = await files.stage(scope, source, { bytesMax: Number.MAX_SAFE_INTEGER });
      const { file: made, part } = files.making(staged, file);
      return { id: made.id, part, release: () => files.discard(staged) };
    },
  };
}
