import type { Fault } from '../../base/fault.ts';
import type { JsonValue } from '../../base/json.ts';
import { decodeVendorError } from '../vendor-error.ts';

/** An error's body, or the `error` of a stream's chunk, as `decodeVendorError` reads it. */
export function decodeChatError(status: number, body: JsonValue | undefined, retryAfterMs?: number): { fault: Fault } {
  return { fault: decodeVendorError(status, body, retryAfterMs) };
}
