import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { sseData } from '../../base/sse.ts';
import type { DialogueEvent, EventBatch, SourceFrame } from '../../dialogue/event.ts';
import type { ReplyCost } from '../../dialogue/reply-cost.ts';
import type { Usage } from '../../dialogue/usage.ts';
import type { ChatStyle } from './chat-style.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { isPatchable, type PatchableObject } from '../patchable.ts';
import { removeThinking } from './thinking-text.ts';
import { decodeChatUsage, encodeChatUsage } from './usage.ts';

/** A choice's last chunk, waiting for the usage that belongs into it. */
interface FinishingChunk {
  /** The chunk's fields but `choices` and `usage`. */
  readonly envelope: PatchableObject;
  readonly choice: PatchableObject;
}

interface ChoiceState {
  begun: boolean;
  ended: boolean;
}

const done = 'data: [DONE]\n\n';

/**
 * Writes a chat stream in Moonshot's normal form (moonshot-api.md 2.2, tool-calls.md 2.4). Frames of the same protocol that
 * are in normal form are handed on byte for byte; the others are mended, and events that come without a frame are written
 * from scratch.
 *
 * A choice's last chunk carries `usage` in the choice, and is held back until that is known or the stream ends. With
 * `includeUsage` one more chunk with `choices: []` and the usage follows; the upstream's own of that kind is swallowed and
 * its other fields go into ours. OpenAI then also puts `"usage": null` into every other chunk; we do so only in those that we
 * write ourselves, since no client can need it and handing frames on untouched is worth more.
 *
 * In OpenRouter's style the last chunks wait for the end of the stream, when the cost is known: it stands in the usage of the very
 * last one, which without `includeUsage` is the finishing chunk, where usage stands beside `choices` (moonshot-api.md 6.2).
 *
 * `error` events write nothing: how a stream fails is for the surface to say (`encodeChatStreamError`).
 */
export class ChatStreamEncoder {
  readonly #style: ChatStyle;
  readonly #writer: ChunkWriter;
  readonly #noUsage: JsonObject;
  readonly #excludesThinking: boolean;
  readonly #endsWithCost: boolean;
  readonly #choices: ChoiceState[] = [];
  #held: FinishingChunk[] = [];
  #usage: Usage | undefined;
  #usageOriginal: JsonObject | undefined;
  /** Fields of the upstream's usage chunk, which we swallow; those of the last finishing chunk if there was none. */
  #lastEnvelope: PatchableObject | undefined;
  #closed = false;

  constructor(style: ChatStyle) {
    this.#style = style;
    this.#writer = new ChunkWriter(style);
    this.#excludesThinking = style.thinking === 'excluded';
    this.#endsWithCost = style.vendor === 'openrouter';
    this.#noUsage = style.includeUsage ? { usage: null } : {};
  }

  /** The text of one socket write: whole events. Empty when everything in `batches` is held back or swallowed. */
  encode(batches: readonly EventBatch[]): string {
    let text = '';
    for (const batch of batches) {
      const { source } = batch;
      if (source === undefined || source.protocol !== 'openai-chat') {
        for (const event of batch.events) text += this.#event(event);
      } else if (source.verbatim && this.#isReady(source, batch.events)) {
        text += sseData(source.text);
      } else {
        text += this.#mended(source) ?? this.#frame(source, batch.events);
      }
    }
    return text;
  }

