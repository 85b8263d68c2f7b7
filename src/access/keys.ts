import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { newId, type TenantId } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import { StatementError } from '../storage/statement-error.ts';
import { type KeyId, mintKey } from './api-key.ts';
import type { KeyHmac } from './key-hmac.ts';
import type { LimitPolicy, SpendLimit } from './limit-policy.ts';
import type { KeyStore, StoredKey } from './key-store.ts';

const labelLengthMax = 200;
const allowedModelsMax = 200;
const firstTenantName = 'default';

/** A key as its owner may see it: neither the key nor its HMAC. */
export type ApiKey = Omit<StoredKey, 'hmacHex' | 'hmacVersion' | 'tenant'>;

export interface NewKey {
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
  readonly label: string;
  /** Milliseconds since the epoch; absent: never. */
  readonly expiresMs?: number;
  /** Canonical model ids; absent: all. */
  readonly allowedModels?: readonly string[];
  readonly limits?: LimitPolicy;
  readonly budgets?: readonly SpendLimit[];
}

export interface KeysParts {
  readonly store: KeyStore;
  readonly hmac: KeyHmac;
  readonly clock: Clock;
  readonly random: Random;
  /** Told after each durable change: `Authenticator.forget`. */
  readonly onChanged: (id: KeyId) => void;
}

/** API keys over their life: made, listed, revoked. */
export class Keys {
  readonly #parts: KeysParts;

  constructor(parts: KeysParts) {
    this.#parts = parts;
  }

  /** The tenant that a single-tenant server works with; made at the first start. `created` is then true. */
  async firstTenant(): Promise<{ readonly tenantId: TenantId; readonly created: boolean }> {
    const { store, clock, random } = this.#parts;
    const fresh = { id: newId('ten', clock, random), name: firstTenantName, createdMs: clock.nowMs(), billing: 'postpaid' as const };
    const tenant = await store.ensureTenant(fresh);
    return { tenantId: tenant.id, created: tenant.id === fresh.id };
  }

  /**
   * Makes a key. `token` is the key itself, which cannot be had again. Throws `invalid_request` naming the field, and
   * `not_found` when there is no such tenant.
   */
  async create(wish: NewKey): Promise<{ readonly key: ApiKey; readonly token: string }> {
    const { store, hmac, clock, random, onChanged } = this.#parts;
    checkWish(wish, clock.nowMs());
    const { token, id, display } = mintKey(wish.mode, random);
    const stored: StoredKey = {
      id,
      tenantId: wish.tenantId,
      mode: wish.mode,
      label: wish.label,
      display,
      hmacHex: hmac.sign(token),
      hmacVersion: hmac.version,
      createdMs: clock.nowMs(),
      ...(wish.expiresMs === undefined ? {} : { expiresMs: wish.expiresMs }),
      ...(wish.allowedModels === undefined ? {} : { allowedModels: wish.allowedModels }),
      ...(wish.limits === undefined ? {} : { limits: wish.limits }),
      ...(wish.budgets === undefined ? {} : { budgets: wish.budgets }),
    };
    try {
      await store.insert(stored);
    } catch (error) {
      if (!(error instanceof StatementError) || error.constraint !== 'foreign-key') throw error;
      throw new Fault('not_found', { message: 'there is no such tenant', field: 'tenantId' });
    }
    onChanged(id);
    return { key: shown(stored), token };
  }

  /** All keys, oldest first. */
  async list(): Promise<ApiKey[]> {
    return (await this.#parts.store.list()).map(shown);
  }

  /** By its id (`key_…`). */
  async get(id: string): Promise<ApiKey | undefined> {
    const stored = await this.#parts.store.get(id);
    return stored === undefined ? undefined : shown(stored);
  }

  /** From the moment that this resolves, no call with the key is let in. Idempotent. Throws `not_found`. */
  async revoke(id: string): Promise<ApiKey> {
    const { store, clock, onChanged } = this.#parts;
    const found = await store.revoke(id, clock.nowMs());
    const stored = found ? await this.#forgotten(id, onChanged) : undefined;
    if (stored === undefined) throw new Fault('not_found', { message: 'there is no key of that id' });
    return shown(stored);
  }

  /** Told before the key is read again, so that a failing read cannot leave a revoked key in memory. */
  #forgotten(id: string, onChanged: (id: KeyId) => void): Promise<StoredKey | undefined> {
    onChanged(id as KeyId);
    return this.#parts.store.get(id);
  }
}

function checkWish(wish: NewKey, nowMs: number): void {
  if (wish.label.length > labelLengthMax) throw invalid('label', `expected at most ${labelLengthMax} characters`);
  // A control character in a label would reach the terminal of whoever lists the keys.
  if (/\p{Cc}/u.test(wish.label)) throw invalid('label', 'expected no control characters');
  if (wish.expiresMs !== undefined && !(Number.isSafeInteger(wish.expiresMs) && wish.expiresMs > nowMs)) {
    throw invalid('expiresMs', 'expected a time in the future, in milliseconds');
  }
  if (wish.allowedModels === undefined) return;
  if (wish.allowedModels.length === 0) throw invalid('allowedModels', 'expected at least one model, or none of this field for all models');
  if (wish.allowedModels.length > allowedModelsMax) throw invalid('allowedModels', `expected at most ${allowedModelsMax} models`);
}

function invalid(field: string, message: string): Fault {
  return new Fault('invalid_request', { field, message: `${field}: ${message}` });
}

function shown(stored: StoredKey): ApiKey {
  const { hmacHex: _hmac, hmacVersion: _version, tenant: _tenant, ...key } = stored;
  return key;
}
