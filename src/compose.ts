import { existsSync, readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { ServerInfo } from '../contract/server-info.ts';
import { accessMigrations } from './access/access-tables.ts';
import { isAdminToken, mintKey } from './access/api-key.ts';
import { Authenticator } from './access/authenticate.ts';
import { LimitSets } from './access/limits/limit-set.ts';
import { MemoryLimiter } from './access/limits/memory-limiter.ts';
import { KeyHmac } from './access/key-hmac.ts';
import { KeyStore } from './access/key-store.ts';
import { Keys } from './access/keys.ts';
import { checkRootSecret } from './access/secret-check.ts';
import { systemClock } from './base/clock.ts';
import { Fault, toFault } from './base/fault.ts';
import type { TenantId } from './base/id.ts';
import { type Log, openLog, stackOf } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { RecurringTask } from './base/recurring-task.ts';
import type { RootSecret } from './base/secret.ts';
import { StartRefusal } from './base/start-refusal.ts';
import { type Catalog, sandboxUpstreamId } from './catalog/catalog.ts';
import { ExchangeRateStore } from './catalog/exchange-rate-store.ts';
import { catalogMigrations } from './catalog/exchange-rate-tables.ts';
import { ExchangeRates } from './catalog/exchange-rates.ts';
import { shippedCatalog } from './catalog/shipped-catalog.ts';
import type { Config } from './config/config.ts';
import { enabledUpstreams, openCatalog } from './config/enabled-upstreams.ts';
import type { Gateway } from './gateway/gateway.ts';
import { registerAdmin } from './http/admin/admin-routes.ts';
import { basePaths } from './http/base-path.ts';
import { readerStallMs } from './http/connections.ts';
import { eventStreamTiming } from './http/event-stream.ts';
import { Idempotency, idempotencySweepMs, leaseRenewMs } from './http/idempotency.ts';
import { listen, type Listening } from './http/listen.ts';
import { OpenExchanges } from './http/open-exchanges.ts';
import { buildServer, requireKey } from './http/server.ts';
import { registerChatCompletions } from './http/surfaces/chat-completions.ts';
import { registerGeneration } from './http/surfaces/generation.ts';
import { registerHealth } from './http/surfaces/health.ts';
import { registerModels } from './http/surfaces/models.ts';
import { registerTokenEstimate } from './http/surfaces/token-estimate.ts';
import { IdempotencyStore } from './records/idempotency-store.ts';
import { ledgerMigrations } from './ledger/ledger-tables.ts';
import { RecordsStore } from './records/records-store.ts';
import { recordsMigrations } from './records/records-tables.ts';
import { UpstreamHealth } from './routing/health.ts';
import { UpstreamHistory, upstreamHistoryMigrations } from './routing/upstream-history.ts';
import { type DataFolder, openDataFolder } from './storage/data-folder.ts';
import { openSqliteDatabase, type SqliteDatabase } from './storage/sqlite-database.ts';
import { TokenCounter } from './tokens/token-counter.ts';
import { tokenizerPathIn } from './tokens/tokenizer-file.ts';
import { buildReconciliation } from './build-reconciliation.ts';
import { buildUpstreams } from './build-upstreams.ts';
import { startChores } from './chores.ts';
import { openGateway } from './open-gateway.ts';
import { RateFeed } from './rate-feed.ts';

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
  readonly database: SqliteDatabase;
  readonly counter: TokenCounter;
  readonly log: Log;
}