  /**
   * What is still held back, the usage chunk if one was asked for, and `[DONE]`. To be called once, at a clean end. `cost` is
   * shown in OpenRouter's style only.
   */
  end(cost?: ReplyCost): string {
    if (this.#closed) return '';
    this.#closed = true;
    const { includeUsage } = this.#style;
    const usage = this.#usage === undefined || !(includeUsage || this.#endsWithCost)
      ? undefined : encodeChatUsage(this.#usage, this.#usageOriginal, this.#endsWithCost ? cost : undefined);
    let text = this.#release(includeUsage ? undefined : usage);
    if (includeUsage && usage !== undefined) {
      const envelope = this.#lastEnvelope ?? this.#writer.envelope();
      text += sseData(JSON.stringify({ ...envelope, choices: [], usage }));
    }
    return text + done;
  }

  /**
   * May a frame in normal form go out as it is? Not a choice's first without a role, nor thinking that is to go by another
   * name, or not at all: then it is taken out here.
   */
  #isReady(source: SourceFrame, events: readonly DialogueEvent[]): boolean {
    let thinks = false;
    for (const event of events) {
      if (event.type === 'reply-start') this.#writer.start(event);
      else if (event.type === 'thinking-delta') thinks = true;
    }
    const choices = source.value['choices'];
    const choice = Array.isArray(choices) ? (choices as readonly JsonValue[])[0] : undefined;
    if (!isJsonObject(choice)) return true;
    const delta = choice['delta'];
    if (!isJsonObject(delta)) return false;
    if (this.#excludesThinking && removeThinking(delta)) return false;
    if (thinks && this.#style.reasoningAlias && typeof delta['reasoning'] !== 'string') return false;
    const index = choice['index'];
    const state = this.#state(typeof index === 'number' ? index : 0);
    if (state.begun) return true;
    if (typeof delta['role'] !== 'string') return false;
    state.begun = true;
    return true;
  }

  /** The frame of a payload and nothing else, mended where it stands: most of what is not in normal form is so. */
  #mended(source: SourceFrame): string | undefined {
    const { value } = source;
    const { choices, usage, error } = value;
    if (!Array.isArray(choices) || choices.length !== 1 || (usage ?? error ?? null) !== null) return undefined;
    const choice: unknown = choices[0];
    if (!isPatchable(choice) || (choice['finish_reason'] ?? choice['usage'] ?? null) !== null) return undefined;
    const index = choice['index'];
    const state = typeof index === 'number' ? this.#state(index) : undefined;
    // A choice's first frame also names the reply, which the long way takes down.
    if (state === undefined || !state.begun || state.ended) return undefined;
    this.#mendDelta(choice, state);
    if (this.#excludesThinking && saysNothing(choice['delta'])) return '';
    return sseData(JSON.stringify(value));
  }

  /** A frame that cannot go out as it is: mended, split into payload and end, held back, or swallowed. */
  #frame(source: SourceFrame, events: readonly DialogueEvent[]): string {
    for (const event of events) {
      if (event.type === 'reply-start') this.#writer.start(event);
      else if (event.type === 'usage') this.#usage = event.usage;
      else if (event.type === 'usage-rejected') this.#usage = undefined;
    }
    const { choices, usage, error: _error, ...envelope } = source.value;
    if (isJsonObject(usage)) this.#usageOriginal = usage;
    const kept: PatchableObject[] = [];
    let text = '';
    const failed = events.some((event) => event.type === 'error');
    const list = Array.isArray(choices) ? (choices as readonly JsonValue[]) : [];
    for (let position = 0; position < list.length; position += 1) {
      const choice: unknown = list[position];
      if (!isPatchable(choice)) continue;
      const index = typeof choice['index'] === 'number' ? choice['index'] : position;
      const payload = this.#hasPayload(events, index);
      if (failed && !payload) continue;
      choice['index'] = index;
      this.#choice(choice, envelope, payload, kept);
    }
    // Usage so far, beside a payload, only comes when the caller asked the upstream for it.
    const soFar = kept.length > 0 && !this.#allEnded() && isJsonObject(usage) ? believed(usage) : undefined;
    const counted = soFar !== undefined && isJsonObject(usage) ? { usage: encodeChatUsage(soFar, usage) } : this.#noUsage;
    for (const choice of kept) text += sseData(JSON.stringify({ ...envelope, choices: [choice], ...counted }));
    if (kept.length === 0 && this.#allEnded()) this.#lastEnvelope = { ...this.#lastEnvelope, ...envelope };
    return text + this.#releaseReady(isJsonObject(usage));
  }

  /** Decides over one choice of a frame: what of it goes out now (`kept`) and what waits for its usage. */
  #choice(choice: PatchableObject, envelope: PatchableObject, payload: boolean, kept: PatchableObject[]): void {
    const state = this.#state(Number(choice['index']));
    const finish = choice['finish_reason'];
    const failed = finish === 'error';
    const finishing = finish !== undefined && finish !== null && !failed;
    this.#mendDelta(choice, state);
    if (state.ended || failed) {
      // A repeated finish, or a trailing chunk with nothing but usage (OpenRouter; moonshot-api.md 6.2).
      if (payload) kept.push(withoutFinish(choice));
      return;
    }
    if (!finishing) {
      const { usage: _usage, ...rest } = choice;
      kept.push(rest);
      return;
    }
    state.ended = true;
    if (payload) kept.push(withoutFinish(choice));
    this.#held.push({ envelope, choice: payload ? { ...choice, delta: {} } : choice });
  }

  #mendDelta(choice: PatchableObject, state: ChoiceState): void {
    const delta: PatchableObject = isPatchable(choice['delta']) ? choice['delta'] : {};
    if (this.#excludesThinking) removeThinking(delta);
    const thinking = delta['reasoning_content'];
    if (this.#style.reasoningAlias && typeof thinking === 'string' && typeof delta['reasoning'] !== 'string') {
      delta['reasoning'] = thinking;
    }
    if (!state.begun) {
      state.begun = true;
      if (typeof delta['role'] !== 'string') {
        choice['delta'] = { role: 'assistant', ...delta };
        return;
      }
    }
    choice['delta'] = delta;
  }

  #event(event: DialogueEvent): string {
    switch (event.type) {
      case 'reply-start':
        this.#writer.start(event);
        return '';
      case 'usage':
        this.#usage = event.usage;
        return this.#releaseReady(true);
      case 'usage-rejected':
        this.#usage = undefined;
        return '';
      // It stands in no chat chunk.
      case 'thinking-proof':
      case 'error':
        return '';
      case 'choice-end': {
        const state = this.#state(event.choice);
        if (state.ended) return '';
        state.ended = true;
        this.#held.push({ envelope: this.#writer.envelope(), choice: this.#writer.finishing(event.choice, event.finish) });
        return state.begun ? '' : this.#begin(event.choice, state);
      }
      default: {
        const state = this.#state(event.choice);
        return (state.begun ? '' : this.#begin(event.choice, state)) + this.#writer.delta(event);
      }
    }
  }

  #begin(choice: number, state: ChoiceState): string {
    state.begun = true;
    return this.#writer.role(choice);
  }

  /** Lets go of the last chunks that have all they wait for: all, once the whole usage has come and every choice has ended. */
  #releaseReady(wholeUsage: boolean): string {
    if (this.#held.length === 0 || this.#endsWithCost) return '';
    if (wholeUsage && this.#usage !== undefined && this.#allEnded()) return this.#release();
    let text = '';
    this.#held = this.#held.filter((chunk) => {
      const own = chunk.choice['usage'];
      const usage = believed(own);
      if (usage === undefined || !isJsonObject(own)) return true;
      text += this.#finishing(chunk, encodeChatUsage(usage, own));
      return false;
    });
    return text;
  }

