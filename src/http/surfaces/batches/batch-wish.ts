import { Fault } from '../../../base/fault.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { BatchWish } from '../../../batches/batches.ts';
import { checkedMetadata } from '../../../wire/openai-responses/responses-request-schema.ts';

/** OpenAI's only window, for those who send their requests with the batch and name none. */
const windowDefault = '24h';
/** How long files may be kept (responses-ark-anthropic-batch.md 4.1). */
const keptSMin = 3_600;
const keptSMax = 2_592_000;

/**
 * What the body of `POST /batches` asks for. `requests`, an array of lines, stands in the place of `input_file_id`: there the endpoint may be
 * left out when `fallbackEndpoint` is meant. Throws `invalid_request` with the field at fault.
 */
export function batchWishOf(body: unknown, fallbackEndpoint: string): BatchWish {
  if (!isJsonObject(body)) throw new Fault('invalid_request', { message: 'Invalid request: expected a JSON object' });
  const input = inputOf(body);
  const inline = 'requests' in input;
  const outputKeptS = keptSecondsOf(body['output_expires_after']);
  return {
    input,
    endpoint: textOf(body, 'endpoint', inline ? fallbackEndpoint : undefined),
    completionWindow: textOf(body, 'completion_window', inline ? windowDefault : undefined),
    ...(body['metadata'] === undefined || body['metadata'] === null ? {} : { metadata: { ...checkedMetadata(body['metadata']) } }),
    ...(outputKeptS === undefined ? {} : { outputKeptS }),
  };
}

function inputOf({ input_file_id: fileId, requests }: JsonObject): BatchWish['input'] {
  if (requests === undefined || requests === null) {
    if (typeof fileId === 'string' && fileId !== '') return { fileId };
    throw fileId === undefined || fileId === null ? missing('input_file_id') : invalid('input_file_id', 'expected the id of a file');
  }
  if (fileId !== undefined && fileId !== null) throw invalid('requests', "send either 'requests' or 'input_file_id'");
  if (!Array.isArray(requests)) throw invalid('requests', 'expected an array');
  return { requests };
}

function textOf(body: JsonObject, field: string, fallback: string | undefined): string {
  const value = body[field] ?? fallback;
  if (typeof value === 'string' && value !== '') return value;
  throw value === undefined ? missing(field) : invalid(field, 'expected a text');
}

function keptSecondsOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value) || value['anchor'] !== 'created_at') throw invalid('output_expires_after.anchor', "expected 'created_at'");
  const { seconds } = value;
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= keptSMin && seconds <= keptSMax) return seconds;
  throw invalid('output_expires_after.seconds', `expected an integer from ${keptSMin} to ${keptSMax}`);
}

function missing(field: string): Fault {
  return new Fault('invalid_request', { message: `Missing required parameter: '${field}'.`, field });
}

function invalid(field: string, why: string): Fault {
  return new Fault('invalid_request', { message: `Invalid '${field}': ${why}.`, field });
}