const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

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
  const folder = stack.use(await openDataFolder(config.dataDir, { mintAdminToken: () => mintKey('admin', systemRandom).token }));
  const database = stack.use(
    await openSqliteDatabase({
      path: folder.databasePath,
      migrations: [...accessMigrations, ...recordsMigrations, ...upstreamHistoryMigrations, ...catalogMigrations, ...ledgerMigrations],
      onFailure(cause) {
        const stack = stackOf(cause);
        log.write('error', 'the database failed', stack === undefined ? {} : { stack });
        log.flush();
        onBroken('the database failed; see the log. Start again to recover.');
      },
    }),
  );
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
  const enabled = enabledUpstreams(config, shippedCatalog());
  const catalog = openCatalog(config, shippedCatalog());
  const upstreams = stack.use(buildUpstreams({ config, enabled, catalog, counter, clock: systemClock }));
  const reconciliation = buildReconciliation({ config, enabled, database, clock: systemClock }, stack);
  const everConfigured = await new UpstreamHistory(database).note(enabled.map(({ id }) => id), systemClock.nowMs());
  const health = new UpstreamHealth(systemClock);
  const records = new RecordsStore(database);
  const store = new KeyStore(database);
  const secret = folder.rootSecret(config.rootSecret);
  await checkRootSecret(database, secret);
  const hmac = new KeyHmac(secret);
  const callers = new Authenticator({ find: (id) => store.get(id), hmac, clock: systemClock });
  const keys = new Keys({ store, hmac, clock: systemClock, random: systemRandom, onChanged: (id) => callers.forget(id) });
  const { tenantId, created } = await keys.firstTenant();
  const exchangeRates = await openExchangeRates(config, foundations, stack);
  const limits = new LimitSets({ models: {} });
  const gateway = await openGateway(
    {
      config, database, catalog, upstreams, health, counter, records, limits, everConfigured, log,
      alone: true, rates: exchangeRates, limiter: stack.use(new MemoryLimiter(limits, systemClock)),
    },
    stack,
  );
  const app = buildServer({ bodyBytesMax: config.bodyBytesMax, clock: systemClock, random: systemRandom, log, stallMs: readerStallMs });
  const exchanges = new OpenExchanges();
  const idempotency = await openIdempotency(foundations, secret, stack);
  registerSurfaces(app, { config, foundations, catalog, gateway, records, store, callers, everConfigured, exchanges, idempotency, health });
  const liveKeysAnsweredBy = enabled.length > 0 ? 'upstreams' : everConfigured ? 'none' : 'sandbox';
  const startedMs = systemClock.nowMs();
  let url = '';
  registerAdmin(app, {
    keys, tenantId, catalog, records, reconciliation,
    clock: systemClock,
    isAdminToken: (token) => isAdminToken(token, folder.adminToken.token),
    info: () => serverInfo({ url, startedMs, enabled, health, counter, liveKeysAnsweredBy }),
    log,
  });
  const listening = await openDoor(app, config, folder, stack);
  url = listening.url;
  upstreams.startDiscovery();
  startChores({ config, database, reconciliation, clock: systemClock, log }, stack);
  // Last, since they are shown only once: a start that is refused must not have made them. And a crash between the tenant
  // and its keys must not leave a server that nobody has a key to.
  const needsKeys = created || (await keys.list()).length === 0;
  const firstKeys = needsKeys ? await createFirstKeys(keys, tenantId, folder.adminToken.token) : undefined;
  return {
    url,
    ...(firstKeys === undefined ? {} : { firstKeys }),
    liveKeysAnsweredBy,
    close: (reason) => closeHouse(reason, { listening, exchanges, drainMs: config.drainMs, log, stack }),
  };
}

/** The rates of the configuration and of the database, kept up to date until `stack` ends. */
async function openExchangeRates(config: Config, { database, log }: Foundations, stack: AsyncDisposableStack): Promise<ExchangeRates> {
  const exchange = new ExchangeRates(config.money, config.money.rates);
  const feed = stack.use(new RateFeed({ feed: config.money.feed, exchange, store: new ExchangeRateStore(database), clock: systemClock, log }));
  await feed.reload();
  feed.start();
  return exchange;
}

/** What is to be done again and again for it ends with `stack`, before the database does. */
async function openIdempotency({ database, log }: Foundations, secret: RootSecret, stack: AsyncDisposableStack): Promise<Idempotency> {
  const store = new IdempotencyStore(database);
  // One folder, one server: who claimed a key before this start is dead.
  await store.disownAll();
  const idempotency = new Idempotency({ store, encryptionKey: secret.derive('encryption', 1), clock: systemClock, random: systemRandom, log });
  const onFailure = (cause: unknown): void => {
    const stack = stackOf(cause);
    log.write('warn', 'the care of idempotency keys failed; it is tried again', stack === undefined ? {} : { stack });
  };
  stack.use(new RecurringTask({ clock: systemClock, everyMs: leaseRenewMs, run: () => idempotency.renewLeases(), onFailure }));
  stack.use(new RecurringTask({ clock: systemClock, everyMs: idempotencySweepMs, run: () => idempotency.sweep(), onFailure }));
  return idempotency;
}

