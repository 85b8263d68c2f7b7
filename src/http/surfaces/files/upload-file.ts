import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../../base/clock.ts';
import type { Files } from '../../../documents/files.ts';
import type { FileTexts } from '../../../documents/file-texts.ts';
import type { FileWish, StagedBytes } from '../../../documents/stored-file.ts';
import { callerOf } from '../../authentication.ts';
import { scopeOf } from '../responses/responses-deps.ts';
import { type FileForm, readFileForm } from './file-form.ts';
import { fileObject } from './file-shape.ts';
import { fileWish, wishedLifeMs, wishedPurpose } from './file-wish.ts';
import { leavingSignal } from '../../leaving-signal.ts';
import type { OpenUploads } from './open-uploads.ts';
import { takesRawBodies } from './raw-bodies.ts';

export interface UploadFileDeps {
  readonly files: Files;
  readonly texts: FileTexts;
  readonly openUploads: OpenUploads;
  readonly clock: Clock;
}

/** `POST {base}/files`. The file is stored while it arrives; what it is for may be said before it or after it. */
export function registerUploadFile(app: FastifyInstance, path: string, { files, texts, openUploads, clock }: UploadFileDeps): void {
  takesRawBodies(app, (uploads) => {
    uploads.post(path, { config: { slowBody: true } }, (request, reply) => {
      const scope = scopeOf(callerOf(request));
      return openUploads.within(scope.tenantId, async () => {
        await files.admit(scope);
        const form = await readFileForm(request, {
          fileField: 'file',
          clock,
          keep: (source, signal) => files.stage(scope, source, { signal }),
          discard: (staged) => files.discard(staged),
        });
        const wish = await wishOf(form, { files, clock });
        const file = await files.keep(form.kept, wish, leavingSignal(reply));
        const facts = await texts.factsOf(file);
        return fileObject(file, facts, facts?.notes);
      });
    });
  });
}

/** What the fields say of the file. Throws `invalid_request`; then nothing is left of it. */
async function wishOf({ fields, filename, kept }: FileForm<StagedBytes>, { files, clock }: Pick<UploadFileDeps, 'files' | 'clock'>): Promise<FileWish> {
  try {
    const purpose = wishedPurpose(fields.get('purpose'));
    const lifeMs = wishedLifeMs(purpose, fields.get('expires_after[anchor]'), fields.get('expires_after[seconds]'));
    return fileWish(filename, purpose, lifeMs, clock.nowMs());
  } catch (thrown) {
    await files.discard(kept).catch(() => undefined);
    throw thrown;
  }
}
