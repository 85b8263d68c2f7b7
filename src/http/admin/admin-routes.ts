import { Readable } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { adminApi, type AdminRequest, type AdminRoute, type AdminRouteName, adminUploads } from '../../../contract/admin-api.ts';
import { type AdminErrorBody, adminErrorCodes } from '../../../contract/admin-error.ts';
import type { ServerInfo } from '../../../contract/server-info.ts';
import { Fault } from '../../base/fault.ts';
import { type Log, stackOf } from '../../base/log.ts';
import type { Wallets } from '../../ledger/wallets.ts';
import type { Reconciliation } from '../../records/reconciliation.ts';
import type { RecordsStore } from '../../records/records-store.ts';
import { tokenOf } from '../authentication.ts';
import { asFault } from '../server.ts';
import { leavingSignal } from '../leaving-signal.ts';
import { takesRawBodies } from '../surfaces/files/raw-bodies.ts';
import type { AdminHandlers } from './admin-handlers.ts';
import { type AdminBatchesDeps, batchesHandlers, mountBatchDownloads } from './batches.ts';
import { type CreditsDeps, creditsHandlers } from './credits.ts';
import { type AdminFilesDeps, filesHandlers, uploadAdminFile } from './files.ts';
import { generationsHandlers } from './generations.ts';
import { infoHandlers } from './info.ts';
import { holdsLongText, jsonPieces } from './json-pieces.ts';
import { type KeysDeps, keysHandlers } from './keys.ts';
import { type PricesDeps, pricesHandlers } from './prices.ts';
import { type RatesDeps, ratesHandlers } from './rates.ts';
import { reconciliationHandlers } from './reconciliation.ts';
import { type TenantsDeps, tenantsHandlers } from './tenants.ts';
import { type TransfersDeps, transfersHandlers } from './transfers.ts';
import { usageHandlers } from './usage.ts';

export interface AdminDeps extends KeysDeps, TenantsDeps, CreditsDeps, TransfersDeps, AdminFilesDeps, AdminBatchesDeps {
  readonly wallets: Pick<Wallets, 'budgetsOf' | 'credits' | 'of' | 'topUp' | 'withdraw'>;
  readonly records: Pick<RecordsStore, 'list' | 'usageTotals'>;
  readonly reconciliation: Pick<Reconciliation, 'importCsv' | 'fetch' | 'show'>;
  /** Whether that token is the admin token; compares in constant time. */
  readonly isAdminToken: (token: string) => boolean;
  readonly prices: PricesDeps;
  readonly rates: RatesDeps;
  readonly info: () => Promise<ServerInfo>;
  readonly log: Log;
}

const prefix = '/admin/v1';

/**
 * Registers every route of the contract's table on `app`, under one authentication by the admin token. Whatever is asked
 * below `/admin/v1` is answered here, in the admin API's own error shape, and refused before its body is read.
 */
export function registerAdmin(app: FastifyInstance, deps: AdminDeps): void {
  const keys = keysHandlers(deps);
  const handlers: AdminHandlers = {
    ...keys,
    ...tenantsHandlers(deps),
    ...creditsHandlers(deps),
    ...transfersHandlers(deps),
    ...usageHandlers(deps.records, async () => (await keys.listKeys({})).keys),
    ...filesHandlers(deps),
    ...batchesHandlers(deps),
    ...generationsHandlers(deps.records, deps.catalog, (reference) => deps.tenants.find(reference)),
    ...pricesHandlers(deps.prices, (reference) => deps.tenants.find(reference)),
    ...ratesHandlers(deps.rates),
    ...reconciliationHandlers(deps.reconciliation),
    ...infoHandlers(deps.info),
  };
  app.register(
    (admin, _options, done) => {
      admin.addHook('onRequest', (request, reply, next) => {
        reply.header('cache-control', 'no-store');
        next(refusalOf(request, deps.isAdminToken));
      });
      admin.setErrorHandler((error: FastifyError | Fault, request, reply) => sendAdminFault(reply, request, asFault(error), deps.log));
      admin.setNotFoundHandler((request, reply) => {
        sendAdminFault(reply, request, new Fault('not_found', { message: 'the admin API has no such route' }), deps.log);
      });
      for (const name of Object.keys(adminApi) as AdminRouteName[]) mount(admin, name, handlers);
      mountUpload(admin, deps);
      mountBatchDownloads(admin, prefix, deps);
      done();
    },
    { prefix },
  );
}

