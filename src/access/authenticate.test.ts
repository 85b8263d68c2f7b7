import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { systemRandom } from '../base/random.ts';
import { RootSecret } from '../base/secret.ts';
import { type KeyId, type MintedToken, mintKey } from './api-key.ts';
import { Authenticator } from './authenticate.ts';
import { KeyHmac } from './key-hmac.ts';
import type { StoredKey } from './key-store.ts';

const hmac = new KeyHmac(new RootSecret(Buffer.alloc(32, 7)));

class FakeClock implements Clock {
  ms = 1_000_000;
  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
  after(): () => void {
    return () => {};
  }
}

/** Keys in memory, which can be slow, gone, or changed, and count how often they are asked. */
class FakeKeys {
  readonly rows = new Map<KeyId, StoredKey>();
  asked = 0;
  gone = false;
  gate: Promise<void> | undefined;

  readonly find = async (id: KeyId): Promise<StoredKey | undefined> => {
    this.asked += 1;
    const row = this.rows.get(id);
    await this.gate;
    if (this.gone) throw new Fault('storage_unavailable');
    return row;
  };

  add(change: Partial<StoredKey> = {}, kind: 'live' | 'test' = 'live'): MintedToken {
    const minted = mintKey(kind, systemRandom);
    this.rows.set(minted.id, {
      id: minted.id,
      tenantId: 'ten_1',
      mode: kind,
      label: '',
      display: minted.display,
      hmacHex: hmac.sign(minted.token),
      hmacVersion: 1,
      createdMs: 0,
      ...change,
    });
    return minted;
  }
}

function setUp(): { readonly keys: FakeKeys; readonly clock: FakeClock; readonly authenticator: Authenticator } {
  const keys = new FakeKeys();
  const clock = new FakeClock();
  return { keys, clock, authenticator: new Authenticator({ find: keys.find, hmac, clock }) };
}

/** The same id and a good checksum, but another secret: what someone would send who only knows the id. */
function impostorOf(token: string): string {
  for (;;) {
    const other = mintKey('live', { bytes: (count) => (count === 32 ? systemRandom.bytes(32) : idBytesOf(token)) });
    if (other.token !== token) return other.token;
  }
}

function idBytesOf(token: string): Buffer {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const value = [...token.slice(3, 13)].reduce((sum, letter) => sum * 62n + BigInt(alphabet.indexOf(letter)), 0n);
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex');
}

