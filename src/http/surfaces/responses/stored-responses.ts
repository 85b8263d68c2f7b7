import type { FastifyInstance } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { deletedResponse, itemPage } from '../../../wire/openai-responses/response-lists.ts';
import { shownItem, shownResponse } from '../../../wire/openai-responses/shown-item.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { type BackgroundResponses, responseNotFound } from './background-responses.ts';
import { includesEncrypted, listPlace, pageOf, type PageQuery } from './list-query.ts';
import { type ResponsesDeps, scopeOf } from './responses-deps.ts';

interface ById {
  Params: { id: string };
}

interface RetrieveQuery extends PageQuery {
  readonly stream?: string;
  readonly starting_after?: string;
}

/** What is done with a response that is stored: read it, take up its stream, list what it was given, cancel it, delete it. */
export function registerStoredResponses(app: FastifyInstance, base: BasePath, deps: ResponsesDeps, background: BackgroundResponses): void {
  const path = `${base.path}/responses/:id`;

  app.get<ById & { Querystring: RetrieveQuery }>(path, async (request, reply) => {
    const { params, query } = request;
    const scope = scopeOf(callerOf(request));
    const response = await deps.responses.get(scope, params.id);
    if (response === undefined) throw responseNotFound(params.id);
    if (query.stream === 'true') return background.resume(reply, { scope, response, startingAfter: startingAfterOf(query) });
    return shownResponse(response.body, includesEncrypted(query));
  });

  app.delete<ById>(path, async (request) => {
    const { id } = request.params;
    if (!(await background.delete(scopeOf(callerOf(request)), id))) throw responseNotFound(id);
    return deletedResponse(id);
  });

  app.get<ById & { Querystring: PageQuery }>(`${path}/input_items`, async (request) => {
    const { params, query } = request;
    const items = await deps.responses.inputItems(scopeOf(callerOf(request)), params.id);
    if (items === undefined) throw responseNotFound(params.id);
    const { page, hasMore } = pageOf(items, listPlace(query));
    return itemPage(page.map((item) => shownItem(item, includesEncrypted(query))), hasMore);
  });

  // Ark has nothing in the background.
  if (base.vendor === 'ark') return;
  app.post<ById>(`${path}/cancel`, { config: { bodyOptional: true } }, async (request) =>
    shownResponse(await background.cancel(scopeOf(callerOf(request)), request.params.id), false));
}

function startingAfterOf({ starting_after: text }: RetrieveQuery): number {
  if (text === undefined) return -1;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Fault('invalid_request', { message: "Invalid 'starting_after': expected the sequence_number of an event.", field: 'starting_after' });
}
