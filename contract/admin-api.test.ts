import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adminApi, adminDownloads, type AdminRoute, adminUploads, pathParameters } from './admin-api.ts';
import { adminErrorBody, adminErrorCodes } from './admin-error.ts';
import { amount } from './amount.ts';
import { generation, generationsRequest } from './generation.ts';
import { createKeyRequest } from './key.ts';
import { usageRequest } from './usage-report.ts';

const routes: readonly (readonly [string, Pick<AdminRoute, 'method' | 'path' | 'request'>])[] = [
  ...Object.entries(adminApi), ...Object.entries(adminUploads), ...Object.entries(adminDownloads),
];

/** What a route cannot do without, beside what its path names. */
const required: Readonly<Record<string, object>> = {
  createBatch: { inputFile: 'file_1' }, uploadFile: { filename: 'a.pdf', purpose: 'file-extract' }, importRates: { csv: 'from,to,rate,date' }, importFigures: { csv: 'day,amount,currency' }, createTenant: { name: 'acme' }, addCredits: { amount: '1', currency: 'USD' }, withdrawCredits: { amount: '1', currency: 'USD' },
};

describe('the table of the admin API', () => {
  it('has the routes of the issue, each method and path once', () => {
    const lines = routes.map(([, route]) => `${route.method} ${route.path}`);
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.sort()).toEqual([
      'GET /admin/v1/batches',
      'GET /admin/v1/batches/{id}',
      'GET /admin/v1/batches/{id}/errors',
      'GET /admin/v1/batches/{id}/output',
      'GET /admin/v1/credits',
      'GET /admin/v1/files',
      'GET /admin/v1/files/{id}',
      'GET /admin/v1/files/{id}/text',
      'GET /admin/v1/generations',
      'GET /admin/v1/info',
      'GET /admin/v1/keys',
      'GET /admin/v1/keys/{id}',
      'GET /admin/v1/prices',
      'GET /admin/v1/rates',
      'GET /admin/v1/tenants',
      'GET /admin/v1/tenants/{tenant}',
      'GET /admin/v1/transfers',
      'GET /admin/v1/upstreams/{upstream}/reconciliation',
      'GET /admin/v1/usage',
      'POST /admin/v1/batches',
      'POST /admin/v1/batches/check',
      'POST /admin/v1/batches/{id}/cancel',
      'POST /admin/v1/credits',
      'POST /admin/v1/credits/withdrawals',
      'POST /admin/v1/files',
      'POST /admin/v1/files/{id}/delete',
      'POST /admin/v1/keys',
      'POST /admin/v1/keys/{id}/revoke',
      'POST /admin/v1/rates',
      'POST /admin/v1/tenants',
      'POST /admin/v1/upstreams/{upstream}/figures',
      'POST /admin/v1/upstreams/{upstream}/figures/fetch',
    ]);
  });

  it.each(routes)('%s: refuses fields that it does not know, so that a misspelt one is not passed over', (name, route) => {
    const path = Object.fromEntries(pathParameters(route.path).map((name) => [name, 'key_1']));
    const least = { ...path, ...required[name] };
    expect(route.request.safeParse(least).success).toBe(true);
    expect(route.request.safeParse({ ...least, surprise: 1 }).success).toBe(false);
  });
});

describe('money on the wire', () => {
  it('takes every amount of nano-units that is written as decimal text, and no number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n }), (nanos) => {
        const digits = (nanos < 0n ? -nanos : nanos).toString().padStart(10, '0');
        const text = `${nanos < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
        expect(amount.parse(text)).toBe(text);
      }),
    );
    for (const bad of [1.5, '1e-9', '1,5', '.5', '1.', '', 'NaN', '1.0000000001']) expect(amount.safeParse(bad).success, String(bad)).toBe(false);
  });
});

describe('requests', () => {
  it('fills in what was left out', () => {
    expect(createKeyRequest.parse({})).toEqual({ mode: 'live' });
    expect(usageRequest.parse({})).toEqual({ by: 'key-model' });
    expect(generationsRequest.parse({})).toEqual({ limit: 50 });
  });

  it('reads numbers from a query, where all is text', () => {
    expect(generationsRequest.parse({ limit: '7' }).limit).toBe(7);
    for (const limit of ['0', '1001', 'x', '1.5', '']) expect(generationsRequest.safeParse({ limit }).success, limit).toBe(false);
  });

  it.each(['2026-01-31', '2026-01-31T10:00:00Z', '2026-01-31T10:00:00.5+02:00'])('takes %s as a time', (from) => {
    expect(usageRequest.safeParse({ from }).success).toBe(true);
    expect(createKeyRequest.safeParse({ expiresAt: from }).success).toBe(true);
  });

  it.each(['2026-02-31', '31.01.2026', '2026-01-31T10:00:00', 'yesterday', ''])('does not take "%s" as a time', (from) => {
    expect(usageRequest.safeParse({ from }).success).toBe(false);
  });

  it('does not take an empty list of models: a key that may use none is a mistake', () => {
    expect(createKeyRequest.safeParse({ models: [] }).success).toBe(false);
    expect(createKeyRequest.safeParse({ models: [''] }).success).toBe(false);
  });
});

describe('answers', () => {
  const sample = {
    id: 'gen_1', tenantId: 'ten_1', keyId: 'key_1', mode: 'live', surface: 'openai-chat', batchId: null, requestedModel: 'Kimi-K2', model: 'kimi-k2', upstream: null,
    upstreamModel: null, upstreamReplyId: null, streamed: true, state: 'failed', finishReason: null, errorCode: 'no_upstream',
    cancelled: false, attempts: 0, tokens: null, webSearches: 0, charge: null, flags: [], cost: { state: 'none', amount: null, currency: null, priceId: null },
    startedAt: '2026-01-31T10:00:00.000Z', firstEventAfterMs: null, durationMs: 1.5,
  };

  it('survive JSON unchanged', () => {
    const parsed = generation.parse(sample);
    expect(generation.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(sample);
  });

  it('may hold fields of a newer server, which are dropped, but must hold those of this version', () => {
    expect(generation.parse({ ...sample, novelty: 1 })).toEqual(sample);
    const { state: _, ...rest } = sample;
    expect(generation.safeParse(rest).success).toBe(false);
  });

  it('errors may carry a code that this version does not know', () => {
    for (const code of [...adminErrorCodes, 'of_tomorrow']) {
      expect(adminErrorBody.parse({ error: { code, message: 'm', field: 'f' } }).error.code).toBe(code);
    }
    expect(adminErrorBody.safeParse({ error: 'text' }).success).toBe(false);
  });
});
