import type { Fault, FaultCode } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { retryHeaders } from '../retry-headers.ts';

/** Anthropic's `type` for each of our faults (responses-ark-anthropic-batch.md 3.5). */
const types: Readonly<Record<FaultCode, string>> = {
  invalid_request: 'invalid_request_error',
  prompt_too_long: 'invalid_request_error',
  content_filtered: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  document_unreadable: 'invalid_request_error',
  key_rejected: 'authentication_error',
  permission_denied: 'permission_error',
  model_not_found: 'not_found_error',
  model_retired: 'not_found_error',
  model_unpriced: 'permission_error',
  not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  request_timeout: 'timeout_error',
  conflict: 'conflict_error',
  request_in_progress: 'conflict_error',
  body_too_large: 'request_too_large',
  unsupported_media_type: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  quota_exceeded: 'billing_error',
  caller_gone: 'invalid_request_error',
  internal: 'api_error',
  no_upstream: 'overloaded_error',
  shutting_down: 'overloaded_error',
  exchange_rate_missing: 'api_error',
  documents_busy: 'api_error',
  storage_unavailable: 'api_error',
  upstream_unreachable: 'api_error',
  upstream_failed: 'api_error',
  upstream_refused_key: 'api_error',
  upstream_invalid_reply: 'api_error',
  upstream_interrupted: 'api_error',
  upstream_rate_limited: 'rate_limit_error',
  upstream_overloaded: 'overloaded_error',
  upstream_timeout: 'timeout_error',
};

/** The request's field for a conversation that the server keeps. Clients know its refusal by `details.error_code` (`@anthropic-ai/sdk` 1.14, ThreadState). */
export const threadField = 'thread';

/** No status of HTTP's own: Anthropic's for `overloaded_error`, which Claude Code retries. */
const overloadedStatus = 529;

/**
 * A fault as the reply that Anthropic would send: status, body and headers. Quota that is used up keeps its 429 (and
 * `x-should-retry: false`): by its type, `billing_error`, a client can tell it from a rate.
 */
export function encodeMessagesError(fault: Fault, requestId: string): { status: number; body: JsonObject; headers: Record<string, string> } {
  const status = types[fault.code] === 'overloaded_error' ? overloadedStatus : fault.status;
  return { status, body: bodyOf(fault, requestId), headers: { 'request-id': requestId, ...retryHeaders(fault, status) } };
}

/** A fault as the last event of a stream. No `message_stop` follows it, so that nobody takes what came for the whole. */
export function encodeMessagesStreamError(fault: Fault, requestId: string): string {
  return `event: error\ndata: ${JSON.stringify(bodyOf(fault, requestId))}\n\n`;
}

function bodyOf(fault: Fault, requestId: string): JsonObject {
  const details = fault.code === 'invalid_request' && fault.field === threadField ? { details: { error_code: 'thread_unsupported_request' } } : {};
  return { type: 'error', error: { type: types[fault.code], message: messageOf(fault), ...details }, request_id: requestId };
}

/** Anthropic's words. Claude Code knows an error that asks for a shorter history by its wording (musistudio/claude-code-router#1799). */
const tooLong = 'prompt is too long';

function messageOf({ code, field, message }: Fault): string {
  if (code === 'prompt_too_long' && !message.toLowerCase().includes(tooLong)) return `${tooLong}: ${message}`;
  return field === undefined || message.includes(field) ? message : `${field}: ${message}`;
}
