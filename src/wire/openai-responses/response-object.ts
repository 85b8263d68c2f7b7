import type { JsonObject } from '../../base/json.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { ResponsesStyle } from './responses-style.ts';
import { encodeResponsesUsage } from './usage-encode.ts';

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** What a response is at one moment, beside what stays the same throughout. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly JsonObject[];
  readonly incompleteReason?: 'max_output_tokens' | 'content_filter';
  readonly error?: JsonObject;
  readonly usage?: Usage;
  readonly completedS?: number;
}

/** The response object. Ark has no time of completion, and knows a response that is queued as one in progress (2.3). */
export function responseObject(style: ResponsesStyle, state: ResponseState): JsonObject {
  const isArk = style.vendor === 'ark';
  return {
    id: style.responseId,
    object: 'response',
    created_at: style.createdS,
    ...(isArk ? {} : { completed_at: state.completedS ?? null }),
    status: isArk && state.status === 'queued' ? 'in_progress' : state.status,
    error: state.error ?? null,
    incomplete_details: state.incompleteReason === undefined ? null : { reason: state.incompleteReason },
    model: style.model,
    output: state.output,
    usage: state.usage === undefined ? null : encodeResponsesUsage(state.usage),
    ...style.settings,
  };
}
