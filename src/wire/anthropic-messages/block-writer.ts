import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { sseData } from '../../base/sse.ts';
import type { DialogueEvent, SourceFrame } from '../../dialogue/event.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { MessagesStyle } from './messages-style.ts';
import { inputOf, isWholeObject } from './tool-input.ts';
import { UniqueCallIds } from './unique-call-ids.ts';

type CallStart = Extract<DialogueEvent, { type: 'tool-call-start' }>;
type BlockKind = 'text' | 'thinking' | 'redacted' | 'call' | 'unknown';

/** A block that is being written, or waits to be. */
interface Block {
  readonly kind: BlockKind;
  /** Of a call, the neutral index; -1 for the rest. */
  readonly callIndex: number;
  /** What stands in `content_block`. */
  readonly body: string;
  /** All of the thinking, or of the arguments; of a waiting block, what has come so far. */
  text: string;
  proof: ThinkingProof | undefined;
}

interface OpenBlock extends Block {
  readonly index: number;
  /** All of a delta up to its text. */
  readonly head: string;
  /** The upstream's own index, when its frame opened the block. */
  readonly frameIndex: number | undefined;
  /** Of a call: its arguments begin as no object does, and wait for the end, to be told as one. The SDKs throw at anything else. */
  bent: boolean;
}

