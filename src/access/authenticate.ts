import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { claimedId, type KeyId, parseKey, tokenDigest } from './api-key.ts';
import type { Caller } from './caller.ts';
import type { KeyHmac } from './key-hmac.ts';
import type { StoredKey } from './key-store.ts';

const knownKeysMax = 50_000;
const unknownIdsMax = 10_000;
/** For how long an id that was not found is not looked for again. */
const unknownForMs = 5_000;
/** For how long a key that cannot be read again is taken to be what it was. */
const knownForMs = 15 * 60_000;
/** While the database is gone, it is asked this often, and not by every call: each would wait for its time-out. */
const askAgainMs = 1_000;
const notOurs = 'Invalid Authentication: this is no API key of this server; was it copied whole?';
const adminGiven = 'Invalid Authentication: an admin token is no API key; use one that begins with "sk-"';

export interface AuthenticatorParts {
  /** The stored key of that id. Throws a `storage_unavailable` fault when it cannot tell. */
  readonly find: (id: KeyId) => Promise<StoredKey | undefined>;
  readonly hmac: KeyHmac;
  readonly clock: Clock;
}

interface KnownKey {
  readonly key: StoredKey;
  readonly caller: Caller;
  /** SHA-256 of the one token that fits, once it has been seen. */
  digest: Buffer | undefined;
  /** Whether every change since it was read would have been heard of. */
  current: boolean;
  /** The last moment at which it was so, on the monotonic clock. */
  goodMs: number;
}

/**
 * Who a token belongs to. Known keys are kept in memory by their public id, together with the digest of the token that
 * fitted: a hit costs one SHA-256, needs no database and outlives its failure. Changes made through `forget` show at once.
 * While changes that others make cannot be heard of (`lose`), each known key is read again before it is used; when the
 * database is gone too, it holds for 15 minutes more.
 */
export class Authenticator {
  readonly #parts: AuthenticatorParts;
  readonly #known = new LRUCache<KeyId, KnownKey>({ max: knownKeysMax });
  /** Apart from the known ones, so that made-up keys cannot push those out. Value: when to look again. */
  readonly #unknownUntilMs = new LRUCache<KeyId, number>({ max: unknownIdsMax });
  readonly #lookups = new Map<KeyId, Promise<KnownKey | undefined>>();
  #hearing = true;
  /** Counts the times that hearing was lost or came back: what was read before the last one may have changed unheard. */
  #hearingChanges = 0;
  #askAgainAtMs = 0;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  /** The caller of a token that was found right before and still is, or undefined: then `authenticate` must decide. */
  cached(token: string): Caller | undefined {
    const id = claimedId(token);
    const known = id === undefined ? undefined : this.#known.get(id);
    if (known?.digest === undefined || !known.current || !timingSafeEqual(known.digest, tokenDigest(token))) return undefined;
    return this.#isUsable(known.key) ? known.caller : undefined;
  }

  /**
   * The caller that `token` (without `Bearer`) belongs to. Throws the faults `unauthenticated` (missing or malformed),
   * `key_rejected` (unknown, revoked or expired) and `storage_unavailable` (the database is gone, and the key is not in
   * memory or was last seen there too long ago).
   */
  async authenticate(token: string): Promise<Caller> {
    const cached = this.cached(token);
    if (cached !== undefined) return cached;
    if (token === '') throw new Fault('unauthenticated');
    const parsed = parseKey(token);
    if (parsed === undefined) throw new Fault('unauthenticated', { message: notOurs });
    if (parsed.kind === 'admin') throw new Fault('unauthenticated', { message: adminGiven });
    const known = await this.#keyOf(parsed.id);
    if (known === undefined || !this.#fits(known, parsed.secretDigestInput)) throw new Fault('key_rejected');
    if (!this.#isUsable(known.key)) {
      const what = known.key.revokedMs === undefined ? 'has expired' : 'has been revoked';
      throw new Fault('key_rejected', { message: `Incorrect API key provided: it ${what}` });
    }
    return known.caller;
  }

  /**
   * The caller of a key by its public id: for what was accepted with its token earlier and is done now. Undefined: the key is gone,
   * revoked or expired. Throws `storage_unavailable` as `authenticate` does.
   */
  async callerOfKey(id: KeyId): Promise<Caller | undefined> {
    const known = await this.#keyOf(id);
    return known !== undefined && this.#isUsable(known.key) ? known.caller : undefined;
  }

  /** To be called whenever a key was added or changed, after the change is durable: the next call reads it anew. */
  forget(id: KeyId): void {
    this.#known.delete(id);
    this.#unknownUntilMs.delete(id);
    // A lookup under way may have read the old state: it will look again.
    this.#lookups.delete(id);
  }

  /** To be called when changes that others make are not heard of any more. */
  lose(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const known of this.#known.values()) {
      if (!known.current) continue;
      known.current = false;
      known.goodMs = nowMs;
    }
    this.#hearing = false;
    this.#hearingChanges += 1;
  }

