import type { Migration } from '../storage/migration.ts';

/**
 * One row per stored response. Sealed texts stand last, so that a walk along the chain of previous ids does not read them.
 * Times are integer milliseconds, booleans 0/1.
 */
export interface ResponsesTable {
  id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  previous_id: string | null;
  expires_ms: number;
  /** Length of the sealed input and output: what a chain costs to read. */
  content_chars: number;
  key_id: string;
  model_id: string;
  generation_id: string;
  conversation_id: string | null;
  status: string;
  background: number;
  /** Its events may still be there. */
  resumable: number;
  upstream_id: string | null;
  upstream_handle: string | null;
  held_items: number | null;
  created_ms: number;
  /** Null: it is under way. */
  ended_ms: number | null;
  /** Sealed: the response object as it was sent. */
  body: string;
  /** Sealed: lists of items. */
  input: string;
  output: string;
}

/** Events of background responses, several to a row: what was appended together. */
export interface ResponseEventsTable {
  response_id: string;
  first_sequence: number;
  last_sequence: number;
  /** Sealed: the list of events. */
  events: string;
}

export interface ConversationsTable {
  id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  created_ms: number;
  /** 0: deleted; its items wait for the sweep. */
  expires_ms: number;
  /** Of the next item. */
  next_sequence: number;
  /** Sealed. */
  metadata: string;
}

export interface ConversationItemsTable {
  conversation_id: string;
  /** Rises in the order of the items, not always by one. */
  sequence: number;
  item_id: string;
  /** Sealed. */
  content: string;
}

export type ContextCacheState = 'pending' | 'ready' | 'error' | 'inactive' | 'expired' | 'deleted';

/** Contexts that are held at a price for their time; see `ContextCacheStore`. */
export interface ContextCachesTable {
  id: string;
  tenant_id: string;
  mode: 'live' | 'test';
  key_id: string;
  model_id: string;
  tokens: number;
  state: ContextCacheState;
  created_ms: number;
  expires_ms: number;
  /** When it ended before it expired; when it expired, if that has been noticed. */
  ended_ms: number | null;
  /** Its storage is in the ledger up to here. */
  billed_until_ms: number;
  upstream_id: string | null;
  price_id: string | null;
  /** Per million tokens and hour, decimal. Null, with the currency: nobody pays for it. */
  storage_rate: string | null;
  currency: string | null;
  response_id: string | null;
  ttl_s: number | null;
  /** Sealed: name, description, metadata, messages, tools. Null once it has ended. */
  content: string | null;
}

/** A tag refers to one context of its tenant and mode. */
export interface ContextCacheTagsTable {
  tenant_id: string;
  mode: 'live' | 'test';
  tag: string;
  cache_id: string;
}

export interface ThreadTables {
  responses: ResponsesTable;
  response_events: ResponseEventsTable;
  conversations: ConversationsTable;
  conversation_items: ConversationItemsTable;
  context_caches: ContextCachesTable;
  context_cache_tags: ContextCacheTagsTable;
}

export const threadsMigrations: readonly Migration[] = [
  {
    name: 'threads/0001-responses',
    statements: [
      `CREATE TABLE responses (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        previous_id TEXT,
        expires_ms BIGINT NOT NULL,
        content_chars BIGINT NOT NULL,
        key_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        generation_id TEXT NOT NULL,
        conversation_id TEXT,
        status TEXT NOT NULL,
        background INTEGER NOT NULL,
        resumable INTEGER NOT NULL,
        upstream_id TEXT,
        upstream_handle TEXT,
        held_items BIGINT,
        created_ms BIGINT NOT NULL,
        ended_ms BIGINT,
        body TEXT NOT NULL,
        input TEXT NOT NULL,
        output TEXT NOT NULL,
        CHECK ((upstream_handle IS NULL) = (held_items IS NULL)),
        CHECK (upstream_handle IS NULL OR upstream_id IS NOT NULL)
      )`,
      'CREATE INDEX responses_by_expiry ON responses (expires_ms)',
      'CREATE INDEX responses_with_events ON responses (ended_ms) WHERE resumable = 1',
      `CREATE TABLE response_events (
        response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
        first_sequence BIGINT NOT NULL,
        last_sequence BIGINT NOT NULL,
        events TEXT NOT NULL,
        PRIMARY KEY (response_id, first_sequence)
      )`,
    ],
  },
  {
    name: 'threads/0002-conversations',
    statements: [
      `CREATE TABLE conversations (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        next_sequence BIGINT NOT NULL,
        metadata TEXT NOT NULL
      )`,
      'CREATE INDEX conversations_by_expiry ON conversations (expires_ms)',
      `CREATE TABLE conversation_items (
        conversation_id TEXT NOT NULL,
        sequence BIGINT NOT NULL,
        item_id TEXT NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (conversation_id, sequence),
        UNIQUE (conversation_id, item_id)
      )`,
    ],
  },
];