describe('Authenticator', () => {
  it('knows whose key it is, and asks the database once', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add({ allowedModels: ['kimi-k2'] }, 'test');
    expect(authenticator.cached(token)).toBeUndefined();
    const caller = await authenticator.authenticate(token);
    expect(caller).toEqual({ tenantId: 'ten_1', keyId: id, mode: 'test', allowedModels: ['kimi-k2'] });
    expect(await authenticator.authenticate(token)).toBe(caller);
    expect(authenticator.cached(token)).toBe(caller);
    expect(keys.asked).toBe(1);
  });

  it.each([
    ['', 'unauthenticated'],
    ['sk-123', 'unauthenticated'],
    ['Bearer sk-123', 'unauthenticated'],
    [mintKey('admin', systemRandom).token, 'unauthenticated'],
  ])('refuses "%s" as %s without asking the database', async (token, code) => {
    const { keys, authenticator } = setUp();
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code });
    expect(keys.asked).toBe(0);
  });

  it('refuses a wrong checksum without asking the database, also next to a known key', async () => {
    const { keys, authenticator } = setUp();
    const { token } = keys.add();
    await authenticator.authenticate(token);
    const wrong = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
    expect(authenticator.cached(wrong)).toBeUndefined();
    await expect(authenticator.authenticate(wrong)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(keys.asked).toBe(1);
  });

  it('refuses another secret under a known id, before and after the right one was seen', async () => {
    const { keys, authenticator } = setUp();
    const { token } = keys.add();
    const impostor = impostorOf(token);
    await expect(authenticator.authenticate(impostor)).rejects.toMatchObject({ code: 'key_rejected' });
    await authenticator.authenticate(token);
    expect(authenticator.cached(impostor)).toBeUndefined();
    await expect(authenticator.authenticate(impostor)).rejects.toMatchObject({ code: 'key_rejected' });
    expect(await authenticator.authenticate(token)).toMatchObject({ mode: 'live' });
    expect(keys.asked).toBe(1);
  });

  it('does not look for an unknown id again for a while, and then does', async () => {
    const { keys, clock, authenticator } = setUp();
    const { token } = mintKey('live', systemRandom);
    for (let times = 0; times < 3; times += 1) {
      await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });
    }
    expect(keys.asked).toBe(1);
    clock.ms += 5_000;
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });
    expect(keys.asked).toBe(2);
  });

  it('asks once for many that come at the same time', async () => {
    const { keys, authenticator } = setUp();
    const { token } = keys.add();
    const callers = await Promise.all(Array.from({ length: 50 }, () => authenticator.authenticate(token)));
    expect(new Set(callers).size).toBe(1);
    expect(keys.asked).toBe(1);
  });

  it('refuses a key from the millisecond on that it expires, though it is in memory', async () => {
    const { keys, clock, authenticator } = setUp();
    const { token } = keys.add({ expiresMs: clock.ms + 10 });
    await authenticator.authenticate(token);
    clock.ms += 9;
    expect(authenticator.cached(token)).toBeDefined();
    clock.ms += 1;
    expect(authenticator.cached(token)).toBeUndefined();
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected', message: expect.stringContaining('expired') });
  });

  it('refuses a revoked key at once', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add();
    await authenticator.authenticate(token);
    keys.rows.set(id, { ...(keys.rows.get(id) as StoredKey), revokedMs: 5 });
    authenticator.forget(id);
    expect(authenticator.cached(token)).toBeUndefined();
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected', message: expect.stringContaining('revoked') });
  });

  it('is not fooled by a lookup that began before the key was revoked', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add();
    const { promise, resolve } = Promise.withResolvers<void>();
    keys.gate = promise;
    const early = authenticator.authenticate(token);
    keys.rows.set(id, { ...(keys.rows.get(id) as StoredKey), revokedMs: 5 });
    authenticator.forget(id);
    resolve();
    await expect(early).rejects.toMatchObject({ code: 'key_rejected' });
    expect(authenticator.cached(token)).toBeUndefined();
  });

  it('lets known keys go on while the database is gone, and calls that no fault of the others', async () => {
    const { keys, authenticator } = setUp();
    const known = keys.add();
    const unseen = keys.add();
    await authenticator.authenticate(known.token);
    keys.gone = true;
    expect(authenticator.cached(known.token)).toMatchObject({ keyId: known.id });
    expect(await authenticator.authenticate(known.token)).toMatchObject({ keyId: known.id });
    await expect(authenticator.authenticate(unseen.token)).rejects.toMatchObject({ code: 'storage_unavailable', status: 503 });
    keys.gone = false;
    expect(await authenticator.authenticate(unseen.token)).toMatchObject({ keyId: unseen.id });
  });

  it('keeps known keys however many made-up ones come', async () => {
    const { keys, authenticator } = setUp();
    const { token } = keys.add();
    await authenticator.authenticate(token);
    for (let count = 0; count < 12_000; count += 1) await authenticator.authenticate(mintKey('live', systemRandom).token).catch(() => {});
    expect(authenticator.cached(token)).toBeDefined();
  });

  it('does not know a key under another root secret', async () => {
    const { keys, clock } = setUp();
    const { token } = keys.add();
    const elsewhere = new Authenticator({ find: keys.find, hmac: new KeyHmac(new RootSecret(Buffer.alloc(32, 8))), clock });
    await expect(elsewhere.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });
  });
});

