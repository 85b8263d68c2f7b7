import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import type { Usage } from '../../dialogue/usage.ts';
import { invalidReply, parseUpstreamEvent } from '../upstream-event.ts';
import { decodeChatError } from './error-decode.ts';
import { decodeFinish } from './finish-reason.ts';
import { isPatchable, type PatchableObject } from '../patchable.ts';
import { listedContent, thinkingText } from './thinking-text.ts';
import { ToolCallStream } from './tool-call-stream.ts';
import { addChoiceUsage, decodeChatUsage } from './usage.ts';

/** OpenAI takes `n` up to 128. */
const choiceIndexMax = 127;

interface ChoiceState {
  readonly index: number;
  calls: ToolCallStream | undefined;
  ended: boolean;
  /** `rejected`: it came, and cannot be true. */
  usage: Usage | 'rejected' | undefined;
}

/** The frame being read. */
interface Reading {
  readonly events: DialogueEvent[];
  /** False once anything in the frame had to be changed, or must not be handed on as it is. */
  verbatim: boolean;
  /** What a choice that ended with `error` says of it. */
  choiceError?: JsonValue;
}

const nothing: EventBatch = { events: [] };

/**
 * Reads a chat stream, one server-sent event at a time, in every vendor's dialect (moonshot-api.md 2.2, 6.2; tool-calls.md
 * 2.2). The frame goes along with the events; where it was not in normal form, `value` is mended and `verbatim` is false:
 * thinking under another name also stands in `reasoning_content`, and tool calls are numbered from 0 without repetition.
 */
export class ChatStreamDecoder {
  #started = false;
  #replyId = '';
  #ended = false;
  readonly #choices: ChoiceState[] = [];
  /** Usage of the whole reply has come; from then on that of single choices adds nothing. */
  #wholeUsage = false;

  /** `[DONE]` has come. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The events of one event's data. What comes after `[DONE]` is ignored. An error chunk becomes an `error` event, after
   * what else it holds. Throws an `upstream_invalid_reply` fault for what is no chat chunk.
   */
  push(payload: string): EventBatch {
    if (this.#ended) return nothing;
    if (payload.charCodeAt(0) === 0x5b && payload.trimEnd() === '[DONE]') {
      this.#ended = true;
      return nothing;
    }
    const value = parseUpstreamEvent(payload);
    const reading: Reading = { events: [], verbatim: true };
    const choices = value['choices'];
    if (!this.#started) this.#start(value, reading);
    if (Array.isArray(choices)) {
      const list = choices as readonly JsonValue[];
      if (list.length > 1) reading.verbatim = false;
      for (let position = 0; position < list.length; position += 1) this.#choice(list[position], position, reading);
    }
    const usage = value['usage'];
    if (usage !== undefined && usage !== null) this.#usage(usage, reading);
    const error = value['error'] ?? reading.choiceError ?? (isBareError(value) ? value : undefined);
    if (error !== undefined) {
      reading.verbatim = false;
      reading.events.push({ type: 'error', fault: decodeChatError(200, { error }).fault });
    } else if (choices === undefined && usage === undefined) {
      // Neither chunk nor error (a ping of some proxy): there is nothing that a client could make of it.
      return { events: reading.events };
    }
    return { events: reading.events, source: { protocol: 'openai-chat', text: payload, value, verbatim: reading.verbatim } };
  }

  #start(value: JsonObject, reading: Reading): void {
    const { id, model, created, provider, choices } = value;
    // Azure begins with a chunk that has neither id nor choices.
    const named = typeof id === 'string' && id !== '';
    if (!named && !(Array.isArray(choices) && choices.length > 0)) return;
    this.#started = true;
    this.#replyId = named ? id : '';
    reading.events.push({
      type: 'reply-start',
      id: this.#replyId,
      model: typeof model === 'string' ? model : '',
      createdS: typeof created === 'number' ? created : 0,
      ...(typeof provider === 'string' ? { provider } : {}),
    });
  }

  #choice(choice: JsonValue | undefined, position: number, reading: Reading): void {
    if (!isPatchable(choice)) throw invalidReply('a choice that is no object');
    const index = choice['index'] ?? position;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > choiceIndexMax) {
      throw invalidReply('a choice whose index is no small number');
    }
    const state = this.#state(index);
    const delta = choice['delta'];
    if (isPatchable(delta)) this.#delta(delta, state, reading);
    else reading.verbatim = false;

