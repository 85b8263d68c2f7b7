import { z } from 'zod';
import { instant } from './instant.ts';
import { keyMode } from './key.ts';
import { tenantLabel, tenantReference } from './tenant.ts';

const count = z.int().nonnegative();

/** A file that is kept for a tenant, without its bytes. */
export const storedFile = z.object({
  id: z.string(),
  tenant: tenantLabel,
  /** Keys of the other mode do not see it. */
  mode: keyMode,
  filename: z.string(),
  purpose: z.string(),
  bytes: count,
  createdAt: instant,
  /** null: never. */
  expiresAt: instant.nullable(),
  /** Of its text; null: it has not been read. */
  tokens: count.nullable(),
  /** Whether they are counted; else it is a guess. null: as `tokens`. */
  tokensExact: z.boolean().nullable(),
});

export type StoredFile = z.infer<typeof storedFile>;

export const fileIdRequest = z.strictObject({ id: z.string().min(1).max(200) });

export const fileResponse = z.object({ file: storedFile });

export const listFilesRequest = z.strictObject({
  /** Absent: the first tenant. */
  tenant: tenantReference.optional(),
  mode: keyMode.default('live'),
  purpose: z.string().min(1).max(50).optional(),
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(50),
  /** Only those before the file of this id, the `next` of an earlier answer. */
  before: z.string().min(1).max(200).optional(),
});

export const listFilesResponse = z.object({
  /** Newest first. */
  files: z.array(storedFile),
  /** What to send as `before` for those that follow; null: there are no more. */
  next: z.string().nullable(),
});

/** Its bytes are the body of the request. */
export const uploadFileRequest = z.strictObject({
  filename: z.string().min(1).max(1000),
  purpose: z.string().min(1).max(50),
  tenant: tenantReference.optional(),
  mode: keyMode.default('live'),
});

export const uploadFileResponse = z.object({
  file: storedFile,
  /** What a reader of its text should know; empty when it was not read. */
  notes: z.array(z.string()),
});

export const fileTextResponse = z.object({
  file: storedFile,
  /** Markdown. */
  text: z.string(),
  /** `pdf`, `docx` … */
  format: z.string(),
  mimeType: z.string(),
  title: z.string().nullable(),
  pageCount: count.nullable(),
  notes: z.array(z.string()),
});
