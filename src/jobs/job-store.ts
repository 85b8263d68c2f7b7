import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { JobId, TenantId } from '../base/id.ts';
import type { Database } from '../storage/database.ts';
import type { JobTables } from './job-tables.ts';

/** Something to be done by whichever process comes first. */
export interface NewJob {
  readonly id: JobId;
  /** Who knows what to do: `response`. */
  readonly kind: string;
  readonly tenantId: TenantId;
  /** What to do; sealed by who enqueues it, if it is a caller's. */
  readonly payload: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
}

/** A job that an owner has taken, until its lease ends. */
export interface ClaimedJob {
  readonly id: JobId;
  readonly kind: string;
  readonly tenantId: TenantId;
  readonly payload: string;
  /** Fencing: every write in the name of this claim carries it, and is refused once another has claimed the job. */
  readonly token: number;
  /** 1 the first time. More: an owner before has given it up, or died with it. */
  readonly attempts: number;
}

export interface ClaimQuery {
  readonly kind: string;
  /** The process that asks. */
  readonly owner: string;
  readonly nowMs: number;
  /** How long the owner counts as alive unless it renews. */
  readonly leaseMs: number;
  /** At most so many. */
  readonly limit: number;
  /** Tenants whose turn it is not; absent: everybody's. */
  readonly exceptTenants?: readonly TenantId[];
}

/** Others may take what was seen to be free; so often is looked for more. */
const looksMax = 3;

/**
 * Jobs that exactly one process at a time works on, over all replicas, and that survive each of them. A job that has ended is removed: its
 * outcome stands where it belongs, written in the same commit.
 */
export class JobStore {
  readonly #database: Pick<Database, 'commit' | 'commitIf' | 'query'>;
  readonly #builder: Kysely<JobTables>;
  readonly #clock: Clock;

  constructor({ database, clock }: { readonly database: Pick<Database, 'builder' | 'commit' | 'commitIf' | 'query'>; readonly clock: Clock }) {
    this.#database = database;
    this.#builder = database.builder<JobTables>();
    this.#clock = clock;
  }

  /** The statement that adds a job, for a commit that it may share with others. */
  enqueueing(job: NewJob): CompiledQuery {
    return this.#builder
      .insertInto('jobs')
      .values({
        id: job.id, kind: job.kind, tenant_id: job.tenantId, payload: job.payload, available_ms: job.notBeforeMs,
        owner: null, token: 0, attempts: 0, created_ms: this.#clock.nowMs(),
      })
      .compile();
  }

  /**
   * Takes jobs of a kind that are free, or whose owner's lease is over: those that have waited longest. Each is taken by one owner only.
   * Throws `storage_unavailable`; what was taken all the same is free again when its lease is over.
   */
  async claim({ kind, owner, nowMs, leaseMs, limit, exceptTenants = [] }: ClaimQuery): Promise<readonly ClaimedJob[]> {
    const claimed: ClaimedJob[] = [];
    for (let look = 0; look < looksMax && claimed.length < limit; look += 1) {
      const free = await this.#free(kind, nowMs, limit - claimed.length, exceptTenants);
      const tries = free.map(async (job): Promise<ClaimedJob | undefined> => {
        const { committed } = await this.#database.commitIf([this.#claiming(job, owner, nowMs, nowMs + leaseMs)], []);
        return committed ? job : undefined;
      });
      const taken = (await Promise.all(tries)).filter((job) => job !== undefined);
      claimed.push(...taken);
      // All that was free was ours to take: there is no more, or we have enough.
      if (taken.length === free.length) break;
    }
    return claimed;
  }

  /** Says that the owner of these claims lives until `leaseUntilMs`. Resolves with those that it still has. */
  async renew(claims: readonly Pick<ClaimedJob, 'id' | 'token'>[], leaseUntilMs: number): Promise<readonly JobId[]> {
    if (claims.length === 0) return [];
    const changes = await this.#database.commit(
      claims.map(({ id, token }) => this.#held(id, token).set({ available_ms: leaseUntilMs }).compile()),
    );
    return claims.filter((_, index) => changes[index] === 1).map(({ id }) => id);
  }

