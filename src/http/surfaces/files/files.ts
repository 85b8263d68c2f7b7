import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Fault } from '../../../base/fault.ts';
import type { TenantScope } from '../../../base/tenant-scope.ts';
import type { Files } from '../../../documents/files.ts';
import type { FileTexts, TextFacts } from '../../../documents/file-texts.ts';
import type { FilePlace, StoredFile } from '../../../documents/stored-file.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { scopeOf } from '../responses/responses-deps.ts';
import { contentDisposition, extractedContent, fileObject } from './file-shape.ts';
import { leavingSignal } from '../../leaving-signal.ts';
import { registerUploadFile, type UploadFileDeps } from './upload-file.ts';

interface ById {
  Params: { id: string };
}

interface ListQuery {
  readonly limit?: string | readonly string[];
  readonly order?: string | readonly string[];
  readonly after?: string | readonly string[];
  readonly purpose?: string | readonly string[];
}

/** OpenAI's, both the default and the most (responses-ark-anthropic-batch.md 4.1): Moonshot's has no pages. */
const listedMax = 10_000;

/** `{base}/files`: Moonshot's (moonshot-api.md 1.4) and OpenAI's (responses-ark-anthropic-batch.md 4.1) in one. */
export function registerFiles(app: FastifyInstance, base: BasePath, deps: UploadFileDeps): void {
  const { files, texts } = deps;
  const path = `${base.path}/files`;
  registerUploadFile(app, path, deps);

  app.get<{ Querystring: ListQuery }>(path, async (request) => {
    const place = placeOf(request.query);
    // One more than is shown tells whether more follow.
    const found = await files.list(scopeOf(callerOf(request)), { ...place, limit: place.limit + 1 });
    const page = found.slice(0, place.limit);
    const tokens = await texts.tokensOf(page);
    const data = page.map((file) => fileObject(file, tokens.get(file.id)));
    return { object: 'list', data, has_more: found.length > page.length, first_id: page[0]?.id ?? null, last_id: page.at(-1)?.id ?? null };
  });

  app.get<ById>(`${path}/:id`, async (request, reply) => {
    const file = await foundFile(files, scopeOf(callerOf(request)), request.params.id);
    const facts = (await texts.factsOf(file)) ?? (await factsRead(texts, file, reply));
    return fileObject(file, facts, facts?.notes);
  });

  app.delete<ById>(`${path}/:id`, async (request) => {
    const { id } = request.params;
    if (!(await files.delete(scopeOf(callerOf(request)), id))) throw fileNotFound(id);
    return { id, object: 'file', deleted: true };
  });

  app.get<ById>(`${path}/:id/content`, async (request, reply) => {
    const file = await foundFile(files, scopeOf(callerOf(request)), request.params.id);
    if (file.purpose !== 'file-extract') return sendBytes(reply, files, file);
    const text = await texts.textOf(file, leavingSignal(reply));
    return reply.type('text/plain; charset=utf-8').header('x-content-type-options', 'nosniff').send(Readable.from(extractedContent(file, text), { objectMode: false }));
  });
}

/** The file of that id. Throws `not_found`. */
export async function foundFile(files: Files, scope: TenantScope, id: string): Promise<StoredFile> {
  const file = await files.get(scope, id);
  if (file === undefined) throw fileNotFound(id);
  return file;
}

/** For these a model is given the text, which is read when it is first asked for: to be asked how long it is counts as that. */
const readPurposes = new Set<string>(['user_data', 'assistants']);

async function factsRead(texts: FileTexts, file: StoredFile, reply: FastifyReply): Promise<TextFacts | undefined> {
  if (!readPurposes.has(file.purpose)) return undefined;
  try {
    return await texts.textOf(file, leavingSignal(reply));
  } catch (thrown) {
    // It may be meant for something else than to be read, or it is asked for again.
    if (thrown instanceof Fault && (thrown.code === 'document_unreadable' || thrown.code === 'documents_busy')) return undefined;
    throw thrown;
  }
}

/** The bytes of a file as nobody takes them for a page of ours. */
function sendBytes(reply: FastifyReply, files: Files, file: StoredFile): FastifyReply {
  return reply
    .type('application/octet-stream')
    .header('content-length', file.bytes)
    .header('content-disposition', contentDisposition(file.filename))
    .header('x-content-type-options', 'nosniff')
    .send(Readable.from(files.open(file), { objectMode: false }));
}

function fileNotFound(id: string): Fault {
  return new Fault('not_found', { message: `No such File object: ${id.slice(0, 128).toWellFormed()}`, field: 'id' });
}

function placeOf({ limit, order, after, purpose }: ListQuery): FilePlace {
  const count = limit === undefined ? listedMax : Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > listedMax) throw invalid('limit', `expected an integer from 1 to ${listedMax}`);
  if (order !== undefined && order !== 'asc' && order !== 'desc') throw invalid('order', "expected one of 'asc' and 'desc'");
  return {
    limit: count, order: order ?? 'desc',
    ...(typeof after === 'string' && after !== '' ? { after } : {}), ...(typeof purpose === 'string' && purpose !== '' ? { purpose } : {}),
  };
}

function invalid(field: string, detail: string): Fault {
  return new Fault('invalid_request', { message: `Invalid '${field}': ${detail}.`, field });
}
