import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { ChainLimits } from './stored-response.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import type { ResponsesTable, ThreadTables } from './thread-tables.ts';

/** One response of a chain, each once. All of the response itself is null when the chain is longer than may be read. */
export interface ChainRow extends Omit<ResponsesTable, 'id' | 'previous_id' | 'tenant_id' | 'mode' | 'prolongable' | 'content_chars' | 'body' | 'resumable' | 'input' | 'output'> {
  chain_id: string;
  chain_previous_id: string | null;
  /** Of the whole chain. */
  depth_all: number;
  chars_all: number;
  input: string | null;
  output: string | null;
}

export interface ChainQuery {
  readonly scope: TenantScope;
  /** The newest of the chain. */
  readonly id: string;
  readonly nowMs: number;
  readonly limits: ChainLimits;
}

/**
 * The chain that ends with a response, the oldest first, in one query. The walk reads no texts and goes one step further than it may, so
 * that a chain that is too long can be told from one that ends there; a cycle ends it in the same way.
 */
export function chainQuery(builder: Kysely<ThreadTables>, { scope, id, nowMs, limits }: ChainQuery): CompiledQuery<ChainRow> {
  const { tenantId, mode } = scope;
  return sql<ChainRow>`
    WITH RECURSIVE chain (id, previous_id, depth, chars) AS (
      SELECT id, previous_id, 1, content_chars FROM responses
      WHERE id = ${id} AND tenant_id = ${tenantId} AND mode = ${mode} AND expires_ms > ${nowMs}
      UNION ALL
      SELECT earlier.id, earlier.previous_id, chain.depth + 1, chain.chars + earlier.content_chars
      FROM chain JOIN responses AS earlier ON earlier.id = chain.previous_id
      WHERE earlier.tenant_id = ${tenantId} AND earlier.mode = ${mode} AND earlier.expires_ms > ${nowMs}
        AND chain.depth <= ${limits.depthMax} AND chain.chars <= ${limits.charsMax}
    ), link AS (
      SELECT id, previous_id, min(depth) AS depth FROM chain GROUP BY id, previous_id
    ), whole AS (
      SELECT max(depth) AS depth, max(chars) AS chars FROM chain
    )
    SELECT link.id AS chain_id, link.previous_id AS chain_previous_id, whole.depth AS depth_all, whole.chars AS chars_all,
      one.expires_ms, one.key_id, one.model_id, one.generation_id, one.conversation_id, one.status, one.background,
      one.upstream_id, one.upstream_handle, one.held_items, one.created_ms, one.ended_ms, one.input, one.output
    FROM link CROSS JOIN whole
      LEFT JOIN responses AS one ON one.id = link.id AND whole.depth <= ${limits.depthMax} AND whole.chars <= ${limits.charsMax}
    ORDER BY link.depth DESC`.compile(builder);
}

/**
 * Lets all responses from `id` backwards live until `expiresMs`, where they would end `slackMs` sooner or earlier still: so that the rows
 * of a living chain are not written at every turn. Not those whose caller has said when they end. `UNION` ends a cycle.
 */
export function chainProlongation(builder: Kysely<ThreadTables>, { tenantId, mode }: TenantScope, id: string, expiresMs: number, slackMs: number): CompiledQuery {
  return sql`
    WITH RECURSIVE chain (id, previous_id) AS (
      SELECT id, previous_id FROM responses WHERE id = ${id} AND tenant_id = ${tenantId} AND mode = ${mode}
      UNION
      SELECT earlier.id, earlier.previous_id FROM chain JOIN responses AS earlier ON earlier.id = chain.previous_id
      WHERE earlier.tenant_id = ${tenantId} AND earlier.mode = ${mode}
    )
    UPDATE responses SET expires_ms = ${expiresMs}
    WHERE expires_ms <= ${expiresMs - slackMs} AND prolongable = 1 AND id IN (SELECT id FROM chain)`.compile(builder);
}