  /** A guard: the job has ended and is removed. Refuses when the claim is not the last one. */
  finishing(id: JobId, token: number): CompiledQuery {
    return this.#builder.deleteFrom('jobs').where('id', '=', id).where('token', '=', token).where('owner', 'is not', null).compile();
  }

  /** A guard: gives the job back, to be taken from `notBeforeMs` on. Refuses when the claim is not the last one. */
  releasing(id: JobId, token: number, notBeforeMs: number): CompiledQuery {
    return this.#held(id, token).set({ owner: null, available_ms: notBeforeMs }).compile();
  }

  /**
   * A guard: what shares its commit is written in the name of this claim, or not at all. A claim whose lease is over counts until
   * another has taken the job. It holds the job's row until the commit, so that nobody can take it in between.
   */
  fenced(id: JobId, token: number): CompiledQuery {
    return this.#held(id, token).set({ token }).compile();
  }

  /** The statement that removes a job, whoever has it: it is not wanted any more. What its owner still writes is refused. */
  cancelling(id: JobId): CompiledQuery {
    return this.#builder.deleteFrom('jobs').where('id', '=', id).compile();
  }

  /** The statement that lets a job that nobody has be taken from `notBeforeMs` on. */
  rescheduling(id: JobId, notBeforeMs: number): CompiledQuery {
    return this.#builder.updateTable('jobs').set({ available_ms: notBeforeMs }).where('id', '=', id).where('owner', 'is', null).compile();
  }

  /** A guard: removes a job that nobody has. */
  withdrawing(id: JobId): CompiledQuery {
    return this.#builder.deleteFrom('jobs').where('id', '=', id).where('owner', 'is', null).compile();
  }

  /** The jobs of a kind that a tenant has, those that somebody works on as well. */
  async idsOf(kind: string, tenantId: TenantId): Promise<readonly JobId[]> {
    const rows = await this.#database.query(
      this.#builder.selectFrom('jobs').select('id').where('kind', '=', kind).where('tenant_id', '=', tenantId).compile(),
    );
    return rows.map(({ id }) => id as JobId);
  }

  /** What somebody has was a server's that is dead: it is free at once. Only to be called by the one server that a database has. */
  async disownAll(): Promise<void> {
    await this.#database.commit([
      this.#builder.updateTable('jobs').set({ owner: null, available_ms: this.#clock.nowMs() }).where('owner', 'is not', null).compile(),
    ]);
  }

  /** How many jobs of a kind a tenant has that have not ended. */
  async openCount(kind: string, tenantId: TenantId): Promise<number> {
    const [row] = await this.#database.query(
      this.#builder
        .selectFrom('jobs')
        .select((column) => column.fn.countAll<number>().as('count'))
        .where('kind', '=', kind)
        .where('tenant_id', '=', tenantId)
        .compile(),
    );
    return row?.count ?? 0;
  }

  async #free(kind: string, nowMs: number, limit: number, exceptTenants: readonly TenantId[]): Promise<readonly ClaimedJob[]> {
    const free = this.#builder
      .selectFrom('jobs')
      .select(['id', 'tenant_id', 'payload', 'token', 'attempts'])
      .where('kind', '=', kind)
      .where('available_ms', '<=', nowMs)
      .orderBy('available_ms')
      .limit(limit);
    const rows = await this.#database.query((exceptTenants.length === 0 ? free : free.where('tenant_id', 'not in', exceptTenants)).compile());
    return rows.map((row) => ({
      id: row.id as JobId, kind, tenantId: row.tenant_id as TenantId, payload: row.payload, token: row.token + 1, attempts: row.attempts + 1,
    }));
  }

  /** By the token that was seen: whoever else saw it comes second, and changes no row. One row a commit, so that claimers cannot wait for each other in a circle. */
  #claiming({ id, token }: ClaimedJob, owner: string, nowMs: number, leaseUntilMs: number): CompiledQuery {
    return this.#builder
      .updateTable('jobs')
      .set({ owner, token, available_ms: leaseUntilMs, attempts: sql`attempts + 1` })
      .where('id', '=', id)
      .where('token', '=', token - 1)
      .where('available_ms', '<=', nowMs)
      .compile();
  }

  #held(id: JobId, token: number) {
    return this.#builder.updateTable('jobs').where('id', '=', id).where('token', '=', token).where('owner', 'is not', null);
  }
}