  /** To be called when they are heard of again: what was known before is read anew before it is used. */
  regain(): void {
    this.#hearing = true;
    this.#hearingChanges += 1;
    this.#askAgainAtMs = 0;
    this.#unknownUntilMs.clear();
    this.#lookups.clear();
  }

  /** Throws `storage_unavailable` when it is not known well enough and cannot be read. */
  async #keyOf(id: KeyId): Promise<KnownKey | undefined> {
    const known = this.#known.get(id);
    if (known === undefined) return this.#lookUp(id);
    if (known.current) return known;
    const { clock } = this.#parts;
    let failure = new Fault('storage_unavailable');
    if (clock.monotonicMs() >= this.#askAgainAtMs) {
      try {
        return await this.#lookUp(id);
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.code !== 'storage_unavailable') throw thrown;
        this.#askAgainAtMs = clock.monotonicMs() + askAgainMs;
        failure = thrown;
      }
    }
    const isGood = this.#known.get(id) === known && clock.monotonicMs() < known.goodMs + knownForMs;
    if (!isGood) throw failure;
    return known;
  }

  #fits(known: KnownKey, token: string): boolean {
    if (!this.#parts.hmac.matches(token, known.key.hmacHex, known.key.hmacVersion)) return false;
    known.digest = tokenDigest(token);
    return true;
  }

  #isUsable(key: StoredKey): boolean {
    return key.revokedMs === undefined && (key.expiresMs === undefined || this.#parts.clock.nowMs() < key.expiresMs);
  }

  /** One lookup at a time for each id, however many wait for it. */
  #lookUp(id: KeyId): Promise<KnownKey | undefined> {
    const untilMs = this.#unknownUntilMs.get(id);
    if (untilMs !== undefined && this.#parts.clock.monotonicMs() < untilMs) return Promise.resolve(undefined);
    const underWay = this.#lookups.get(id);
    if (underWay !== undefined) return underWay;
    const lookup = this.#read(id, () => this.#lookups.get(id) === lookup);
    this.#lookups.set(id, lookup);
    const done = (): void => {
      if (this.#lookups.get(id) === lookup) this.#lookups.delete(id);
    };
    lookup.then(done, done);
    return lookup;
  }

  async #read(id: KeyId, isCurrent: () => boolean): Promise<KnownKey | undefined> {
    const hearingChanges = this.#hearingChanges;
    const goodMs = this.#parts.clock.monotonicMs();
    const key = await this.#parts.find(id);
    if (!isCurrent()) return this.#lookUp(id);
    if (key === undefined) {
      this.#known.delete(id);
      this.#unknownUntilMs.set(id, this.#parts.clock.monotonicMs() + unknownForMs);
      return undefined;
    }
    const current = this.#hearing && this.#hearingChanges === hearingChanges;
    const known: KnownKey = { key, caller: callerOf(key), digest: undefined, current, goodMs };
    this.#known.set(id, known);
    return known;
  }
}

function callerOf({ tenantId, id, mode, allowedModels, limits, budgets, tenant }: StoredKey): Caller {
  return {
    tenantId,
    keyId: id,
    mode,
    ...(allowedModels === undefined ? {} : { allowedModels }),
    ...(limits === undefined ? {} : { keyLimits: limits }),
    ...(tenant?.limits === undefined ? {} : { tenantLimits: tenant.limits }),
    ...(budgets === undefined ? {} : { keyBudgets: budgets }),
    ...(tenant?.budgets === undefined ? {} : { tenantBudgets: tenant.budgets }),
    ...(tenant?.walletCurrency === undefined ? {} : { walletCurrency: tenant.walletCurrency }),
    ...(tenant === undefined ? {} : { tenantName: tenant.name }),
  };
}
