import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { ContextCacheId, ResponseId, TenantId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { ContextCacheContent, ContextCacheLabels, ContextCacheRow, NewContextCache, StoredContextCache } from './context-cache-row.ts';
import type { ThreadStoreParts } from './response-store.ts';
import type { ThreadScope } from './thread-scope.ts';
import { ThreadSeal } from './thread-seal.ts';
import type { ContextCachesTable, ContextCacheState, ThreadTables } from './thread-tables.ts';

export type { ContextCacheRow } from './context-cache-row.ts';

/** How a context ends; what it says is removed at once. */
export type ContextCacheEnd = Exclude<ContextCacheState, 'pending' | 'ready'>;

/** Until when a context lives now. */
export interface ProlongedLife {
  readonly expiresMs: number;
  readonly ttlS?: number;
}

/**
 * Contexts that are held for their tenants at a price for their time. Until when the storage of each is in the ledger is moved by a guard
 * in the commit that books it, from a known value to the next, so that no span is billed twice or left out, whoever bills.
 */
export class ContextCacheStore {
  readonly #database: ThreadStoreParts['database'];
  readonly #builder: Kysely<ThreadTables>;
  readonly #seal: ThreadSeal;
  readonly #clock: Clock;

  constructor({ database, sealer, clock }: ThreadStoreParts) {
    this.#database = database;
    this.#builder = database.builder<ThreadTables>();
    this.#seal = new ThreadSeal(sealer);
    this.#clock = clock;
  }

  /** Stores a new context; its storage counts from `createdMs`. Durable when it resolves; throws `storage_unavailable`. */
  async create(scope: ThreadScope, cache: NewContextCache): Promise<void> {
    await this.#database.commit(this.creating(scope, cache));
  }

  /** The statements that `create` commits, to share a commit with others. */
  creating(scope: ThreadScope, cache: NewContextCache): readonly CompiledQuery[] {
    const { tenantId, mode } = scope;
    const costs = cache.storage !== undefined || cache.priceId !== undefined;
    const insertion = this.#builder
      .insertInto('context_caches')
      .values({
        id: cache.id, tenant_id: tenantId, mode, key_id: cache.keyId, model_id: cache.modelId, tokens: cache.tokens, state: cache.state,
        created_ms: cache.createdMs, expires_ms: cache.expiresMs, ended_ms: null,
        metered: costs && cache.state === 'ready' ? 1 : 0,
        billed_until_ms: cache.createdMs,
        upstream_id: cache.upstreamId ?? null, price_id: cache.priceId ?? null,
        storage_rate: cache.storage?.rate ?? null, currency: cache.storage?.currency ?? null,
        response_id: cache.responseId ?? null, ttl_s: cache.ttlS ?? null,
        labels: this.#seal.seal({ ...cache.labels }, 'cache-labels', scope, cache.id),
        content: this.#seal.seal({ ...cache.content }, 'cache-content', scope, cache.id),
      })
      .compile();
    // In one order, so that two that take the same tags from each other do not wait in a circle.
    const tags = [...new Set(cache.tags)].sort().map((tag) =>
      this.#builder
        .insertInto('context_cache_tags')
        .values({ tenant_id: tenantId, mode, tag, cache_id: cache.id })
        .onConflict((conflict) => conflict.columns(['tenant_id', 'mode', 'tag']).doUpdateSet({ cache_id: cache.id }))
        .compile());
    return [insertion, ...tags];
  }

  /** A pending context is ready at `atMs` with so many tokens; from then on it is billed. False: it is not pending (any more). */
  async ready(scope: ThreadScope, id: string, { tokens, atMs }: { readonly tokens: number; readonly atMs: number }): Promise<boolean> {
    const [changed = 0] = await this.#database.commit([
      this.#owned(scope, id)
        .set({ state: 'ready', tokens, billed_until_ms: atMs, metered: sql`CASE WHEN storage_rate IS NULL AND price_id IS NULL THEN 0 ELSE 1 END` })
        .where('state', '=', 'pending')
        .compile(),
    ]);
    return changed > 0;
  }

  /** Undefined: this tenant has no such context in this mode, or has deleted it. One that ended otherwise is there for a day. */
  async get(scope: ThreadScope, id: string): Promise<StoredContextCache | undefined> {
    const [cache] = await this.#read(scope, this.#visible(scope).where('id', '=', id).compile());
    return cache;
  }

  /** The context that was made with a response. */
  async ofResponse(scope: ThreadScope, responseId: string): Promise<StoredContextCache | undefined> {
    const [cache] = await this.#read(scope, this.#visible(scope).where('response_id', '=', responseId).orderBy('id', 'desc').limit(1).compile());
    return cache;
  }

  /** The context that a tag refers to, though it may have ended. */
  async byTag(scope: ThreadScope, tag: string): Promise<StoredContextCache | undefined> {
    const named = this.#builder
      .selectFrom('context_cache_tags')
      .select('cache_id')
      .where('tenant_id', '=', scope.tenantId)
      .where('mode', '=', scope.mode)
      .where('tag', '=', tag);
    const [cache] = await this.#read(scope, this.#visible(scope).where('id', 'in', named).compile());
    return cache;
  }

  /** Newest first; `before`: the id of the last one of the page before. */
  async list(scope: ThreadScope, { limit, before }: { readonly limit: number; readonly before?: string }): Promise<readonly StoredContextCache[]> {
    const all = this.#visible(scope).orderBy('id', 'desc').limit(limit);
    return this.#read(scope, (before === undefined ? all : all.where('id', '<', before)).compile());
  }

  /** Lets a context that is ready live until `expiresMs`. False: there is none, or it has ended. */
  async prolong(scope: ThreadScope, id: string, life: ProlongedLife): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.prolonging(scope, id, life)], []);
    return committed;
  }

  /** A guard: what `prolong` commits, to share a commit with others. */
  prolonging(scope: ThreadScope, id: string, { expiresMs, ttlS }: ProlongedLife): CompiledQuery {
    return this.#owned(scope, id)
      .set({ expires_ms: expiresMs, ...(ttlS === undefined ? {} : { ttl_s: ttlS }) })
      .where('state', '=', 'ready')
      .where('expires_ms', '>', this.#clock.nowMs())
      .where('billed_until_ms', '<=', expiresMs)
      .compile();
  }

  /** Ends a context: what it says is removed, and its storage is billed until `atMs` and no further. False: there is none, or it has ended. */
  async end(scope: ThreadScope, id: string, atMs: number, state: ContextCacheEnd): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.ending(scope, id, atMs, state)], []);
    return committed;
  }

  /** A guard: what `end` commits, to share a commit with others. */
  ending(scope: ThreadScope, id: string, atMs: number, state: ContextCacheEnd): CompiledQuery {
    return this.#ending(scope, atMs, state).where('id', '=', id).compile();
  }

  /** The statement that ends what was made with a response, if there is such a context: for the commit that deletes the response. */
  endingOfResponse(scope: ThreadScope, responseId: string, atMs: number): CompiledQuery {
    return this.#ending(scope, atMs, 'deleted').where('response_id', '=', responseId).compile();
  }

  /**
   * Contexts of all tenants whose storage is not in the ledger up to `nowMs`, or up to their end if that was sooner: those that were
   * billed longest ago. What is to be billed ends at `billableUntilMs`.
   */
  async due(nowMs: number, limit: number): Promise<readonly ContextCacheRow[]> {
    const rows = await this.#database.query(
      this.#builder
        .selectFrom('context_caches')
        .select(rowColumns)
        .where('metered', '=', sql.lit(1))
        .where(sql<boolean>`billed_until_ms < coalesce(ended_ms, expires_ms)`)
        .where('billed_until_ms', '<', nowMs)
        .orderBy('billed_until_ms')
        .limit(limit)
        .compile(),
    );
    return rows.map((row) => toRow(row, this.#clock.nowMs()));
  }

  /**
   * A guard: the storage from `fromMs` to `toMs` is in the ledger, by what shares the commit. Refuses when another has billed a part of it,
   * or when the context ended before `toMs`: look again.
   */
  claimBilled(id: ContextCacheId, fromMs: number, toMs: number): CompiledQuery {
    return this.#builder
      .updateTable('context_caches')
      .set({ billed_until_ms: toMs })
      .where('id', '=', id)
      .where('metered', '=', sql.lit(1))
      .where('billed_until_ms', '=', fromMs)
      .where(sql<boolean>`coalesce(ended_ms, expires_ms) >= ${toMs}`)
      .compile();
  }

  #owned({ tenantId, mode }: ThreadScope, id: string) {
    return this.#builder.updateTable('context_caches').where('id', '=', id).where('tenant_id', '=', tenantId).where('mode', '=', mode);
  }

  #visible({ tenantId, mode }: ThreadScope) {
    return this.#builder
      .selectFrom('context_caches')
      .select([...rowColumns, 'labels', 'content'])
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('state', '<>', 'deleted');
  }

  /** Never after it expired, nor before what has been billed. */
  #ending({ tenantId, mode }: ThreadScope, atMs: number, state: ContextCacheEnd) {
    return this.#builder
      .updateTable('context_caches')
      .set({
        state,
        ended_ms: sql<number>`CASE WHEN expires_ms < ${atMs} THEN expires_ms WHEN billed_until_ms > ${atMs} THEN billed_until_ms ELSE ${atMs} END`,
        content: null,
      })
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('ended_ms', 'is', null);
  }

  async #read(scope: ThreadScope, query: CompiledQuery<FullRow>): Promise<readonly StoredContextCache[]> {
    const rows = await this.#database.query(query);
    if (rows.length === 0) return [];
    const tags = await this.#database.query(
      this.#builder.selectFrom('context_cache_tags').select(['cache_id', 'tag']).where('cache_id', 'in', rows.map((row) => row.id)).orderBy('tag').compile(),
    );
    return rows.map((row) => {
      const facts = toRow(row, this.#clock.nowMs());
      const content = facts.state === 'expired' ? null : row.content;
      return {
        ...facts,
        labels: this.#seal.object(row.labels, 'cache-labels', scope, row.id) as ContextCacheLabels,
        tags: tags.filter((one) => one.cache_id === row.id).map((one) => one.tag),
        ...(content === null ? {} : { content: contentOf(this.#seal.object(content, 'cache-content', scope, row.id)) }),
      };
    });
  }
}

/** Until when a context's storage is to be billed at `nowMs`. */
export function billableUntilMs({ expiresMs, endedMs }: Pick<ContextCacheRow, 'expiresMs' | 'endedMs'>, nowMs: number): number {
  return Math.min(nowMs, endedMs ?? expiresMs);
}

const rowColumns = [
  'id', 'tenant_id', 'mode', 'key_id', 'model_id', 'tokens', 'state', 'created_ms', 'expires_ms', 'ended_ms', 'billed_until_ms', 'upstream_id', 'price_id',
  'storage_rate', 'currency', 'response_id', 'ttl_s',
] as const satisfies readonly (keyof ContextCachesTable)[];

type FactRow = Pick<Selectable<ContextCachesTable>, (typeof rowColumns)[number]>;
type FullRow = FactRow & Pick<ContextCachesTable, 'labels' | 'content'>;

function toRow(row: FactRow, nowMs: number): ContextCacheRow {
  return {
    id: row.id as ContextCacheId,
    tenantId: row.tenant_id as TenantId,
    mode: row.mode,
    keyId: row.key_id,
    modelId: row.model_id,
    tokens: row.tokens,
    state: row.ended_ms === null && row.expires_ms <= nowMs ? 'expired' : row.state,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    ...(row.ended_ms === null ? {} : { endedMs: row.ended_ms }),
    billedUntilMs: row.billed_until_ms,
    ...(row.upstream_id === null ? {} : { upstreamId: row.upstream_id }),
    ...(row.price_id === null ? {} : { priceId: row.price_id }),
    ...(row.storage_rate === null || row.currency === null ? {} : { storage: { rate: row.storage_rate, currency: row.currency } }),
    ...(row.response_id === null ? {} : { responseId: row.response_id as ResponseId }),
    ...(row.ttl_s === null ? {} : { ttlS: row.ttl_s }),
  };
}

function contentOf(opened: JsonObject): ContextCacheContent {
  const { messages, tools } = opened as { readonly messages: readonly JsonObject[]; readonly tools?: readonly JsonObject[] };
  return { messages, ...(tools === undefined ? {} : { tools }) };
}
