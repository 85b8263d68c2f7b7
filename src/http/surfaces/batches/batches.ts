import type { FastifyInstance } from 'fastify';
import { newId } from '../../../base/id.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { Batches } from '../../../batches/batches.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import type { GenerationDeps } from '../../generation-exchange.ts';
import { sandboxScriptOf } from '../../sandbox-header.ts';
import { listPlace, type PageQuery, unknownAfter } from '../responses/list-query.ts';
import { scopeOf } from '../responses/responses-deps.ts';
import { batchShape } from './batch-shape.ts';
import { batchWishOf } from './batch-wish.ts';

interface ById {
  Params: { id: string };
}

export interface BatchSurfaceDeps extends Pick<GenerationDeps, 'idempotency' | 'clock' | 'random'> {
  readonly batches: Batches;
}

const jsonType = 'application/json; charset=utf-8';

/** `{base}/batches`: many requests in a file, or in the body itself, answered within a window. */
export function registerBatches(app: FastifyInstance, base: BasePath, { batches, idempotency, clock, random }: BatchSurfaceDeps): void {
  const path = `${base.path}/batches`;

  app.post(path, (request, reply) => {
    const caller = callerOf(request);
    const sandboxScript = sandboxScriptOf(request, caller);
    const wish = batchWishOf(request.body, `${base.path}/chat/completions`);
    // The id only tells its claim from others: a batch is no generation.
    return idempotency.once(request, reply, newId('gen', clock, random), async (copy) => {
      const text = JSON.stringify(batchShape(await batches.create(caller, { ...wish, ...(sandboxScript === undefined ? {} : { sandboxScript }) })));
      if (copy !== undefined) await copy.keep({ status: 200, headers: { 'content-type': jsonType } }, text);
      return reply.type(jsonType).send(text);
    })();
  });

  app.get(path, async (request) => {
    const { limit, after } = listPlace(request.query as PageQuery);
    const scope = scopeOf(callerOf(request));
    if (after !== undefined && !(await isOf(batches, scope, after))) throw unknownAfter();
    const { page, hasMore } = await batches.list(scope, { limit, ...(after === undefined ? {} : { after }) });
    const data = page.map(batchShape);
    return { object: 'list', data, first_id: data.at(0)?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null, has_more: hasMore };
  });

  app.get<ById>(`${path}/:id`, async (request) => batchShape(await batches.get(scopeOf(callerOf(request)), request.params.id)));

  app.post<ById>(`${path}/:id/cancel`, { config: { bodyOptional: true } }, async (request) => batchShape(await batches.cancel(scopeOf(callerOf(request)), request.params.id)));
}

/** Whether `id` is a batch that `scope` sees. */
async function isOf(batches: Batches, scope: TenantScope, id: string): Promise<boolean> {
  const told = await batches.find(id);
  return told?.batch.scope.tenantId === scope.tenantId && told.batch.scope.mode === scope.mode;
}
