import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../../base/clock.ts';
import { Fault } from '../../../base/fault.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { FileTexts } from '../../../documents/file-texts.ts';
import type { StoredUpload } from '../../../documents/upload-rows.ts';
import type { Uploads } from '../../../documents/uploads.ts';
import { callerOf } from '../../authentication.ts';
import type { BasePath } from '../../base-path.ts';
import { scopeOf } from '../responses/responses-deps.ts';
import { readFileForm } from './file-form.ts';
import { fileObject } from './file-shape.ts';
import { checkBatchName, wishedLifeMs, wishedPurpose } from './file-wish.ts';
import { leavingSignal } from '../../leaving-signal.ts';
import type { OpenUploads } from './open-uploads.ts';
import { takesRawBodies } from './raw-bodies.ts';

export interface UploadsDeps {
  readonly uploads: Uploads;
  readonly texts: FileTexts;
  readonly openUploads: OpenUploads;
  readonly clock: Clock;
}

interface ById {
  Params: { id: string };
}

const createBody = z.looseObject({
  filename: z.string().min(1),
  purpose: z.string(),
  bytes: z.int().min(0),
  /** The content tells what it is. */
  mime_type: z.string().optional(),
  expires_after: z.looseObject({ anchor: z.string(), seconds: z.number() }).optional(),
});

const completeBody = z.looseObject({
  part_ids: z.array(z.string()).min(1).max(10_000),
  md5: z.string().nullish(),
});

/** `{base}/uploads`: OpenAI's, for files that come in parts (responses-ark-anthropic-batch.md 4.3). */
export function registerUploads(app: FastifyInstance, base: BasePath, { uploads, texts, openUploads, clock }: UploadsDeps): void {
  const path = `${base.path}/uploads`;

  app.post(path, async (request) => {
    const { filename, purpose: named, bytes, expires_after: expiry } = parsed(createBody, request.body);
    const purpose = wishedPurpose(named);
    checkBatchName(filename, purpose);
    const fileLifeMs = wishedLifeMs(purpose, expiry?.anchor, expiry?.seconds);
    const upload = await uploads.create(scopeOf(callerOf(request)), { filename, purpose, bytes, ...(fileLifeMs === undefined ? {} : { fileLifeMs }) });
    return uploadObject(upload);
  });

  takesRawBodies(app, (parts) => {
    parts.post<ById>(`${path}/:id/parts`, { config: { slowBody: true } }, (request) => {
      const scope = scopeOf(callerOf(request));
      return openUploads.within(scope.tenantId, async () => {
        const { kept } = await readFileForm(request, {
          fileField: 'data',
          clock,
          keep: (source, signal) => uploads.addPart(scope, request.params.id, source, signal),
          // It is nothing before the upload is completed with it, and goes with the upload.
          discard: async () => {},
        });
        return { id: kept.id, object: 'upload.part', created_at: seconds(kept.created_ms), upload_id: kept.upload_id };
      });
    });
  });

  app.post<ById>(`${path}/:id/complete`, async (request, reply) => {
    const { part_ids: partIds, md5 } = parsed(completeBody, request.body);
    const completion = { partIds, ...(md5 === undefined || md5 === null ? {} : { md5 }) };
    const scope = scopeOf(callerOf(request));
    // What is made of the parts is a copy of them, until they are removed.
    return openUploads.within(scope.tenantId, async () => {
      const { upload, file } = await uploads.complete(scope, request.params.id, completion, leavingSignal(reply));
      const facts = await texts.factsOf(file);
      return { ...uploadObject(upload), file: fileObject(file, facts, facts?.notes) };
    });
  });

  app.post<ById>(`${path}/:id/cancel`, { config: { bodyOptional: true } }, async (request) =>
    uploadObject(await uploads.cancel(scopeOf(callerOf(request)), request.params.id)));
}

function uploadObject({ id, bytes, createdMs, expiresMs, filename, purpose, status }: StoredUpload): JsonObject {
  return { id, object: 'upload', bytes, created_at: seconds(createdMs), expires_at: seconds(expiresMs), filename, purpose, status, file: null };
}

function seconds(atMs: number): number {
  return Math.floor(atMs / 1000);
}

function parsed<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new Fault('invalid_request', { message: `Invalid request: ${field === '' ? '' : `${field}: `}${issue?.message ?? 'not valid'}`, ...(field === '' ? {} : { field }) });
}
