import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import { invalidReply, parseUpstreamEvent } from '../upstream-event.ts';
import { decodeMessagesError } from './error-decode.ts';
import { missingCallId } from './call-id.ts';
import { decodeStop } from './stop-reason.ts';
import { ThinkingBlocks } from './thinking-blocks.ts';
import { argumentsOf } from './tool-input.ts';
import { decodeMessagesUsage, mergedUsage } from './usage.ts';

/** More blocks than anyone writes in one turn. */
const blocksMax = 4096;

type OpenBlock =
  | { readonly kind: 'text' | 'other' }
  | { readonly kind: 'thinking'; text: string; signature: string }
  | { readonly kind: 'call'; readonly callIndex: number };

/** The frame being read. */
interface Reading {
  readonly events: DialogueEvent[];
  /** False once the frame must not be handed on as it is. */
  verbatim: boolean;
}

const nothing: EventBatch = { events: [] };

/**
 * Reads a Messages stream, one server-sent event at a time (responses-ark-anthropic-batch.md 3.4). The frame goes along with the
 * events, but for pings, signatures (they come as one `thinking-proof` at the end of their block) and what cannot be told to a client.
 */
export class MessagesStreamDecoder {
  readonly #createdS: number;
  readonly #thinking: ThinkingBlocks;
  readonly #open = new Map<number, OpenBlock>();
  #blockCount = 0;
  #callCount = 0;
  #replyId = '';
  #started = false;
  #finished = false;
  #ended = false;
  #startUsage: JsonObject | undefined;

  /** `createdS`: when the reply began, which the protocol does not say. */
  constructor(upstreamId: string, createdS = 0) {
    this.#createdS = createdS;
    this.#thinking = new ThinkingBlocks(upstreamId);
  }

