import type { Fault, FaultCode } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { pathText } from './responses-fault.ts';

interface ErrorName {
  readonly type: string;
  readonly code: string | null;
}

const serverError: ErrorName = { type: 'server_error', code: 'server_error' };
const overloaded: ErrorName = { type: 'server_error', code: 'server_is_overloaded' };
const refused: ErrorName = { type: 'invalid_request_error', code: null };
const unknownModel: ErrorName = { type: 'invalid_request_error', code: 'model_not_found' };
const unauthenticated: ErrorName = { type: 'authentication_error', code: 'invalid_api_key' };
const limited: ErrorName = { type: 'requests', code: 'rate_limit_exceeded' };

/** OpenAI's `type` and `code` for each of our faults; `code` is what its clients look at. */
const names: Readonly<Record<FaultCode, ErrorName>> = {
  invalid_request: refused,
  prompt_too_long: { type: 'invalid_request_error', code: 'context_length_exceeded' },
  content_filtered: { type: 'invalid_request_error', code: 'content_policy_violation' },
  unauthenticated,
  document_unreadable: { type: 'invalid_request_error', code: 'invalid_file' },
  key_rejected: unauthenticated,
  permission_denied: { type: 'permission_error', code: 'insufficient_permissions' },
  model_not_found: unknownModel,
  model_retired: unknownModel,
  model_unpriced: { type: 'permission_error', code: 'insufficient_permissions' },
  not_found: { type: 'invalid_request_error', code: 'not_found' },
  method_not_allowed: { type: 'invalid_request_error', code: 'method_not_allowed' },
  request_timeout: { type: 'invalid_request_error', code: 'request_timeout' },
  conflict: { type: 'invalid_request_error', code: 'conflict' },
  request_in_progress: { type: 'invalid_request_error', code: 'request_in_progress' },
  body_too_large: { type: 'invalid_request_error', code: 'request_too_large' },
  unsupported_media_type: { type: 'invalid_request_error', code: 'unsupported_media_type' },
  rate_limited: limited,
  quota_exceeded: { type: 'insufficient_quota', code: 'insufficient_quota' },
  caller_gone: { type: 'invalid_request_error', code: 'client_closed_request' },
  internal: serverError,
  no_upstream: overloaded,
  shutting_down: overloaded,
  exchange_rate_missing: serverError,
  documents_busy: serverError,
  storage_unavailable: serverError,
  upstream_unreachable: serverError,
  upstream_failed: serverError,
  upstream_refused_key: serverError,
  upstream_invalid_reply: serverError,
  upstream_interrupted: serverError,
  upstream_rate_limited: limited,
  upstream_overloaded: overloaded,
  upstream_timeout: serverError,
};

/** Codes that OpenAI tells apart within a bad request; only the words of the message do so in a fault. */
const requestCodes: readonly (readonly [RegExp, string])[] = [
  [/^Missing required parameter/, 'missing_required_parameter'],
  [/^Invalid value/, 'invalid_value'],
  [/^Invalid type/, 'invalid_type'],
  [/^Unknown parameter/, 'unknown_parameter'],
  [/^Mutually exclusive parameters/, 'mutually_exclusive_parameters'],
  [/^The encrypted content/, 'invalid_encrypted_content'],
  [/^Previous response with id/, 'previous_response_not_found'],
  [/^Responses websocket stream limit reached/, 'websocket_stream_limit_reached'],
  [/^Responses websocket connection limit reached/, 'websocket_connection_limit_reached'],
  [/^Invalid '[^']*': (string|array) too long/, '$1_above_max_length'],
  [/^Invalid '[^']*': (integer|decimal) above maximum/, '$1_above_max_value'],
  [/^Invalid '[^']*': (integer|decimal) below minimum/, '$1_below_min_value'],
];

function codeOf(fault: Fault): string | null {
  if (fault.code !== 'invalid_request' && fault.code !== 'not_found') return names[fault.code].code;
  for (const [pattern, code] of requestCodes) {
    const match = pattern.exec(fault.message);
    if (match !== null) return code.replace('$1', match[1] ?? '');
  }
  return names[fault.code].code;
}

/** OpenAI's error. */
export interface ErrorObject {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** A fault in OpenAI's four keys, all of them always there (responses-ark-anthropic-batch.md 1.6). */
export function errorObject(fault: Fault): ErrorObject {
  const tokensMet = fault.metLimit?.kind === 'tpm' || fault.metLimit?.kind === 'tpd';
  const type = fault.vendorType ?? (fault.code === 'rate_limited' && tokensMet ? 'tokens' : names[fault.code].type);
  // Faults name the field of the chat protocol, which this one does not have.
  const field = fault.code === 'prompt_too_long' ? 'input' : fault.field;
  return { message: fault.message, type, param: field === undefined ? null : pathText(field), code: codeOf(fault) };
}

/** The `error` of a response that failed, in the words that its type has (1.3) and clients look for. */
export function responseErrorOf(fault: Fault): JsonObject {
  const code = names[fault.code].code ?? 'invalid_prompt';
  const isCallers = fault.status === 400 && fault.code !== 'prompt_too_long';
  return { code: isCallers ? 'invalid_prompt' : code, message: fault.message };
}
