import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { systemClock } from '../base/clock.ts';
import type { TenantId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { RootSecret } from '../base/secret.ts';
import type { Database } from '../storage/database.ts';
import { openSqliteDatabase } from '../storage/sqlite-database.ts';
import { accessMigrations } from './access-tables.ts';
import { Authenticator } from './authenticate.ts';
import { KeyHmac } from './key-hmac.ts';
import { KeyStore } from './key-store.ts';
import { Keys } from './keys.ts';

function keysOf(database: Database): { readonly keys: Keys; readonly authenticator: Authenticator } {
  const store = new KeyStore(database);
  const hmac = new KeyHmac(new RootSecret(Buffer.alloc(32, 7)));
  const authenticator = new Authenticator({ find: (id) => store.get(id), hmac, clock: systemClock });
  return { authenticator, keys: new Keys({ store, hmac, clock: systemClock, random: systemRandom, onChanged: (id) => authenticator.forget(id) }) };
}

onEveryDatabase((databases) => {
  let keys: Keys;
  let authenticator: Authenticator;
  let tenantId: TenantId;

  beforeAll(async () => {
    const database = await databases.open(accessMigrations);
    ({ keys, authenticator } = keysOf(database));
    tenantId = (await keys.firstTenant()).tenantId;
  });

  describe('Keys', () => {
    it('make the first tenant once', async () => {
      expect(await keys.firstTenant()).toEqual({ tenantId, created: false });
      expect(tenantId).toMatch(/^ten_[0-9a-f]{32}$/);
    });

    it('make a key that works, can be looked up, and shows nothing of itself', async () => {
      const expiresMs = Date.now() + 60_000;
      const { key, token } = await keys.create({ tenantId, mode: 'test', label: 'CI', expiresMs, allowedModels: ['kimi-k2'] });
      expect(token).toMatch(/^sk-test-/);
      expect(await authenticator.authenticate(token)).toEqual({ tenantId, tenantName: 'default', keyId: key.id, mode: 'test', allowedModels: ['kimi-k2'] });
      expect(key).toMatchObject({ tenantId, mode: 'test', label: 'CI', expiresMs, allowedModels: ['kimi-k2'], display: `${token.slice(0, 12)}…` });
      expect(await keys.get(key.id)).toEqual(key);
      expect(await keys.list()).toContainEqual(key);
      expect(Object.keys(key)).not.toContain('hmacHex');
      expect(await keys.get('key_nobody')).toBeUndefined();
    });

    it('revoke a key from that moment on, once', async () => {
      const { key, token } = await keys.create({ tenantId, mode: 'live', label: '' });
      await authenticator.authenticate(token);
      const revoked = await keys.revoke(key.id);
      expect(authenticator.cached(token)).toBeUndefined();
      await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });
      expect(revoked.revokedMs).toBeTypeOf('number');
      await new Promise((resolve) => setTimeout(resolve, 3));
      expect(await keys.revoke(key.id)).toEqual(revoked);
      await expect(keys.revoke('key_nobody')).rejects.toMatchObject({ code: 'not_found' });
    });

    it.each([
      [{ label: 'x'.repeat(201) }, 'label'],
      [{ label: 'a\u001b[31m' }, 'label'],
      [{ expiresMs: 1 }, 'expiresMs'],
      [{ expiresMs: Number.NaN }, 'expiresMs'],
      [{ allowedModels: [] }, 'allowedModels'],
    ])('refuse %o, naming the field', async (change, field) => {
      await expect(keys.create({ tenantId, mode: 'live', label: '', ...change })).rejects.toMatchObject({ code: 'invalid_request', field });
    });

    it('refuse a tenant that there is not', async () => {
      await expect(keys.create({ tenantId: 'ten_nobody', mode: 'live', label: '' })).rejects.toMatchObject({ code: 'not_found' });
    });
  });
});

it('Keys store no key, in no file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'moongate-keys-'));
  try {
    await using database = await openSqliteDatabase({ path: join(folder, 'test.db'), migrations: accessMigrations });
    const { keys } = keysOf(database);
    const { tenantId } = await keys.firstTenant();
    const { token } = await keys.create({ tenantId, mode: 'live', label: 'where-is-it' });
    const stored = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    expect(stored.some((content) => content.includes('where-is-it'))).toBe(true);
    expect(stored.some((content) => content.includes(token) || content.includes(token.slice(13, -6)))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
