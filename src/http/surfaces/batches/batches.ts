import type { FastifyInstance } from 'fastify';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { Batches } from '../../../batches/batches.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { sandboxScriptOf } from '../../sandbox-header.ts';
import { listPlace, type PageQuery, unknownAfter } from '../responses/list-query.ts';
import { scopeOf } from '../responses/responses-deps.ts';
import { batchShape } from './batch-shape.ts';
import { batchWishOf } from './batch-wish.ts';

interface ById {
  Params: { id: string };
}

/** `{base}/batches`: many requests in a file, or in the body itself, answered within a window. */
export function registerBatches(app: FastifyInstance, base: BasePath, batches: Batches): void {
  const path = `${base.path}/batches`;

  app.post(path, async (request) => {
    const caller = callerOf(request);
    const sandboxScript = sandboxScriptOf(request, caller);
    const wish = batchWishOf(request.body, `${base.path}/chat/completions`);
    return batchShape(await batches.create(caller, { ...wish, ...(sandboxScript === undefined ? {} : { sandboxScript }) }));
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
