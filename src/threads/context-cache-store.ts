import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { ContextCacheId, ResponseId, TenantId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import { callerName, newCallerName } from './caller-name.ts';
import type { ContextCacheContent, ContextCacheLabels, ContextCacheRow, NewContextCache, StoredContextCache } from './context-cache-row.ts';
import type { ThreadStoreParts } from './response-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
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

/** Which part of a list is asked for, in the order of their making. */
export interface ContextCachePlace {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** Ids between which the part lies; neither is in it. */
  readonly after?: string;
  readonly before?: string;
}

/**
 * Contexts that are held for their tenants. What an upstream asks for keeping one is not known here: its meter is in the ledger, and
 * begins, is prolonged and ends in the commits of what is stated here as guards and statements (docs/decisions/0018).
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

  /** Stores a new context. Durable when it resolves; throws `storage_unavailable`, and `invalid_request` for a tag that is too long. */
  async create(scope: TenantScope, cache: NewContextCache): Promise<void> {
    await this.#database.commit(this.creating(scope, cache));
  }

  /** The statements that `create` commits, to share a commit with others. */
  creating(scope: TenantScope, cache: NewContextCache): readonly CompiledQuery[] {
    const { tenantId, mode } = scope;
    const insertion = this.#builder
      .insertInto('context_caches')
      .values({
        id: cache.id, tenant_id: tenantId, mode, key_id: cache.keyId, model_id: cache.modelId, tokens: cache.tokens, state: cache.state,
        created_ms: cache.createdMs, expires_ms: cache.expiresMs, ended_ms: null,
        upstream_id: cache.upstreamId ?? null,
        response_id: cache.responseId ?? null, ttl_s: cache.ttlS ?? null,
        labels: this.#seal.seal({ ...cache.labels }, 'cache-labels', scope, cache.id),
        content: this.#seal.seal({ ...cache.content }, 'cache-content', scope, cache.id),
      })
      .compile();
    // In one order, so that two that take the same tags from each other do not wait in a circle.
    const tags = [...new Set(cache.tags.map((tag) => newCallerName(tag, 'tags')))].sort();
    return [insertion, ...tags.map((tag) => this.#tagging(scope, tag, cache.id))];
  }

  /** A guard: a pending context is ready, with so many tokens. Refuses when it is not pending (any more). */
  becomingReady(scope: TenantScope, id: string, tokens: number): CompiledQuery {
    return this.#owned(scope, id).set({ state: 'ready', tokens }).where('state', '=', 'pending').compile();
  }

  /** Undefined: this tenant has no such context in this mode, or has deleted it. One that ended otherwise is there for a day. */
  async get(scope: TenantScope, id: string): Promise<StoredContextCache | undefined> {
    const [cache] = await this.#read(scope, this.#visible(scope).where('id', '=', id).compile());
    return cache;
  }

  /** The context that was made with a response. */
  async ofResponse(scope: TenantScope, responseId: string): Promise<StoredContextCache | undefined> {
    const [cache] = await this.#read(scope, this.#visible(scope).where('response_id', '=', responseId).orderBy('id', 'desc').limit(1).compile());
    return cache;
  }

  /** The context that a tag refers to, though it may have ended. */
  async byTag(scope: TenantScope, tag: string): Promise<StoredContextCache | undefined> {
    const named = this.#builder
      .selectFrom('context_cache_tags')
      .select('cache_id')
      .where('tenant_id', '=', scope.tenantId)
      .where('mode', '=', scope.mode)
      .where('tag', '=', callerName(tag));
    const [cache] = await this.#read(scope, this.#visible(scope).where('id', 'in', named).compile());
    return cache;
  }

  /** Contexts that were made for themselves, and not with a response. */
  async list(scope: TenantScope, { limit, order, after, before }: ContextCachePlace): Promise<readonly StoredContextCache[]> {
    const [beyond, short] = order === 'desc' ? (['<', '>'] as const) : (['>', '<'] as const);
    let page = this.#visible(scope).where('response_id', 'is', null).orderBy('id', order).limit(limit);
    if (after !== undefined) page = page.where('id', beyond, after);
    if (before !== undefined) page = page.where('id', short, before);
    return this.#read(scope, page.compile());
  }

  /** Length of all that is kept of the contexts that were made for themselves and have not ended, as it is stored. */
  async keptChars({ tenantId, mode }: TenantScope): Promise<number> {
    const [kept] = await this.#database.query(
      this.#builder
        .selectFrom('context_caches')
        .select(sql<number>`COALESCE(SUM(length(content)), 0)`.as('chars'))
        .where('tenant_id', '=', tenantId)
        .where('mode', '=', mode)
        .where('response_id', 'is', null)
        .where('ended_ms', 'is', null)
        .where('expires_ms', '>', this.#clock.nowMs())
        .compile(),
    );
    return kept?.chars ?? 0;
  }

  /** Gives a context that has not ended other labels. False: there is none. */
  async relabel(scope: TenantScope, id: string, labels: ContextCacheLabels): Promise<boolean> {
    const relabelling = this.#owned(scope, id)
      .set({ labels: this.#seal.seal({ ...labels }, 'cache-labels', scope, id) })
      .where('ended_ms', 'is', null)
      .where('expires_ms', '>', this.#clock.nowMs())
      .compile();
    return (await this.#database.commitIf([relabelling], [])).committed;
  }

  /** Lets `tag` refer to the context `id`, which must be this tenant's, and to no other. Throws as `create` does. */
  async tag(scope: TenantScope, tag: string, id: string): Promise<void> {
    await this.#database.commit([this.#tagging(scope, tag, id)]);
  }

  /** Lets `tag` refer to nothing, whether or not it did. */
  async untag({ tenantId, mode }: TenantScope, tag: string): Promise<void> {
    await this.#database.commit([
      this.#builder.deleteFrom('context_cache_tags').where('tenant_id', '=', tenantId).where('mode', '=', mode).where('tag', '=', callerName(tag)).compile(),
    ]);
  }

  /** Lets a context that is ready live until `expiresMs`. False: there is none, or it has ended. */
  async prolong(scope: TenantScope, id: string, life: ProlongedLife): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.prolonging(scope, id, life)], []);
    return committed;
  }

  /** A guard: what `prolong` commits, to share a commit with others. */
  prolonging(scope: TenantScope, id: string, { expiresMs, ttlS }: ProlongedLife): CompiledQuery {
    return this.#owned(scope, id)
      .set({ expires_ms: expiresMs, ...(ttlS === undefined ? {} : { ttl_s: ttlS }) })
      .where('state', '=', 'ready')
      .where('expires_ms', '>', this.#clock.nowMs())
      .compile();
  }

  /** Ends a context: what it says is removed. False: there is none, or it has ended. */
  async end(scope: TenantScope, id: string, atMs: number, state: ContextCacheEnd): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.ending(scope, id, atMs, state)], []);
    return committed;
  }

  /** A guard: what `end` commits, to share a commit with others. */
  ending(scope: TenantScope, id: string, atMs: number, state: ContextCacheEnd): CompiledQuery {
    return this.#ending(scope, atMs, state).where('id', '=', id).compile();
  }

  /** The statement that ends what was made with a response, if there is such a context: for the commit that deletes the response. */
  endingOfResponse(scope: TenantScope, responseId: string, atMs: number): CompiledQuery {
    return this.#ending(scope, atMs, 'deleted').where('response_id', '=', responseId).compile();
  }

  #tagging({ tenantId, mode }: TenantScope, tag: string, id: string): CompiledQuery {
    return this.#builder
      .insertInto('context_cache_tags')
      .values({ tenant_id: tenantId, mode, tag: newCallerName(tag, 'tags'), cache_id: id })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'mode', 'tag']).doUpdateSet({ cache_id: id }))
      .compile();
  }

  #owned({ tenantId, mode }: TenantScope, id: string) {
    return this.#builder.updateTable('context_caches').where('id', '=', id).where('tenant_id', '=', tenantId).where('mode', '=', mode);
  }

  #visible({ tenantId, mode }: TenantScope) {
    return this.#builder
      .selectFrom('context_caches')
      .select([...rowColumns, 'labels', 'content'])
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('state', '<>', 'deleted');
  }

  /** Never after it expired. */
  #ending({ tenantId, mode }: TenantScope, atMs: number, state: ContextCacheEnd) {
    return this.#builder
      .updateTable('context_caches')
      .set({
        state,
        ended_ms: sql<number>`CASE WHEN expires_ms < ${atMs} THEN expires_ms ELSE ${atMs} END`,
        content: null,
      })
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('ended_ms', 'is', null);
  }

  async #read(scope: TenantScope, query: CompiledQuery<FullRow>): Promise<readonly StoredContextCache[]> {
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

const rowColumns = [
  'id', 'tenant_id', 'mode', 'key_id', 'model_id', 'tokens', 'state', 'created_ms', 'expires_ms', 'ended_ms', 'upstream_id',
  'response_id', 'ttl_s',
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
    ...(row.upstream_id === null ? {} : { upstreamId: row.upstream_id }),
    ...(row.response_id === null ? {} : { responseId: row.response_id as ResponseId }),
    ...(row.ttl_s === null ? {} : { ttlS: row.ttl_s }),
  };
}

function contentOf(opened: JsonObject): ContextCacheContent {
  const { messages, tools } = opened as { readonly messages: readonly JsonObject[]; readonly tools?: readonly JsonObject[] };
  return { messages, ...(tools === undefined ? {} : { tools }) };
}
