import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type AdminDownloadName, adminDownloads } from '../../../contract/admin-api.ts';
import type { Batch as ShownBatch } from '../../../contract/batch.ts';
import type { Caller } from '../../access/caller.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { formatNanos } from '../../base/money.ts';
import type { TenantScope } from '../../base/tenant-scope.ts';
import type { Batches, ToldBatch } from '../../batches/batches.ts';
import type { Files } from '../../documents/files.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import type { KeysDeps } from './keys.ts';
import type { TenantRegister } from './tenant-register.ts';

export interface AdminBatchesDeps {
  readonly batches: Pick<Batches, 'create' | 'find' | 'list' | 'cancel' | 'windowMsOf'>;
  readonly files: Files;
  readonly keys: KeysDeps['keys'];
  readonly tenants: TenantRegister;
  readonly clock: Clock;
  /** The caller of a key by its id; undefined when the key is not usable. */
  callerOfKey(keyId: string): Promise<Caller | undefined>;
}

/** Checking, making, listing, showing and cancelling the batches of tenants. */
export function batchesHandlers(deps: AdminBatchesDeps): Pick<AdminHandlers, 'checkBatch' | 'createBatch' | 'listBatches' | 'showBatch' | 'cancelBatch'> {
  const { batches, files, tenants } = deps;
  const shown = async (told: ToldBatch): Promise<ShownBatch> => shape(told, (await tenants.find(told.batch.scope.tenantId)).name);
  return {
    async checkBatch({ endpoint, completionWindow, key, tenant: reference, mode }) {
      batches.windowMsOf({ endpoint, completionWindow });
      const caller = await usableCaller(deps, key ?? (await onlyKey(deps, { tenantId: (await tenants.find(reference)).id, mode })));
      const { id, name } = await tenants.find(caller.tenantId);
      return { key: caller.keyId, tenant: { id, name }, mode: caller.mode };
    },
    async createBatch({ inputFile, endpoint, completionWindow, key, metadata }) {
      const file = await files.find(inputFile);
      if (file === undefined) throw new Fault('not_found', { message: 'there is no file of that id; ids begin with "file_"', field: 'inputFile' });
      const caller = await callerFor(deps, file.scope, key);
      const told = await batches.create(caller, { endpoint, completionWindow, input: { fileId: file.id }, ...(metadata === undefined ? {} : { metadata }) });
      return { batch: await shown(told) };
    },
    async listBatches({ tenant: reference, mode, limit, before }) {
      const { id: tenantId, name } = await tenants.find(reference);
      if (before !== undefined) await placeIn(deps, { tenantId, mode }, before);
      const { page, hasMore } = await batches.list({ tenantId, mode }, { limit, ...(before === undefined ? {} : { after: before }) });
      return { batches: page.map((told) => shape(told, name)), next: hasMore ? (page.at(-1)?.batch.id ?? null) : null };
    },
    async showBatch({ id }) {
      return { batch: await shown(await found(deps, id)) };
    },
    async cancelBatch({ id }) {
      const { batch } = await found(deps, id);
      return { batch: await shown(await batches.cancel(batch.scope, batch.id)) };
    },
  };
}

/** The files that a batch has written, as they are. */
export function mountBatchDownloads(admin: FastifyInstance, prefix: string, deps: AdminBatchesDeps): void {
  for (const name of Object.keys(adminDownloads) as AdminDownloadName[]) {
    const { path } = adminDownloads[name];
    admin.get<{ Params: { id: string } }>(path.slice(prefix.length).replace('{id}', ':id'), async (request, reply) => {
      const { batch } = await found(deps, request.params.id);
      const fileId = name === 'batchOutput' ? batch.outputFileId : batch.errorFileId;
      const file = fileId === undefined ? undefined : await deps.files.find(fileId);
      if (file === undefined) throw new Fault('not_found', { message: `this batch has no such file${batch.endedMs === undefined ? ' yet' : ''}` });
      return reply.type('application/jsonl').header('content-length', file.bytes).send(Readable.from(deps.files.open(file)));
    });
  }
}

