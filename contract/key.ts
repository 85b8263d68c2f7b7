import { z } from 'zod';
import { instant, instantInput } from './instant.ts';
import { budget, limitFields, limitPolicy, spending } from './limits.ts';
import { tenantLabel, tenantReference } from './tenant.ts';

/** `live` keys reach upstreams and pay; `test` keys only ever reach the sandbox. */
export const keyMode = z.enum(['live', 'test']);

/** What is known of an API key. The key itself is shown once, when it is made. */
export const apiKey = z.object({
  id: z.string(),
  tenant: tenantLabel,
  label: z.string().nullable(),
  /** How it begins, to tell it from others: `sk-AbCd…`. */
  display: z.string(),
  mode: keyMode,
  state: z.enum(['active', 'expired', 'revoked']),
  /** Canonical ids of the models that it may use; null: all. */
  models: z.array(z.string()).nullable(),
  /** Its own; those of its tenant hold as well. */
  limits: limitPolicy.nullable(),
  budgets: z.array(budget),
  createdAt: instant,
  /** null: never. */
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
});

export type ApiKey = z.infer<typeof apiKey>;

export const createKeyRequest = z.strictObject({
  /** Absent: the first tenant. */
  tenant: tenantReference.optional(),
  label: z.string().trim().min(1).max(200).optional(),
  mode: keyMode.default('live'),
  models: z.array(z.string().min(1).max(200)).min(1).max(200).optional(),
  /** null or absent: never. */
  expiresAt: instantInput.nullable().optional(),
  ...limitFields,
});

export const createKeyResponse = z.object({
  key: apiKey,
  /** The key as callers send it. Not to be had again. */
  secret: z.string(),
});

export const listKeysRequest = z.strictObject({
  /** Only those of this one. */
  tenant: tenantReference.optional(),
});

export const listKeysResponse = z.object({ keys: z.array(apiKey) });

export const keyIdRequest = z.strictObject({ id: z.string().min(1).max(200) });

export const keyResponse = z.object({ key: apiKey });

export const showKeyResponse = z.object({ key: apiKey, spending: z.array(spending) });
