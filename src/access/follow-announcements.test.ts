import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canStartPostgres, type PostgresServer, startPostgres } from '../../tests/doubles/postgres-server.ts';
import { systemClock } from '../base/clock.ts';
import type { TenantId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { RootSecret } from '../base/secret.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../storage/postgres-database.ts';
import { accessMigrations, type AccessTables } from './access-tables.ts';
import { Authenticator } from './authenticate.ts';
import { followAnnouncements } from './follow-announcements.ts';
import { KeyHmac } from './key-hmac.ts';
import { KeyStore } from './key-store.ts';
import { Keys } from './keys.ts';

/** What one server has of the keys. */
interface Replica {
  readonly database: PostgresDatabase;
  readonly keys: Keys;
  readonly authenticator: Authenticator;
}

const hmac = new KeyHmac(new RootSecret(Buffer.alloc(32, 7)));
const withinMs = { timeout: 1_000, interval: 5 };

describe.skipIf(!canStartPostgres)('what one server changes of keys (needs postgres)', () => {
  let server: PostgresServer;
  let here: Replica;
  let there: Replica;
  let tenantId: TenantId;

  beforeAll(async () => void (server = await startPostgres()));
  afterAll(() => server.stop());
  beforeEach(async () => {
    const url = await server.createDatabase();
    [here, there] = [await replica(url), await replica(url)];
    tenantId = (await here.keys.firstTenant()).tenantId;
  });
  afterEach(() => Promise.all([here, there].map(({ database }) => database[Symbol.asyncDispose]())));

  async function replica(url: string): Promise<Replica> {
    const database = await openPostgresDatabase({ url, migrations: accessMigrations });
    const store = new KeyStore(database);
    const authenticator = new Authenticator({ find: (id) => store.get(id), hmac, clock: systemClock });
    followAnnouncements(database, authenticator);
    return { database, authenticator, keys: new Keys({ store, hmac, clock: systemClock, random: systemRandom, onChanged: (id) => authenticator.forget(id) }) };
  }

  it('holds on every other within a second: revoked, and made under an id that was just asked for', async () => {
    const { key, token } = await here.keys.create({ tenantId, mode: 'live', label: '' });
    await there.authenticator.authenticate(token);
    await here.keys.revoke(key.id);
    await expect.poll(() => there.authenticator.cached(token), withinMs).toBeUndefined();
    await expect(there.authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });

    const builder = here.database.builder<AccessTables>();
    const later = await here.keys.create({ tenantId, mode: 'live', label: '' });
    await here.database.commit([builder.updateTable('api_keys').set({ id: 'key_hidden' }).where('id', '=', later.key.id).compile()]);
    await expect(there.authenticator.authenticate(later.token)).rejects.toMatchObject({ code: 'key_rejected' });
    const shown = builder.updateTable('api_keys').set({ id: later.key.id }).where('id', '=', 'key_hidden').compile();
    await here.database.commit([shown, ...here.database.announcement('key', later.key.id)]);
    await expect.poll(() => there.authenticator.authenticate(later.token).catch(() => undefined), withinMs).toMatchObject({ keyId: later.key.id });
  });

  it('is not missed by one that could not hear of it', async () => {
    const { key, token } = await here.keys.create({ tenantId, mode: 'live', label: '' });
    await there.authenticator.authenticate(token);
    await server.halt();
    await expect.poll(() => there.authenticator.cached(token), withinMs).toBeUndefined();
    expect(await there.authenticator.authenticate(token)).toMatchObject({ keyId: key.id });
    await expect(here.keys.revoke(key.id)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await server.start();
    await expect.poll(() => here.keys.revoke(key.id).catch(() => undefined), { timeout: 5_000, interval: 5 }).toMatchObject({ id: key.id });
    await expect.poll(() => there.authenticator.authenticate(token).catch((error: unknown) => error), withinMs).toMatchObject({ code: 'key_rejected' });
  });
});
