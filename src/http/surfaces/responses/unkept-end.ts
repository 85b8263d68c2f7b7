import type { Fault } from '../../../base/fault.ts';
import type { JsonObject } from '../../../base/json.ts';
import { eventFrame } from '../../../wire/openai-responses/event-writer.ts';
import { errorObject, responseErrorOf } from '../../../wire/openai-responses/response-error.ts';
import type { ResponsesStyle } from '../../../wire/openai-responses/responses-style.ts';
import { streamEnd } from '../../../wire/openai-responses/stream-encode.ts';

/**
 * The rest of a stream whose end was written, but could not be kept and so was not sent: `error` and `response.failed` in its place.
 * `response` is what it would have ended with, as it is shown; `sequenceNumber` that of the last event that was sent.
 */
export function unkeptEnd({ onEvent }: Pick<ResponsesStyle, 'onEvent'>, response: JsonObject, fault: Fault, sequenceNumber: number): string {
  const event = (number: number, type: string, fields: JsonObject): string => {
    const json = JSON.stringify({ type, sequence_number: number, ...fields });
    onEvent?.(number, type, json);
    return eventFrame(type, json);
  };
  const error = errorObject(fault);
  const { code, message, param } = error;
  const failed = { ...response, status: 'failed', ...('completed_at' in response ? { completed_at: null } : {}), error: responseErrorOf(fault) };
  return event(sequenceNumber + 1, 'error', { code, message, param, error: { ...error } }) + event(sequenceNumber + 2, 'response.failed', { response: failed }) + streamEnd;
}
