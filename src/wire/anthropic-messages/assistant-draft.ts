import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { AssistantMessage, Message, Part } from '../../dialogue/message.ts';
import type { ThinkingProof } from '../../dialogue/thinking-seal.ts';
import type { ToolCall } from '../../dialogue/tool.ts';
import type { CallLedger } from './call-ledger.ts';
import type { MessageScene } from './message-scene.ts';
import { messagesExtensions } from './messages-extensions.ts';
import { invalidRequest, type MessagesMessageBody, messageFields } from './messages-request-schema.ts';
import { decodeParts, requiredText } from './part-decode.ts';
import { blockCount } from './thinking-blocks.ts';
import { argumentsOf } from './tool-input.ts';

const callFields: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input']);

/** One turn of the assistant, put together from the blocks of one or more messages. */
export class AssistantDraft {
  readonly #scene: MessageScene;
  readonly #ledger: CallLedger;
  readonly #thinking: string[] = [];
  readonly #proofs: ThinkingProof[] = [];
  readonly #parts: Part[] = [];
  readonly #calls: ToolCall[] = [];
  /** Content that was one string, and is to stay one. */
  #plain: string | undefined;
  #extensions: Pick<Message, 'extensions'> = {};

  constructor(scene: MessageScene, ledger: CallLedger) {
    this.#scene = scene;
    this.#ledger = ledger;
  }

  /** Whether the turn can stand for itself: it says something, and calls nothing. */
  get isComplete(): boolean {
    return this.#calls.length === 0 && (this.#parts.length > 0 || this.#thinking.length === 0);
  }

  /** Adds the content of message `index`. Throws `invalid_request` faults. */
  add(message: MessagesMessageBody, index: number): void {
    const { content } = message;
    this.#extensions = { ...this.#extensions, ...messagesExtensions.of(message, messageFields) };
    if (typeof content === 'string') {
      this.#plain = this.#parts.length === 0 ? content : undefined;
      if (content !== '') this.#parts.push({ type: 'text', text: content });
      return;
    }
    for (let at = 0; at < content.length; at += 1) {
      const block: unknown = content[at];
      const field = `messages.${index}.content.${at}`;
      if (!isJsonObject(block)) throw invalidRequest(field, 'Input should be a valid dictionary');
      this.#block(block, field, index);
    }
  }

  /** The turn; undefined when nothing was said in it. */
  message(): AssistantMessage | undefined {
    const only = this.#parts.length === 1 ? this.#parts[0] : undefined;
    const isPlain = only?.type === 'text' && only.extensions === undefined;
    const thinking = this.#thinking.length === 0 ? undefined : this.#thinking.filter((text) => text !== '').join('\n');
    const proof = this.#proof();
    if (this.#parts.length === 0 && this.#calls.length === 0 && thinking === undefined && this.#plain === undefined) return undefined;
    return {
      role: 'assistant',
      ...(this.#parts.length === 0 ? (this.#plain === undefined ? {} : { content: this.#plain }) : { content: isPlain ? only.text : this.#parts }),
      ...(thinking === undefined ? {} : { thinking }),
      ...(proof === undefined ? {} : { thinkingProof: proof }),
      ...(this.#calls.length === 0 ? {} : { toolCalls: this.#calls }),
      ...this.#extensions,
    };
  }

  /**
   * The last proof, if it vouches for all of the thinking: one for a part of it would be refused by the upstream. Of what another protocol
   * proves, each vouches for all that was thought before it too (`thinking-proof`), so that none may be missing.
   */
  #proof(): ThinkingProof | undefined {
    const proof = this.#proofs.at(-1);
    if (proof === undefined) return undefined;
    const covered = proof.protocol === messagesExtensions.protocol ? blockCount(proof) : this.#proofs.length;
    return covered === this.#thinking.length ? proof : undefined;
  }

  #block(block: JsonObject, field: string, index: number): void {
    switch (block['type']) {
      case 'thinking':
        this.#thinkingBlock(block, field);
        return;
      case 'redacted_thinking': {
        const opened = this.#scene.seals.open(requiredText(block, 'data', `${field}.redacted_thinking`), '');
        if (opened === undefined) throw invalidRequest(field, 'Invalid `data` in `redacted_thinking` block');
        this.#thinking.push(opened.text);
        if (opened.proof !== undefined) this.#proofs.push(opened.proof);
        return;
      }
      case 'tool_use': {
        const id = requiredText(block, 'id', `${field}.tool_use`);
        const name = requiredText(block, 'name', `${field}.tool_use`);
        const { input } = block;
        if (input === undefined) throw invalidRequest(`${field}.tool_use.input`, 'Field required');
        if (!isJsonObject(input)) throw invalidRequest(`${field}.tool_use.input`, 'Input should be a valid dictionary');
        this.#ledger.make(id, index, field);
        this.#calls.push({ id, kind: 'function', name, argumentsText: argumentsOf(input), ...messagesExtensions.of(block, callFields) });
        return;
      }
      case 'document':
        if (this.#scene.version === '2026-10-21') throw invalidRequest(field, '`document` blocks are not permitted in assistant messages');
        break;
      default:
        break;
    }
    for (const part of decodeParts(block, field)) this.#parts.push(part);
  }

  /**
   * Who has a signature has it from us. Without one, the thinking is the caller's own word: clients that come from another protocol, or
   * another vendor, have none, and Kimi wants the thinking back all the same (responses-ark-anthropic-batch.md 3.8).
   */
  #thinkingBlock(block: JsonObject, field: string): void {
    const text = requiredText(block, 'thinking', `${field}.thinking`);
    const { signature } = block;
    if (typeof signature !== 'string' || signature === '') {
      this.#thinking.push(text);
      return;
    }
    const opened = this.#scene.seals.open(signature, text);
    if (opened === undefined) throw invalidRequest(field, 'Invalid `signature` in `thinking` block. It was not made here, or for another text: leave the block out, or send it without its signature.');
    this.#thinking.push(opened.text);
    if (opened.proof !== undefined) this.#proofs.push(opened.proof);
  }
}
