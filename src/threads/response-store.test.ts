import type { CompiledQuery } from 'kysely';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import { systemClock } from '../base/clock.ts';
import { newId, type ResponseId } from '../base/id.ts';
import type { JsonObject } from '../base/json.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import { ConversationStore } from './conversation-store.ts';
import { chainProlongation, chainQuery } from './response-chain.ts';
import { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const strangers: readonly TenantScope[] = [{ tenantId: 'ten_2', mode: 'live' }, { tenantId: 'ten_1', mode: 'test' }];
const dayMs = 86_400_000;

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let store: ResponseStore;
  let conversations: ConversationStore;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    const parts = { database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock };
    store = new ResponseStore(parts);
    conversations = new ConversationStore(parts);
  });

  const newResponseId = (): ResponseId => newId('resp', systemClock, systemRandom);

  function response(change: Partial<StoredResponse> = {}): StoredResponse {
    const { id = newResponseId() } = change;
    const says = (role: string): JsonObject => ({ role, text: `${role} secret of ${id}`, nested: [1, null, { deep: true }] });
    return {
      id, keyId: 'key_1', modelId: 'kimi-k2', generationId: newId('gen', systemClock, systemRandom),
      createdMs: clock.nowMs(), endedMs: clock.nowMs(), expiresMs: clock.nowMs() + 30 * dayMs, status: 'completed', background: false,
      body: { id, object: 'response' }, input: [says('user')], output: [says('reasoner'), says('assistant')], ...change,
    };
  }

  async function saved(change: Partial<StoredResponse> = {}): Promise<StoredResponse> {
    const one = response(change);
    expect(await store.save(scope, one)).toBe(true);
    return one;
  }

  /** So many turns, each going on from the one before; the oldest first. */
  async function savedChain(count: number, change: Partial<StoredResponse> = {}): Promise<readonly StoredResponse[]> {
    const chain: StoredResponse[] = [];
    for (let turn = 0; turn < count; turn += 1) {
      const previousId = chain.at(-1)?.id;
      chain.push(await saved({ ...change, ...(previousId === undefined ? {} : { previousId }) }));
    }
    return chain;
  }

  const chained = ({ body: _, ...rest }: StoredResponse): Omit<StoredResponse, 'body'> => rest;
  const last = (chain: readonly StoredResponse[]): StoredResponse => chain.at(-1) ?? response();

  describe('ResponseStore', () => {
    it('gives back what was stored, and says nothing of it in the table', async () => {
      const plain = await saved();
      const full = await saved({ background: true, upstreamId: 'ark', held: { handle: 'resp_theirs', itemCount: 3 }, previousId: plain.id });
      expect(await store.get(scope, plain.id)).toEqual(plain);
      expect(await store.get(scope, full.id)).toEqual(full);
      expect(await store.inputItems(scope, full.id)).toEqual(full.input);
      const rows = await database.query(database.builder<ThreadTables>().selectFrom('responses').selectAll().compile());
      expect(rows.length).toBeGreaterThan(1);
      expect(JSON.stringify(rows)).not.toContain('secret');
    });

    it('has nothing for another tenant, nor for the other mode, nor in a chain through what is theirs', async () => {
      const ours = await saved({ background: true });
      const { endedMs: _, ...open } = response({ background: true });
      await store.save(scope, open);
      for (const stranger of strangers) {
        expect(await store.get(stranger, ours.id)).toBeUndefined();
        expect(await store.inputItems(stranger, ours.id)).toBeUndefined();
        expect(await store.chain(stranger, ours.id)).toEqual({ found: false, why: 'missing', id: ours.id });
        expect(await store.update(stranger, open.id, { status: 'cancelled' })).toBe(false);
        expect(await store.delete(stranger, ours.id)).toBe(false);
        const theirs = response({ previousId: ours.id, expiresMs: clock.nowMs() + 90 * dayMs });
        await store.save(stranger, theirs);
        expect(await store.chain(stranger, theirs.id)).toEqual({ found: false, why: 'missing', id: ours.id });
      }
      expect(await store.get(scope, ours.id)).toEqual(ours);
      expect(await store.get(scope, open.id)).toEqual(open);
    });

    it('reads a chain, the oldest first, and what each upstream holds of it', async () => {
      const chain = await savedChain(4, { upstreamId: 'ark', held: { handle: 'h', itemCount: 12 } });
      const branch = await saved({ previousId: chain[1]?.id ?? 'resp_' });
      expect(await store.chain(scope, last(chain).id)).toEqual({ found: true, responses: chain.map(chained) });
      expect(await store.chain(scope, branch.id)).toEqual({ found: true, responses: [...chain.slice(0, 2), branch].map(chained) });
      expect(await store.chain(scope, chain[0]?.id ?? '')).toEqual({ found: true, responses: chain.slice(0, 1).map(chained) });
    });

    it('says which response a chain has lost, and where it goes round in a circle', async () => {
      const chain = await savedChain(4);
      const ids = chain.map((one) => one.id);
      expect(await store.delete(scope, ids[1] ?? '')).toBe(true);
      expect(await store.delete(scope, ids[1] ?? '')).toBe(false);
      expect(await store.get(scope, ids[1] ?? '')).toBeUndefined();
      expect(await store.chain(scope, ids[3] ?? '')).toEqual({ found: false, why: 'missing', id: ids[1] });
      expect(await store.chain(scope, 'resp_nobody')).toEqual({ found: false, why: 'missing', id: 'resp_nobody' });
      const [first, second] = [newResponseId(), newResponseId()];
      await saved({ id: first, previousId: second });
      await saved({ id: second, previousId: first });
      const head = await saved({ previousId: second });
      expect(await store.chain(scope, head.id)).toEqual({ found: false, why: 'cycle', id: second });
      const self = newResponseId();
      await saved({ id: self, previousId: self });
      expect(await store.chain(scope, self)).toEqual({ found: false, why: 'cycle', id: self });
    });

    it('refuses a chain with more responses, or more text, than may be read', async () => {
      const chain = await savedChain(5);
      const limits = { depthMax: 5, charsMax: 1e6 };
      expect(await store.chain(scope, last(chain).id, limits)).toMatchObject({ found: true });
      expect(await store.chain(scope, last(chain).id, { ...limits, depthMax: 4 })).toEqual({ found: false, why: 'too-long', id: chain[0]?.id });
      expect(await store.chain(scope, last(chain).id, { ...limits, charsMax: 1_000 })).toMatchObject({ found: false, why: 'too-long' });
      const large = await saved({ input: [{ text: 'x'.repeat(2_000) }] });
      expect(await store.chain(scope, large.id, { ...limits, charsMax: 2_000 })).toEqual({ found: false, why: 'too-long', id: large.id });
    });

    it('lets the whole chain live as long as its newest turn, writing each row about once a day', async () => {
      const chain = await savedChain(3);
      const expiries = async (): Promise<readonly (number | undefined)[]> => Promise.all(chain.map(async ({ id }) => (await store.get(scope, id))?.expiresMs));
      const first = chain[0]?.expiresMs ?? 0;
      clock.advance(dayMs - 1);
      await saved({ previousId: last(chain).id });
      expect(await expiries()).toEqual([first, first, first]);
      clock.advance(1);
      await saved({ previousId: last(chain).id });
      const later = clock.nowMs() + 30 * dayMs;
      expect(await expiries()).toEqual([later, later, later]);
      await saved({ previousId: last(chain).id, expiresMs: clock.nowMs() + dayMs });
      expect(await expiries()).toEqual([later, later, later]);
      clock.advance(30 * dayMs - 1);
      expect(await store.chain(scope, last(chain).id)).toMatchObject({ found: true });
      clock.advance(1);
      expect(await store.chain(scope, last(chain).id)).toEqual({ found: false, why: 'missing', id: last(chain).id });
      expect(await store.get(scope, last(chain).id)).toBeUndefined();
    });

    it('lets nothing live longer than its caller has said', async () => {
      const brief = await saved({ expiresMs: clock.nowMs() + dayMs, expiryFixed: true });
      await saved({ previousId: brief.id });
      expect(await store.get(scope, brief.id)).toMatchObject({ expiresMs: clock.nowMs() + dayMs });
      clock.advance(dayMs);
      expect(await store.get(scope, brief.id)).toBeUndefined();
    });

    it('takes many turns that go on from the same one at the same time', async () => {
      const chain = await savedChain(10);
      clock.advance(2 * dayMs);
      const turns = Array.from({ length: 12 }, () => response({ previousId: last(chain).id }));
      expect(await Promise.all(turns.map((turn) => store.save(scope, turn)))).toEqual(turns.map(() => true));
      expect(await store.chain(scope, turns[0]?.id ?? '')).toMatchObject({ found: true });
      expect(await store.get(scope, chain[0]?.id ?? '')).toMatchObject({ expiresMs: clock.nowMs() + 30 * dayMs });
    });

    it('finds output items by their ids, its owner\'s alone, as long as all that they stand in may be read', async () => {
      const ids = [`rs_${newResponseId()}`, `rs_${newResponseId()}`, `rs_${newResponseId()}`];
      for (const id of ids) await saved({ output: [{ id, type: 'reasoning', text: 'x'.repeat(1_000) }, { id: `msg_${id}`, type: 'message' }] });
      const [first = '', second = ''] = ids;
      expect([...(await store.outputItems(scope, [first, second, 'rs_none'])).keys()].sort()).toEqual([first, second].sort());
      for (const stranger of strangers) expect((await store.outputItems(stranger, ids)).size).toBe(0);
      expect((await store.outputItems(scope, ['rs_none'])).size).toBe(0);
      expect((await store.outputItems(scope, [first], 2_000)).size).toBe(1);
      await expect(store.outputItems(scope, ids, 2_000)).rejects.toMatchObject({ code: 'invalid_request', field: 'input' });
    });

    it('changes a background response until it has ended, once', async () => {
      const { endedMs: _, ...open } = response({ background: true, status: 'queued', output: [] });
      await store.save(scope, open);
      expect(await store.update(scope, open.id, {})).toBe(true);
      expect(await store.update(scope, open.id, { status: 'in_progress', body: { step: 1 } })).toBe(true);
      expect(await store.get(scope, open.id)).toEqual({ ...open, status: 'in_progress', body: { step: 1 } });
      const output = [{ text: 'x'.repeat(3_000) }];
      const end = { status: 'completed', body: { step: 2 }, output, endedMs: clock.nowMs(), upstreamId: 'ark', held: { handle: 'h', itemCount: 2 } };
      expect(await Promise.all([store.update(scope, open.id, end), store.update(scope, open.id, end)])).toEqual(expect.arrayContaining([true, false]));
      expect(await store.update(scope, open.id, { status: 'cancelled' })).toBe(false);
      expect(await store.get(scope, open.id)).toEqual({ ...open, ...end });
      // The new output counts in what a chain may hold.
      expect(await store.chain(scope, open.id, { depthMax: 5, charsMax: 3_000 })).toMatchObject({ why: 'too-long' });
    });

    it('stores the same response once, however often it is told to', async () => {
      const one = await saved();
      expect(await store.save(scope, { ...one, status: 'failed' })).toBe(true);
      expect(await store.get(scope, one.id)).toEqual(one);
    });

    it('adds the turn to its conversation in the same commit, or stores nothing', async () => {
      const conversationId = newId('conv', systemClock, systemRandom);
      const expiresMs = clock.nowMs() + dayMs;
      await conversations.create(scope, { id: conversationId, createdMs: clock.nowMs(), expiresMs, metadata: {} });
      const one = response({ conversationId });
      const turn = { conversationId, items: [{ id: 'msg_1', item: { a: 1 } }], expiresMs };
      expect(await store.save(scope, one, turn)).toBe(true);
      expect(await store.get(scope, one.id)).toEqual(one);
      expect(await conversations.list(scope, conversationId, { limit: 5, order: 'asc' })).toEqual({ items: turn.items, hasMore: false });
      await conversations.delete(scope, conversationId);
      const late = response({ conversationId });
      expect(await store.save(scope, late, turn)).toBe(false);
      expect(await store.get(scope, late.id)).toBeUndefined();
    });

    if (databases.kind === 'SQLite') {
      it('walks along a chain by its key', async () => {
        const builder = database.builder<ThreadTables>();
        const plan = async (statement: CompiledQuery): Promise<string> => {
          const explaining = { ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` } as CompiledQuery<{ detail: string }>;
          return (await database.query(explaining)).map(({ detail }) => detail).join('\n');
        };
        const walks = [
          chainQuery(builder, { scope, id: 'resp_1', nowMs: 1, limits: { depthMax: 5, charsMax: 5 } }),
          chainProlongation(builder, scope, 'resp_1', 9, 1),
        ];
        for (const walk of walks) {
          const steps = await plan(walk);
          expect(steps).toMatch(/SEARCH earlier USING INDEX \S+ \(id=\?\)/);
          expect(steps).not.toMatch(/SCAN (responses|earlier|one)/);
        }
      });
    }
  });
});
