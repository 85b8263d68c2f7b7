import { z } from 'zod';
import { batchIdRequest, batchResponse, checkBatchRequest, checkBatchResponse, createBatchRequest, listBatchesRequest, listBatchesResponse } from './batch.ts';
import { listCreditsRequest, listCreditsResponse, moveCreditsRequest, moveCreditsResponse } from './credit.ts';
import { importRatesRequest, importRatesResponse, ratesRequest, ratesResponse } from './exchange-rate.ts';
import { fileIdRequest, fileResponse, fileTextResponse, listFilesRequest, listFilesResponse, uploadFileRequest, uploadFileResponse } from './file.ts';
import { generationsRequest, generationsResponse } from './generation.ts';
import { createKeyRequest, createKeyResponse, keyIdRequest, keyResponse, listKeysRequest, listKeysResponse, showKeyResponse } from './key.ts';
import { pricesRequest, pricesResponse } from './price.ts';
import {
  fetchFiguresRequest, fetchFiguresResponse, importFiguresRequest, importFiguresResponse, reconciliationRequest, reconciliationResponse,
} from './reconciliation.ts';
import { serverInfo } from './server-info.ts';
import { createTenantRequest, createTenantResponse, listTenantsResponse, showTenantRequest, showTenantResponse } from './tenant.ts';
import { transfersRequest, transfersResponse } from './transfer.ts';
import { usageRequest, usageResponse } from './usage-report.ts';

/**
 * A route of the admin API. `request` is one flat object: fields named in the path travel there, the others in the query
 * (GET) or in a JSON body (POST).
 */
export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  /** With parameters in braces: `/admin/v1/keys/{id}`. */
  readonly path: `/admin/v1/${string}`;
  readonly request: z.ZodType<object>;
  /** Status of the answer when all is well. */
  readonly status: 200 | 201;
  readonly response: z.ZodType<object>;
}

const nothing = z.strictObject({});

/** All of the admin API. Server and client are both derived from this table. */
export const adminApi = {
  createKey: { method: 'POST', path: '/admin/v1/keys', request: createKeyRequest, status: 201, response: createKeyResponse },
  listKeys: { method: 'GET', path: '/admin/v1/keys', request: listKeysRequest, status: 200, response: listKeysResponse },
  showKey: { method: 'GET', path: '/admin/v1/keys/{id}', request: keyIdRequest, status: 200, response: showKeyResponse },
  revokeKey: { method: 'POST', path: '/admin/v1/keys/{id}/revoke', request: keyIdRequest, status: 200, response: keyResponse },
  createTenant: { method: 'POST', path: '/admin/v1/tenants', request: createTenantRequest, status: 201, response: createTenantResponse },
  listTenants: { method: 'GET', path: '/admin/v1/tenants', request: nothing, status: 200, response: listTenantsResponse },
  showTenant: { method: 'GET', path: '/admin/v1/tenants/{tenant}', request: showTenantRequest, status: 200, response: showTenantResponse },
  addCredits: { method: 'POST', path: '/admin/v1/credits', request: moveCreditsRequest, status: 201, response: moveCreditsResponse },
  withdrawCredits: { method: 'POST', path: '/admin/v1/credits/withdrawals', request: moveCreditsRequest, status: 201, response: moveCreditsResponse },
  listCredits: { method: 'GET', path: '/admin/v1/credits', request: listCreditsRequest, status: 200, response: listCreditsResponse },
  transfers: { method: 'GET', path: '/admin/v1/transfers', request: transfersRequest, status: 200, response: transfersResponse },
  usage: { method: 'GET', path: '/admin/v1/usage', request: usageRequest, status: 200, response: usageResponse },
  generations: { method: 'GET', path: '/admin/v1/generations', request: generationsRequest, status: 200, response: generationsResponse },
  listFiles: { method: 'GET', path: '/admin/v1/files', request: listFilesRequest, status: 200, response: listFilesResponse },
  showFile: { method: 'GET', path: '/admin/v1/files/{id}', request: fileIdRequest, status: 200, response: fileResponse },
  fileText: { method: 'GET', path: '/admin/v1/files/{id}/text', request: fileIdRequest, status: 200, response: fileTextResponse },
  deleteFile: { method: 'POST', path: '/admin/v1/files/{id}/delete', request: fileIdRequest, status: 200, response: fileResponse },
  createBatch: { method: 'POST', path: '/admin/v1/batches', request: createBatchRequest, status: 201, response: batchResponse },
  checkBatch: { method: 'POST', path: '/admin/v1/batches/check', request: checkBatchRequest, status: 200, response: checkBatchResponse },
  listBatches: { method: 'GET', path: '/admin/v1/batches', request: listBatchesRequest, status: 200, response: listBatchesResponse },
  showBatch: { method: 'GET', path: '/admin/v1/batches/{id}', request: batchIdRequest, status: 200, response: batchResponse },
  cancelBatch: { method: 'POST', path: '/admin/v1/batches/{id}/cancel', request: batchIdRequest, status: 200, response: batchResponse },
  prices: { method: 'GET', path: '/admin/v1/prices', request: pricesRequest, status: 200, response: pricesResponse },
  rates: { method: 'GET', path: '/admin/v1/rates', request: ratesRequest, status: 200, response: ratesResponse },
  importRates: { method: 'POST', path: '/admin/v1/rates', request: importRatesRequest, status: 200, response: importRatesResponse },
  importFigures: { method: 'POST', path: '/admin/v1/upstreams/{upstream}/figures', request: importFiguresRequest, status: 200, response: importFiguresResponse },
  fetchFigures: { method: 'POST', path: '/admin/v1/upstreams/{upstream}/figures/fetch', request: fetchFiguresRequest, status: 200, response: fetchFiguresResponse },
  reconciliation: { method: 'GET', path: '/admin/v1/upstreams/{upstream}/reconciliation', request: reconciliationRequest, status: 200, response: reconciliationResponse },
  info: { method: 'GET', path: '/admin/v1/info', request: nothing, status: 200, response: serverInfo },
} as const satisfies Record<string, AdminRoute>;