/** What an object can begin with, or nothing yet. */
const beginsAsObject = /^\s*(\{|$)/;

const deltaEnd = '}}\n\n';
const textBody = '{"type":"text","text":""}';
const thinkingBody = '{"type":"thinking","thinking":"","signature":""}';
const deltaFields: Readonly<Record<BlockKind, string>> = {
  text: '"text_delta","text":',
  thinking: '"thinking_delta","thinking":',
  call: '"input_json_delta","partial_json":',
  redacted: '',
  unknown: '',
};

/**
 * Writes the content blocks of a stream: numbered without gaps, one open at a time (responses-ark-anthropic-batch.md 3.4). Neutral
 * tool calls have no end and may interleave; what comes while the arguments of the open call are no whole JSON object waits its
 * turn. Runs for every token, so that the parts that stay the same throughout a block are written once.
 */
export class BlockWriter {
  readonly #style: MessagesStyle;
  readonly #shown: boolean;
  readonly #callIds = new UniqueCallIds();
  #open: OpenBlock | undefined;
  #waiting: Block[] = [];
  #nextIndex = 0;

  constructor(style: MessagesStyle) {
    this.#style = style;
    this.#shown = style.thinkingDisplay === 'shown';
  }

  /** Text, a refusal's too: there is no block for that. */
  text(text: string): string {
    const open = this.#open;
    if (open?.kind === 'text') return open.head + JSON.stringify(text) + deltaEnd;
    return text === '' ? '' : this.#put({ kind: 'text', callIndex: -1, body: textBody, text, proof: undefined });
  }

  thinking(text: string): string {
    const open = this.#open;
    if (open?.kind === 'thinking' && open.proof === undefined) {
      open.text += text;
      return this.#shown ? open.head + JSON.stringify(text) + deltaEnd : '';
    }
    return text === '' ? '' : this.#put({ kind: 'thinking', callIndex: -1, body: thinkingBody, text, proof: undefined });
  }

  /** What belongs to the thinking before it; without any, the block is hidden, or empty with a signature. */
  proof(proof: ThinkingProof): string {
    const last = this.#waiting.at(-1) ?? this.#open;
    if (last?.kind === 'thinking' && last.proof === undefined) {
      last.proof = proof;
      return '';
    }
    if (proof.hidden !== true) return this.#put({ kind: 'thinking', callIndex: -1, body: thinkingBody, text: '', proof });
    const body = JSON.stringify({ type: 'redacted_thinking', data: this.#style.seals.seal({ text: '', proof }, false) });
    return this.#put({ kind: 'redacted', callIndex: -1, body, text: '', proof });
  }

  callStart({ index, id, name }: CallStart): string {
    return this.#put({ kind: 'call', callIndex: index, body: JSON.stringify({ type: 'tool_use', id: this.#callIds.take(id), name, input: {} }), text: '', proof: undefined });
  }

  /** More of a call's arguments. To a call that has had a whole object and was closed, nothing can be added. */
  callDelta(index: number, argumentsText: string): string {
    const open = this.#open;
    if (open?.kind !== 'call' || open.callIndex !== index) {
      const waiting = this.#waiting.find((block) => block.callIndex === index);
      if (waiting !== undefined) waiting.text += argumentsText;
      return '';
    }
    if (open.text === '') open.bent = !beginsAsObject.test(argumentsText);
    open.text += argumentsText;
    if (open.bent) return '';
    const written = open.head + JSON.stringify(argumentsText) + deltaEnd;
    // All of the text is only looked at where its end can have come: it may be long, and this runs for each piece of it.
    const mayEnd = this.#waiting.length > 0 && argumentsText.trimEnd().endsWith('}');
    return mayEnd && isWholeObject(open.text) ? written + this.#drain() : written;
  }

  /** A block that the upstream's frame opens, the frame itself where its number fits. Undefined: it must be told in events. */
  frameStart(source: SourceFrame, kind: 'text' | 'thinking' | 'call' | 'unknown', callIndex: number): string | undefined {
    const { index, content_block: body } = source.value;
    if (typeof index !== 'number' || this.#mustWait()) return undefined;
    if (kind === 'call') {
      const id = isJsonObject(body) ? String(body['id']) : '';
      if (this.#callIds.has(id)) return undefined;
      this.#callIds.take(id);
    }
    const closed = this.#close();
    const block: Block = { kind, callIndex, body: JSON.stringify(body), text: '', proof: undefined };
    const started = this.#start(block, index);
    return closed + (index === this.#open?.index ? frameText(source) : started);
  }

  /** A frame's delta, itself where the numbers agree. Undefined: it must be told in events. */
  frameDelta(source: SourceFrame, event: DialogueEvent | undefined): string | undefined {
    const open = this.#open;
    const { value } = source;
    if (open === undefined || open.frameIndex !== value['index']) return undefined;
    // What is new to us in a block whose text is omitted may hold the text.
    if (event === undefined && open.kind === 'thinking' && !this.#shown) return '';
    if (event === undefined) return open.index === open.frameIndex ? frameText(source) : renumbered(source.value, open.index);
    if (open.index !== open.frameIndex) return undefined;
    if (event.type === 'text-delta') return open.kind === 'text' ? frameText(source) : undefined;
    if (event.type === 'thinking-delta' && open.kind === 'thinking' && this.#shown) open.text += event.text;
    else if (event.type === 'tool-call-delta' && open.kind === 'call' && open.callIndex === event.index) open.text += event.argumentsText;
    else return undefined;
    return frameText(source);
  }

  /** The frame that ends a block; nothing when events opened it, since they end it too. */
  frameStop(index: unknown): string {
    return this.#open !== undefined && this.#open.frameIndex === index ? this.#close() : '';
  }

  /** Ends the open block and writes all that waits. */
  finish(): string {
    let text = this.#close();
    for (const block of this.#waiting.splice(0)) text += this.#start(block) + this.#close();
    return text;
  }

  /** Opens `block` with what it holds so far, or has it wait. */
  #put(block: Block): string {
    if (this.#waiting.length === 0 && !this.#mustWait()) return this.#close() + this.#start(block);
    const last = this.#waiting.at(-1);
    const goesOn = last !== undefined && last.kind === block.kind && last.proof === undefined && (block.kind === 'text' || block.kind === 'thinking');
    if (!goesOn) this.#waiting.push(block);
    else {
      last.text += block.text;
      last.proof = block.proof;
    }
    return '';
  }

  /** A call's arguments that break off are those of a call that goes on. */
  #mustWait(): boolean {
    const open = this.#open;
    return open?.kind === 'call' && open.frameIndex === undefined && !isWholeObject(open.text);
  }

  #drain(): string {
    let text = '';
    while (this.#waiting.length > 0 && !this.#mustWait()) {
      const [block] = this.#waiting.splice(0, 1);
      if (block !== undefined) text += this.#close() + this.#start(block);
    }
    return text;
  }

  #start(block: Block, frameIndex?: number): string {
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    const head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":${deltaFields[block.kind]}`;
    const bent = block.kind === 'call' && !beginsAsObject.test(block.text);
    this.#open = { ...block, index, head, frameIndex, bent };
    const shown = block.text !== '' && !bent && (block.kind !== 'thinking' || this.#shown);
    return (
      `event: content_block_start\ndata: {"type":"content_block_start","index":${index},"content_block":${block.body}}\n\n` +
      (shown ? head + JSON.stringify(block.text) + deltaEnd : '')
    );
  }

  #close(): string {
    const open = this.#open;
    if (open === undefined) return '';
    this.#open = undefined;
    const stop = `event: content_block_stop\ndata: {"type":"content_block_stop","index":${open.index}}\n\n`;
    if (open.bent) return open.head + JSON.stringify(JSON.stringify(inputOf(open.text))) + deltaEnd + stop;
    if (open.kind !== 'thinking') return stop;
    const { text, proof, index } = open;
    const signature = this.#style.seals.seal({ text, ...(proof === undefined ? {} : { proof }) }, this.#shown);
    const delta = `"delta":{"type":"signature_delta","signature":${JSON.stringify(signature)}${deltaEnd}`;
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},${delta}${stop}`;
  }
}

/** A frame with its `event:` line, without which the SDKs do not see it (responses-ark-anthropic-batch.md 3.4). */
export function frameText(source: SourceFrame): string {
  return `event: ${String(source.value['type'])}\n${sseData(source.text)}`;
}

function renumbered(value: JsonObject, index: number): string {
  return `event: ${String(value['type'])}\ndata: ${JSON.stringify({ ...value, index })}\n\n`;
}
