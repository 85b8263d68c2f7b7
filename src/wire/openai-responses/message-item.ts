import type { JsonObject } from '../../base/json.ts';
import { type DeltaFrame, deltaFrame, type EventWriter } from './event-writer.ts';
import type { ItemStatus, OutputItem } from './output-item.ts';
import type { ResponsesStyle } from './responses-style.ts';

type PartKind = 'output_text' | 'refusal';

/** Text, and refusals, of which each run is a part. */
export class MessageItem implements OutputItem {
  readonly outputIndex: number;
  readonly #writer: EventWriter;
  readonly #id: string;
  readonly #parts: JsonObject[] = [];
  #kind: PartKind | undefined;
  #place: JsonObject = {};
  #frame: DeltaFrame | undefined;
  #text = '';
  #status: 'in_progress' | ItemStatus = 'in_progress';

  constructor(style: ResponsesStyle, writer: EventWriter, outputIndex: number) {
    this.outputIndex = outputIndex;
    this.#writer = writer;
    this.#id = style.newId('msg');
  }

  open(): string {
    return this.#writer.event('response.output_item.added', { output_index: this.outputIndex, item: this.item() });
  }

  delta(kind: PartKind, text: string): string {
    const begun = this.#kind === kind ? '' : this.#begin(kind);
    this.#text += text;
    return this.#frame === undefined ? begun : begun + this.#writer.delta(this.#frame, text);
  }

  close(status: ItemStatus): string {
    const done = this.#endPart();
    this.#status = status;
    return done + this.#writer.event('response.output_item.done', { output_index: this.outputIndex, item: this.item() });
  }

  item(): JsonObject {
    const open = this.#kind === undefined ? [] : [partOf(this.#kind, this.#text)];
    return { id: this.#id, type: 'message', status: this.#status, role: 'assistant', content: [...this.#parts, ...open] };
  }

  #begin(kind: PartKind): string {
    const ended = this.#endPart();
    this.#kind = kind;
    this.#text = '';
    this.#place = { item_id: this.#id, output_index: this.outputIndex, content_index: this.#parts.length };
    this.#frame = deltaFrame(`response.${kind}.delta`, this.#place, kind === 'output_text' ? { logprobs: [] } : {});
    return ended + this.#writer.event('response.content_part.added', { ...this.#place, part: partOf(kind, '') });
  }

  #endPart(): string {
    if (this.#kind === undefined) return '';
    const part = partOf(this.#kind, this.#text);
    this.#parts.push(part);
    const said: JsonObject = this.#kind === 'output_text' ? { text: this.#text, logprobs: [] } : { refusal: this.#text };
    const done = this.#writer.event(`response.${this.#kind}.done`, { ...this.#place, ...said });
    this.#kind = undefined;
    return done + this.#writer.event('response.content_part.done', { ...this.#place, part });
  }
}

function partOf(kind: PartKind, text: string): JsonObject {
  return kind === 'refusal' ? { type: kind, refusal: text } : { type: kind, text, annotations: [], logprobs: [] };
}
