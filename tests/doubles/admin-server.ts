import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessMigrations } from '../../src/access/access-tables.ts';
import { isAdminToken, mintKey } from '../../src/access/api-key.ts';
import { KeyHmac } from '../../src/access/key-hmac.ts';
import { KeyStore } from '../../src/access/key-store.ts';
import { Keys } from '../../src/access/keys.ts';
import type { LimitPolicy } from '../../src/access/limit-policy.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { TenantId } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import { parseRootSecret } from '../../src/base/secret.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { catalogMigrations } from '../../src/catalog/exchange-rate-tables.ts';
import { sellRuleSchema } from '../../src/catalog/sell-rule-schema.ts';
import { shippedCatalog } from '../../src/catalog/shipped-catalog.ts';
import { registerAdmin } from '../../src/http/admin/admin-routes.ts';
import { TenantRegister } from '../../src/http/admin/tenant-register.ts';
import { buildServer } from '../../src/http/server.ts';
import { LedgerJournal } from '../../src/ledger/ledger-journal.ts';
import { ledgerMigrations } from '../../src/ledger/ledger-tables.ts';
import { type BookEntry, Ledger } from '../../src/ledger/ledger.ts';
import { Wallets } from '../../src/ledger/wallets.ts';
import type { GenerationRecord } from '../../src/records/generation-record.ts';
import { Reconciliation } from '../../src/records/reconciliation.ts';
import { documentsMigrations } from '../../src/documents/document-tables.ts';
import { openMoney } from '../../src/open-money.ts';
import { RecordsStore } from '../../src/records/records-store.ts';
import { recordsMigrations } from '../../src/records/records-tables.ts';
import { StorageHours, type StoredPiece } from '../../src/records/storage-hours.ts';
import type { UpstreamAccount } from '../../src/records/upstream-account.ts';
import { openSqliteDatabase } from '../../src/storage/sqlite-database.ts';
import { ExtractorDouble } from './extractor-double.ts';
import { noBatches } from './no-batches.ts';
import { openDocuments } from './open-documents.ts';

/** The clock of the rooms behind the admin API: a millisecond later each time that it is asked, so that what is made has an order. */
function tickingClock(): Clock {
  let nowMs = Date.parse('2026-06-01T00:00:00Z');
  return { ...systemClock, nowMs: () => (nowMs += 1) };
}

const presets: ReadonlyMap<string, LimitPolicy> = new Map([['small', { all: { rpm: 3, tpm: 1_000 } }], ['by-model', { models: { 'kimi-k2': { rpm: 10 } } }]]);

/** The admin API alone, over real rooms in a folder of its own, on a port that the system chooses. */
export interface AdminServer extends AsyncDisposable {
  readonly url: string;
  readonly adminToken: string;
  /** A folder whose `data` holds what a running server leaves there: its address and its admin token. */
  readonly folder: string;
  readonly keys: Keys;
  readonly tenantId: TenantId;
  /** For calls that a test makes up. */
  readonly ledger: Ledger;
  commit(entry: BookEntry): Promise<void>;
  /** Accounts that upstreams tell about, by upstream; for the test to fill. */
  readonly accounts: Map<string, UpstreamAccount>;
  store(...records: readonly GenerationRecord[]): Promise<void>;
  /** Has something be kept in a context cache. */
  keep(piece: StoredPiece): Promise<void>;
}

/** Starts one; what it logs is dropped. */
export async function startAdminServer(): Promise<AdminServer> {
  const clock = tickingClock();
  const folder = mkdtempSync(join(tmpdir(), 'moongate-admin-'));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const migrations = [...accessMigrations, ...ledgerMigrations, ...recordsMigrations, ...catalogMigrations, ...documentsMigrations];
  const database = await openSqliteDatabase({ path: join(dataDir, 'moongate.db'), migrations });
  const hmac = new KeyHmac(parseRootSecret('x'.repeat(32)));
  const store = new KeyStore(database);
  const keys = new Keys({ store, hmac, clock, random: systemRandom, onChanged: () => {} });
  const { tenantId } = await keys.firstTenant();
  const records = new RecordsStore(database);
  const accounts = new Map<string, UpstreamAccount>();
  const reconciliation = new Reconciliation({ database, clock, accounts, upstreamIds: new Set(['moonshot', 'ark', 'openrouter']) });
  const ledger = new Ledger({ database, clock, nodeId: 'node_me' });
  const wallets = new Wallets({ database, clock, random: systemRandom });
  const trialCredit = { amountNanos: 1_000_000_000n, currency: 'USD' };
  const tenants = new TenantRegister({ database, store, wallets, clock, random: systemRandom, firstTenantId: tenantId, money: { trialCredit } });
  const adminToken = mintKey('admin', systemRandom).token;
  const log = { write: () => {}, writes: () => false, flush: () => {} };
  const app = buildServer({
    bodyBytesMax: 100_000, clock, random: systemRandom, log, stallMs: 30_000,
  });
  const catalog = new Catalog(shippedCatalog(), undefined, [
    { id: 'moonshot', baseUrl: 'https://api.moonshot.ai/v1', selfHosted: false },
    { id: 'cometapi', baseUrl: 'https://api.cometapi.com/v1', selfHosted: false },
  ]);
  const sell = [sellRuleSchema.parse({ id: 'partner', tenant: 'acme', basis: 'official', percent: '-20' })];
  const money = await openMoney({ money: { rates: [], staleDays: 7, staleRates: 'flag', sell }, database, catalog, store, clock, log });
  const documents = await openDocuments({ database, folder: join(folder, 'files'), clock, extractor: new ExtractorDouble() });
  let url = '';
  registerAdmin(app, {
    ...noBatches,
    ...documents,
    keys, tenants, wallets, records, reconciliation, log, clock, catalog, ...money.admin,
    journal: new LedgerJournal(database),
    presetByName: (name) => presets.get(name),
    presetNames: [...presets.keys()],
    isAdminToken: (token) => isAdminToken(token, adminToken),
    info: () => ({
      version: '1.2.3', address: url, startedAt: '2026-06-01T00:00:00.000Z', liveKeysAnsweredBy: 'upstreams', tokenCounts: 'estimated',
      upstreams: [{ id: 'moonshot', state: 'resting', baseUrl: 'https://api.moonshot.ai/v1' }, { id: 'sandbox', state: 'ready', baseUrl: null }],
    }),
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  writeFileSync(join(dataDir, 'moongate.lock'), JSON.stringify({ pid: process.pid, startedMs: 1, address: url }));
  writeFileSync(join(dataDir, 'admin-token'), `${adminToken}\n`, { mode: 0o600 });
  return {
    url, adminToken, folder, keys, tenantId, ledger, accounts,
    commit: async ({ guards, statements }) => void (await database.commitIf(guards, statements)),
    keep: async (piece) => void (await database.commit([new StorageHours(database).addition(piece)])),
    store: async (...list) => void (await database.commit(list.map((record) => records.insertion(record)))),
    async [Symbol.asyncDispose]() {
      await app.close();
      await money[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