interface Closing {
  readonly listening: Listening;
  readonly exchanges: OpenExchanges;
  readonly drainMs: number;
  readonly log: Log;
  readonly stack: AsyncDisposableStack;
}

async function closeHouse(reason: string, { listening, exchanges, drainMs, log, stack }: Closing): Promise<void> {
  log.write('info', 'closing', { signal: reason });
  await listening.close(drainMs, () => exchanges.abortAll(new Fault('shutting_down')));
  // A client that has left is gone before its call is recorded.
  await exchanges.settled();
  await stack.disposeAsync();
}

/** Listens, and tells the data folder where. Whatever fails afterwards closes the door again. */
async function openDoor(app: FastifyInstance, config: Config, folder: DataFolder, stack: AsyncDisposableStack): Promise<Listening> {
  const listening = await listen(app, { host: config.host, port: config.port, clock: systemClock });
  stack.defer(() => listening.close(0));
  folder.announce(listening.url);
  return listening;
}

interface SurfaceParts {
  readonly config: Config;
  readonly foundations: Foundations;
  readonly catalog: Catalog;
  readonly gateway: Gateway;
  readonly records: RecordsStore;
  readonly store: KeyStore;
  readonly callers: Authenticator;
  readonly everConfigured: boolean;
  readonly exchanges: OpenExchanges;
  readonly idempotency: Idempotency;
  readonly health: UpstreamHealth;
}

function registerSurfaces(app: FastifyInstance, parts: SurfaceParts): void {
  const { foundations, catalog, gateway, records, store, callers, everConfigured, exchanges, idempotency, health } = parts;
  registerHealth(app, version);
  app.register((surfaces, _options, done) => {
    requireKey(surfaces, callers);
    for (const base of basePaths) {
      registerChatCompletions(surfaces, base, {
        gateway, idempotency, exchanges, clock: systemClock, random: systemRandom, log: foundations.log, timing: eventStreamTiming,
      });
      registerModels(surfaces, base, {
        catalog,
        answeredBySandbox: (mode) => mode === 'test' || !everConfigured,
        nowMs: systemClock.nowMs,
      });
      registerGeneration(surfaces, base, { records });
      registerTokenEstimate(surfaces, base, {
        modelIdOf: (name) => catalog.resolve(name)?.model.id,
        countRequest: (request, modelId) => foundations.counter.countRequest(request, modelId),
      });
    }
    done();
  });
}

/** Two keys for the first tenant. */
async function createFirstKeys(keys: Keys, tenantId: TenantId, adminToken: string): Promise<House['firstKeys']> {
  const live = await keys.create({ tenantId, mode: 'live', label: 'first live key' });
  const test = await keys.create({ tenantId, mode: 'test', label: 'first test key' });
  return { adminToken, liveKey: live.token, testKey: test.token };
}

interface InfoParts {
  readonly url: string;
  readonly startedMs: number;
  readonly enabled: readonly { readonly id: string; readonly baseUrl: string }[];
  readonly health: UpstreamHealth;
  readonly counter: TokenCounter;
  readonly liveKeysAnsweredBy: House['liveKeysAnsweredBy'];
}

function serverInfo(parts: InfoParts): ServerInfo {
  const upstreams = parts.enabled.map(({ id, baseUrl }) => ({
    id,
    baseUrl,
    state: parts.health.state(id).kind === 'ready' ? ('ready' as const) : ('resting' as const),
  }));
  return {
    version,
    address: parts.url,
    startedAt: new Date(parts.startedMs).toISOString(),
    upstreams: [...upstreams, { id: sandboxUpstreamId, baseUrl: null, state: 'ready' }],
    liveKeysAnsweredBy: parts.liveKeysAnsweredBy,
    tokenCounts: parts.counter.exact ? 'exact' : 'estimated',
  };
}

