import type { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import { retryHeaders } from '../retry-headers.ts';
import { errorObject } from './response-error.ts';

/** A fault as the reply that OpenAI would send: status, body and headers. */
export function encodeResponsesError(fault: Fault): { status: number; body: JsonObject; headers: Record<string, string> } {
  return { status: fault.status, body: { error: { ...errorObject(fault) } }, headers: retryHeaders(fault) };
}

/**
 * A fault as the data of an `error` event without a sequence number, for a socket on which no response has begun
 * (responses-ark-anthropic-batch.md 1.8): `{type, status, error}`.
 */
export function encodeSocketError(fault: Fault): JsonObject {
  return { type: 'error', status: fault.status, error: { ...errorObject(fault) } };
}
