import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { DialogueEvent, EventBatch, SourceFrame } from '../../dialogue/event.ts';
import type { Finish } from '../../dialogue/finish.ts';
import type { Usage } from '../../dialogue/usage.ts';
import { BlockWriter, frameText } from './block-writer.ts';
import { messageId } from './message-id.ts';
import type { MessagesStyle } from './messages-style.ts';
import { encodeStop } from './stop-reason.ts';
import { decodeMessagesUsage, encodeMessagesUsage } from './usage.ts';

type StartEvent = Extract<DialogueEvent, { type: 'reply-start' }>;

/** Says that the stream lives. Clients skip it (responses-ark-anthropic-batch.md 3.4). */
export const messagesPing = 'event: ping\ndata: {"type": "ping"}\n\n';

/**
 * Writes a Messages stream in the exact order of responses-ark-anthropic-batch.md 3.4. Frames of the same protocol that are in
 * normal form are handed on byte for byte, but for those that hold a signature, which goes out inside our own seal, and the last two,
 * which wait for `end`, when the usage is known. Only choice 0 is spoken, since a message has no others.
 *
 * `error` events write nothing: how a stream fails is for the surface to say (`encodeMessagesStreamError`).
 */
export class MessagesStreamEncoder {
  readonly #blocks: BlockWriter;
  #begun = false;
  #closed = false;
  #finish: Finish | undefined;
  #refused = false;
  #usage: Usage | undefined;
  /** The upstream's own `message_delta`, for what else stands in it. */
  #lastFrame: JsonObject = {};

  constructor(style: MessagesStyle) {
    this.#blocks = new BlockWriter(style);
  }

  /** The text of one socket write: whole events. Empty when everything in `batches` is held back or swallowed. */
  encode(batches: readonly EventBatch[]): string {
    let text = '';
    for (const { source, events } of batches) {
      if (source !== undefined && source.protocol === 'anthropic-messages') text += this.#frame(source, events);
      else for (const event of events) text += this.#event(event);
    }
    return text;
  }

  /** What is still held back, and `message_delta` and `message_stop`. To be called once, at a clean end. */
  end(): string {
    if (this.#closed) return '';
    this.#closed = true;
    const { delta, usage: original, ...rest } = this.#lastFrame;
    // The SDKs read `usage.output_tokens` unasked.
    const usage = this.#usage === undefined ? { output_tokens: 0 } : encodeMessagesUsage(this.#usage, isJsonObject(original) ? original : undefined);
    const last = {
      ...rest,
      type: 'message_delta',
      delta: { ...(isJsonObject(delta) ? delta : {}), ...encodeStop(this.#finish ?? { reason: 'other' }, this.#refused) },
      usage,
    };
    const ended = `event: message_delta\ndata: ${JSON.stringify(last)}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`;
    return this.#begin() + this.#blocks.finish() + ended;
  }

  #event(event: DialogueEvent): string {
    switch (event.type) {
      case 'text-delta':
        return event.choice === 0 ? this.#begin() + this.#blocks.text(event.text) : '';
      case 'thinking-delta':
        return event.choice === 0 ? this.#begin() + this.#blocks.thinking(event.text) : '';
      case 'tool-call-delta':
        return event.choice === 0 ? this.#begin() + this.#blocks.callDelta(event.index, event.argumentsText) : '';
      case 'refusal-delta':
        if (event.choice !== 0) return '';
        this.#refused = true;
        return this.#begin() + this.#blocks.text(event.text);
      case 'tool-call-start':
        return event.choice === 0 ? this.#begin() + this.#blocks.callStart(event) : '';
      case 'thinking-proof':
        return event.choice === 0 ? this.#begin() + this.#blocks.proof(event.proof) : '';
      case 'reply-start':
        return this.#begin(event);
      case 'choice-end':
        if (event.choice === 0) this.#finish ??= event.finish;
        return '';
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'usage-rejected':
        this.#usage = undefined;
        return '';
      case 'error':
        return '';
    }
  }

  #frame(source: SourceFrame, events: readonly DialogueEvent[]): string {
    const { value, verbatim } = source;
    switch (value['type']) {
      case 'content_block_delta': {
        const passed = verbatim ? this.#blocks.frameDelta(source, events[0]) : undefined;
        return passed ?? this.#events(events);
      }
      case 'content_block_start': {
        const passed = verbatim ? this.#blocks.frameStart(source, ...openedBy(value, events[0])) : undefined;
        return this.#begin() + (passed ?? this.#events(events));
      }
      case 'content_block_stop':
        return this.#events(events) + this.#blocks.frameStop(value['index']);
      case 'message_start': {
        const [start] = events;
        return start?.type === 'reply-start' ? this.#begin(start, value['message']) : '';
      }
      case 'message_delta':
        this.#lastFrame = value;
        return this.#events(events);
      case 'message_stop':
      case 'error':
        return this.#events(events);
      default:
        return verbatim && this.#begun ? frameText(source) : this.#events(events);
    }
  }

  #events(events: readonly DialogueEvent[]): string {
    let text = '';
    for (const event of events) text += this.#event(event);
    return text;
  }

  /** `message_start`, once. `message`: the upstream's own. */
  #begin(event?: StartEvent, message?: unknown): string {
    if (this.#begun) return '';
    this.#begun = true;
    const original = isJsonObject(message) ? message : {};
    const { usage } = original;
    const counted = decodeMessagesUsage(usage);
    const start: JsonObject = {
      ...original,
      id: messageId(event?.id ?? ''),
      type: 'message',
      role: 'assistant',
      model: event?.model ?? '',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeMessagesUsage(counted === 'rejected' ? undefined : counted, isJsonObject(usage) ? usage : undefined),
    };
    return `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message: start })}\n\n`;
  }
}

/** What kind of block a frame in normal form opens, and the index of its call. */
function openedBy(value: JsonObject, event: DialogueEvent | undefined): ['text' | 'thinking' | 'call' | 'unknown', number] {
  if (event?.type === 'tool-call-start') return ['call', event.index];
  const block = value['content_block'];
  const type = isJsonObject(block) ? block['type'] : undefined;
  return [type === 'text' || type === 'thinking' ? type : 'unknown', -1];
}
