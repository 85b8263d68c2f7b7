import { Fault } from '../../base/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import { invalidReply, parseUpstreamEvent } from '../upstream-event.ts';
import { decodeResponsesError } from './error-decode.ts';
import {
  callOf, decodeResponsesFinish, decodeResponsesUsage, encryptedOf, failureOf, isCall, itemBreak, messageText, proofBreak, proofOf, reasoningText, refusalText,
} from './reply-decode.ts';

/** More items than anyone makes in one response. */
const itemsMax = 4096;

type Told = 'thinking' | 'text' | 'refusal';

interface ItemState {
  readonly type: string;
  /** Of a `function_call`: the position of the call among the reply's. */
  readonly call: number | undefined;
  /** Which of its texts have been told by deltas. `summary` and `reasoning` are both its thinking, of which one is enough. */
  readonly told: Set<Told | 'arguments'>;
  /** By which events its thinking is told, and of a summary which part. */
  thinkingBy: string | undefined;
  summaryIndex: number;
  done: boolean;
}

/** The frame being read. */
interface Reading {
  readonly events: DialogueEvent[];
  /** False for what must not be handed on as it is: whatever holds an item or a response, with the upstream's ids and settings. */
  verbatim: boolean;
}

const nothing: EventBatch = { events: [] };
const choice = 0;

/**
 * Reads a stream of a response, one server-sent event at a time (responses-ark-anthropic-batch.md 1.5, 2.3). Lenient: what a server
 * leaves out (deltas, the events of an item's beginning and end, the output of the last event) is taken from where it says
 * the same again, and never told twice. The frame goes along with the events; so do frames of which we understand nothing.
 */
export class ResponsesStreamDecoder {
  readonly #upstreamId: string;
  readonly #keepsContext: boolean;
  #started = false;
  #ended = false;
  readonly #items = new Map<number, ItemState>();
  #encrypted = '';
  /** There was thinking to be seen when the last proof was told. */
  #provenShown = false;
  #calls = 0;
  /** Anything that the client has to answer. */
  #called = false;
  readonly #told = new Set<Told>();

  /** `upstreamId`: whose the proofs of thinking are. `keepsContext`: it was told to hold the conversation, and does so by the id of the response. */
  constructor(upstreamId: string, keepsContext = false) {
    this.#upstreamId = upstreamId;
    this.#keepsContext = keepsContext;
  }

  /** The event has come that ends the response. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The events of one event's data. What comes after the end is ignored. A failed response and an `error` event become an
   * `error` event. Throws an `upstream_invalid_reply` fault for what is no event of this protocol.
   */
  push(payload: string): EventBatch {
    if (this.#ended || (payload.charCodeAt(0) === 0x5b && payload.trimEnd() === '[DONE]')) return nothing;
    const value = parseUpstreamEvent(payload);
    const reading: Reading = { events: [], verbatim: true };
    const { type } = value;
    if (typeof type !== 'string') {
      if (value['error'] === undefined || value['error'] === null) return nothing;
      reading.events.push({ type: 'error', fault: decodeResponsesError(200, value).fault });
    } else if (!type.startsWith('response.') && type !== 'error') {
      // A `keepalive`, or the ping of some proxy.
      return nothing;
    } else {
      this.#event(type, value, reading);
    }
    return { events: reading.events, source: { protocol: 'openai-responses', text: payload, value, verbatim: reading.verbatim } };
  }

  #event(type: string, value: JsonObject, reading: Reading): void {
    switch (type) {
      case 'response.output_text.delta':
        this.#text('text', value, reading);
        return;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
      // Ark's, and that of Open Responses.
      case 'response.reasoning_raw_text.delta':
      case 'response.reasoning.delta':
        this.#thinking(type, value, reading);
        return;
      case 'response.function_call_arguments.delta':
        this.#argumentsText(this.#item(value, 'function_call', reading), value['delta'], reading);
        return;
      case 'response.function_call_arguments.done': {
        const item = this.#item(value, 'function_call', reading);
        if (!item.told.has('arguments')) this.#argumentsText(item, value['arguments'], reading);
        return;
      }
      case 'response.refusal.delta':
        this.#text('refusal', value, reading);
        return;
      case 'error':
        reading.verbatim = false;
        reading.events.push({ type: 'error', fault: decodeResponsesError(200, value).fault });
        return;
      case 'response.output_item.added':
      case 'response.output_item.done':
        reading.verbatim = false;
        if (!isJsonObject(value['item'])) throw invalidReply('an item that is no object');
        this.#whole(value['item'], value['output_index'], type.endsWith('done'), reading);
        return;
      default:
        if (isJsonObject(value['response'])) this.#lifecycle(type, value['response'], reading);
    }
  }

