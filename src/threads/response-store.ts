import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { ConversationId, GenerationId, ResponseId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import type { Sealer } from '../base/sealer.ts';
import type { CommitPart } from '../storage/commit-part.ts';
import type { Database } from '../storage/database.ts';
import { type ConversationTurn, conversationAppending } from './conversation-appending.ts';
import { chainProlongation, chainQuery, type ChainRow } from './response-chain.ts';
import type { ChainedResponse, ChainLimits, ResponseChain, ResponseChange, ResponseFacts, StoredResponse } from './stored-response.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { ThreadSeal } from './thread-seal.ts';
import type { ResponsesTable, ThreadTables } from './thread-tables.ts';

export interface ThreadStoreParts {
  readonly database: Pick<Database, 'builder' | 'commit' | 'commitIf' | 'query'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly clock: Clock;
}

/** Two thousand turns, or some 48 MiB of JSON, whichever comes first: no model reads more, and one caller's chain must not fill the memory. */
const chainLimits: ChainLimits = { depthMax: 2_000, charsMax: 64 * 1024 * 1024 };

/** As many items as a request may refer to; SQLite binds no more than 32,766 values. */
const referencedItemsMax = 10_000;

/** Ancestors are prolonged when they would end a day sooner than the newest turn: about once a day each. */
const prolongSlackMs = 86_400_000;

/**
 * Responses that are kept, for each tenant and mode: another's id is not found, as one that never was. What they say is sealed. A response
 * lives until it is deleted or expires; a turn that goes on from it prolongs its life.
 */
export class ResponseStore {
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

  /**
   * Stores a response, and `turn` at the end of its conversation, in one commit; durable when it resolves. False: nothing is stored, since
   * the conversation is not there (any more). To store it again, after an outcome that was unknown, changes nothing. Throws `storage_unavailable`.
   */
  async save(scope: TenantScope, response: StoredResponse, turn?: ConversationTurn): Promise<boolean> {
    const { guards, statements } = this.saving(scope, response, turn);
    const { committed } = await this.#database.commitIf(guards, statements);
    return committed;
  }

  /** What `save` commits, to share a commit with others. The guards refuse when the conversation is not there. */
  saving(scope: TenantScope, response: StoredResponse, turn?: ConversationTurn): CommitPart {
    const appending = turn === undefined ? undefined : conversationAppending(this.#builder, this.#seal, scope, turn, this.#clock.nowMs());
    const prolonging = response.previousId === undefined
      ? []
      : [chainProlongation(this.#builder, scope, response.previousId, response.expiresMs, prolongSlackMs)];
    return {
      guards: appending?.guards ?? [],
      statements: [this.#insertion(scope, response), ...this.indexing(scope, response.id, response.output), ...prolonging, ...(appending?.statements ?? [])],
    };
  }

  /** Undefined: this tenant has no such response in this mode. */
  async get(scope: TenantScope, id: string): Promise<StoredResponse | undefined> {
    const [row] = await this.#database.query(this.#alive(scope, id).selectAll().compile());
    if (row === undefined) return undefined;
    return {
      ...factsOf(row, row.id, row.previous_id),
      body: this.#seal.object(row.body, 'response-body', scope, row.id),
      input: this.#seal.list(row.input, 'response-input', scope, row.id),
      output: this.#seal.list(row.output, 'response-output', scope, row.id),
    };
  }

  /** The statements by which the output of a response, stored before, can be referred to item by item. */
  indexing({ tenantId, mode }: TenantScope, id: string, output: readonly JsonObject[]): readonly CompiledQuery[] {
    const rows = output.flatMap((item) => (typeof item['id'] === 'string' ? [{ tenant_id: tenantId, mode, item_id: item['id'], response_id: id }] : []));
    if (rows.length === 0) return [];
    return [this.#builder.insertInto('response_items').values(rows).onConflict((conflict) => conflict.doNothing()).compile()];
  }

  /**
   * Those of the output items with these ids that some stored response of this tenant and mode has, by their ids. Throws
   * `invalid_request` when what those responses answered is longer, all together, than `charsMax`.
   */
  async outputItems(scope: TenantScope, itemIds: readonly string[], charsMax: number = chainLimits.charsMax): Promise<ReadonlyMap<string, JsonObject>> {
    const { tenantId, mode } = scope;
    const wanted = new Set(itemIds.slice(0, referencedItemsMax));
    const holders = this.#builder
      .selectFrom('response_items')
      .select('response_id')
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('item_id', 'in', [...wanted]);
    const holding = this.#builder
      .selectFrom('responses')
      .where('id', 'in', holders)
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('expires_ms', '>', this.#clock.nowMs());
    const [size] = await this.#database.query(holding.select(sql<number>`COALESCE(SUM(length(output)), 0)`.as('chars')).compile());
    if (size === undefined || size.chars > charsMax) {
      throw new Fault('invalid_request', {
        message: 'Invalid request: the items that the input refers to stand in responses that are longer than can be read at once; refer to fewer, or send the items themselves', field: 'input',
      });
    }
    const rows = await this.#database.query(holding.select(['id', 'output']).compile());
    const items = rows.flatMap((row) => this.#seal.list(row.output, 'response-output', scope, row.id));
    return new Map(items.flatMap((item) => (typeof item['id'] === 'string' && wanted.has(item['id']) ? [[item['id'], item] as const] : [])));
  }

  /** What this turn was given, in its order. Undefined: there is no such response. */
  async inputItems(scope: TenantScope, id: string): Promise<readonly JsonObject[] | undefined> {
    const [row] = await this.#database.query(this.#alive(scope, id).select('input').compile());
    return row === undefined ? undefined : this.#seal.list(row.input, 'response-input', scope, id);
  }

  /** The response and what it went on from, with what each turn was given and answered, in one query. */
  async chain(scope: TenantScope, id: string, limits: ChainLimits = chainLimits): Promise<ResponseChain> {
    const rows = await this.#database.query(chainQuery(this.#builder, { scope, id, nowMs: this.#clock.nowMs(), limits }));
    const [oldest] = rows;
    if (oldest === undefined) return { found: false, why: 'missing', id };
    const { chain_previous_id: before, depth_all: depth, chars_all: chars } = oldest;
    if (before !== null && rows.some((row) => row.chain_id === before)) return { found: false, why: 'cycle', id: before };
    if (depth > limits.depthMax || chars > limits.charsMax) return { found: false, why: 'too-long', id: oldest.chain_id };
    if (before !== null) return { found: false, why: 'missing', id: before };
    return { found: true, responses: rows.map((row) => this.#chained(scope, row)) };
  }

  /** Changes a response that is under way. False: there is none, or it has ended already (cancelled, perhaps), and nothing was changed. */
  async update(scope: TenantScope, id: ResponseId, change: ResponseChange): Promise<boolean> {
    const { committed } = await this.#database.commitIf([this.updating(scope, id, change)], []);
    return committed;
  }

  /** A guard: what `update` commits, to share a commit with others. Changes no row when the response is not under way. */
  updating(scope: TenantScope, id: ResponseId, change: ResponseChange): CompiledQuery {
    const { status, body, output, endedMs, upstreamId, held } = change;
    const sealedOutput = output === undefined ? undefined : this.#seal.seal(output, 'response-output', scope, id);
    return this.#builder
      .updateTable('responses')
      .set((column) => ({
        // Itself, if nothing else: so that a change of nothing is a valid statement, which only asks.
        status: status ?? column.ref('status'),
        ...(body === undefined ? {} : { body: this.#seal.seal(body, 'response-body', scope, id) }),
        ...(sealedOutput === undefined ? {} : { output: sealedOutput, content_chars: sql<number>`length(${column.ref('input')}) + ${sealedOutput.length}` }),
        ...(endedMs === undefined ? {} : { ended_ms: endedMs }),
        ...(upstreamId === undefined ? {} : { upstream_id: upstreamId }),
        ...(held === undefined ? {} : { upstream_handle: held.handle, held_items: held.itemCount }),
      }))
      .where('id', '=', id)
      .where('tenant_id', '=', scope.tenantId)
      .where('mode', '=', scope.mode)
      .where('ended_ms', 'is', null)
      .compile();
  }

  /** Removes a response, its items and its events at once; chains that go through it are broken. False: there was none. */
  async delete(scope: TenantScope, id: string): Promise<boolean> {
    const [removed = 0] = await this.#database.commit([this.deletion(scope, id)]);
    return removed > 0;
  }

  /** A guard: what `delete` commits, to share a commit with others. */
  deletion({ tenantId, mode }: TenantScope, id: string): CompiledQuery {
    return this.#builder
      .deleteFrom('responses')
      .where('id', '=', id)
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('expires_ms', '>', this.#clock.nowMs())
      .compile();
  }

  #alive({ tenantId, mode }: TenantScope, id: string) {
    return this.#builder
      .selectFrom('responses')
      .where('id', '=', id)
      .where('tenant_id', '=', tenantId)
      .where('mode', '=', mode)
      .where('expires_ms', '>', this.#clock.nowMs());
  }

  #insertion(scope: TenantScope, response: StoredResponse): CompiledQuery {
    const { id } = response;
    const input = this.#seal.seal(response.input, 'response-input', scope, id);
    const output = this.#seal.seal(response.output, 'response-output', scope, id);
    return this.#builder
      .insertInto('responses')
      .values({
        id,
        tenant_id: scope.tenantId,
        mode: scope.mode,
        previous_id: response.previousId ?? null,
        expires_ms: response.expiresMs,
        prolongable: response.expiryFixed === true ? 0 : 1,
        content_chars: input.length + output.length,
        key_id: response.keyId,
        model_id: response.modelId,
        generation_id: response.generationId,
        conversation_id: response.conversationId ?? null,
        status: response.status,
        background: response.background ? 1 : 0,
        resumable: response.background ? 1 : 0,
        upstream_id: response.upstreamId ?? null,
        upstream_handle: response.held?.handle ?? null,
        held_items: response.held?.itemCount ?? null,
        created_ms: response.createdMs,
        ended_ms: response.endedMs ?? null,
        body: this.#seal.seal(response.body, 'response-body', scope, id),
        input,
        output,
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .compile();
  }

  #chained(scope: TenantScope, row: ChainRow): ChainedResponse {
    const { chain_id: id, input, output } = row;
    if (input === null || output === null) throw new Error('a chain that may be read comes with its items');
    return {
      ...factsOf(row, id, row.chain_previous_id),
      input: this.#seal.list(input, 'response-input', scope, id),
      output: this.#seal.list(output, 'response-output', scope, id),
    };
  }
}

type FactColumns = Omit<Selectable<ResponsesTable>, 'id' | 'previous_id' | 'tenant_id' | 'mode' | 'prolongable' | 'content_chars' | 'resumable' | 'body' | 'input' | 'output'>;

function factsOf(row: FactColumns, id: string, previousId: string | null): ResponseFacts {
  return {
    id: id as ResponseId,
    keyId: row.key_id,
    modelId: row.model_id,
    generationId: row.generation_id as GenerationId,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    ...(row.ended_ms === null ? {} : { endedMs: row.ended_ms }),
    status: row.status,
    background: row.background === 1,
    ...(previousId === null ? {} : { previousId: previousId as ResponseId }),
    ...(row.conversation_id === null ? {} : { conversationId: row.conversation_id as ConversationId }),
    ...(row.upstream_id === null ? {} : { upstreamId: row.upstream_id }),
    ...(row.upstream_handle === null || row.held_items === null ? {} : { held: { handle: row.upstream_handle, itemCount: row.held_items } }),
  };
}
