import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import type { ResponseEvent } from '../../../threads/response-event-store.ts';
import { interruptedResponse, terminalEvent } from '../../../wire/openai-responses/interrupted-response.ts';
import { shownResponse } from '../../../wire/openai-responses/shown-item.ts';

/** The end of a response that somebody else had begun, or that must stop before its time. */
export interface ForcedEnd {
  readonly body: JsonObject;
  readonly output: readonly JsonObject[];
  /** What its stream ends with. */
  readonly event: ResponseEvent;
}

/**
 * Ends a response whose stream is kept until `events`, with what it has said until then. `cancelled`: its caller wished so. No event has
 * that name, so that the stream ends by `response.incomplete` in both cases.
 */
export function forcedEnd(body: JsonObject, events: readonly ResponseEvent[], status: 'incomplete' | 'cancelled'): ForcedEnd {
  const output = outputOf(events);
  const response = status === 'incomplete' ? interruptedResponse({ ...body, output }) : { ...body, status, output };
  const sequenceNumber = (events.at(-1)?.sequenceNumber ?? -1) + 1;
  const event: unknown = JSON.parse(terminalEvent(shownResponse(response, false), sequenceNumber).json);
  return { body: response, output, event: { sequenceNumber, event: isJsonObject(event) ? event : {} } };
}

/** The items of a stream so far: those that are done, and of a message that is not, its text. Reasoning and calls that are cut are of no use to anybody. */
function outputOf(events: readonly ResponseEvent[]): JsonObject[] {
  const items = new Map<number, JsonObject>();
  const texts = new Map<number, string>();
  for (const { event } of events) {
    const { type, output_index: index, item, delta } = event;
    if (typeof index !== 'number') continue;
    if (type === 'response.output_item.added' && isJsonObject(item) && item['type'] === 'message') items.set(index, item);
    if (type === 'response.output_text.delta' && typeof delta === 'string') texts.set(index, (texts.get(index) ?? '') + delta);
    if (type === 'response.output_item.done' && isJsonObject(item)) {
      items.set(index, item);
      texts.delete(index);
    }
  }
  return [...items].sort(([one], [other]) => one - other).flatMap(([index, item]) => {
    if (item['status'] !== 'in_progress') return [item];
    const text = texts.get(index);
    return text === undefined ? [] : [{ ...item, status: 'incomplete', content: [{ type: 'output_text', text, annotations: [], logprobs: [] }] }];
  });
}