    const usage = choice['usage'];
    if (usage !== undefined && usage !== null) {
      reading.verbatim = false;
      state.usage = decodeChatUsage(usage);
      this.#sumUsage(reading);
    }
    const finish = choice['finish_reason'];
    if (finish !== undefined && finish !== null) this.#finish(finish, choice, state, reading);
  }

  #delta(delta: PatchableObject, state: ChoiceState, reading: Reading): void {
    const choice = state.index;
    const { content, reasoning_content: thinking, refusal, tool_calls: calls } = delta;
    if (typeof thinking === 'string' && thinking !== '') {
      reading.events.push({ type: 'thinking-delta', choice, text: thinking });
    } else if (delta['reasoning'] !== undefined || delta['reasoning_details'] !== undefined) {
      const text = thinkingText(delta);
      if (text !== undefined && text !== '') {
        reading.events.push({ type: 'thinking-delta', choice, text });
        delta['reasoning_content'] = text;
        reading.verbatim = false;
      }
    }
    if (typeof content === 'string') {
      if (content !== '') reading.events.push({ type: 'text-delta', choice, text: content });
    } else if (content !== undefined && content !== null) {
      this.#listed(delta, content, choice, reading);
    }
    if (typeof refusal === 'string' && refusal !== '') reading.events.push({ type: 'refusal-delta', choice, text: refusal });
    if (Array.isArray(calls)) this.#calls(calls as readonly JsonValue[], delta, state, reading);
    else if (isJsonObject(delta['function_call'])) this.#functionCall(delta, delta['function_call'], state, reading);
  }

  /** Content as a list of pieces becomes plain text and thinking; a list that we cannot read stays as it is. */
  #listed(delta: PatchableObject, content: JsonValue, choice: number, reading: Reading): void {
    const listed = listedContent(content);
    if (listed === undefined) return;
    reading.verbatim = false;
    delta['content'] = listed.text;
    if (listed.thinking !== '') {
      reading.events.push({ type: 'thinking-delta', choice, text: listed.thinking });
      delta['reasoning_content'] = listed.thinking;
    }
    if (listed.text !== '') reading.events.push({ type: 'text-delta', choice, text: listed.text });
  }

  #calls(calls: readonly JsonValue[], delta: PatchableObject, state: ChoiceState, reading: Reading): void {
    if (calls.length === 0) return;
    state.calls ??= new ToolCallStream(state.index);
    const repaired = state.calls.add(calls, this.#replyId, reading.events);
    if (repaired === undefined) return;
    reading.verbatim = false;
    if (repaired.length > 0) delta['tool_calls'] = repaired;
    else delete delta['tool_calls'];
  }

  /** The form from before `tool_calls`. */
  #functionCall(delta: PatchableObject, call: JsonObject, state: ChoiceState, reading: Reading): void {
    delete delta['function_call'];
    reading.verbatim = false;
    const fragment: JsonObject = { index: 0, function: call };
    delta['tool_calls'] = [fragment];
    this.#calls([fragment], delta, state, reading);
  }

  #finish(finish: JsonValue, choice: PatchableObject, state: ChoiceState, reading: Reading): void {
    reading.verbatim = false;
    if (finish === 'error') {
      reading.choiceError = choice['error'] ?? 'the upstream failed in the middle of its reply';
      return;
    }
    if (state.ended) return;
    state.ended = true;
    const headers = state.calls?.close(this.#replyId, reading.events) ?? [];
    if (headers.length > 0) {
      const delta: PatchableObject = isPatchable(choice['delta']) ? choice['delta'] : {};
      const present = delta['tool_calls'];
      delta['tool_calls'] = [...(Array.isArray(present) ? (present as readonly JsonValue[]) : []), ...headers];
      choice['delta'] = delta;
    }
    if (finish === 'function_call') choice['finish_reason'] = 'tool_calls';
    reading.events.push({ type: 'choice-end', choice: state.index, finish: decodeFinish(finish) });
  }

  #usage(value: JsonValue, reading: Reading): void {
    reading.verbatim = false;
    const usage = decodeChatUsage(value);
    if (usage === undefined) return;
    this.#wholeUsage = true;
    reading.events.push(usageEvent(usage));
  }

  /** Moonshot sends the usage of each choice apart (moonshot-api.md 2.2): the prompt once, the output of all together. */
  #sumUsage(reading: Reading): void {
    if (this.#wholeUsage) return;
    let sum: Usage | 'rejected' | undefined;
    for (const { usage } of this.#choices) {
      if (usage === undefined || sum === 'rejected') continue;
      // Without one of the choices the sum would be too low, and believed.
      sum = sum === undefined || usage === 'rejected' ? usage : addChoiceUsage(sum, usage);
    }
    if (sum !== undefined) reading.events.push(usageEvent(sum));
  }

  #state(index: number): ChoiceState {
    while (this.#choices.length <= index) {
      this.#choices.push({ index: this.#choices.length, calls: undefined, ended: false, usage: undefined });
    }
    const state = this.#choices[index];
    if (state === undefined) throw invalidReply('a choice out of order');
    return state;
  }
}

/** vLLM and SGLang: `{"object":"error","message":…,"code":400}` without an envelope. */
function isBareError(value: JsonObject): boolean {
  return (value['object'] === 'error' || value['type'] === 'error') && value['choices'] === undefined;
}

function usageEvent(usage: Usage | 'rejected'): DialogueEvent {
  return usage === 'rejected' ? { type: 'usage-rejected' } : { type: 'usage', usage };
}