  /** `message_stop` has come. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The events of one event's data. What comes after `message_stop` is ignored. Throws an `upstream_invalid_reply` fault for
   * what is no event of this protocol.
   */
  push(payload: string): EventBatch {
    if (this.#ended) return nothing;
    // Some put OpenAI's mark at the end.
    if (payload.charCodeAt(0) === 0x5b && payload.trimEnd() === '[DONE]') {
      this.#ended = true;
      return nothing;
    }
    const value = parseUpstreamEvent(payload);
    const reading: Reading = { events: [], verbatim: true };
    if (!this.#read(value, reading)) return { events: reading.events };
    return { events: reading.events, source: { protocol: 'anthropic-messages', text: payload, value, verbatim: reading.verbatim } };
  }

  /** Returns whether the frame is to go along. */
  #read(value: JsonObject, reading: Reading): boolean {
    switch (value['type']) {
      case 'content_block_delta':
        return this.#delta(value, reading);
      case 'content_block_start':
        this.#blockStart(value, reading);
        return true;
      case 'content_block_stop':
        this.#blockStop(indexOf(value), reading.events);
        return true;
      case 'message_start':
        return this.#start(value, reading);
      case 'message_delta':
        this.#messageDelta(value, reading);
        return true;
      case 'message_stop':
        this.#ended = true;
        return true;
      case 'ping':
        return false;
      default:
        break;
    }
    if (value['type'] === 'error' || (value['error'] ?? null) !== null) {
      reading.events.push({ type: 'error', fault: decodeMessagesError(200, value).fault });
      return false;
    }
    // Events that are new to us, which clients of the protocol tolerate. Their name goes into a line of its own.
    return typeof value['type'] === 'string' && /^[a-z_]{1,64}$/.test(value['type']);
  }

  #start(value: JsonObject, reading: Reading): boolean {
    // Gateways are known to send a second one, at which the SDKs throw (responses-ark-anthropic-batch.md 3.8).
    if (this.#started) return false;
    this.#started = true;
    const message = isJsonObject(value['message']) ? value['message'] : {};
    this.#replyId = textOf(message['id']);
    this.#startUsage = isJsonObject(message['usage']) ? message['usage'] : undefined;
    reading.events.push({ type: 'reply-start', id: this.#replyId, model: textOf(message['model']), createdS: this.#createdS });
    return true;
  }

  #blockStart(value: JsonObject, reading: Reading): void {
    const index = indexOf(value);
    const block = value['content_block'];
    if (!isJsonObject(block)) throw invalidReply('a content block that is no object');
    if (this.#blockCount >= blocksMax) throw invalidReply(`more than ${blocksMax} content blocks`);
    this.#blockCount += 1;
    // Frames without a start: the events say all of it.
    if (!this.#started) reading.verbatim = false;
    if (this.#open.has(index)) this.#blockStop(index, reading.events);
    switch (block['type']) {
      case 'text': {
        const text = textOf(block['text']);
        this.#open.set(index, { kind: 'text' });
        this.#early(text, { type: 'text-delta', choice: 0, text }, reading);
        return;
      }
      case 'thinking': {
        const text = textOf(block['thinking']);
        const signature = textOf(block['signature']);
        this.#open.set(index, { kind: 'thinking', text, signature });
        if (signature !== '') reading.verbatim = false;
        this.#early(text, { type: 'thinking-delta', choice: 0, text }, reading);
        return;
      }
      case 'redacted_thinking': {
        reading.verbatim = false;
        this.#open.set(index, { kind: 'other' });
        this.#prove({ type: 'redacted_thinking', data: textOf(block['data']) }, reading.events);
        return;
      }
      case 'tool_use':
        this.#callStart(index, block, reading);
        return;
      default:
        this.#open.set(index, { kind: 'other' });
    }
  }

  /** What a start already holds, which belongs into deltas. */
  #early(text: string, event: DialogueEvent, reading: Reading): void {
    if (text === '') return;
    reading.verbatim = false;
    reading.events.push(event);
  }

  #callStart(index: number, block: JsonObject, reading: Reading): void {
    const callIndex = this.#callCount;
    this.#callCount += 1;
    this.#open.set(index, { kind: 'call', callIndex });
    const { id: given, name, input } = block;
    const id = textOf(given) || missingCallId(this.#replyId, callIndex);
    if (id !== given || typeof name !== 'string') reading.verbatim = false;
    reading.events.push({ type: 'tool-call-start', choice: 0, index: callIndex, id, kind: 'function', name: textOf(name) });
    const whole = isJsonObject(input) && Object.keys(input).length > 0 ? argumentsOf(input) : '';
    this.#early(whole, { type: 'tool-call-delta', choice: 0, index: callIndex, argumentsText: whole }, reading);
  }

  #delta(value: JsonObject, reading: Reading): boolean {
    const { delta } = value;
    if (!isJsonObject(delta)) throw invalidReply('a delta that is no object');
    const open = this.#open.get(indexOf(value));
    switch (delta['type']) {
      case 'text_delta': {
        const text = textOf(delta['text']);
        if (open?.kind !== 'text') reading.verbatim = false;
        if (text !== '') reading.events.push({ type: 'text-delta', choice: 0, text });
        return text !== '';
      }
      case 'thinking_delta': {
        const text = textOf(delta['thinking']);
        // Seen inside a text block, too (responses-ark-anthropic-batch.md 3.8).
        if (open?.kind === 'thinking') open.text += text;
        else reading.verbatim = false;
        if (text !== '') reading.events.push({ type: 'thinking-delta', choice: 0, text });
        return text !== '';
      }
      case 'input_json_delta': {
        // A server tool's input goes along as it is.
        if (open?.kind === 'other') return true;
        if (open?.kind !== 'call') throw invalidReply('a fragment of a tool call that never began');
        const argumentsText = textOf(delta['partial_json']);
        if (argumentsText !== '') reading.events.push({ type: 'tool-call-delta', choice: 0, index: open.callIndex, argumentsText });
        return argumentsText !== '';
      }
      case 'signature_delta':
        if (open?.kind === 'thinking') open.signature += textOf(delta['signature']);
        return false;
      default:
        return open !== undefined;
    }
  }

  #blockStop(index: number, events: DialogueEvent[]): void {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (open?.kind === 'thinking') this.#prove({ type: 'thinking', thinking: open.text, signature: open.signature }, events);
  }

  #prove(block: JsonObject, events: DialogueEvent[]): void {
    const proof = this.#thinking.add(block);
    if (proof !== undefined) events.push({ type: 'thinking-proof', choice: 0, proof });
  }

  #messageDelta(value: JsonObject, reading: Reading): void {
    for (const index of [...this.#open.keys()]) this.#blockStop(index, reading.events);
    const { delta, usage } = value;
    if (isJsonObject(delta) && (delta['stop_reason'] ?? null) !== null && !this.#finished) {
      this.#finished = true;
      reading.events.push({ type: 'choice-end', choice: 0, finish: decodeStop(delta['stop_reason'], delta['stop_sequence']) });
    }
    if ((usage ?? null) === null) return;
    // That of the start counts the first token only.
    if (isJsonObject(usage) && (usage['output_tokens'] ?? null) === null) return;
    const counted = isJsonObject(usage) ? decodeMessagesUsage(mergedUsage(this.#startUsage, usage)) : 'rejected';
    if (counted !== undefined) reading.events.push(counted === 'rejected' ? { type: 'usage-rejected' } : { type: 'usage', usage: counted });
  }
}

function indexOf(value: JsonObject): number {
  const { index } = value;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= blocksMax) {
    throw invalidReply('a content block whose index is no small number');
  }
  return index;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
