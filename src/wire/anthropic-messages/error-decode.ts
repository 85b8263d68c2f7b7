import type { Fault } from '../../base/fault.ts';
import type { JsonValue } from '../../base/json.ts';
import { isJsonObject } from '../../base/json.ts';
import { decodeVendorError } from '../vendor-error.ts';

/** Anthropic's own types where the shared reader has no word for them (responses-ark-anthropic-batch.md 3.5), as the status they come with. */
const statusByType: Readonly<Record<string, number>> = {
  billing_error: 402,
  permission_error: 403,
  conflict_error: 409,
  request_too_large: 413,
  timeout_error: 504,
};

/**
 * An upstream's error body, or the data of an `error` event (then with status 200), as `decodeVendorError` reads it: Anthropic's shape,
 * and OpenAI's, which Moonshot uses for a 401 here too (moonshot-api.md 1.8).
 */
export function decodeMessagesError(status: number, body: JsonValue | undefined, retryAfterMs?: number): { fault: Fault } {
  const type = typeIn(body);
  // A bill that is not paid comes as a 400, too; the type says what it is, and so does it in a stream, which has no status.
  const told = type !== undefined && Object.hasOwn(statusByType, type) ? statusByType[type] : undefined;
  const effective = told !== undefined && (status < 400 || type === 'billing_error') ? told : status;
  return { fault: decodeVendorError(effective, body, retryAfterMs) };
}

function typeIn(body: JsonValue | undefined): string | undefined {
  const error = isJsonObject(body) ? body['error'] : undefined;
  const type = isJsonObject(error) ? error['type'] : undefined;
  return typeof type === 'string' ? type : undefined;
}
