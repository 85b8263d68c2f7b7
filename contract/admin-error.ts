import { z } from 'zod';

/** Every code that the admin API answers an error with. */
export const adminErrorCodes = [
  'invalid_request',
  'unauthenticated',
  'permission_denied',
  'not_found',
  'request_timeout',
  'conflict',
  'body_too_large',
  'unsupported_media_type',
  'internal',
  'shutting_down',
  'storage_unavailable',
  'upstream_failed',
  'document_unreadable',
  'caller_gone',
] as const;

export type AdminErrorCode = (typeof adminErrorCodes)[number];

/**
 * The body of every error of the admin API. `field` is the request field at fault, as a path. The code is read as any
 * text, so that a client meets a newer server's code without falling over.
 */
export const adminErrorBody = z.object({
  error: z.object({ code: z.string(), message: z.string(), field: z.string().optional() }),
});

export type AdminErrorBody = z.infer<typeof adminErrorBody>;