/** Routes that take bytes: the fields of the request travel in the query of a POST, and its body is what is uploaded, as `application/octet-stream`. */
export const adminUploads = {
  uploadFile: { method: 'POST', path: '/admin/v1/files', request: uploadFileRequest, status: 201, response: uploadFileResponse },
} as const satisfies Record<string, AdminRoute>;

export type AdminUploadName = keyof typeof adminUploads;
export type AdminUploadInput<Name extends AdminUploadName> = z.input<(typeof adminUploads)[Name]['request']>;
export type AdminUploadRequest<Name extends AdminUploadName> = z.output<(typeof adminUploads)[Name]['request']>;
export type AdminUploadResponse<Name extends AdminUploadName> = z.output<(typeof adminUploads)[Name]['response']>;

/** Routes that answer with bytes: `application/jsonl`, or 404 when there are none. */
export const adminDownloads = {
  batchOutput: { method: 'GET', path: '/admin/v1/batches/{id}/output', request: batchIdRequest },
  batchErrors: { method: 'GET', path: '/admin/v1/batches/{id}/errors', request: batchIdRequest },
} as const satisfies Record<string, Pick<AdminRoute, 'method' | 'path' | 'request'>>;

export type AdminDownloadName = keyof typeof adminDownloads;
export type AdminDownloadInput<Name extends AdminDownloadName> = z.input<(typeof adminDownloads)[Name]['request']>;

export type AdminRouteName = keyof typeof adminApi;
/** What a client hands in: defaults may be left out. */
export type AdminRequestInput<Name extends AdminRouteName> = z.input<(typeof adminApi)[Name]['request']>;
/** What a server works with: defaults filled in. */
export type AdminRequest<Name extends AdminRouteName> = z.output<(typeof adminApi)[Name]['request']>;
export type AdminResponse<Name extends AdminRouteName> = z.output<(typeof adminApi)[Name]['response']>;

/** The names in braces in a route's path, in order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}
