import { existsSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { isAdminToken, type KeyId } from './access/api-key.ts';
import { Authenticator } from './access/authenticate.ts';
import { limitPresets, presetPolicy } from './access/limits/limit-presets.ts';
import { LimitSets } from './access/limits/limit-set.ts';
import { followAnnouncements } from './access/follow-announcements.ts';
import { KeyHmac } from './access/key-hmac.ts';
import { KeyStore } from './access/key-store.ts';
import { Keys } from './access/keys.ts';
import { checkRootSecret } from './access/secret-check.ts';
import { systemClock } from './base/clock.ts';
import { Fault, toFault } from './base/fault.ts';
import type { TenantId } from './base/id.ts';
import { type Log, openLog } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import type { RootSecret } from './base/secret.ts';
import { StartRefusal } from './base/start-refusal.ts';
import { shippedCatalog } from './catalog/shipped-catalog.ts';
import type { Config } from './config/config.ts';
import { enabledUpstreams, openCatalog } from './config/enabled-upstreams.ts';
import { registerAdmin } from './http/admin/admin-routes.ts';
import { TenantRegister } from './http/admin/tenant-register.ts';
import { readerStallMs } from './http/connections.ts';
import { eventStreamTiming } from './http/event-stream.ts';
import { listen, type Listening } from './http/listen.ts';
import { OpenExchanges } from './http/open-exchanges.ts';
import { buildServer } from './http/server.ts';
import { LedgerJournal } from './ledger/ledger-journal.ts';
import { Wallets } from './ledger/wallets.ts';
import { RecordsStore } from './records/records-store.ts';
import { UpstreamHealth } from './routing/health.ts';
import { UpstreamHistory } from './routing/upstream-history.ts';
import type { DataFolder } from './storage/data-folder.ts';
import type { Database } from './storage/database.ts';
import { ThreadRetention } from './threads/thread-retention.ts';
import { TokenCounter } from './tokens/token-counter.ts';
import { tokenizerPathIn } from './tokens/tokenizer-file.ts';
import { buildBatchVendors } from './build-batch-vendors.ts';
import { buildRateLimiter } from './build-rate-limiter.ts';
import { buildReconciliation } from './build-reconciliation.ts';
import { buildUpstreams } from './build-upstreams.ts';
import { startChores } from './chores.ts';
import { houseMigrations } from './house-migrations.ts';
import { openBatches } from './open-batches.ts';
import { openDatabase, openFolder } from './open-database.ts';
import { openFiles } from './open-files.ts';
import { openGateway } from './open-gateway.ts';
import { openIdempotency } from './open-idempotency.ts';
import { openMoney } from './open-money.ts';
import { openThreads } from './open-threads.ts';
import { registerSurfaces } from './register-surfaces.ts';
import { serverInfo } from './server-info.ts';

/** A running server. */
export interface House {
  readonly url: string;
  /** Only at the first start on a data folder. */
  readonly firstKeys?: { readonly adminToken: string; readonly liveKey: string; readonly testKey: string };
  /** Who answers live keys: `none` when every upstream has been taken away again. */
  readonly liveKeysAnsweredBy: 'sandbox' | 'upstreams' | 'none';
  /** Lets open requests end, then closes everything. */
  close(reason: string): Promise<void>;
}

/** What the rooms are made of; built in this order, closed in the opposite one. */
interface Foundations {
  readonly folder: DataFolder;
  readonly database: Database;
  readonly counter: TokenCounter;
  readonly log: Log;
}

/**
 * Builds the whole house and listens. `onBroken` is called when it cannot go on (a database thread died). Throws
 * `StartRefusal` with what to do.
 */
export async function compose(config: Config, onBroken: (reason: string) => void): Promise<House> {
  const stack = new AsyncDisposableStack();
  try {
    const foundations = await layFoundations(config, stack, onBroken);
    return await openHouse(config, foundations, stack);
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  }
}

async function layFoundations(config: Config, stack: AsyncDisposableStack, onBroken: (reason: string) => void): Promise<Foundations> {
  const log = openLog(config.logLevel);
  stack.defer(() => log.flush());
  const folder = stack.use(await openFolder(config));
  const database = stack.use(await openDatabase({ config, folder, migrations: houseMigrations, log, onBroken }));
  const installed = tokenizerPathIn(config.dataDir);
  const tokenizerPath = config.tokenizerPath ?? (existsSync(installed) ? installed : undefined);
  const counter = stack.use(await openCounter(tokenizerPath));
  return { folder, database, counter, log };
}

async function openCounter(tokenizerPath: string | undefined): Promise<TokenCounter> {
  try {
    return await TokenCounter.create(tokenizerPath === undefined ? {} : { tokenizerPath });
  } catch (thrown) {
    throw new StartRefusal(toFault(thrown).message, thrown);
  }
}

async function openHouse(config: Config, foundations: Foundations, stack: AsyncDisposableStack): Promise<House> {
  const { folder, database, counter, log } = foundations;
  const alone = config.databaseUrl === undefined;
  const enabled = enabledUpstreams(config, shippedCatalog());
  const catalog = openCatalog(config, shippedCatalog());
  const upstreams = stack.use(buildUpstreams({ config, enabled, catalog, counter, clock: systemClock }));
  const reconciliation = buildReconciliation({ config, enabled, database, clock: systemClock }, stack);
  const everConfigured = await new UpstreamHistory(database).note(enabled.map(({ id }) => id), systemClock.nowMs());
  const health = new UpstreamHealth(systemClock);
  const records = new RecordsStore(database);
  const { secret, store, callers, keys, tenantId } = await openAccess(config, foundations, stack);
  const money = stack.use(await openMoney({ money: config.money, database, catalog, store, clock: systemClock, log }));
  const limits = new LimitSets(config.limits);
  const generating = await openGateway(
    {
      config, database, catalog, upstreams, health, counter, records, limits, everConfigured, log,
      alone, money, limiter: stack.use(await buildRateLimiter({ config, sets: limits, clock: systemClock, random: systemRandom, log })),
    },
    stack,
  );
  const { gateway, tariff } = generating;
  const app = buildServer({ bodyBytesMax: config.bodyBytesMax, clock: systemClock, random: systemRandom, log, stallMs: readerStallMs });
  const exchanges = new OpenExchanges();
  const idempotency = await openIdempotency({ database, alone, secret, log }, stack);
  const wallets = new Wallets({ database, clock: systemClock, random: systemRandom });
  const threads = await openThreads({
    config, database, alone, secret, catalog, counter, callers, tariff, upstreams,
    generations: { gateway, idempotency, exchanges, clock: systemClock, random: systemRandom, log, timing: eventStreamTiming },
  });
  const documents = await openFiles({ config, database, alone, secret, counter, log }, stack);
  const batching = openBatches({ config, database, secret, catalog, callers, everConfigured, gateway: generating, threads, files: documents.files, exchanges, log, vendors: buildBatchVendors({ config, enabled, clock: systemClock }, stack) });
  registerSurfaces(app, { counter, catalog, tariff, records, store, wallets, callers, everConfigured, threads, health, documents, batching });
  const liveKeysAnsweredBy = enabled.length > 0 ? 'upstreams' : everConfigured ? 'none' : 'sandbox';
  const startedMs = systemClock.nowMs();
  let url = '';
  registerAdmin(app, {
    ...money.admin,
    ...documents,
    batches: batching.batches,
    callerOfKey: (id) => callers.callerOfKey(id as KeyId),
    keys, wallets, catalog, records, reconciliation,
    tenants: new TenantRegister({ database, store, wallets, clock: systemClock, random: systemRandom, firstTenantId: tenantId, money: config.money }),
    journal: new LedgerJournal(database),
    presetByName: presetPolicy,
    presetNames: Object.keys(limitPresets),
    clock: systemClock,
    isAdminToken: (token) => isAdminToken(token, folder.adminToken.token),
    info: () => serverInfo({ url, startedMs, enabled, health, counter, liveKeysAnsweredBy }),
    log,
  });
  const listening = await openDoor(app, config, folder, stack);
  url = listening.url;
  upstreams.startDiscovery();
  money.start();
  const workers = [stack.use(threads.worker), stack.use(batching.worker)];
  for (const worker of workers) worker.start();
  startChores({ config, database, reconciliation, threadRetention: new ThreadRetention({ database, clock: systemClock }), holding: threads.holding, clock: systemClock, log }, stack);
  // Last, since they are shown only once: a start that is refused must not have made them. Of several servers that start on an
  // empty database one makes them; one that crashed before must not leave a database that nobody has a key to.
  const firstKeys = await database.exclusively(() => createFirstKeys(keys, tenantId, folder.adminToken.token));
  return {
    url,
    ...(firstKeys === undefined ? {} : { firstKeys }),
    liveKeysAnsweredBy,
    close: (reason) => closeHouse(reason, { listening, exchanges, workers, drainMs: config.drainMs, log, stack }),
  };
}

interface Access {
  readonly secret: RootSecret;
  readonly store: KeyStore;
  readonly callers: Authenticator;
  readonly keys: Keys;
  /** Of the first tenant. */
  readonly tenantId: TenantId;
}

/** Who may call, and with what key. */
async function openAccess(config: Config, { folder, database }: Foundations, stack: AsyncDisposableStack): Promise<Access> {
  const store = new KeyStore(database);
  const secret = folder.rootSecret(config.rootSecret);
  await checkRootSecret(database, secret);
  const hmac = new KeyHmac(secret);
  const callers = new Authenticator({ find: (id) => store.get(id), hmac, clock: systemClock });
  stack.defer(followAnnouncements(database, callers));
  const keys = new Keys({ store, hmac, clock: systemClock, random: systemRandom, onChanged: (id) => callers.forget(id) });
  const { tenantId } = await keys.firstTenant();
  return { secret, store, callers, keys, tenantId };
}

interface Closing {
  readonly listening: Listening;
  readonly exchanges: OpenExchanges;
  readonly workers: readonly { stop(): Promise<void> }[];
  readonly drainMs: number;
  readonly log: Log;
  readonly stack: AsyncDisposableStack;
}

async function closeHouse(reason: string, { listening, exchanges, workers, drainMs, log, stack }: Closing): Promise<void> {
  log.write('info', 'closing', { signal: reason });
  const endAll = (): void => exchanges.abortAll(new Fault('shutting_down'));
  // Not all that is under way has a connection that could hold the door open.
  const cancel = systemClock.after(drainMs, endAll);
  await Promise.all([...workers.map((worker) => worker.stop()), listening.close(drainMs, endAll)]);
  // A client that has left is gone before its call is recorded.
  await exchanges.settled();
  cancel();
  await stack.disposeAsync();
}

/** Listens, and tells the data folder where. Whatever fails afterwards closes the door again. */
async function openDoor(app: FastifyInstance, config: Config, folder: DataFolder, stack: AsyncDisposableStack): Promise<Listening> {
  const listening = await listen(app, { host: config.host, port: config.port, clock: systemClock });
  stack.defer(() => listening.close(0));
  folder.announce(listening.url);
  return listening;
}

/** Two keys for the first tenant, unless there are keys. */
async function createFirstKeys(keys: Keys, tenantId: TenantId, adminToken: string): Promise<House['firstKeys']> {
  if ((await keys.list()).length > 0) return undefined;
  const live = await keys.create({ tenantId, mode: 'live', label: 'first live key' });
  const test = await keys.create({ tenantId, mode: 'test', label: 'first test key' });
  return { adminToken, liveKey: live.token, testKey: test.token };
}
