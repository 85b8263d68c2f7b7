import type { AdminUploadRequest, AdminUploadResponse } from '../../../contract/admin-api.ts';
import type { StoredFile as ShownFile } from '../../../contract/file.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Files } from '../../documents/files.ts';
import type { FileTexts, TextTokens } from '../../documents/file-texts.ts';
import { type FilePurpose, type StoredFile, uploadPurposes } from '../../documents/stored-file.ts';
import { fileWish, wishedLifeMs, wishedPurpose } from '../surfaces/files/file-wish.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface AdminFilesDeps {
  readonly files: Files;
  readonly texts: FileTexts;
  readonly tenants: TenantRegister;
  readonly clock: Clock;
}

/** Listing, showing, reading and deleting the files of tenants. */
export function filesHandlers(deps: AdminFilesDeps): Pick<AdminHandlers, 'listFiles' | 'showFile' | 'fileText' | 'deleteFile'> {
  const { files, texts, tenants } = deps;
  const found = async (id: string): Promise<StoredFile> => {
    const file = await files.find(id);
    if (file === undefined) throw new Fault('not_found', { message: 'there is no file of that id; ids begin with "file_"', field: 'id' });
    return file;
  };
  return {
    async listFiles({ tenant: reference, mode, purpose, limit, before }) {
      const tenant = await tenants.find(reference);
      const scope = { tenantId: tenant.id, mode };
      if (purpose !== undefined) checkPurpose(purpose);
      if (before !== undefined && (await files.get(scope, before)) === undefined) {
        throw new Fault('invalid_request', { message: `this tenant has no ${mode} file of that id; "next" of an answer says what to go on before`, field: 'before' });
      }
      const place = { limit: limit + 1, order: 'desc', ...(before === undefined ? {} : { after: before }), ...(purpose === undefined ? {} : { purpose }) } as const;
      const listed = await files.list(scope, place);
      const page = listed.slice(0, limit);
      const tokens = await texts.tokensOf(page);
      return { files: page.map((file) => shape(file, tenant, tokens.get(file.id))), next: listed.length > limit ? (page.at(-1)?.id ?? null) : null };
    },
    async showFile({ id }) {
      return { file: await shown(deps, await found(id)) };
    },
    async fileText({ id }) {
      const file = await found(id);
      const { text, format, mimeType, title, pageCount, notes } = await texts.textOf(file);
      return { file: await shown(deps, file), text, format, mimeType, title: title ?? null, pageCount: pageCount ?? null, notes: [...notes] };
    },
    async deleteFile({ id }) {
      const file = await found(id);
      const shownFile = await shown(deps, file);
      await files.delete(file.scope, file.id);
      return { file: shownFile };
    },
  };
}

/** Throws `invalid_request` for what no file is for. */
function checkPurpose(purpose: string): void {
  if (purpose === batchOutput || uploadPurposes.some((known) => known === purpose)) return;
  throw new Fault('invalid_request', { message: `there are no files for "${purpose}"; they are for ${[...uploadPurposes, batchOutput].join(', ')}`, field: 'purpose' });
}

const batchOutput: FilePurpose = 'batch_output';

/** Stores what `source` gives as a file of a tenant. Throws as `Files.create` does, and `not_found` for the tenant. */
export async function uploadAdminFile(
  deps: AdminFilesDeps,
  { filename, purpose: named, tenant: reference, mode }: AdminUploadRequest<'uploadFile'>,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<AdminUploadResponse<'uploadFile'>> {
  const { files, texts, tenants, clock } = deps;
  const tenant = await tenants.find(reference);
  const purpose = wishedPurpose(named);
  const scope = { tenantId: tenant.id, mode };
  await files.admit(scope);
  const wish = fileWish(filename, purpose, wishedLifeMs(purpose, undefined, undefined), clock.nowMs());
  const file = await files.create(scope, wish, source, signal);
  const facts = await texts.factsOf(file);
  return { file: shape(file, tenant, facts), notes: [...(facts?.notes ?? [])] };
}

async function shown({ texts, tenants }: AdminFilesDeps, file: StoredFile): Promise<ShownFile> {
  const tenant = await tenants.find(file.scope.tenantId);
  return shape(file, tenant, (await texts.tokensOf([file])).get(file.id));
}

function shape(file: StoredFile, tenant: { readonly id: string; readonly name: string }, tokens: TextTokens | undefined): ShownFile {
  return {
    id: file.id,
    tenant: { id: tenant.id, name: tenant.name },
    mode: file.scope.mode,
    filename: file.filename,
    purpose: file.purpose,
    bytes: file.bytes,
    createdAt: new Date(file.createdMs).toISOString(),
    expiresAt: file.expiresMs === undefined ? null : new Date(file.expiresMs).toISOString(),
    tokens: tokens?.tokens ?? null,
    tokensExact: tokens?.tokensExact ?? null,
  };
}
