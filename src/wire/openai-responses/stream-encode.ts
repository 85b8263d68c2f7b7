import type { Fault } from '../../base/fault.ts';
import type { JsonObject } from '../../base/json.ts';
import type { DialogueEvent, EventBatch } from '../../dialogue/event.ts';
import type { Finish } from '../../dialogue/finish.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { Usage } from '../../dialogue/usage.ts';
import { type CallItem, callItem } from './call-item.ts';
import { EventWriter } from './event-writer.ts';
import { MessageItem } from './message-item.ts';
import type { ItemStatus, OutputItem } from './output-item.ts';
import { ReasoningItem } from './reasoning-item.ts';
import { errorObject, responseErrorOf } from './response-error.ts';
import { type ResponseState, responseObject } from './response-object.ts';
import type { ResponsesStyle } from './responses-style.ts';
import { shownItem } from './shown-item.ts';

/** The last thing in every stream. */
export const streamEnd = 'data: [DONE]\n\n';

/**
 * Writes a response stream in the order that `openai`'s `responses.stream()` enforces (responses-ark-anthropic-batch.md 1.5). Reasoning
 * and text are items that end when something else begins; calls stay open until the choice ends, since upstreams may write
 * them by turns. A response has one choice, so that others are not written. Every text that is returned is whole events.
 *
 * The terminal event waits for `finish`, when the usage is known. `error` events write nothing: a stream fails by `fail`.
 */
export class ResponsesStreamEncoder {
  readonly #style: ResponsesStyle;
  readonly #writer: EventWriter;
  readonly #items: OutputItem[] = [];
  /** The reasoning or the message that is being written. */
  #reasoning: ReasoningItem | undefined;
  #message: MessageItem | undefined;
  /** The last reasoning item, which a proof that comes late belongs to. */
  #lastReasoning: ReasoningItem | undefined;
  /** By the index that the events call them by. */
  readonly #calls = new Map<number, CallItem>();
  readonly #callIds = new Set<string>();
  #begun: 'no' | 'queued' | 'in_progress' = 'no';
  #finish: Finish | undefined;
  #closed = false;
  #state: Omit<ResponseState, 'output'> = { status: 'in_progress' };

  constructor(style: ResponsesStyle) {
    this.#style = style;
    this.#writer = new EventWriter(style);
  }

  /** The number of the last event; -1 before the first. */
  get lastSequenceNumber(): number {
    return this.#writer.lastSequenceNumber;
  }

