import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import type { Draft } from './sandbox-draft.ts';
import { splitPieces } from './sandbox-speech.ts';

/** What is said at one moment: a batch of events, and how many tokens it took to generate. */
export interface Beat extends EventBatch {
  readonly tokens: number;
}

/** One choice, ready to be played. */
export interface ChoiceBeats {
  readonly beats: readonly Beat[];
  readonly outputTokens: number;
  /** Of `outputTokens`. */
  readonly thinkingTokens: number;
}

/** Tokens of K2's markers around one tool call (tool-calls.md 2.1). */
const callMarkerTokens = 4;

/**
 * Cuts a draft into beats of about one token. At `limit` tokens the choice breaks off and ends with `length`; thinking
 * alone stops at `thinkingLimit`, and the answer goes on.
 */
export function choiceBeats(
  choice: number,
  draft: Draft,
  limit: number,
  thinkingLimit: number,
  countTokens: (text: string) => number,
): ChoiceBeats {
  const writer = new BeatWriter(limit, countTokens);
  if (draft.thinking !== undefined) {
    writer.say(draft.thinking, (text) => ({ type: 'thinking-delta', choice, text }), thinkingLimit);
  }
  const thinkingTokens = writer.tokens;
  if (draft.text !== undefined) writer.say(draft.text, (text) => ({ type: 'text-delta', choice, text }));
  if (draft.refusal !== undefined) writer.say(draft.refusal, (text) => ({ type: 'refusal-delta', choice, text }));
  for (const [index, { id, kind, name, argumentsText }] of draft.calls.entries()) {
    writer.write({ type: 'tool-call-start', choice, index, id, kind, name }, countTokens(id) + callMarkerTokens);
    writer.say(argumentsText, (text) => ({ type: 'tool-call-delta', choice, index, argumentsText: text }));
  }
  const reason = writer.full ? 'length' : draft.finish;
  const stopped = reason === 'stop' && draft.stopSequence !== undefined ? { stopSequence: draft.stopSequence } : {};
  writer.beats.push({ events: [{ type: 'choice-end', choice, finish: { reason, ...stopped } }], tokens: 0 });
  return { beats: writer.beats, outputTokens: writer.tokens, thinkingTokens };
}

/** Collects beats until the limit is reached; what would go beyond it, and everything after, is not written. */
class BeatWriter {
  readonly beats: Beat[] = [];
  readonly #limit: number;
  readonly #countTokens: (text: string) => number;
  tokens = 0;
  full = false;

  constructor(limit: number, countTokens: (text: string) => number) {
    this.#limit = limit;
    this.#countTokens = countTokens;
  }

  /** Says a text piece by piece; an empty one is said once, for empty differs from absent. */
  say(text: string, event: (text: string) => DialogueEvent, limit = Number.MAX_SAFE_INTEGER): void {
    if (text === '') this.write(event(''), 0);
    const startTokens = this.tokens;
    for (const piece of splitPieces(text)) {
      const tokens = this.#countTokens(piece);
      if (this.full || this.tokens - startTokens + tokens > limit) return;
      this.write(event(piece), tokens);
    }
  }

  write(event: DialogueEvent, tokens: number): void {
    this.full ||= this.tokens + tokens > this.#limit;
    if (this.full) return;
    this.tokens += tokens;
    this.beats.push({ events: [event], tokens });
  }
}