  /**
   * All that is held back. Usage that the upstream gave for the whole reply stands in the last chunk only, so that a client
   * which adds the choices up counts it once. `beside`: usage that stands beside the choices of the last chunk.
   */
  #release(beside?: JsonObject): string {
    let text = '';
    const held = this.#held;
    this.#held = [];
    for (let position = 0; position < held.length; position += 1) {
      const chunk = held[position];
      if (chunk === undefined) continue;
      const own = chunk.choice['usage'];
      const ownUsage = believed(own);
      const last = position === held.length - 1;
      const top = last ? beside : undefined;
      if (ownUsage !== undefined && isJsonObject(own)) text += this.#finishing(chunk, encodeChatUsage(ownUsage, own), top);
      else if (last && this.#usage !== undefined) text += this.#finishing(chunk, encodeChatUsage(this.#usage, this.#usageOriginal), top);
      else text += this.#finishing(chunk, undefined, top);
    }
    return text;
  }

  #finishing(chunk: FinishingChunk, usage: JsonObject | undefined, beside?: JsonObject): string {
    const { usage: _usage, ...choice } = chunk.choice;
    const choices = [usage === undefined ? choice : { ...choice, usage }];
    // What only the upstream's usage chunk said (service_tier …) would be lost with it.
    const envelope = { ...this.#lastEnvelope, ...chunk.envelope };
    this.#lastEnvelope = { ...chunk.envelope, ...this.#lastEnvelope };
    return sseData(JSON.stringify({ ...envelope, choices, ...(beside === undefined ? this.#noUsage : { usage: beside }) }));
  }

  #hasPayload(events: readonly DialogueEvent[], choice: number): boolean {
    return events.some(
      (event) =>
        'choice' in event && event.choice === choice && event.type !== 'choice-end' &&
        !(this.#excludesThinking && event.type === 'thinking-delta'),
    );
  }

  #allEnded(): boolean {
    return this.#choices.every((choice) => choice.ended);
  }

  #state(index: number): ChoiceState {
    while (this.#choices.length <= index) this.#choices.push({ begun: false, ended: false });
    return this.#choices[index] ?? { begun: false, ended: false };
  }
}

function believed(value: JsonValue | undefined): Usage | undefined {
  const usage = decodeChatUsage(value);
  return usage === 'rejected' ? undefined : usage;
}

/** A delta of which nothing is left but a role that has been said and blanks. */
function saysNothing(delta: JsonValue | undefined): boolean {
  if (!isJsonObject(delta)) return false;
  return Object.entries(delta).every(([field, value]) => field === 'role' || value === null || value === '');
}

/** The payload of a chunk that also ended its choice; the end follows in a chunk of its own. */
function withoutFinish(choice: PatchableObject): PatchableObject {
  const { usage: _usage, ...rest } = choice;
  rest['finish_reason'] = null;
  if ('native_finish_reason' in rest) rest['native_finish_reason'] = null;
  return rest;
}