  /**
   * The first events. Needed only where they are to be written before there is anything else, as a background response does (`queued`,
   * which goes over to `in_progress` with the first batch); else `encode` writes them.
   */
  open(status: 'queued' | 'in_progress' = 'in_progress'): string {
    let text = '';
    if (this.#begun === 'no') {
      this.#state = { status };
      text = this.#writer.event('response.created', { response: this.response() });
      // Ark knows no queue.
      if (status === 'queued' && this.#style.vendor === 'openai') text += this.#writer.event('response.queued', { response: this.response() });
      this.#begun = 'queued';
    }
    if (status === 'queued' || this.#begun === 'in_progress') return text;
    this.#begun = 'in_progress';
    this.#state = { status };
    return text + this.#writer.event('response.in_progress', { response: this.response() });
  }

  /** The text of one socket write. */
  encode(batches: readonly EventBatch[]): string {
    let text = this.#begun === 'in_progress' ? '' : this.open();
    for (const batch of batches) for (const event of batch.events) text += this.#event(event);
    return text;
  }

  /** The terminal event and `[DONE]`. To be called once, at a clean end; `usage` undefined: not known. */
  finish(usage: Usage | undefined): string {
    const { reason = 'stop' } = this.#finish ?? {};
    const known = usage === undefined ? {} : { usage };
    switch (reason) {
      case 'length':
        return this.#end({ status: 'incomplete', incompleteReason: 'max_output_tokens', ...known }, 'incomplete');
      case 'content-filter':
        return this.#end({ status: 'incomplete', incompleteReason: 'content_filter', ...known }, 'incomplete');
      case 'error':
        return this.#end({ status: 'failed', error: { code: 'server_error', message: 'The model broke off while it answered; send the request again.' }, ...known }, 'failed');
      default:
        return this.#end({ status: 'completed', completedS: this.#style.nowS(), ...known }, 'completed');
    }
  }

  /** An `error` event, flat and nested, since clients differ; then `response.failed` and `[DONE]`. */
  fail(fault: Fault, usage?: Usage): string {
    if (this.#closed) return '';
    const begun = this.#begun === 'in_progress' ? '' : this.open();
    const closed = this.#closeItems('incomplete');
    const error = errorObject(fault);
    const { code, message, param } = error;
    const told = this.#writer.event('error', { code, message, param, error: { ...error } });
    return begun + closed + told + this.#end({ status: 'failed', error: responseErrorOf(fault), ...(usage === undefined ? {} : { usage }) }, 'failed');
  }

  /**
   * The end of a response that was cancelled. No event has that name, so that it ends by `response.incomplete`, with a response whose
   * status is `cancelled`.
   */
  cancel(usage?: Usage): string {
    const begun = this.#begun === 'in_progress' ? '' : this.open();
    return begun + this.#end({ status: 'cancelled', ...(usage === undefined ? {} : { usage }) }, 'incomplete');
  }

  /** The response as it is shown now. */
  response(): JsonObject {
    const output = this.output().map((item) => shownItem(item, this.#style.includeEncrypted));
    return responseObject(this.#style, { ...this.#state, output });
  }

  /** The response as it is stored now: with what its reasoning is sealed in, which only some are shown (`shownResponse`). */
  storedResponse(): JsonObject {
    return responseObject(this.#style, { ...this.#state, output: this.output() });
  }

  /** The items of the stored response. */
  output(): JsonObject[] {
    return this.#items.map((item) => item.item());
  }

  #event(event: DialogueEvent): string {
    if ('choice' in event && (event.choice !== 0 || this.#finish !== undefined)) return '';
    switch (event.type) {
      case 'text-delta':
        return event.text === '' ? '' : this.#said('output_text', event.text);
      case 'thinking-delta':
        return event.text === '' ? '' : this.#thought(event.text);
      case 'refusal-delta':
        // Ark has no refusals.
        return event.text === '' ? '' : this.#said(this.#style.vendor === 'ark' ? 'output_text' : 'refusal', event.text);
      case 'thinking-proof':
        return this.#proved(event.proof);
      case 'tool-call-start':
        return this.#called(event.index, event.id, event.name);
      case 'tool-call-delta':
        return event.argumentsText === '' ? '' : (this.#calls.get(event.index)?.delta(event.argumentsText) ?? '');
      case 'choice-end': {
        this.#finish = event.finish;
        const { reason } = event.finish;
        return this.#closeItems(reason === 'length' || reason === 'content-filter' || reason === 'error' ? 'incomplete' : 'completed');
      }
      // Our response has an id, a model and a time of its own; usage and faults come with the end.
      case 'reply-start':
      case 'usage':
      case 'usage-rejected':
      case 'error':
        return '';
    }
  }

  #thought(text: string): string {
    if (this.#reasoning !== undefined) return this.#reasoning.delta(text);
    const ended = this.#endMessage('completed');
    const item = this.#newReasoning();
    return ended + item.open() + item.delta(text);
  }

  #said(kind: 'output_text' | 'refusal', text: string): string {
    if (this.#message !== undefined) return this.#message.delta(kind, text);
    const ended = this.#endReasoning('completed');
    const item = new MessageItem(this.#style, this.#writer, this.#items.length);
    this.#items.push(item);
    this.#message = item;
    return ended + item.open() + item.delta(kind, text);
  }

  #proved(proof: ThinkingProof): string {
    if (this.#lastReasoning !== undefined) {
      this.#lastReasoning.prove(proof);
      return '';
    }
    const ended = this.#endMessage('completed');
    const item = this.#newReasoning();
    item.prove(proof);
    return ended + item.open();
  }

  #newReasoning(): ReasoningItem {
    const item = new ReasoningItem(this.#style, this.#writer, this.#items.length);
    this.#items.push(item);
    this.#reasoning = item;
    this.#lastReasoning = item;
    return item;
  }

  #called(index: number, id: string, name: string): string {
    // Begun anew under the index of another, that one can get no more.
    const replaced = this.#calls.get(index)?.close('completed') ?? '';
    const ended = replaced + this.#endReasoning('completed') + this.#endMessage('completed');
    // The SDK throws for a second call of one id.
    const callId = id === '' || this.#callIds.has(id) ? this.#style.newId('call') : id;
    this.#callIds.add(callId);
    const item = callItem({ style: this.#style, writer: this.#writer, outputIndex: this.#items.length, callId }, name);
    this.#items.push(item);
    this.#calls.set(index, item);
    return ended + item.open();
  }

  #endReasoning(status: ItemStatus): string {
    const item = this.#reasoning;
    this.#reasoning = undefined;
    return item?.close(status) ?? '';
  }

  #endMessage(status: ItemStatus): string {
    const item = this.#message;
    this.#message = undefined;
    return item?.close(status) ?? '';
  }

  /** Ends all items that are open. `last`: the status of the last one, which alone can have been cut off. */
  #closeItems(last: ItemStatus): string {
    const lastIndex = this.#items.length - 1;
    const statusOf = (item: OutputItem | undefined): ItemStatus => (item?.outputIndex === lastIndex ? last : 'completed');
    let text = this.#endReasoning(statusOf(this.#reasoning)) + this.#endMessage(statusOf(this.#message));
    for (const call of this.#calls.values()) text += call.close(statusOf(call));
    this.#calls.clear();
    return text;
  }

  #end(state: Omit<ResponseState, 'output'>, event: 'completed' | 'incomplete' | 'failed'): string {
    if (this.#closed) return '';
    this.#closed = true;
    const begun = this.#begun === 'in_progress' ? '' : this.open();
    const closed = this.#closeItems(state.status === 'completed' ? 'completed' : 'incomplete');
    this.#state = state;
    return begun + closed + this.#writer.event(`response.${event}`, { response: this.response() }) + streamEnd;
  }
}