function mount<Name extends AdminRouteName>(admin: FastifyInstance, name: Name, handlers: AdminHandlers): void {
  const route: AdminRoute = adminApi[name];
  admin.route({
    method: route.method,
    url: route.path.slice(prefix.length).replace(/\{(\w+)\}/g, ':$1'),
    handler: async (request, reply) => {
      const answer = await handlers[name](parseRequest(name, request));
      reply.code(route.status);
      return holdsLongText(answer) ? reply.type('application/json; charset=utf-8').send(Readable.from(jsonPieces(answer), { objectMode: false })) : answer;
    },
  });
}

function mountUpload(admin: FastifyInstance, deps: AdminDeps): void {
  const { method, path, status, request: schema } = adminUploads.uploadFile;
  takesRawBodies(admin, (uploads) => {
    uploads.route({
      method,
      url: path.slice(prefix.length),
      config: { slowBody: true },
      handler: async (request, reply) => {
        reply.code(status);
        return uploadAdminFile(deps, parsed(schema, request.query), bodyOf(request), leavingSignal(reply));
      },
    });
  });
}

/** Throws `caller_gone` when the rest of it does not come. */
async function* bodyOf({ raw }: FastifyRequest): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of raw) yield piece;
  } catch (thrown) {
    throw raw.complete ? thrown : new Fault('caller_gone', { cause: thrown });
  }
}

/** The request as the contract has it: query or body, with what the path names. Throws `invalid_request`, naming the field. */
function parseRequest<Name extends AdminRouteName>(name: Name, request: FastifyRequest): AdminRequest<Name> {
  const given = adminApi[name].method === 'GET' ? request.query : request.body === undefined ? {} : request.body;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Fault('invalid_request', { message: 'Invalid request: expected a JSON object as the body' });
  }
  const schema: z.ZodType<object> = adminApi[name].request;
  return parsed(schema, { ...given, ...(request.params as object) }) as AdminRequest<Name>;
}

function parsed<Wish>(schema: z.ZodType<Wish>, given: unknown): Wish {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
  throw new Fault('invalid_request', {
    message: `Invalid request: ${issue?.message ?? 'not what this route takes'}`,
    ...(field === undefined || field === '' ? {} : { field }),
  });
}

/** Why the request may not pass; undefined when it carries the admin token. */
function refusalOf(request: FastifyRequest, isAdminToken: (token: string) => boolean): Fault | undefined {
  let token: string;
  try {
    token = tokenOf(request);
  } catch {
    return new Fault('unauthenticated', { message: 'send the admin token: "Authorization: Bearer mgadm-…"' });
  }
  if (isAdminToken(token)) return undefined;
  if (token.startsWith('sk-')) {
    return new Fault('permission_denied', { message: 'an API key does not open the admin API; send the admin token (mgadm-…)' });
  }
  return new Fault('unauthenticated', { message: 'this is not the admin token of this server' });
}

/** Faults that the admin API has no word for are bugs here. */
function sendAdminFault(reply: FastifyReply, request: FastifyRequest, thrown: Fault, log: Log): FastifyReply {
  const fault = isAdminCode(thrown.code) ? thrown : new Fault('internal', { cause: thrown });
  if (fault.code === 'internal') logInternal(request, fault, log);
  const { code, status, message, field } = fault;
  const body: AdminErrorBody = { error: field === undefined ? { code, message } : { code, message, field } };
  return reply.code(status).send(body);
}

function isAdminCode(code: string): boolean {
  return (adminErrorCodes as readonly string[]).includes(code);
}

function logInternal(request: FastifyRequest, fault: Fault, log: Log): void {
  const stack = stackOf(fault.cause ?? fault);
  log.write('error', 'internal error', { requestId: request.id, ...(stack === undefined ? {} : { stack }) });
}
