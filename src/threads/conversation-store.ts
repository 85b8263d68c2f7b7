import { type CompiledQuery, type Kysely } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { ConversationId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import { callerName } from './caller-name.ts';
import { type ConversationItem, type ConversationTurn, conversationAppending, itemContext } from './conversation-appending.ts';
import type { ThreadStoreParts } from './response-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { ThreadSeal } from './thread-seal.ts';
import type { ThreadTables } from './thread-tables.ts';

/** A conversation, without its items. Times in milliseconds since the epoch. */
export interface Conversation {
  readonly id: ConversationId;
  readonly createdMs: number;
  /** From then on it is not there any more, unless a turn is added before. */
  readonly expiresMs: number;
  readonly metadata: JsonObject;
}

/** Which items to list. */
export interface ItemQuery {
  /** At most so many, at least 1. */
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** Only those that come after the item of this id, in that order. */
  readonly after?: string;
}

export interface ItemPage {
  readonly items: readonly ConversationItem[];
  readonly hasMore: boolean;
}

/** How much of a conversation may be read. */
export interface ConversationLimits {
  readonly itemsMax: number;
  /** Characters of the sealed items, which are about four thirds of the JSON. */
  readonly charsMax: number;
}

/** All of a conversation, the oldest first. `missing`: it is not there; `too-long`: there is more of it than may be read. */
export type WholeConversation =
  | { readonly found: true; readonly items: readonly ConversationItem[] }
  | { readonly found: false; readonly why: 'missing' | 'too-long' };

/** Some 48 MiB of JSON: no model reads more, and one caller's conversation must not fill the memory. */
const wholeLimits: ConversationLimits = { itemsMax: 10_000, charsMax: 64 * 1024 * 1024 };

/** Conversations and their items, for each tenant and mode; sealed. */
export class ConversationStore {
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

  /** Stores a new conversation with its first items; durable when it resolves. Throws `storage_unavailable`, and `invalid_request` for an item whose id is too long. */
  async create(scope: TenantScope, conversation: Conversation, items: readonly ConversationItem[] = []): Promise<void> {
    const { id, createdMs, expiresMs, metadata } = conversation;
    const insertion = this.#builder
      .insertInto('conversations')
      .values({
        id, tenant_id: scope.tenantId, mode: scope.mode, created_ms: createdMs, expires_ms: expiresMs, next_sequence: 0,
        metadata: this.#seal.seal(metadata, 'conversation-metadata', scope, id),
      })
      .compile();
    const { guards, statements } = this.appending(scope, { conversationId: id, items, expiresMs });
    await this.#database.commit([insertion, ...guards, ...statements]);
  }

  /** Undefined: this tenant has no such conversation in this mode. */
  async get(scope: TenantScope, id: string): Promise<Conversation | undefined> {
    const [row] = await this.#database.query(
      this.#builder
        .selectFrom('conversations')
        .select(['id', 'created_ms', 'expires_ms', 'metadata'])
        .where('id', '=', id)
        .where('tenant_id', '=', scope.tenantId)
        .where('mode', '=', scope.mode)
        .where('expires_ms', '>', this.#clock.nowMs())
        .compile(),
    );
    if (row === undefined) return undefined;
    return {
      id: row.id as ConversationId,
      createdMs: row.created_ms,
      expiresMs: row.expires_ms,
      metadata: this.#seal.object(row.metadata, 'conversation-metadata', scope, row.id),
    };
  }

  /** Puts `metadata` in the place of what was there. False: there is no such conversation. */
  async setMetadata(scope: TenantScope, id: string, metadata: JsonObject): Promise<boolean> {
    return this.#change(scope, id, { metadata: this.#seal.seal(metadata, 'conversation-metadata', scope, id) });
  }

  /** From now on neither the conversation nor its items can be read; the next sweep removes them. False: there was none. */
  async delete(scope: TenantScope, id: string): Promise<boolean> {
    return this.#change(scope, id, { expires_ms: 0 });
  }

  /** Adds a turn at the end, whole and at once. False: there is no such conversation, and nothing was added. */
  async appendTurn(scope: TenantScope, turn: ConversationTurn): Promise<boolean> {
    const { guards, statements } = this.appending(scope, turn);
    const { committed } = await this.#database.commitIf(guards, statements);
    return committed;
  }

  /** What `appendTurn` commits, to share a commit with others. */
  appending(scope: TenantScope, turn: ConversationTurn): CommitPart {
    return conversationAppending(this.#builder, this.#seal, scope, turn, this.#clock.nowMs());
  }

  /** A page of items. `no-conversation`: there is none; `no-item`: it holds no item of the id `after`. */
  async list(scope: TenantScope, id: string, { limit, order, after }: ItemQuery): Promise<ItemPage | 'no-conversation' | 'no-item'> {
    if ((await this.get(scope, id)) === undefined) return 'no-conversation';
    let query = this.#builder.selectFrom('conversation_items').select(['item_id', 'content']).where('conversation_id', '=', id);
    if (after !== undefined) {
      const sequence = await this.#sequenceOf(id, after);
      if (sequence === undefined) return 'no-item';
      query = query.where('sequence', order === 'asc' ? '>' : '<', sequence);
    }
    const rows = await this.#database.query(query.orderBy('sequence', order).limit(limit + 1).compile());
    return { items: rows.slice(0, limit).map((row) => this.#item(scope, id, row)), hasMore: rows.length > limit };
  }

  /** All items: what the next turn goes on from. */
  async whole(scope: TenantScope, id: string, limits: ConversationLimits = wholeLimits): Promise<WholeConversation> {
    if ((await this.get(scope, id)) === undefined) return { found: false, why: 'missing' };
    const items = this.#builder.selectFrom('conversation_items').where('conversation_id', '=', id);
    const [size] = await this.#database.query(
      items.select((column) => [column.fn.countAll<number>().as('count'), column.fn.coalesce(column.fn.sum<number>('content_chars'), column.lit(0)).as('chars')]).compile(),
    );
    if (size === undefined || size.count > limits.itemsMax || size.chars > limits.charsMax) return { found: false, why: 'too-long' };
    const rows = await this.#database.query(items.select(['item_id', 'content']).orderBy('sequence').compile());
    return { found: true, items: rows.map((row) => this.#item(scope, id, row)) };
  }

  /** Undefined: there is no such conversation, or no such item in it. */
  async item(scope: TenantScope, id: string, itemId: string): Promise<ConversationItem | undefined> {
    if ((await this.get(scope, id)) === undefined) return undefined;
    const [row] = await this.#database.query(
      this.#builder
        .selectFrom('conversation_items')
        .select(['item_id', 'content'])
        .where('conversation_id', '=', id)
        .where('item_id', '=', callerName(itemId))
        .compile(),
    );
    return row === undefined ? undefined : this.#item(scope, id, row);
  }

  /** Removes an item at once. False: there is no such conversation, or no such item in it. */
  async deleteItem(scope: TenantScope, id: string, itemId: string): Promise<boolean> {
    if ((await this.get(scope, id)) === undefined) return false;
    const [removed = 0] = await this.#database.commit([
      this.#builder.deleteFrom('conversation_items').where('conversation_id', '=', id).where('item_id', '=', callerName(itemId)).compile(),
    ]);
    return removed > 0;
  }

  async #change({ tenantId, mode }: TenantScope, id: string, values: { readonly metadata: string } | { readonly expires_ms: number }): Promise<boolean> {
    const change: CompiledQuery = this.#builder
      .updateTable('conversations')
      .set(values)
      .where('id', '=', id)
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('expires_ms', '>', this.#clock.nowMs())
      .compile();
    const [changed = 0] = await this.#database.commit([change]);
    return changed > 0;
  }

  async #sequenceOf(id: string, itemId: string): Promise<number | undefined> {
    const [row] = await this.#database.query(
      this.#builder.selectFrom('conversation_items').select('sequence').where('conversation_id', '=', id).where('item_id', '=', callerName(itemId)).compile(),
    );
    return row?.sequence;
  }

  #item(scope: TenantScope, id: string, { item_id: itemId, content }: { readonly item_id: string; readonly content: string }): ConversationItem {
    return { id: itemId, item: this.#seal.object(content, 'conversation-item', scope, itemContext(id, itemId)) };
  }
}