  #lifecycle(type: string, response: JsonObject, reading: Reading): void {
    reading.verbatim = false;
    if (!this.#started) {
      this.#started = true;
      const { id, model, created_at: created } = response;
      reading.events.push({
        type: 'reply-start',
        id: typeof id === 'string' ? id : '',
        model: typeof model === 'string' ? model : '',
        createdS: typeof created === 'number' ? created : 0,
        ...(this.#keepsContext && typeof id === 'string' ? { contextHandle: id } : {}),
      });
    }
    if (type !== 'response.completed' && type !== 'response.incomplete' && type !== 'response.failed') return;
    this.#ended = true;
    const fault = failureOf(response) ?? (type === 'response.failed' ? new Fault('upstream_failed') : undefined);
    const output = response['output'];
    if (Array.isArray(output)) {
      for (const [index, item] of (output as readonly JsonValue[]).entries()) if (isJsonObject(item)) this.#whole(item, index, true, reading);
    }
    if (this.#encrypted !== '' && this.#provenShown !== this.#told.has('thinking')) this.#prove(reading);
    if (fault === undefined) {
      const finish = decodeResponsesFinish(type === 'response.incomplete' ? { ...response, status: 'incomplete' } : response, []);
      reading.events.push({ type: 'choice-end', choice, finish: finish.reason === 'stop' && this.#called ? { reason: 'tool-calls' } : finish });
    }
    const usage = decodeResponsesUsage(response['usage']);
    if (usage !== undefined) reading.events.push(usage === 'rejected' ? { type: 'usage-rejected' } : { type: 'usage', usage });
    if (fault !== undefined) reading.events.push({ type: 'error', fault });
  }

  /** An item as it stands at its beginning, its end, or in the finished response. */
  #whole(item: JsonObject, index: JsonValue | undefined, done: boolean, reading: Reading): void {
    const state = this.#open(index, item, reading);
    // A server that leaves items out of the finished response counts them otherwise there.
    if (!done || state.done || state.type !== item['type']) return;
    state.done = true;
    if (!state.told.has('thinking')) this.#tell(state, 'thinking', reasoningText(item), reading);
    if (!state.told.has('text')) this.#tell(state, 'text', messageText(item), reading);
    if (!state.told.has('refusal')) this.#tell(state, 'refusal', refusalText(item), reading);
    if (!state.told.has('arguments')) this.#argumentsText(state, item['arguments'], reading);
    const encrypted = encryptedOf(item);
    if (encrypted === undefined) return;
    this.#encrypted += this.#encrypted === '' ? encrypted : proofBreak + encrypted;
    this.#prove(reading);
  }

  #prove(reading: Reading): void {
    this.#provenShown = this.#told.has('thinking');
    reading.events.push({ type: 'thinking-proof', choice, proof: proofOf(this.#encrypted, this.#provenShown, this.#upstreamId) });
  }

  #text(kind: 'text' | 'refusal', value: JsonObject, reading: Reading): void {
    this.#tell(this.#item(value, 'message', reading), kind, value['delta'], reading);
  }

  #thinking(by: string, value: JsonObject, reading: Reading): void {
    const item = this.#item(value, 'reasoning', reading);
    const { summary_index: part, delta } = value;
    item.thinkingBy ??= by;
    // Who sends both the reasoning and its summary means the same by them.
    if (item.thinkingBy !== by || typeof delta !== 'string' || delta === '') return;
    const next = typeof part === 'number' && part !== item.summaryIndex && item.told.has('thinking');
    if (typeof part === 'number') item.summaryIndex = part;
    this.#tell(item, 'thinking', next ? itemBreak + delta : delta, reading);
  }

  #tell(item: ItemState, kind: Told, text: JsonValue | undefined, reading: Reading): void {
    if (typeof text !== 'string' || text === '') return;
    const apart = !item.told.has(kind) && this.#told.has(kind);
    item.told.add(kind);
    this.#told.add(kind);
    reading.events.push({ type: `${kind}-delta`, choice, text: apart ? itemBreak + text : text });
  }

  #argumentsText(item: ItemState, text: JsonValue | undefined, reading: Reading): void {
    if (item.call === undefined || typeof text !== 'string' || text === '') return;
    item.told.add('arguments');
    reading.events.push({ type: 'tool-call-delta', choice, index: item.call, argumentsText: text });
  }

  /** The item that a delta belongs to. One of text or reasoning need not have been announced; of a call the name would be missing. */
  #item(value: JsonObject, type: 'message' | 'reasoning' | 'function_call', reading: Reading): ItemState {
    const index = value['output_index'];
    const known = this.#items.get(typeof index === 'number' ? index : -1);
    if (known !== undefined) return known;
    if (type === 'function_call') throw invalidReply('the arguments of a tool call that never began');
    return this.#open(index, { type }, reading);
  }

  #open(index: JsonValue | undefined, item: JsonObject, reading: Reading): ItemState {
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > itemsMax) throw invalidReply('an item without a place in the output');
    const known = this.#items.get(index);
    if (known !== undefined) return known;
    if (isCall(item)) this.#called = true;
    const call = callOf(item, index);
    const state: ItemState = {
      type: typeof item['type'] === 'string' ? item['type'] : '',
      call: call === undefined ? undefined : this.#calls,
      told: new Set(),
      thinkingBy: undefined,
      summaryIndex: 0,
      done: false,
    };
    this.#items.set(index, state);
    if (call === undefined) return state;
    this.#calls += 1;
    reading.events.push({ type: 'tool-call-start', choice, index: this.#calls - 1, id: call.id, kind: call.kind, name: call.name });
    return state;
  }
}