async function found({ batches }: AdminBatchesDeps, id: string): Promise<ToldBatch> {
  const told = await batches.find(id);
  if (told === undefined) throw new Fault('not_found', { message: 'there is no batch of that id; ids begin with "batch_"', field: 'id' });
  return told;
}

/** Throws `invalid_request` when `before` is no batch of that tenant and mode. */
async function placeIn({ batches }: AdminBatchesDeps, { tenantId, mode }: TenantScope, before: string): Promise<void> {
  const scope = (await batches.find(before))?.batch.scope;
  if (scope?.tenantId === tenantId && scope.mode === mode) return;
  throw new Fault('invalid_request', { message: `this tenant has no ${mode} batch of that id; "next" of an answer says what to go on before`, field: 'before' });
}

/** In whose name the lines of a batch run. Without a key that is named there must be exactly one to choose from. */
async function callerFor(deps: AdminBatchesDeps, { tenantId, mode }: TenantScope, keyId: string | undefined): Promise<Caller> {
  const caller = await usableCaller(deps, keyId ?? (await onlyKey(deps, { tenantId, mode })));
  if (caller.tenantId === tenantId && caller.mode === mode) return caller;
  throw new Fault('invalid_request', { message: `the key is not one of the file's tenant, or not a ${mode} key`, field: 'key' });
}

async function usableCaller({ callerOfKey }: AdminBatchesDeps, keyId: string): Promise<Caller> {
  const caller = await callerOfKey(keyId);
  if (caller !== undefined) return caller;
  throw new Fault('not_found', { message: 'there is no usable key of that id; "moongate keys list" shows them', field: 'key' });
}

/** Of so many keys the ids are told to whoever has to choose. */
const keysToldMax = 10;

async function onlyKey({ keys, clock }: AdminBatchesDeps, { tenantId, mode }: TenantScope): Promise<string> {
  const usable = (await keys.list()).filter((key) => key.tenantId === tenantId && key.mode === mode && key.revokedMs === undefined && (key.expiresMs ?? Infinity) > clock.nowMs());
  const [only] = usable;
  if (only !== undefined && usable.length === 1) return only.id;
  const shown = usable.slice(0, keysToldMax).map(({ id, label }) => (label === '' ? id : `${id} (${label})`)).join(', ');
  const message = only === undefined ? `this tenant has no ${mode} key; make one with "moongate keys create"` : `this tenant has ${usable.length} ${mode} keys; say with --key in whose name the lines are to run: ${shown}`;
  throw new Fault('invalid_request', { message, field: 'key' });
}

function shape({ batch, tally }: ToldBatch, tenantName: string): ShownBatch {
  const instant = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  const metadata = Object.entries(batch.metadata ?? {}).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    id: batch.id,
    tenant: { id: batch.scope.tenantId, name: tenantName },
    mode: batch.scope.mode,
    keyId: batch.keyId,
    status: batch.status,
    endpoint: batch.endpoint,
    model: batch.model ?? null,
    inputFileId: batch.inputFileId,
    outputFileId: batch.outputFileId ?? null,
    errorFileId: batch.errorFileId ?? null,
    completionWindow: batch.completionWindow,
    createdAt: new Date(batch.createdMs).toISOString(),
    expiresAt: new Date(batch.expiresMs).toISOString(),
    startedAt: instant(batch.inProgressMs),
    endedAt: instant(batch.endedMs),
    lines: { total: batch.totalLines ?? null, completed: tally.completed, failed: tally.failed },
    tokens: { input: tally.inputTokens, cached: tally.cachedTokens, output: tally.outputTokens, reasoning: tally.reasoningTokens },
    charges: tally.charges.map(({ currency, amountNanos }) => ({ currency, amount: formatNanos(amountNanos) })),
    problems: batch.problems.map(({ code, message, param, line }) => ({ code, message, param: param ?? null, line: line ?? null })),
    metadata: Object.fromEntries(metadata),
  };
}
