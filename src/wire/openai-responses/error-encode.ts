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
 * (responses-ark-anthropic-batch.md 1.8): `{type, status, error}`, and the stream that it belongs to, if it is of one. What an HTTP reply
 * says in its headers stands in `error.headers` (openai 7.57, `ResponseWsError`).
 */
export function encodeSocketError(fault: Fault, streamId?: string): JsonObject {
  const headers = retryHeaders(fault);
  const error = { ...errorObject(fault), ...(Object.keys(headers).length === 0 ? {} : { headers }) };
  return { type: 'error', status: fault.status, error, ...(streamId === undefined ? {} : { stream_id: streamId }) };
}