describe('Authenticator, when changes that others make are not heard of', () => {
  const minuteMs = 60_000;

  it('reads a known key again before each use, and sees what has changed', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add();
    await authenticator.authenticate(token);
    authenticator.lose();
    expect(authenticator.cached(token)).toBeUndefined();
    expect(await authenticator.authenticate(token)).toMatchObject({ keyId: id });
    keys.rows.set(id, { ...(keys.rows.get(id) as StoredKey), revokedMs: 5 });
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'key_rejected' });
    expect(keys.asked).toBe(3);
  });

  it('reads it once more when they are heard of again, and then knows it', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add();
    await authenticator.authenticate(token);
    authenticator.lose();
    authenticator.regain();
    keys.rows.set(id, { ...(keys.rows.get(id) as StoredKey), allowedModels: ['kimi-k2'] });
    expect(authenticator.cached(token)).toBeUndefined();
    expect(await authenticator.authenticate(token)).toMatchObject({ allowedModels: ['kimi-k2'] });
    expect(authenticator.cached(token)).toMatchObject({ allowedModels: ['kimi-k2'] });
    expect(keys.asked).toBe(2);
  });

  it('does not trust what was being read when they were heard of again', async () => {
    const { keys, authenticator } = setUp();
    const { token, id } = keys.add();
    authenticator.lose();
    const { promise, resolve } = Promise.withResolvers<void>();
    keys.gate = promise;
    const early = authenticator.authenticate(token);
    keys.rows.set(id, { ...(keys.rows.get(id) as StoredKey), revokedMs: 5 });
    authenticator.regain();
    resolve();
    await expect(early).rejects.toMatchObject({ code: 'key_rejected' });
  });

  it('takes known keys for 15 minutes more while the database is gone, and is never to blame the caller', async () => {
    const { keys, clock, authenticator } = setUp();
    const { token, id } = keys.add();
    await authenticator.authenticate(token);
    clock.ms += 600 * minuteMs;
    keys.gone = true;
    authenticator.lose();
    clock.ms += 15 * minuteMs - 1;
    expect(await authenticator.authenticate(token)).toMatchObject({ keyId: id });
    authenticator.regain();
    authenticator.lose();
    clock.ms += 1;
    await expect(authenticator.authenticate(token)).rejects.toMatchObject({ code: 'storage_unavailable', status: 503 });
    keys.gone = false;
    clock.ms += 1_000;
    expect(await authenticator.authenticate(token)).toMatchObject({ keyId: id });
  });

  it('asks a database that is gone once a second, however many calls come', async () => {
    const { keys, clock, authenticator } = setUp();
    const { token } = keys.add();
    await authenticator.authenticate(token);
    keys.gone = true;
    authenticator.lose();
    for (let call = 0; call < 20; call += 1) {
      await authenticator.authenticate(token);
      clock.ms += 100;
    }
    expect(keys.asked).toBe(1 + 2);
  });

  it('does not take a key that was forgotten meanwhile, nor one that expires', async () => {
    const { keys, clock, authenticator } = setUp();
    const [revoked, expiring] = [keys.add(), keys.add({ expiresMs: clock.ms + 10 })];
    for (const { token } of [revoked, expiring]) await authenticator.authenticate(token);
    keys.gone = true;
    authenticator.lose();
    const late = authenticator.authenticate(revoked.token);
    authenticator.forget(revoked.id);
    await expect(late).rejects.toMatchObject({ code: 'storage_unavailable' });
    clock.ms += 10;
    await expect(authenticator.authenticate(expiring.token)).rejects.toMatchObject({ code: 'key_rejected' });
  });

  it('finds the caller of a key by its id, while the key may be used', async () => {
    const { keys, clock, authenticator } = setUp();
    const { id, token } = keys.add({ expiresMs: clock.ms + 1_000 });
    expect(await authenticator.callerOfKey(id)).toEqual(await authenticator.authenticate(token));
    clock.ms += 1_000;
    expect(await authenticator.callerOfKey(id)).toBeUndefined();
    expect(await authenticator.callerOfKey('key_none')).toBeUndefined();
  });
});
