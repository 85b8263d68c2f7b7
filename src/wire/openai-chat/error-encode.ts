import type { Fault, FaultCode, MetLimit } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { sseData } from '../../base/sse.ts';
import { retryHeaders } from '../retry-headers.ts';
import type { ChatStyle } from './chat-style.ts';

/** Moonshot's `type` for each of our faults (moonshot-api.md 3.2; those of 499 and 503 as classifiers have seen them). */
const moonshotTypes: Readonly<Record<FaultCode, string>> = {
  invalid_request: 'invalid_request_error',
  prompt_too_long: 'invalid_request_error',
  content_filtered: 'content_filter',
  unauthenticated: 'invalid_authentication_error',
  document_unreadable: 'invalid_request_error',
  key_rejected: 'incorrect_api_key_error',
  permission_denied: 'permission_denied_error',
  model_not_found: 'resource_not_found_error',
  model_retired: 'resource_not_found_error',
  model_unpriced: 'permission_denied_error',
  not_found: 'resource_not_found_error',
  method_not_allowed: 'invalid_request_error',
  request_timeout: 'invalid_request_error',
  conflict: 'invalid_request_error',
  request_in_progress: 'invalid_request_error',
  body_too_large: 'invalid_request_error',
  unsupported_media_type: 'invalid_request_error',
  rate_limited: 'rate_limit_reached_error',
  quota_exceeded: 'exceeded_current_quota_error',
  caller_gone: 'client_closed_request',
  internal: 'server_error',
  no_upstream: 'server_unavailable',
  shutting_down: 'server_unavailable',
  exchange_rate_missing: 'server_unavailable',
  documents_busy: 'server_unavailable',
  storage_unavailable: 'server_unavailable',
  upstream_unreachable: 'server_error',
  upstream_failed: 'server_error',
  upstream_refused_key: 'server_error',
  upstream_invalid_reply: 'server_error',
  upstream_interrupted: 'server_error',
  upstream_rate_limited: 'rate_limit_reached_error',
  upstream_overloaded: 'engine_overloaded_error',
  upstream_timeout: 'server_error',
};

/** Ark's `type`, the name of the status class in CamelCase (responses-ark-anthropic-batch.md 2.7). */
const arkTypes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
};

/** Ark's `code` where the status does not give it. */
const arkCodes: Readonly<Partial<Record<FaultCode, string>>> = {
  content_filtered: 'SensitiveContentDetected',
  unauthenticated: 'AuthenticationError',
  key_rejected: 'AuthenticationError',
  permission_denied: 'AccessDenied',
  model_unpriced: 'AccessDenied',
  model_not_found: 'InvalidEndpointOrModel.NotFound',
  model_retired: 'InvalidEndpointOrModel.NotFound',
  not_found: 'NotFound',
  upstream_rate_limited: 'RateLimitExceeded.EndpointRPMExceeded',
  quota_exceeded: 'QuotaExceeded',
};

/** Ark's `code` for a limit of ours. It knows requests and tokens by the minute only; a slot is nearest to the former. */
const arkLimitCodes: Readonly<Record<MetLimit['kind'], string>> = {
  rpm: 'RateLimitExceeded.EndpointRPMExceeded',
  tpm: 'RateLimitExceeded.EndpointTPMExceeded',
  tpd: 'RateLimitExceeded.EndpointTPMExceeded',
  concurrency: 'RateLimitExceeded.EndpointRPMExceeded',
};

function arkCodeOf({ code, metLimit, status }: Fault): string {
  if (code === 'rate_limited') return arkLimitCodes[metLimit?.kind ?? 'rpm'];
  return arkCodes[code] ?? (status >= 500 ? 'InternalServiceError' : 'InvalidParameter');
}

/**
 * A fault as the reply that a vendor would send: status, body and headers. `requestId` stands in Ark's messages and is the
 * id of OpenRouter's error chunk.
 */
export function encodeChatError(
  fault: Fault,
  vendor: ChatStyle['vendor'],
  requestId: string,
): { status: number; body: JsonObject; headers: Record<string, string> } {
  return { status: fault.status, body: { error: errorOf(fault, vendor, requestId) }, headers: retryHeaders(fault) };
}

/**
 * A fault as the last event of a stream: the vendor's error body; at OpenRouter inside a chunk whose `finish_reason` is
 * `error` (moonshot-api.md 6.2). No `[DONE]` follows it, so that a client which does not know it sees a broken stream and
 * not a complete one.
 */
export function encodeChatStreamError(fault: Fault, vendor: ChatStyle['vendor'], requestId: string): string {
  const error = errorOf(fault, vendor, requestId);
  if (vendor !== 'openrouter') return sseData(JSON.stringify({ error }));
  const choice = { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' };
  return sseData(JSON.stringify({ id: requestId, object: 'chat.completion.chunk', error, choices: [choice] }));
}

function errorOf(fault: Fault, vendor: ChatStyle['vendor'], requestId: string): JsonObject {
  switch (vendor) {
    case 'moonshot':
      return {
        message: fault.message,
        type: fault.vendorType ?? moonshotTypes[fault.code],
        ...(fault.field === undefined ? {} : { param: fault.field }),
      };
    case 'openrouter': {
      const metadata = {
        ...(fault.upstream === undefined ? {} : { provider_name: fault.upstream }),
        ...(fault.field === undefined ? {} : { param: fault.field }),
      };
      return { code: fault.status, message: fault.message, ...(Object.keys(metadata).length === 0 ? {} : { metadata }) };
    }
    case 'ark': {
      const { status } = fault;
      return {
        code: arkCodeOf(fault),
        message: `${fault.message}${/[.!?]$/.test(fault.message) ? '' : '.'} Request id: ${requestId}`,
        param: fault.field ?? '',
        type: arkTypes[status] ?? (status >= 500 ? 'InternalServerError' : 'BadRequest'),
      };
    }
  }
}
