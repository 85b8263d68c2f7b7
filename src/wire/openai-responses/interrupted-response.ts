import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/**
 * A stored response that nobody writes any more, since the server that did has died: `incomplete`, with what there is of it. The
 * reason is our own word, as OpenAI has none for it.
 */
export function interruptedResponse(stored: JsonObject): JsonObject {
  const output = Array.isArray(stored['output']) ? (stored['output'] as readonly JsonValue[]) : [];
  return {
    ...stored,
    status: 'incomplete',
    incomplete_details: { reason: 'interrupted' },
    output: output.map((item) => (isJsonObject(item) && item['status'] === 'in_progress' ? { ...item, status: 'incomplete' } : item)),
  };
}

/** The last event of a stream that ends by `response`, which is to be shown, for one whose writer is gone: its type and its data. */
export function terminalEvent(response: JsonObject, sequenceNumber: number): { readonly type: string; readonly json: string } {
  const { status } = response;
  const type = `response.${status === 'completed' || status === 'failed' ? status : 'incomplete'}`;
  return { type, json: JSON.stringify({ type, sequence_number: sequenceNumber, response }) };
}
