import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Finish, FinishReason } from '../../dialogue/finish.ts';

/** The words of responses-ark-anthropic-batch.md 3.3. Where ours says less, it is not `exact`, and the word stays in `raw`. */
const reasons: Readonly<Record<string, { readonly reason: FinishReason; readonly exact: boolean }>> = {
  end_turn: { reason: 'stop', exact: true },
  max_tokens: { reason: 'length', exact: true },
  tool_use: { reason: 'tool-calls', exact: true },
  refusal: { reason: 'content-filter', exact: true },
  stop_sequence: { reason: 'stop', exact: false },
  model_context_window_exceeded: { reason: 'length', exact: false },
  pause_turn: { reason: 'other', exact: false },
};

const words: Readonly<Record<FinishReason, string>> = {
  'stop': 'end_turn',
  'length': 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  'error': 'error',
  'other': 'end_turn',
};

/** A `stop_reason` with its `stop_sequence` in the neutral language. A word that ours does not say as well stays in `raw`. */
export function decodeStop(raw: JsonValue | undefined, sequence: JsonValue | undefined): Finish {
  if (typeof raw !== 'string' || raw === '') return { reason: 'other' };
  const known = Object.hasOwn(reasons, raw) ? reasons[raw] : undefined;
  if (known === undefined) return { reason: 'other', raw };
  if (raw === 'stop_sequence' && typeof sequence === 'string') return { reason: 'stop', stopSequence: sequence };
  return known.exact ? { reason: known.reason } : { reason: known.reason, raw };
}

/**
 * A finish as `stop_reason` and `stop_sequence`. `refused`: the model said in so many words that it will not. What broke has no word
 * here, and says so in the upstream's own, as chat does: `end_turn` would pass a part off as the whole.
 */
export function encodeStop(finish: Finish, refused: boolean): JsonObject & { readonly stop_reason: string; readonly stop_sequence: string | null } {
  const { reason, raw, stopSequence } = finish;
  if (reason === 'stop' && stopSequence !== undefined) return { stop_reason: 'stop_sequence', stop_sequence: stopSequence };
  if (refused && reason === 'stop') return { stop_reason: 'refusal', stop_sequence: null };
  if (raw !== undefined && (reason === 'error' || Object.hasOwn(reasons, raw))) return { stop_reason: raw, stop_sequence: null };
  return { stop_reason: words[reason], stop_sequence: null };
}
