import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { GenerationId, TenantId } from '../base/id.ts';
import type { Database } from '../storage/database.ts';
import type { IdempotentState, RecordsTables } from './records-tables.ts';

/** A key as one tenant means it: test and live calls are apart, as they are in everything else. */
export interface IdempotentScope {
  readonly tenantId: TenantId;
  readonly mode: 'live' | 'test';
  /** The `Idempotency-Key`. */
  readonly key: string;
}

/** A request that wants to be the one that is answered under its key. Times in milliseconds since the epoch. */
export interface Claim extends IdempotentScope {
  readonly generationId: GenerationId;
  /** Tells whether a later request is the same one: HMAC of path and body, hex. */
  readonly fingerprint: string;
  /** The process that answers it. */
  readonly owner: string;
  readonly nowMs: number;
  /** Until when the owner counts as alive unless it renews. */
  readonly leaseMs: number;
  /** Until when the key is remembered. */
  readonly expiresMs: number;
}

/** The request that came first under a key, as it stands now. */
export interface EarlierRequest {
  readonly generationId: GenerationId;
  readonly fingerprint: string;
  /**
   * `open`: under way, or its server has died: see `leaseMs`. `kept`: `reply` is there. `too-large`: answered, but too much to
   * be kept. `cut`: broken off; nobody knows how much of it happened.
   */
  readonly state: IdempotentState;
  readonly leaseMs: number;
  readonly reply: string | undefined;
}

/** A claim that was given up between two looks is looked for again so often. */
const looksMax = 3;

/**
 * Requests that were sent with an `Idempotency-Key`, and what they were answered. The row is the truth, for all replicas: whoever inserts
 * it answers the request, and nobody after it ever does again.
 */
export class IdempotencyStore {
  readonly #database: Database;
  readonly #builder: Kysely<RecordsTables>;

  constructor(database: Database) {
    this.#database = database;
    this.#builder = database.builder<RecordsTables>();
  }

  /**
   * Claims the key. Undefined: it is ours from now on, durably; otherwise the request that has it. A key whose time is over
   * counts as free, whether or not it was removed. `unsettled`: it was given up by one and taken by another at every look.
   * Throws a `storage_unavailable` fault.
   */
  async claim(claim: Claim): Promise<EarlierRequest | 'unsettled' | undefined> {
    for (let looks = 0; looks < looksMax; looks += 1) {
      const { committed } = await this.#database.commitIf([this.#claiming(claim)], []);
      if (committed) return undefined;
      const earlier = await this.#find(claim, claim.nowMs);
      if (earlier !== undefined) return earlier;
    }
    return 'unsettled';
  }

  /** Keeps the reply of a claim. Resolves when it is durable; throws a `storage_unavailable` fault. */
  async keep(claim: Claim, reply: string): Promise<void> {
    await this.#database.commit([this.#ending(claim, 'kept', reply)]);
  }

  /** Ends a claim without a reply: the key is remembered, and what was asked is not asked again. */
  async close(claim: Claim, state: 'too-large' | 'cut'): Promise<void> {
    await this.#database.commit([this.#ending(claim, state, null)]);
  }

  /** Gives a claim up: nothing has happened, and the key is free again. */
  async release({ generationId }: Claim): Promise<void> {
    await this.#database.commit([
      this.#builder.deleteFrom('idempotent_requests').where('generation_id', '=', generationId).where('state', '=', 'open').compile(),
    ]);
  }

  /** Says that `owner` lives and will until `leaseMs`: for all that it has open. */
  async renew(owner: string, leaseMs: number): Promise<void> {
    await this.#database.commit([
      this.#builder
        .updateTable('idempotent_requests')
        .set({ lease_ms: leaseMs })
        .where('owner', '=', owner)
        .where('state', '=', sql.lit('open'))
        .compile(),
    ]);
  }

  /** What is open was a server's that is dead. Only to be called by the one server that a database has. */
  async disownAll(): Promise<void> {
    await this.#database.commit([
      this.#builder.updateTable('idempotent_requests').set({ lease_ms: 0 }).where('state', '=', sql.lit('open')).compile(),
    ]);
  }

  /** Removes at most `limit` of the keys whose time is over at `nowMs`, the oldest first; returns how many there were. */
  async removeExpired(nowMs: number, limit: number): Promise<number> {
    const expired = this.#builder.selectFrom('idempotent_requests').select('generation_id').where('expires_ms', '<=', nowMs).orderBy('expires_ms').limit(limit);
    const [removed = 0] = await this.#database.commit([this.#builder.deleteFrom('idempotent_requests').where('generation_id', 'in', expired).compile()]);
    return removed;
  }

  /** Inserts the row, or takes over one whose time is over; changes no row when another request has the key. */
  #claiming(claim: Claim): CompiledQuery {
    const { tenantId, mode, key, nowMs } = claim;
    const values = {
      generation_id: claim.generationId,
      fingerprint: claim.fingerprint,
      state: 'open',
      owner: claim.owner,
      lease_ms: claim.leaseMs,
      reply: null,
      created_ms: nowMs,
      expires_ms: claim.expiresMs,
    } as const;
    return this.#builder
      .insertInto('idempotent_requests')
      .values({ ...values, tenant_id: tenantId, mode, idempotency_key: key })
      .onConflict((conflict) =>
        conflict.columns(['tenant_id', 'mode', 'idempotency_key']).doUpdateSet(values).where('idempotent_requests.expires_ms', '<=', nowMs))
      .compile();
  }

  /** By the generation, since the key may have passed to another in the meantime. */
  #ending({ generationId }: Claim, state: IdempotentState, reply: string | null): CompiledQuery {
    return this.#builder
      .updateTable('idempotent_requests')
      .set({ state, reply })
      .where('generation_id', '=', generationId)
      .where('state', '=', 'open')
      .compile();
  }

  async #find({ tenantId, mode, key }: IdempotentScope, nowMs: number): Promise<EarlierRequest | undefined> {
    const [row] = await this.#database.query(
      this.#builder
        .selectFrom('idempotent_requests')
        .select(['generation_id', 'fingerprint', 'state', 'lease_ms', 'reply'])
        .where('tenant_id', '=', tenantId)
        .where('mode', '=', mode)
        .where('idempotency_key', '=', key)
        .where('expires_ms', '>', nowMs)
        .compile(),
    );
    if (row === undefined) return undefined;
    return {
      generationId: row.generation_id as GenerationId,
      fingerprint: row.fingerprint,
      state: row.state,
      leaseMs: row.lease_ms,
      reply: row.reply ?? undefined,
    };
  }
}
