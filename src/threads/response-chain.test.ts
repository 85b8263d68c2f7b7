import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../../tests/doubles/databases.ts';
import { ManualClock } from '../../tests/doubles/manual-clock.ts';
import type { ResponseId } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { Sealer } from '../base/sealer.ts';
import type { Database } from '../storage/database.ts';
import { ResponseStore } from './response-store.ts';
import type { TenantScope } from '../base/tenant-scope.ts';
import { threadsMigrations, type ThreadTables } from './thread-tables.ts';

const scope: TenantScope = { tenantId: 'ten_1', mode: 'live' };
const stranger: TenantScope = { tenantId: 'ten_2', mode: 'live' };
const countMax = 9;

/** A response of a graph, by numbers: what it goes on from may be missing, itself, or later than it. */
interface Node {
  readonly previous: number | undefined;
  readonly fate: 'there' | 'foreign' | 'expired' | 'deleted';
}

const anyGraph = fc.array(
  fc.record<Node>({
    previous: fc.option(fc.nat(countMax), { nil: undefined }),
    fate: fc.oneof({ weight: 8, arbitrary: fc.constant('there' as const) }, { weight: 1, arbitrary: fc.constantFrom<Node['fate'][]>('foreign', 'expired', 'deleted') }),
  }),
  { minLength: 1, maxLength: countMax },
);

onEveryDatabase((databases) => {
  const clock = new ManualClock();
  let database: Database;
  let store: ResponseStore;
  let graphs = 0;

  beforeAll(async () => {
    database = await databases.open(threadsMigrations);
    store = new ResponseStore({ database, sealer: new Sealer(Buffer.alloc(32, 1), systemRandom), clock });
  });

  describe('a chain of responses', () => {
    it('is what one finds step by step, whatever the graph, and is not found for the same reason', async () => {
      await fc.assert(
        fc.asyncProperty(anyGraph, fc.integer({ min: 1, max: countMax + 1 }), async (graph, depthMax) => {
          graphs += 1;
          const graphId = graphs;
          const idOf = (node: number): ResponseId => `resp_${graphId}.${node}`;
          const builder = database.builder<ThreadTables>();
          await database.commit(graph.flatMap(({ previous, fate }, node) => {
            const response = {
              id: idOf(node), keyId: 'key_1', modelId: 'k2', generationId: 'gen_1', createdMs: 1, expiresMs: clock.nowMs() + (fate === 'expired' ? 0 : 1), status: 'completed',
              background: false, body: {}, input: [{ node }], output: [], ...(previous === undefined ? {} : { previousId: idOf(previous) }),
            } as const;
            // Without the other statements: here no turn prolongs what it goes on from.
            const [insertion] = store.saving(fate === 'foreign' ? stranger : scope, response).statements;
            if (insertion === undefined) throw new Error('saving begins with the response');
            return fate === 'deleted' ? [insertion, builder.deleteFrom('responses').where('id', '=', response.id).compile()] : [insertion];
          }));
          for (let head = 0; head < graph.length; head += 1) {
            const found = await store.chain(scope, idOf(head), { depthMax, charsMax: 1e9 });
            expect(found.found ? found.responses.map((one) => one.input) : { why: found.why, id: found.id }).toEqual(walked(graph, head, depthMax, idOf));
          }
        }),
        { numRuns: databases.kind === 'SQLite' ? 60 : 25 },
      );
    });
  });
});

/** The chain, as it is looked up one by one: a circle is said before a length, since there is no length to a circle. */
function walked(graph: readonly Node[], head: number, depthMax: number, idOf: (node: number) => string): unknown {
  const path: number[] = [];
  let next: number | undefined = head;
  while (next !== undefined) {
    const node: Node | undefined = graph[next];
    if (node?.fate !== 'there') return path.length > depthMax ? tooLong(path, depthMax, idOf) : { why: 'missing', id: idOf(next) };
    if (path.includes(next)) return path.length > depthMax + 1 ? tooLong(path, depthMax, idOf) : { why: 'cycle', id: idOf(next) };
    path.push(next);
    next = node.previous;
  }
  return path.length > depthMax ? tooLong(path, depthMax, idOf) : path.reverse().map((node) => [{ node }]);
}

function tooLong(path: readonly number[], depthMax: number, idOf: (node: number) => string): unknown {
  return { why: 'too-long', id: idOf(path[depthMax] ?? -1) };
}
