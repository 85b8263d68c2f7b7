import { type Kysely, sql } from 'kysely';
import type { ConversationId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import { newCallerName } from './caller-name.ts';
import { expiryGraceMs } from './expiry-grace.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { ThreadSeal } from './thread-seal.ts';
import type { ThreadTables } from './thread-tables.ts';

/** An item of a conversation. */
export interface ConversationItem {
  readonly id: string;
  readonly item: JsonObject;
}

/** What is to be added to a conversation. */
export interface ConversationTurn {
  readonly conversationId: ConversationId;
  /** In their order. One whose id is there already is the same item, and stays what it is. */
  readonly items: readonly ConversationItem[];
  /** The conversation lives at least so long. */
  readonly expiresMs: number;
}

/**
 * Adds items to the end of a conversation. The guard takes their places in the order, and holds the row until the commit, so that turns that
 * are added at the same time come one after the other, each whole; it refuses when the conversation is not there.
 * Throws `invalid_request` for an item whose id is too long.
 */
export function conversationAppending(builder: Kysely<ThreadTables>, seal: ThreadSeal, scope: TenantScope, turn: ConversationTurn, nowMs: number): CommitPart {
  const { conversationId: id, items, expiresMs } = turn;
  const places = builder
    .updateTable('conversations')
    .set((column) => ({
      next_sequence: column('next_sequence', '+', items.length),
      expires_ms: column.case().when('expires_ms', '<', expiresMs).then(expiresMs).else(column.ref('expires_ms')).end(),
    }))
    .where('id', '=', id)
    .where('tenant_id', '=', scope.tenantId)
    .where('mode', '=', scope.mode)
    // A turn that began while the conversation was alive may end a little after that.
    .where('expires_ms', '>', nowMs - expiryGraceMs)
    .compile();
  const statements = items.map(({ id: chosenId, item }, index) => {
    const itemId = newCallerName(chosenId, 'id');
    const content = seal.seal(item, 'conversation-item', scope, itemContext(id, itemId));
    return sql`
      INSERT INTO conversation_items (conversation_id, sequence, item_id, content_chars, content)
      SELECT id, next_sequence - ${items.length - index}, ${itemId}, ${content.length}, ${content} FROM conversations WHERE id = ${id}
      ON CONFLICT (conversation_id, item_id) DO NOTHING`.compile(builder);
  });
  return { guards: [places], statements };
}

/** What an item is sealed for: its conversation, and the id that the caller may have chosen. */
export function itemContext(conversationId: string, itemId: string): string {
  return `${conversationId} ${itemId}`;
}
