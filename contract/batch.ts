import { z } from 'zod';
import { amount, currency } from './amount.ts';
import { instant } from './instant.ts';
import { keyMode } from './key.ts';
import { tenantLabel, tenantReference } from './tenant.ts';

const count = z.int().nonnegative();

/** A batch, and what its lines have come to so far. */
export const batch = z.object({
  id: z.string(),
  tenant: tenantLabel,
  mode: keyMode,
  /** The key in whose name its lines run. */
  keyId: z.string(),
  status: z.enum(['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled']),
  endpoint: z.string(),
  /** Of all lines; null: not known yet, or not one. */
  model: z.string().nullable(),
  inputFileId: z.string(),
  outputFileId: z.string().nullable(),
  errorFileId: z.string().nullable(),
  completionWindow: z.string(),
  createdAt: instant,
  expiresAt: instant,
  /** When its lines began to run. */
  startedAt: instant.nullable(),
  endedAt: instant.nullable(),
  /** `total`: null until it is known. */
  lines: z.object({ total: count.nullable(), completed: count, failed: count }),
  /** `cached` is part of `input`, `reasoning` of `output`. */
  tokens: z.object({ input: count, cached: count, output: count, reasoning: count }),
  /** What was charged, one sum for each currency. */
  charges: z.array(z.object({ amount, currency })),
  /** Why it failed; empty otherwise. */
  problems: z.array(z.object({ code: z.string(), message: z.string(), param: z.string().nullable(), line: count.nullable() })),
  metadata: z.record(z.string(), z.string()),
});

export type Batch = z.infer<typeof batch>;

export const createBatchRequest = z.strictObject({
  /** Id of a file of purpose `batch`, which says whose batch it is. */
  inputFile: z.string().min(1).max(200),
  endpoint: z.string().min(1).max(200).default('/v1/chat/completions'),
  completionWindow: z.string().min(1).max(20).default('24h'),
  /** Id of the key in whose name the lines run. Absent: the only usable one of the file's tenant and mode. */
  key: z.string().min(1).max(200).optional(),
  metadata: z.record(z.string().max(64), z.string().max(512)).optional(),
});

/** All that can be told of a batch before its file is there. */
export const checkBatchRequest = z.strictObject({
  endpoint: createBatchRequest.shape.endpoint,
  completionWindow: createBatchRequest.shape.completionWindow,
  /** Absent: the only usable one of the tenant and mode, which a key that is named says itself. */
  key: createBatchRequest.shape.key,
  /** Absent: the first tenant. */
  tenant: tenantReference.optional(),
  mode: keyMode.default('live'),
});

export const checkBatchResponse = z.object({
  /** Id of the key in whose name the lines would run. */
  key: z.string(),
  tenant: tenantLabel,
  mode: keyMode,
});

export const batchIdRequest = z.strictObject({ id: z.string().min(1).max(200) });

export const batchResponse = z.object({ batch });

export const listBatchesRequest = z.strictObject({
  /** Absent: the first tenant. */
  tenant: tenantReference.optional(),
  mode: keyMode.default('live'),
  limit: z.coerce.number<number | string>().int().min(1).max(100).default(50),
  /** Only those before the batch of this id, the `next` of an earlier answer. */
  before: z.string().min(1).max(200).optional(),
});

export const listBatchesResponse = z.object({
  /** Newest first. */
  batches: z.array(batch),
  /** What to send as `before` for those that follow; null: there are no more. */
  next: z.string().nullable(),
});
