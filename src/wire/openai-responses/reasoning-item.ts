import type { JsonObject } from '../../base/json.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import { type DeltaFrame, deltaFrame, type EventWriter } from './event-writer.ts';
import { shownItem } from './shown-item.ts';
import type { ItemStatus, OutputItem } from './output-item.ts';
import type { ResponsesStyle } from './responses-style.ts';

/**
 * Thinking. Streamed as a summary, which all clients and suites take; the finished item holds it as a summary and as reasoning text
 * (responses-ark-anthropic-batch.md 1.5, "How to stream Kimi's reasoning").
 */
export class ReasoningItem implements OutputItem {
  readonly outputIndex: number;
  readonly #style: ResponsesStyle;
  readonly #writer: EventWriter;
  readonly #id: string;
  readonly #place: JsonObject;
  readonly #frame: DeltaFrame;
  #text = '';
  #proof: ThinkingProof | undefined;
  #sealed: string | undefined;
  #status: 'in_progress' | ItemStatus = 'in_progress';

  constructor(style: ResponsesStyle, writer: EventWriter, outputIndex: number) {
    this.outputIndex = outputIndex;
    this.#style = style;
    this.#writer = writer;
    this.#id = style.newId('rs');
    this.#place = { item_id: this.#id, output_index: outputIndex, summary_index: 0 };
    this.#frame = deltaFrame('response.reasoning_summary_text.delta', this.#place);
  }

  open(): string {
    return this.#writer.event('response.output_item.added', { output_index: this.outputIndex, item: { id: this.#id, type: 'reasoning', summary: [] } });
  }

  delta(text: string): string {
    const begun = this.#text === '' ? this.#part('added', '') : '';
    this.#text += text;
    return begun + this.#writer.delta(this.#frame, text);
  }

  /** Takes what the upstream gave beside the thinking: part of what is sealed. */
  prove(proof: ThinkingProof): void {
    this.#proof = proof;
    this.#sealed = undefined;
  }

  close(status: ItemStatus): string {
    this.#status = status;
    const item = shownItem(this.item(), this.#style.includeEncrypted);
    const done = this.#text === '' ? '' : this.#writer.event('response.reasoning_summary_text.done', { ...this.#place, text: this.#text }) + this.#part('done', this.#text);
    return done + this.#writer.event('response.output_item.done', { output_index: this.outputIndex, item });
  }

  item(): JsonObject {
    const text = this.#text;
    const sealed = this.#seal();
    return {
      id: this.#id,
      type: 'reasoning',
      summary: text === '' ? [] : [{ type: 'summary_text', text }],
      content: text === '' ? [] : [{ type: 'reasoning_text', text }],
      ...(sealed === undefined ? {} : { encrypted_content: sealed }),
      // OpenAI's have a status only while it says something.
      ...(this.#status === 'completed' ? {} : { status: this.#status }),
    };
  }

  #part(what: 'added' | 'done', text: string): string {
    return this.#writer.event(`response.reasoning_summary_part.${what}`, { ...this.#place, part: { type: 'summary_text', text } });
  }

  /**
   * Sealed with its text, since clients may keep nothing else of the item; not at all before its end, and where nobody asked for it
   * and the text says everything.
   */
  #seal(): string | undefined {
    if (this.#status === 'in_progress' || (this.#proof === undefined && !this.#style.includeEncrypted)) return undefined;
    this.#sealed ??= this.#style.seals.seal({ text: this.#text, ...(this.#proof === undefined ? {} : { proof: this.#proof }) }, false);
    return this.#sealed;
  }
}
