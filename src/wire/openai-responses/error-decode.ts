import type { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { decodeVendorError } from '../vendor-error.ts';

export interface ResponsesError {
  readonly fault: Fault;
  /** It does not know the response that the request was to go on from: nothing was processed, and the whole conversation has to be sent. */
  readonly previousLost?: true;
}

/**
 * An error's body, the `error` of a failed response, or a stream's `error` event, flat or nested
 * (responses-ark-anthropic-batch.md 1.6), as `decodeVendorError` reads it.
 */
export function decodeResponsesError(status: number, body: JsonValue | undefined, retryAfterMs?: number): ResponsesError {
  const error = errorOf(body);
  const fault = decodeVendorError(status, error === undefined ? body : { error: typed(error) }, retryAfterMs);
  return (status === 404 || status === 400) && error !== undefined && namesPrevious(error) ? { fault, previousLost: true } : { fault };
}

function errorOf(body: JsonValue | undefined): JsonObject | undefined {
  if (!isJsonObject(body)) return undefined;
  if (isJsonObject(body['error'])) return body['error'];
  return body['type'] === 'error' ? body : undefined;
}

/** Where an error says its code only, as in failed responses and flat events, that takes the place of a type. */
function typed(error: JsonObject): JsonObject {
  const { type, code } = error;
  if (typeof type === 'string' && type !== '' && type !== 'error') return error;
  if (typeof code !== 'string') return { ...error, type: '' };
  return { ...error, type: aboutTheInput.test(code) ? 'invalid_request_error' : code };
}

/** Of the codes of failed responses (1.3), those that say what is wrong with a prompt or its images. */
const aboutTheInput = /^(invalid_|image_|unsupported_image|empty_image|failed_to_download_image)/;

/**
 * OpenAI: code `previous_response_not_found` (1.8). Ark's words are not documented: a `NotFound.{Parameter}` or an invalid
 * parameter, which the body names (2.7).
 */
function namesPrevious({ code, param, message }: JsonObject): boolean {
  return [code, param, message].some((text) => typeof text === 'string' && /previous[ _]?response/i.test(text.slice(0, 8192)));
}
