import { isJsonObject, type JsonValue } from '../../base/json.ts';
import type { AssistantMessage, Content, Part } from '../../dialogue/message.ts';
import type { SealedThinking } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import { decodeContent } from './content-decode.ts';

type MessageExtras = Pick<AssistantMessage, 'name' | 'extensions' | 'partial'>;

/** An assistant message that grows item by item. */
export class AssistantDraft {
  #thinking: SealedThinking | undefined;
  readonly #parts: Part[] = [];
  /** A message item has been taken, maybe without a part. */
  #spoken = false;
  #refusal: string | undefined;
  /** By their ids, of which no two are the same while neither is answered. */
  readonly #calls = new Map<string, ToolCall>();
  /** Ids of the calls that were cut off. */
  readonly #cut = new Set<string>();
  #extras: MessageExtras = {};

  /** May that thinking still belong to it? Not what came after its text or calls; nor more of it, if either has a proof, which is of one text. */
  takesThinking(thinking: SealedThinking): boolean {
    if (this.#spoken || this.#parts.length > 0 || this.#calls.size > 0) return false;
    return this.#thinking === undefined || (this.#thinking.proof === undefined && thinking.proof === undefined);
  }

  /** May a text still belong to it? One text a message; it may follow the calls, since their results have not been seen. */
  get takesText(): boolean {
    return !this.#spoken;
  }

  think(thinking: SealedThinking): void {
    this.#thinking = this.#thinking === undefined ? thinking : { text: `${this.#thinking.text}\n\n${thinking.text}` };
  }

  /** Takes a message item. `field`: path of its content. */
  say(content: JsonValue | undefined, field: string, extras: MessageExtras): void {
    this.#spoken = true;
    this.#extras = extras;
    const refusals: string[] = [];
    const rest = Array.isArray(content) ? (content as readonly JsonValue[]).filter((part) => !isRefusal(part, refusals)) : content;
    if (refusals.length > 0) this.#refusal = refusals.join('');
    const decoded = decodeContent(rest, field);
    if (typeof decoded === 'string') this.#parts.push({ type: 'text', text: decoded });
    else for (const part of decoded ?? []) this.#parts.push(part);
  }

  /** Takes a piece that is no message. */
  add(part: Part): void {
    this.#parts.push(part);
  }

  /** Takes a call; `cut`: it is not complete. */
  call(call: ToolCall, cut: boolean): void {
    this.#calls.set(call.id, call);
    if (cut) this.#cut.add(call.id);
  }

  /** Takes the call out again if it was cut off, and tells whether it was. */
  dropCut(id: string): boolean {
    return this.#cut.has(id) && this.#calls.delete(id);
  }

  get isEmpty(): boolean {
    return !this.#spoken && this.#parts.length === 0 && this.#calls.size === 0 && this.#thinking === undefined;
  }

  message(): AssistantMessage {
    const thinking = this.#thinking;
    return {
      role: 'assistant',
      ...(this.#spoken || this.#parts.length > 0 ? { content: this.#content() } : {}),
      ...(thinking === undefined ? {} : { thinking: thinking.text }),
      ...(thinking?.proof === undefined ? {} : { thinkingProof: thinking.proof }),
      ...(this.#refusal === undefined ? {} : { refusal: this.#refusal }),
      ...(this.#calls.size === 0 ? {} : { toolCalls: [...this.#calls.values()] }),
      ...this.#extras,
    };
  }

  #content(): Content {
    const [only] = this.#parts;
    if (only === undefined) return null;
    return this.#parts.length === 1 && only.type === 'text' && only.extensions === undefined ? only.text : this.#parts;
  }
}

function isRefusal(part: JsonValue, refusals: string[]): boolean {
  if (!isJsonObject(part) || part['type'] !== 'refusal') return false;
  refusals.push(String(part['refusal']));
  return true;
}
