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
  /** 0: its caller has said when it ends. */
  prolongable: number;
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

/** Where an output item stands, so that it can be referred to by its id alone. */
export interface ResponseItemsTable {
  tenant_id: string;
  mode: 'live' | 'test';
  item_id: string;
  response_id: string;
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
  /** Length of the sealed item. */
  content_chars: number;
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
  /** When it ended; of one that expired: written when that is noticed. */
  ended_ms: number | null;
  upstream_id: string | null;
  response_id: string | null;
  ttl_s: number | null;
  /** Sealed: name, description and metadata. */
  labels: string;
  /** Sealed: messages and tools. Null once it has ended. */
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
  response_items: ResponseItemsTable;
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
        prolongable INTEGER NOT NULL,
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
        content_chars BIGINT NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (conversation_id, sequence),
        UNIQUE (conversation_id, item_id)
      )`,
    ],
  },
  {
    name: 'threads/0003-context-caches',
    statements: [
      `CREATE TABLE context_caches (
        id TEXT NOT NULL PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        key_id TEXT NOT NULL,
        model_id TEXT NOT NULL,
        tokens BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'error', 'inactive', 'expired', 'deleted')),
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        ended_ms BIGINT,
        upstream_id TEXT,
        response_id TEXT,
        ttl_s BIGINT,
        labels TEXT NOT NULL,
        content TEXT,
        CHECK ((ended_ms IS NULL) = (state IN ('pending', 'ready'))),
        CHECK (ended_ms IS NULL OR content IS NULL)
      )`,
      'CREATE INDEX context_caches_by_owner ON context_caches (tenant_id, mode, id)',
      'CREATE INDEX context_caches_alive ON context_caches (expires_ms) WHERE ended_ms IS NULL',
      'CREATE INDEX context_caches_ended ON context_caches (ended_ms) WHERE ended_ms IS NOT NULL',
      'CREATE INDEX context_caches_by_response ON context_caches (response_id) WHERE response_id IS NOT NULL',
      `CREATE TABLE context_cache_tags (
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        tag TEXT NOT NULL,
        cache_id TEXT NOT NULL REFERENCES context_caches (id) ON DELETE CASCADE,
        PRIMARY KEY (tenant_id, mode, tag)
      )`,
      'CREATE INDEX context_cache_tags_by_cache ON context_cache_tags (cache_id)',
    ],
  },
  {
    name: 'threads/0004-response-items',
    statements: [
      `CREATE TABLE response_items (
        tenant_id TEXT NOT NULL,
        mode TEXT NOT NULL,
        item_id TEXT NOT NULL,
        response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
        PRIMARY KEY (tenant_id, mode, item_id, response_id)
      )`,
      'CREATE INDEX response_items_by_response ON response_items (response_id)',
    ],
  },
];
