import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import { newId } from '../../../base/id.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { ConversationItem } from '../../../threads/conversation-appending.ts';
import type { Conversation } from '../../../threads/conversation-store.ts';
import { parseConversationItems } from '../../../wire/openai-responses/conversation-items.ts';
import { normaliseItems } from '../../../wire/openai-responses/input-items.ts';
import { conversationObject, deletedConversation, itemPage } from '../../../wire/openai-responses/response-lists.ts';
import { missingField } from '../../../wire/openai-responses/responses-fault.ts';
import { checkedMetadata } from '../../../wire/openai-responses/responses-request-schema.ts';
import { shownItem } from '../../../wire/openai-responses/shown-item.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { includesEncrypted, listPlace, type PageQuery, unknownAfter } from './list-query.ts';
import { newItemId } from './new-item-id.ts';
import { type ResponsesDeps, scopeOf } from './responses-deps.ts';
import { conversationNotFound } from './thread-context.ts';

interface ById {
  Params: { id: string };
}
interface ByItem {
  Params: { id: string; itemId: string };
}

type ConversationsDeps = Pick<ResponsesDeps, 'conversations' | 'keptForMs' | 'clock' | 'random'>;

/** `{base}/conversations`: threads that turns are added to by the turns themselves, or by hand. */
export function registerConversations(app: FastifyInstance, base: BasePath, deps: ConversationsDeps): void {
  const { conversations, clock } = deps;
  const path = `${base.path}/conversations`;

  app.post(path, { config: { bodyOptional: true } }, async (request) => {
    const body = objectOf(request.body ?? {});
    const metadata = checkedMetadata(body['metadata']);
    const items = itemsOf(parseConversationItems(body, false), deps);
    const nowMs = clock.nowMs();
    const conversation: Conversation = { id: newId('conv', clock, deps.random), createdMs: nowMs, expiresMs: nowMs + deps.keptForMs, metadata };
    await conversations.create(scopeOf(callerOf(request)), conversation, items);
    return shownConversation(conversation);
  });

  app.get<ById>(`${path}/:id`, async (request) => shownConversation(await found(request, deps)));

  app.post<ById>(`${path}/:id`, async (request) => {
    const wanted = objectOf(request.body)['metadata'];
    // Put in the place of what there is, so that its absence must not count as none.
    if (wanted === undefined) throw missingField('metadata');
    const metadata = checkedMetadata(wanted);
    if (!(await conversations.setMetadata(scopeOf(callerOf(request)), request.params.id, metadata))) throw conversationNotFound(request.params.id);
    return shownConversation(await found(request, deps));
  });

  app.delete<ById>(`${path}/:id`, async (request) => {
    const { id } = request.params;
    if (!(await conversations.delete(scopeOf(callerOf(request)), id))) throw conversationNotFound(id);
    return deletedConversation(id);
  });

  registerItems(app, `${path}/:id/items`, deps);
}

function registerItems(app: FastifyInstance, path: string, deps: ConversationsDeps): void {
  const { conversations, clock } = deps;

  app.post<ById>(path, async (request) => {
    const items = itemsOf(parseConversationItems(request.body, true), deps);
    const { id } = await found(request, deps);
    const added = await conversations.appendTurn(scopeOf(callerOf(request)), { conversationId: id, items, expiresMs: clock.nowMs() + deps.keptForMs });
    if (!added) throw conversationNotFound(id);
    return itemPage(items.map(({ item }) => shownItem(item, includesEncrypted(queryOf(request)))), false);
  });

  app.get<ById>(path, async (request) => {
    const { id } = request.params;
    const page = await conversations.list(scopeOf(callerOf(request)), id, listPlace(queryOf(request)));
    if (page === 'no-conversation') throw conversationNotFound(id);
    if (page === 'no-item') throw unknownAfter();
    return itemPage(page.items.map(({ item }) => shownItem(item, includesEncrypted(queryOf(request)))), page.hasMore);
  });

  app.get<ByItem>(`${path}/:itemId`, async (request) => {
    const { id, itemId } = request.params;
    const item = await conversations.item(scopeOf(callerOf(request)), id, itemId);
    if (item === undefined) throw itemNotFound(itemId);
    return shownItem(item.item, includesEncrypted(queryOf(request)));
  });

  app.delete<ByItem>(`${path}/:itemId`, async (request) => {
    const { id, itemId } = request.params;
    if (!(await conversations.deleteItem(scopeOf(callerOf(request)), id, itemId))) throw itemNotFound(itemId);
    return shownConversation(await found(request, deps));
  });
}

async function found(request: FastifyRequest<ById>, { conversations }: ConversationsDeps): Promise<Conversation> {
  const conversation = await conversations.get(scopeOf(callerOf(request)), request.params.id);
  if (conversation === undefined) throw conversationNotFound(request.params.id);
  return conversation;
}

function queryOf(request: FastifyRequest): PageQuery {
  const { query } = request;
  return typeof query === 'object' && query !== null ? query : {};
}

function itemsOf(list: readonly JsonObject[], { random }: ConversationsDeps): readonly ConversationItem[] {
  const items = normaliseItems(list, (prefix) => newItemId(prefix, random), new Map());
  return items.map((item) => ({ id: String(item['id']), item }));
}

function objectOf(value: unknown): JsonObject {
  if (isJsonObject(value)) return value;
  throw new Fault('invalid_request', { message: 'The body must be a JSON object.' });
}

function shownConversation({ id, createdMs, metadata }: Conversation): JsonObject {
  return conversationObject(id, Math.floor(createdMs / 1000), metadata);
}

function itemNotFound(id: string): Fault {
  return new Fault('not_found', { message: `Item with id '${id.slice(0, 128).toWellFormed()}' not found.` });
}
